"""The fits of a study on disk: a record for each, and of replications a row for each in fits.csv."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from irtbridge.data.files import read_json, write_text
from irtbridge.errors import ResultsError
from irtbridge_experiments.records import Record
from irtbridge_experiments.records.trust import flags_of

CELL = ["condition", "backend", "method"]
FIT = [*CELL, "replication", "cell_hash"]
FITS = "fits.csv"
"""One row per replication: what a study needs to go on, and to rebuild its tables, without the records."""
FLAGS = "flags"
STATISTICS = ("mse", "bias", "coverage")
STRETCH = "stretch"
OWN = "model"
"""What predictions of the fit itself are called, beside those of baselines."""
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


def read_records(folder: Path) -> list[Record]:
    """All records of a study, in the order of their file names.

    Raises
    ------
    ResultsError
        There are none.
    """
    # Names with a dot in front are of files that were being written when a run was killed.
    paths = [path for path in (folder / "records").rglob("*.json") if not path.name.startswith(".")]
    records = [read_json(path) for path in sorted(paths)]
    if not records:
        raise ResultsError(f"no records in {folder / 'records'}; run the study first: irtbridge run study=NAME.")
    return records


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
    """The table of `read_fits` without a row, for studies that simulate nothing."""
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
    """A record as one flat row; accuracy in columns such as ``discrimination mse`` or ``item mean log_loss``."""
    row: dict[str, object] = {name: record.get(name) for name in COLUMNS}
    failed = "error" in record
    row |= {"error": record["error"]["type"] if failed else None, FLAGS: None if failed else flags_of(record)}
    for block, values in record.get("parameters", {}).items():
        row |= {
            f"{block} {statistic}": values[statistic] for statistic in (*STATISTICS, STRETCH) if statistic in values
        }
    for predictor, metrics in record.get("held_out", {}).items():
        row |= {f"{predictor} {metric}": value for metric, value in metrics.items()}
    row |= record.get("calibration", {})
    return row
