"""A bank's parts out of a file or a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.bank import conventions, files
from irtbridge.bank.item_table import ItemTable
from irtbridge.errors import DataError
from irtbridge.model.spec import ModelSpec

Array = NDArray[np.float64]


def read(source: str | Path | pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Any], dict[str, Array]]:
    """The table, what a file says of all items, and draws; both empty where there are none.

    Raises
    ------
    DataNotFound, DataError
        No such file, or not one of a bank.
    """
    if isinstance(source, pd.DataFrame):
        return source, {}, {}
    path = Path(source).expanduser()
    if path.suffix.lower() == files.NPZ:
        return files.read_draws(path)
    frame, header = files.read_table(path)
    return frame, {"provenance": {"source": str(path)}} | header, {}


def item_table(
    frame: pd.DataFrame, header: Mapping[str, Any], model: str | ModelSpec | None, options: dict[str, Any]
) -> ItemTable:
    """The table in this project's columns, and its model."""
    frame = conventions.labelled(frame)
    _check_columns(frame)
    if model is None and not options and "spec" in header:
        return ItemTable.of_frame(ModelSpec.from_dict(header["spec"]), frame)
    spec = conventions.spec_for(frame, model, options)
    translated = conventions.translated(frame, spec)
    _check_columns(translated, f" Of {', '.join(map(str, frame.columns[:10]))}, two mean the same: leave one out.")
    return ItemTable.of_frame(spec, translated)


def _check_columns(frame: pd.DataFrame, hint: str = " Leave one out.") -> None:
    """Raise `DataError` where two columns have one name."""
    if not frame.columns.is_unique:
        repeated = ", ".join(map(repr, dict.fromkeys(frame.columns[frame.columns.duplicated()])))
        raise DataError(f"the bank has column {repeated} twice.{hint}")
