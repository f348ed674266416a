"""Q-matrices as configurations hold them: text, rows, a csv file, or a mapping."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from irtbridge.data.labels import by_item
from irtbridge.errors import SpecError

ROWS = re.compile(r"\s*\d+\s*x\s*[01]+\s*(,\s*\d+\s*x\s*[01]+\s*)*")


def read_q_matrix(given: Any) -> Any:
    """A Q-matrix from text as ``5 x 10, 5 x 01``, the path of a csv file, rows, or a mapping: data, columns and index.

    A csv file has a row for each item; its header names the traits, and `irtbridge.data.labels.by_item` says which
    column names the items.
    """
    if isinstance(given, Mapping):
        return _from_mapping(given)
    if not isinstance(given, str):
        return given
    if ROWS.fullmatch(given):
        blocks = [part.split("x") for part in given.replace(" ", "").split(",")]
        return [[int(digit) for digit in row] for count, row in blocks for _ in range(int(count))]
    if not Path(given).is_file():
        raise SpecError(f"model.q_matrix={given!r}: no such file.")
    try:
        return by_item(_read_csv(Path(given))).apply(pd.to_numeric)
    except ValueError as error:
        raise SpecError(
            f"model.q_matrix={given!r} is not a csv file with a header of traits and rows of 0 and 1: {error}"
        ) from error


def _from_mapping(given: Mapping[str, Any]) -> pd.DataFrame:
    try:
        return pd.DataFrame(given["data"], given.get("index"), given["columns"])
    except (KeyError, ValueError) as error:
        raise SpecError(
            f"model.q_matrix: a mapping needs data, columns and perhaps index, which fit ({error})."
        ) from error


def _read_csv(path: Path) -> pd.DataFrame:
    """All cells as text, the first row as header."""
    first = path.read_text(encoding="utf-8-sig").partition("\n")[0]
    separator = next((s for s in ";\t" if s in first), ",")
    cells = pd.read_csv(path, sep=separator, header=None, dtype=str, skipinitialspace=True, encoding="utf-8-sig")
    header = cells.iloc[0].fillna("")
    if header.isin(["0", "1"]).all():
        raise ValueError("its first row has only 0 and 1; name the traits there.")
    return cells.iloc[1:].reset_index(drop=True).set_axis(header.tolist(), axis=1)
