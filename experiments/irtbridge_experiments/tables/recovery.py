"""Tables of simulation studies: recovery of the true parameters and computation time, over replications."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from irtbridge.data.files import write_text
from irtbridge.errors import ResultsError
from irtbridge.results.accuracy import mcse
from irtbridge_experiments.records.trust import FLAGGED_CAPTION, NO_FLAG, flags_of
from irtbridge_experiments.study.cell import Record

CELL = ["condition", "backend", "method"]
FIT = [*CELL, "replication", "cell_hash"]
FITS = "fits.csv"
"""One row per replication: what a study needs to go on, and to rebuild its tables, without the records."""
FLAGS = "flags"
STATISTICS = ("mse", "bias", "coverage")
SECONDS = ("compile_seconds", "warmup_seconds", "sampling_seconds", "total_seconds")
COLUMNS = (
    *CELL, "replication", "cell_hash", "data_fingerprint", "seed", "min_ess", "max_r_hat", "divergences", "pareto_k",
    "compile_shared", *SECONDS, "wall_seconds", "process_seconds", "peak_memory_mib", "device", "dtype", "threads",
    "cpu_count", "load", "chain_method", "git_commit",
)  # fmt: skip
PROVENANCE = (
    "model", "spec_hash", "settings", "backend_options", "versions", "irtbridge_version", "python", "platform",
    "cpu_count", "threads", "device", "device_name", "dtype",
)  # fmt: skip
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
    "sampling. A cell compiles once for all its replications; first compile s is what a single fit pays. Load: "
    "jobs that the machine had when a fit began, averaged over the minute before. "
) + FLAGGED_CAPTION


def write_fits(records: Sequence[Record], path: Path, conditions: Sequence[str]) -> pd.DataFrame:
    """Write one row per replication as csv and read it again: tables are the same with or without the records.

    Rows of fits that have no record here, as those of another machine or of an earlier definition, are kept.
    """
    frame = pd.DataFrame([fit_row(record) for record in records])
    if path.exists():
        kept = read_fits(path, conditions)
        here = pd.MultiIndex.from_frame(frame[FIT])
        elsewhere = ~pd.MultiIndex.from_frame(kept[FIT].astype(frame.dtypes[CELL])).isin(here)
        frame = pd.concat([frame, kept[elsewhere]], ignore_index=True)
    write_text(path, _in_order(frame, conditions).to_csv(index=False))
    return read_fits(path, conditions)


def packed_fits(path: Path) -> set[tuple[str, str, str, int, str]]:
    """What a csv of `write_fits` has, failures apart: condition, backend, method, replication and cell hash."""
    if not path.exists():
        return set()
    fits = _read_csv(path, dtype=dict.fromkeys((*CELL, "cell_hash"), str))
    fits = fits[fits["error"].isna()]
    return {(c, b, m, int(r), h) for c, b, m, r, h in zip(*(fits[n] for n in FIT), strict=True)}


def read_fits(path: Path, conditions: Sequence[str]) -> pd.DataFrame:
    """Read what `write_fits` wrote, every number as it was; conditions in the study's order."""
    text = dict.fromkeys(("error", "git_commit", "cell_hash", FLAGS, *CELL), object)
    # The Python engine reads a number as Python does: exactly.
    fits = _read_csv(path, engine="python", dtype=text)
    flags = fits[FLAGS] if FLAGS in fits else pd.Series(index=fits.index, dtype=object)
    judged = pd.Series([_judged(row) for row in fits.to_dict("records")], index=fits.index, dtype=object)
    return _in_order(fits.assign(**{FLAGS: flags.where(flags.notna(), judged)}), conditions)


def _judged(row: dict[Any, Any]) -> str | None:
    """Flags of a row that has none of its own, as those of older studies, by its numbers."""
    known = {str(name): value for name, value in row.items() if pd.notna(value)}
    return None if "error" in known else flags_of(known)


def no_fits() -> pd.DataFrame:
    """What `read_fits` reads where nothing is simulated."""
    return _in_order(pd.DataFrame(columns=[*COLUMNS, FLAGS, "error"], dtype=object), [])


def _read_csv(path: Path, **how: Any) -> pd.DataFrame:
    """Read a csv of `write_fits`.

    Raises
    ------
    ResultsError
        It is not one.
    """
    try:
        # A condition may be called NA.
        fits: pd.DataFrame = pd.read_csv(path, keep_default_na=False, na_values=[""], **how)
    except ValueError as error:
        raise ResultsError(f"{path} is damaged ({error}): delete it and run again.") from error
    lost = [name for name in COLUMNS if name not in fits]
    if lost:
        raise ResultsError(f"{path} is damaged (no column {', '.join(lost[:3])}): delete it and run again.")
    return fits


def _in_order(fits: pd.DataFrame, conditions: Sequence[str]) -> pd.DataFrame:
    names = dict.fromkeys([*conditions, *fits["condition"]])
    order = pd.Categorical(fits["condition"], categories=list(names), ordered=True)
    return fits.assign(condition=order).sort_values([*CELL, "replication"], kind="stable", ignore_index=True)


def provenance(records: Sequence[Record]) -> dict[str, list[Record]]:
    """What each cell ran on and with, by condition, backend and method; several where it changed in between."""
    cells: dict[str, list[Record]] = {}
    for record in records:
        if "error" not in record:
            entry = {"cell_hash": record["cell_hash"]} | {name: record.get(name) for name in PROVENANCE}
            seen = cells.setdefault(" ".join(record[key] for key in CELL), [])
            if entry not in seen:
                seen.append(entry)
    return cells


def fit_row(record: Record) -> dict[str, object]:
    """A record as one flat row; accuracy in columns such as ``discrimination mse``."""
    row: dict[str, object] = {name: record.get(name) for name in COLUMNS}
    failed = "error" in record
    row |= {"error": record["error"]["type"] if failed else None, FLAGS: None if failed else flags_of(record)}
    for block, values in record.get("parameters", {}).items():
        row |= {f"{block} {statistic}": values[statistic] for statistic in STATISTICS}
    return row


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
                "min ESS": cell["min_ess"].mean(),
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
