"""Tables of simulation studies: recovery of the true parameters and computation time, over replications."""

from __future__ import annotations

import pandas as pd

from irtbridge.results.accuracy import mcse
from irtbridge_experiments.records.fits import CELL, FLAGS, STATISTICS
from irtbridge_experiments.records.trust import FLAGGED_CAPTION, NO_FLAG

RECOVERY_CAPTION = (
    "MSE and bias of the posterior means over the elements of a parameter block, averaged over the replications that "
    "were done; coverage is that of central 95 % intervals. MCSE = SD / sqrt(replications). "
) + FLAGGED_CAPTION
PAIRED_CAPTION = (
    "Each cell less {baseline}, on the same response matrices: differences of MSE and bias, averaged, with their MCSE; "
    "faster: seconds of {baseline} over seconds of the cell, means, compilation left out."
)
TIMES_CAPTION = (
    "Seconds: wall clock, means over replications, imports left out; total = compile + warm-up (or optimisation) + "
    "sampling. A cell compiles once for all its replications; first compile s is what a single fit pays, first draw s "
    "that and the warm-up. ESS per s: the smallest ESS over seconds of warm-up and sampling; draws of an approximation "
    "are independent, and of the approximation. Load: "
    "jobs that the machine had when a fit began, averaged over the minute before. "
) + FLAGGED_CAPTION


def recovery_table(fits: pd.DataFrame) -> pd.DataFrame:
    """Mean MSE, bias and coverage with their MCSE, one row per condition, parameter, backend and method."""
    rows = []
    cells = _cells(fits)
    for condition in dict.fromkeys(key[0] for key, _ in cells):
        of_condition = [(key, cell) for key, cell in cells if key[0] == condition]
        for block in blocks_of(pd.concat([cell for _, cell in of_condition])):
            for (_, backend, method), cell in of_condition:
                row = {"condition": condition, "parameter": block, "backend": backend, "method": method}
                rows.append(row | _counts(cell) | _recovery(cell, block))
    return pd.DataFrame(rows)


def times_table(fits: pd.DataFrame) -> pd.DataFrame:
    """Mean seconds and diagnostics, one row per condition, backend and method."""
    rows = []
    for (condition, backend, method), cell in _cells(fits):
        row = {"condition": condition, "backend": backend, "method": method} | _counts(cell)
        first = cell.loc[cell["compile_shared"] == False, "compile_seconds"]  # noqa: E712 (NaN where it failed)
        rows.append(
            row
            | {
                "first compile s": first.mean(),
                "compile s": cell["compile_seconds"].mean(),
                "warm-up s": cell["warmup_seconds"].mean(),
                "sample s": cell["sampling_seconds"].mean(),
                "total s": cell["total_seconds"].mean(),
                "SD of total s": cell["total_seconds"].std(),
                "first draw s": first.mean() + cell["warmup_seconds"].mean(),
                "min ESS": cell["min_ess"].mean(),
                "ESS per s": (cell["min_ess"] / sampling_seconds(cell)).mean(),
                "max R-hat": cell["max_r_hat"].max(),
                "divergences": cell["divergences"].sum(),
                "max k-hat": cell["pareto_k"].max(),
                "load": cell["load"].mean() if "load" in cell else None,
            }
        )
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def baseline_of(fits: pd.DataFrame) -> tuple[str, str] | None:
    """The cell that others are compared with: NUTS on the first backend that has it."""
    backends = sorted(set(fits.loc[fits["method"] == "nuts", "backend"].astype(str)))
    return (backends[0], "nuts") if backends else None


def paired_table(fits: pd.DataFrame) -> pd.DataFrame:
    """Differences from the baseline, paired by response matrix: one row per condition, parameter, backend and method.

    Cells of a condition see the same data, so that their difference has far less Monte Carlo error than either.
    """
    done, baseline, rows = fits[fits["error"].isna()], baseline_of(fits), []
    for (condition, backend, method), cell in _cells(done):
        others = done[(done["condition"] == condition) & (done["backend"] + " " + done["method"] == _name(baseline))]
        both = cell.merge(others, on="replication", suffixes=("", " baseline"))
        if both.empty or (backend, method) == baseline:
            continue
        faster = sampling_seconds(both, " baseline").mean() / sampling_seconds(both).mean()
        for block in blocks_of(both):
            row = {"condition": condition, "parameter": block, "backend": backend, "method": method, "pairs": len(both)}
            for statistic, name in (("mse", "MSE"), ("bias", "bias")):
                differences = both[f"{block} {statistic}"] - both[f"{block} {statistic} baseline"]
                row |= {f"difference of {name}": differences.mean(), f"MCSE of {name}": mcse(differences)}
            rows.append(row | {"faster": faster})
    return pd.DataFrame(rows)


def paired_caption(fits: pd.DataFrame) -> str:
    """The note that stands below the table of `paired_table`."""
    return PAIRED_CAPTION.format(baseline=_name(baseline_of(fits)))


def _name(cell: tuple[str, str] | None) -> str:
    return " ".join(cell or ())


def sampling_seconds(fits: pd.DataFrame, suffix: str = "") -> pd.Series:
    """Seconds of warm-up, or optimisation, and sampling."""
    return fits[f"warmup_seconds{suffix}"] + fits[f"sampling_seconds{suffix}"]


def blocks_of(fits: pd.DataFrame) -> list[str]:
    """Parameter blocks that at least one of these fits has."""
    return [str(c).removesuffix(" mse") for c in fits.columns if str(c).endswith(" mse") and fits[c].notna().any()]


def _cells(fits: pd.DataFrame) -> list[tuple[tuple[str, str, str], pd.DataFrame]]:
    """The replications of each cell."""
    return [((str(c), str(b), str(m)), cell) for (c, b, m), cell in fits.groupby(CELL, observed=True)]


def _counts(cell: pd.DataFrame) -> dict[str, int]:
    failed = int(cell["error"].notna().sum())
    flagged = cell[FLAGS].notna() & (cell[FLAGS] != NO_FLAG)
    return {"done": len(cell) - failed, "failed": failed, "flagged": int(flagged.sum())}


def _recovery(cell: pd.DataFrame, block: str) -> dict[str, float]:
    row: dict[str, float] = {}
    for statistic, name in zip(STATISTICS, ("MSE", "bias", "coverage"), strict=True):
        values = cell[f"{block} {statistic}"]
        row |= {name: values.mean(), f"MCSE of {name}": mcse(values)}
    return row
