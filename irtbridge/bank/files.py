"""A bank's files: a csv of estimates with their uncertainty, or all its draws (npz).

The first line of the csv is a comment, ``# irtbridge item bank {...}``, with what is no item's own: the model, the
abilities that a test starts from, the number of draws, the provenance. Without it the csv is read like anyone's.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.data.files import write_atomic, write_text
from irtbridge.data.labels import ITEM_COLUMNS
from irtbridge.errors import DataError, DataNotFound

MARK = "# irtbridge item bank "
CSV, NPZ = ".csv", ".npz"
TABLE, HEADER = "table", "header"  # of an npz file, beside the draws
PARAMETER = "parameter_"
TEXTS = (*ITEM_COLUMNS, "categories", "content", "enemies")  # labels, and what has labels in it: 007 is not 7
MISSING = ("", "NA", "NaN", "nan")  # in a column of numbers, as R and pandas write them


def check_ending(path: Path) -> None:
    """Raise `DataError` unless the path is one of a bank's file."""
    if path.suffix.lower() not in (CSV, NPZ):
        raise DataError(f"{path}: a bank is a file {CSV} (estimates and their errors) or {NPZ} (all draws).")


def read_table(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The table of a csv, and what its first line says; nothing where it says nothing.

    Raises
    ------
    DataNotFound
        No such file.
    DataError
        It is no csv of a bank.
    """
    check_ending(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataNotFound(f"no such bank: {path}; check the path (relative to {Path.cwd()}).") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path} ({error}); save it as csv, UTF-8.") from None
    header, body = text.split("\n", 1) if text.startswith(MARK) else ("", text)
    try:
        return _frame(body), json.loads(header.removeprefix(MARK)) if header else {}
    except (ValueError, pd.errors.ParserError) as error:
        raise DataError(f"{path} is not the csv of a bank ({error}); a row per item, a header above.") from None


def write_table(path: Path, frame: pd.DataFrame, header: Mapping[str, Any]) -> Path:
    """Write the csv of a bank, whole or not at all."""
    return write_text(path, f"{MARK}{json.dumps(header, default=str)}\n{frame.to_csv(lineterminator=chr(10))}")


def read_draws(path: Path) -> tuple[pd.DataFrame, dict[str, Any], dict[str, NDArray[np.float64]]]:
    """Table, header and draws of an npz file.

    Raises
    ------
    DataNotFound, DataError
        As `read_table`.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            draws = {name.removeprefix(PARAMETER): stored[name] for name in stored if name.startswith(PARAMETER)}
            table, header = str(stored[TABLE]), json.loads(str(stored[HEADER]))
    except FileNotFoundError:
        raise DataNotFound(f"no such bank: {path}; check the path (relative to {Path.cwd()}).") from None
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} is not the file of a bank ({error}); write one with ItemBank.save.") from None
    return _frame(table), header, draws


def write_draws(
    path: Path, frame: pd.DataFrame, header: Mapping[str, Any], draws: Mapping[str, NDArray[np.float64]]
) -> Path:
    """Write an npz file, whole or not at all."""
    texts: dict[str, Any] = {TABLE: np.array(frame.to_csv()), HEADER: np.array(json.dumps(header, default=str))}
    arrays: dict[str, Any] = {PARAMETER + name: value for name, value in draws.items()}
    return write_atomic(path, lambda target: np.savez_compressed(target, **(texts | arrays)))


def _frame(text: str) -> pd.DataFrame:
    """Cells as numbers where all of a column are, else as they are: null and NA may be words of a test."""
    cells = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    return cells.assign(**{str(name): _typed(cells[name]) for name in cells if not _is_text(str(name))})


def _is_text(name: str) -> bool:
    """Whether a column has labels; pandas calls a first one without a name unnamed."""
    return name.lower() in TEXTS or name.startswith("Unnamed")


def _typed(column: pd.Series[Any]) -> pd.Series[Any]:
    given = ~column.str.strip().isin(MISSING)
    numbers = pd.to_numeric(column.where(given), errors="coerce")
    return numbers if given.any() and numbers[given].notna().all() else column
