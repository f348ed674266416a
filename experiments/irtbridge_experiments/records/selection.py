"""Which fits a study's tables show: those of the definitions that its latest run asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from irtbridge.errors import ResultsError
from irtbridge_experiments.records import Record

Study = Mapping[str, Any]
Definition = tuple[str, str, str]
"""Condition, backend-method and hash of the cell."""


def chosen_records(study: Study, records: Sequence[Record]) -> list[Record]:
    """The records that have the definition of their cell.

    Parameters
    ----------
    study : mapping
        Content of study.json.
    records : sequence of dict
        As `read_records` gives them.

    Raises
    ------
    ResultsError
        study.json has no definitions, and fits of one cell differ in theirs.
    """
    definitions = [(r["condition"], f"{r['backend']}-{r['method']}", r["cell_hash"]) for r in records]
    return [record for record, fits in zip(records, _chosen(study, definitions), strict=True) if fits]


def chosen_fits(study: Study, fits: pd.DataFrame) -> pd.DataFrame:
    """The rows of `read_fits` that have the definition of their cell, and the conditions that then are left.

    Raises
    ------
    ResultsError
        study.json has no definitions, and fits of one cell differ in theirs.
    """
    keys = fits["backend"].astype(str) + "-" + fits["method"].astype(str)
    definitions = list(zip(fits["condition"].astype(str), keys, fits["cell_hash"].astype(str), strict=True))
    left = fits[pd.Series(_chosen(study, definitions), index=fits.index, dtype=bool)]
    return left.assign(condition=left["condition"].cat.remove_unused_categories())


def left_out(every: Sequence[Any] | pd.DataFrame, chosen: Sequence[Any] | pd.DataFrame) -> str:
    """How many fits the tables leave out, and why; empty if none."""
    count = len(every) - len(chosen)
    why = "of other data, models, seeds or settings than the study's latest run asked for"
    return f"left out of the tables: {count} {'fit' if count == 1 else 'fits'} {why}." if count else ""


def _chosen(study: Study, definitions: Sequence[Definition]) -> list[bool]:
    latest = {name: _cells(name, described, definitions) for name, described in study["conditions"].items()}
    return [latest.get(condition, {}).get(key) == cell_hash for condition, key, cell_hash in definitions]


def _cells(name: str, described: Mapping[str, Any], definitions: Sequence[Definition]) -> Mapping[str, str]:
    """Hash of each cell of a condition; where study.json is older than its definitions, the only one there is."""
    if "cells" in described:
        cells: Mapping[str, str] = described["cells"]
        return cells
    found = {definition for definition in definitions if definition[0] == name}
    keys = Counter(key for _, key, _ in found)
    if several := [key for key, count in keys.items() if count > 1]:
        raise ResultsError(
            f"condition {name!r} has {several[0]} fits of {keys[several[0]]} definitions, and study.json does not say "
            "which one is meant: run the study again, what is on disk is not fitted twice."
        )
    return {key: cell_hash for _, key, cell_hash in found}
