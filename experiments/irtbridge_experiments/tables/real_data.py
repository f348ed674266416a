"""Tables of single fits, from records alone: accuracy beside runtime, one row per condition, backend and method."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from irtbridge_experiments.records import Record
from irtbridge_experiments.records.trust import TRUST_CAPTION, trust_of

MOST_WHOLE = 2
AVERAGED = ("threshold", "step")
RMSE_CAPTION = "RMSE: root mean squared difference of the posterior means from the reference ({source}), over items."
ESTIMATES_CAPTION = "Posterior means; steps and thresholds are averaged over the categories of an item."
CAPTION = (
    "ESS and R-hat: over item parameters. Seconds: wall clock of one fit in its own process, imports left out; total = "
    "compile + warm-up (or optimisation) + sampling. "
) + TRUST_CAPTION


def item_frame(records: Sequence[Record]) -> pd.DataFrame:
    """Posterior summaries of all records: condition, backend, method, item, parameter, mean, sd, ..."""
    frames = [
        _items_of(r).assign(condition=r["condition"], backend=r["backend"], method=r["method"])
        for r in records
        if "items" in r
    ]
    if not frames:
        return pd.DataFrame(columns=["condition", "backend", "method", "item", "parameter", "mean"])
    return pd.concat(frames, ignore_index=True)


def _items_of(record: Record, part: str = "items") -> pd.DataFrame:
    """The summaries of a record's items, or shared parameters; what a method lacks, null in the record, is NaN."""
    frame = pd.DataFrame(record[part])
    return frame.astype(dict.fromkeys(frame.columns.difference(["item", "parameter"]), float))


def agreement(record: Record, reference: pd.DataFrame) -> dict[str, float]:
    """RMSE of the posterior means from the reference's, by parameter.

    Parameters
    ----------
    record : dict
        A record with posterior summaries of items.
    reference : DataFrame
        As `read_reference` gives it.
    """
    both = _items_of(record).merge(reference, on=["item", "parameter"], suffixes=("", "_reference"))
    squared = (both["mean"] - both["mean_reference"]) ** 2
    return {f"{name} RMSE": float(np.sqrt(part.mean())) for name, part in squared.groupby(block_of(both), sort=False)}


def estimates(records: Sequence[Record], reference: pd.DataFrame | None = None) -> pd.DataFrame:
    """Posterior means side by side: condition, item and parameter, a column for each fit, and the reference.

    Steps and thresholds are averaged over an item's categories, so that an item has one location. Parameters that
    belong to no item, as trait correlations, have none. The rows of a condition that has all of the reference's
    parameters are those of the reference.
    """
    fitted = [record for record in records if "items" in record]
    conditions = list(dict.fromkeys(record.get("condition", "") for record in fitted))
    parts = []
    for condition in conditions:
        of_condition = [record for record in fitted if record.get("condition", "") == condition]
        parts.append(_estimates_of_one(of_condition, reference).assign(condition=condition))
    if not parts:
        return pd.DataFrame(columns=["item", "parameter"])
    table = pd.concat(parts, ignore_index=True)
    table.insert(0, "condition", table.pop("condition"))
    return table if len(conditions) > 1 else table.drop(columns="condition")


def _estimates_of_one(records: Sequence[Record], reference: pd.DataFrame | None) -> pd.DataFrame:
    fits: dict[str, pd.Series] = {}
    for record in records:
        rows = [*record["items"], *({"item": ""} | row for row in record["shared"])]
        fits[f"{record['backend']} {record['method']}"] = _by_item(pd.DataFrame(rows))
    table = pd.DataFrame(fits).reindex(next(iter(fits.values())).index)
    if reference is not None:
        means = _by_item(reference)
        table = table.reindex(means.index) if means.index.isin(table.index).all() else table
        table[reference["source"].iloc[0]] = means
    return table.rename_axis(["item", "parameter"]).reset_index()


def _by_item(frame: pd.DataFrame) -> pd.Series:
    """Means by item and parameter, in order; over the categories where there are several."""
    known = frame[frame["mean"].notna()]
    averaged = block_of(known).isin(AVERAGED)
    name = known["parameter"].where(~averaged, "mean " + block_of(known))
    return known.groupby([known["item"].fillna(""), name], sort=False)["mean"].mean()


def block_of(frame: pd.DataFrame) -> pd.Series:
    """``threshold`` of ``threshold[2]``."""
    return frame["parameter"].str.partition("[")[0]


def study_table(records: Sequence[Record], reference: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row per record: agreement with the reference, diagnostics and seconds.

    Parameters
    ----------
    records : sequence of dict
        As `read_records` gives them; a failed one has its error in the column ``error``.
    reference : DataFrame, optional
        As `read_reference` gives it.
    """
    rows = []
    for record in records:
        row: dict[str, object] = {key: record[key] for key in ("condition", "backend", "method")}
        if "error" in record:
            rows.append(row | {"error": record["error"]["message"]})
            continue
        if reference is not None:
            row |= agreement(record, reference)
        row |= {
            "min ESS": record["min_ess"],
            "k-hat": record.get("pareto_k"),
            "max R-hat": record["max_r_hat"],
            "divergences": record["divergences"],
            "trust": trust_of(record),
            "compile s": record["compile_seconds"],
            "warm-up s": record["warmup_seconds"],
            "sample s": record["sampling_seconds"],
            "total s": record["total_seconds"],
        }
        rows.append(row)
    table = pd.DataFrame(rows).dropna(axis="columns", how="all")
    return table if table["condition"].nunique() > 1 else table.drop(columns="condition")


def study_caption(reference: pd.DataFrame | None = None) -> str:
    """The note that stands below the table of `study_table`."""
    return CAPTION if reference is None else f"{RMSE_CAPTION.format(source=reference['source'].iloc[0])} {CAPTION}"


def side_by_side(records: Sequence[Record], part: str = "items") -> pd.DataFrame:
    """Item tables of several fits next to each other, one row per item and parameter.

    With two fits the last column is their difference in posterior means, in combined Monte Carlo standard errors.

    Parameters
    ----------
    records : sequence of dict
        As `read_records` gives them.
    part : str
        ``items``, or ``shared``: parameters of no single item, one row for each.
    """
    rows = ["item", "parameter"] if part == "items" else ["parameter"]
    frames = {f"{r['backend']} {r['method']}": _items_of(r, part).set_index(rows) for r in records if r[part]}
    columns = {
        "mean": "mean",
        "sd": "SD",
        "hdi_2.5%": "2.5%",
        "hdi_97.5%": "97.5%",
        "ess_bulk": "ESS",
        "r_hat": "R-hat",
    }
    parts = []
    for name, frame in frames.items():
        renamed = {old: f"{name} {new}" for old, new in columns.items()}
        parts.append(frame.dropna(subset="mean")[list(columns)].rename(columns=renamed))
    table = pd.concat(parts, axis=1)
    if len(frames) == 2:
        first, second = frames.values()
        table["diff / MCSE"] = (first["mean"] - second["mean"]) / np.hypot(first["mcse"], second["mcse"])
    return table.reset_index()


def compact(table: pd.DataFrame) -> pd.DataFrame:
    """A side-by-side table narrow enough for a terminal.

    The ends of each interval share a column; of more than two fits only means and standard deviations are left.
    """
    out = table.copy()
    fits = [str(c).removesuffix(" 2.5%") for c in table.columns if str(c).endswith(" 2.5%")]
    if len(fits) > MOST_WHOLE:
        labels = [column for column in ("item", "parameter") if column in out]
        return out[[*labels, *(f"{fit} {column}" for fit in fits for column in ("mean", "SD"))]]
    for fit in fits:
        low, high = f"{fit} 2.5%", f"{fit} 97.5%"
        texts = [None if pd.isna(a) else f"{a:.2f} {b:.2f}" for a, b in zip(table[low], table[high], strict=True)]
        out.insert(list(out.columns).index(low), f"{fit} 95 % HDI", texts)
        out = out.drop(columns=[low, high])
    return out.dropna(axis="columns", how="all")
