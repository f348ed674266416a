"""Dates of persons or items: a column of covariates as numbers that can be compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype

from irtbridge.data.labels import few
from irtbridge.data.responses import Responses
from irtbridge.errors import DataError, nearest_first


def dates_of(responses: Responses, column: str) -> tuple[str, pd.Series[Any]]:
    """Whose dates a column has, ``person`` or ``item``, and the dates: timestamps, or numbers as years.

    Raises
    ------
    DataError
        Neither table has the column, or both have; or it has a cell that is no date.
    """
    tables = {"person": responses.person_data, "item": responses.item_data}
    found = [what for what, table in tables.items() if table is not None and column in table]
    if len(found) != 1:
        there = [str(name) for table in tables.values() if table is not None for name in table.columns]
        raise DataError(
            f"date={column!r} is a column of {' and of '.join(f'{what}_data' for what in found) or 'no table'}; it "
            f"must be one of person_data or of item_data: {few(nearest_first(column, there)) or 'there is none'}."
        )
    table = tables[found[0]]
    assert table is not None
    return found[0], as_dates(table[column], f"date={column!r}")


def as_dates(cells: pd.Series[Any], what: str) -> pd.Series[Any]:
    """Numbers as they are, texts of ISO 8601 as timestamps.

    Raises
    ------
    DataError
        A text that is no date of year, month and day in this order, named.
    """
    if is_numeric_dtype(cells):
        return cells
    dates = pd.Series(pd.to_datetime(cells.astype(str), errors="coerce", format="ISO8601", utc=True), index=cells.index)
    if dates.isna().any():
        wrong = few(repr(str(cell)) for cell in cells[dates.isna()].unique())
        raise DataError(f"{what}: {wrong} cannot be read as dates; write them as 2024-03-31, or years as numbers.")
    return dates


def from_date(dates: pd.Series[Any], since: object, share: float) -> NDArray[np.bool_]:
    """Which dates are not before one.

    Parameters
    ----------
    dates : Series
        Of `as_dates`.
    since : str or number, optional
        The date; by default the latest from which on at least a share of them are.
    share : float
        Which one.

    Raises
    ------
    DataError
        It is no date, or none or all of them are before it.
    """
    if since is None:
        first = dates.sort_values().iloc[-max(1, round(share * len(dates)))]
    elif is_numeric_dtype(dates):
        first = pd.to_numeric(pd.Series([since]), errors="coerce").iloc[0]
    else:
        first = as_dates(pd.Series([str(since)]), "since").iloc[0]
    late = np.asarray(dates >= first, dtype=bool)
    if late.all() or not late.any():
        raise DataError(
            f"since={since!r} holds out {'all' if late.all() else 'none'}: the dates are from {dates.min()} to "
            f"{dates.max()}; give one in between."
        )
    return late
