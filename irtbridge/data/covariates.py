"""Covariates of persons and items: a table with a row for each, whose columns are numbers or categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from irtbridge.data.labels import Label, as_label, check_unique, few
from irtbridge.errors import DataError, nearest_first


def covariates(what: str, table: object, labels: Sequence[Label], categorical: str | None = None) -> pd.DataFrame:
    """A table of covariates in the order of the persons or items, checked.

    Parameters
    ----------
    what : {"person", "item"}
        What has the covariates.
    table : DataFrame
        Its index has the labels, in any order, others among them; one that only counts, a pandas RangeIndex, is taken
        by position.
    labels : sequence of str or int
        The labels wanted.
    categorical : str, optional
        A column that is made categorical, whatever it has.

    Returns
    -------
    DataFrame
        Columns are float64 or Categorical, whose levels are text: in the order of a Categorical that is given,
        else sorted. The first one is the reference.

    Raises
    ------
    DataError
        A label that is not there or is there twice, or a value that is missing or infinite.
    """
    if not isinstance(table, pd.DataFrame):
        raise DataError(f"{what}_data must be a DataFrame with a row per {what}, not {type(table).__name__}.")
    rows = in_order(what, table, labels)
    names = [str(as_label(name)) for name in rows.columns]
    check_unique("column", names)
    columns = {
        name: _cells(what, name, rows.iloc[:, place], labels, name == categorical) for place, name in enumerate(names)
    }
    return pd.DataFrame(columns, index=pd.Index([*labels], name=what))


def plain_table(table: pd.DataFrame) -> dict[str, Any]:
    """A table of `covariates` as plain data, for JSON: numbers, or levels and codes, by column."""
    return {str(name): _plain(table[name]) for name in table.columns}


def table_of(what: str, plain: Mapping[str, Any] | None, labels: Sequence[Label]) -> pd.DataFrame | None:
    """The table of `plain_table`; None of None."""
    if plain is None:
        return None
    columns = {
        name: pd.Categorical.from_codes(cells["codes"], cells["levels"]) if isinstance(cells, Mapping) else cells
        for name, cells in plain.items()
    }
    return pd.DataFrame(columns, index=pd.Index([*labels], name=what))


def check_weights(weights: ArrayLike, persons: Sequence[Label]) -> NDArray[np.float64]:
    """How many persons each row stands for.

    Raises
    ------
    DataError
        Not a whole number, 1 or greater, for each person.
    """
    given = np.asarray(weights)
    if given.shape != (len(persons),) or given.dtype.kind not in "iuf":
        raise DataError(f"weights need a whole number for each of the {len(persons)} persons, not {given!r:.60}.")
    wrong = np.flatnonzero(~((given >= 1) & (given == np.floor(given)) & np.isfinite(given)))
    if len(wrong):
        first = f"{given[wrong[0]]:g} for person {persons[wrong[0]]!r}"
        raise DataError(f"weights must be whole numbers, 1 or greater, not {first}; leave out rows that nobody gave.")
    return given.astype(np.float64)


def in_order(what: str, table: pd.DataFrame, labels: Sequence[Label]) -> pd.DataFrame:
    """The rows of a table that have these labels, in their order; by position where its index only counts."""
    if isinstance(table.index, pd.RangeIndex):
        if len(table) != len(labels):
            raise DataError(
                f"{what}_data has {len(table)} rows without labels for {len(labels)} {what}s; label its rows, or give "
                f"one for each {what}, in their order."
            )
        return table
    given = [str(as_label(label)) for label in table.index]
    check_unique(what, given)
    place = {label: row for row, label in enumerate(given)}
    if lacking := [str(label) for label in labels if str(label) not in place]:
        raise DataError(
            f"{what}_data has no row for {what} {few(map(repr, lacking))}; rows there, nearest first: "
            f"{few(map(repr, nearest_first(lacking[0], given)), 5)}. Give every {what} a row, or leave it out."
        )
    return table.iloc[[place[str(label)] for label in labels]]


def _cells(
    what: str, name: str, column: pd.Series[Any], labels: Sequence[Label], categorical: bool
) -> NDArray[Any] | pd.Categorical[Any]:
    """A column as numbers or as categories."""
    number = is_numeric_dtype(column) and not is_bool_dtype(column)
    missing = column.isna().to_numpy(dtype=bool)
    if number:
        missing = missing | np.isinf(column.to_numpy(dtype=np.float64, na_value=np.nan))
    if missing.any():
        who = few(repr(labels[row]) for row in np.flatnonzero(missing).tolist())
        raise DataError(
            f"covariate {name!r} has no value for {what} {who}; fill it in, or leave out the {what} or the covariate."
        )
    if number and not categorical:
        return column.to_numpy(dtype=np.float64)
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = column.cat.categories.tolist()
    else:
        levels = sorted(set(column.tolist()), key=lambda level: (isinstance(level, str), level))
    return pd.Categorical([_level(cell) for cell in column.tolist()], categories=[_level(level) for level in levels])


def _level(cell: object) -> str:
    return str(cell) if isinstance(cell, (bool, np.bool_)) else str(as_label(cell))


def _plain(column: pd.Series[Any]) -> Any:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return {"levels": column.cat.categories.tolist(), "codes": column.cat.codes.tolist()}
    return column.tolist()
