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
    if model is None and not options and "spec" in header:
        return ItemTable.of_frame(ModelSpec.from_dict(header["spec"]), frame)
    spec = conventions.spec_for(frame, model, options)
    return ItemTable.of_frame(spec, conventions.translated(frame, spec))
