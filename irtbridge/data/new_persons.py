"""Responses of other persons to items that are known: matched by label, coded as the known ones are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.data.beside import Beside, read_table
from irtbridge.data.kinds import CATEGORIES, KINDS, MISSING, check_numbers
from irtbridge.data.labels import few, item_names, listed
from irtbridge.data.notes import Notes
from irtbridge.data.response_table import ResponseTable, texts
from irtbridge.data.responses import Responses
from irtbridge.data.shaping import Columns
from irtbridge.errors import DataError, UnknownName, nearest_first

OPTIONS = ("shape", "person", "item", "response", "items", "drop", "header", "missing", "key", "person_data")


def read_new_persons(
    source: Any, known: Responses, notes: Notes, *, beside: Sequence[str] = (), options: Mapping[str, Any] | None = None
) -> Responses:
    """Responses of other persons to the items of some data.

    Parameters
    ----------
    source : path, name of a data set, DataFrame, array_like of shape (person, item), or Responses
        As `load_responses` takes it. Columns are matched with the known items by label, in any order; an array of as
        many columns is taken in their order. A column that is not there, or is empty, is missing for everybody.
    known : Responses
        The data whose items they are. A response is the category that has the same value there; with items split by
        group, columns have the names of the items before that.
    notes : Notes
        Told what was guessed, and what is missing.
    beside : sequence of str
        Columns of the known `person_data` that are needed; the others are not read.
    options : mapping, optional
        Arguments of `load_responses` that say how to read (`OPTIONS`): ``missing``, ``key``, ``drop``, ...

    Returns
    -------
    Responses
        With the items, categories and groups of the known ones.

    Raises
    ------
    DataError
        Items or categories that are not known, both codings shown; or no covariates or groups where they are needed.
    UnknownName
        No such option.
    """
    given = dict(options or {})
    for option in given:
        if option not in OPTIONS:
            raise UnknownName("way to read new persons", option, OPTIONS)
    if isinstance(source, Responses):
        given.setdefault("person_data", source.person_data)
    group = known.group if known.group in beside else None
    covariates = [name for name in beside if name != group]
    others = Beside(group, covariates, None, read_table("person", given.pop("person_data", None), notes), None)
    table = _read(source, known, others, notes, given)
    split = known.origins is not None and not (isinstance(source, Responses) and source.origins is not None)
    found = _of_items(table, known.unsplit() if split else known, notes)
    of_persons = others.of_persons(table.taken, table.persons, Notes())[0] if beside else None
    of_persons = None if of_persons is None else _as_known(of_persons, known)
    new = replace(found, person_data=of_persons, group=group, notes=tuple(notes.texts))
    return new.split([item for item in new.items if item not in known.items], complete=False) if split else new


def _read(source: Any, known: Responses, others: Beside, notes: Notes, options: dict[str, Any]) -> ResponseTable:
    """The table, without covariates of the known persons that are not needed."""
    roles = {role: options.pop(role, None) for role in ("person", "item", "response")}
    items, drop, shape = (options.pop(name, None) for name in ("items", "drop", "shape"))
    columns = Columns(shape or "auto", items=None if items is None else texts(items), drop=texts(drop), **roles)
    ignored = set() if known.person_data is None else {*map(str, known.person_data.columns)} - {*others.named}
    frame = source.to_frame() if isinstance(source, Responses) else source
    return ResponseTable.read(frame, columns, others, notes, ignored=ignored, **options)


def _of_items(table: ResponseTable, known: Responses, notes: Notes) -> Responses:
    """The values of each known item, coded."""
    cells = _matched(table.cells, known, notes)
    _check_known(cells, known)
    columns = [
        _coded(cells.get(item), c, len(table.persons)) for item, c in zip(known.items, known.categories, strict=True)
    ]
    return Responses(
        values=np.column_stack(columns).astype(KINDS[known.kind]),
        persons=table.persons,
        items=known.items,
        categories=known.categories,
        name=table.name,
        kind=known.kind,
    )


def _matched(
    cells: Mapping[str, NDArray[np.float64]], known: Responses, notes: Notes
) -> Mapping[str, NDArray[np.float64]]:
    """Numbers by known item; without labels of their own, columns are taken in order."""
    names, numbered = [*cells], (item_names(known.n_items), [str(i) for i in range(known.n_items)])
    if names in numbered and not set(names) <= set(known.items):
        notes.say(f"the columns have no labels and were taken in the order of the items: {listed(known.items)}.")
        return dict(zip(known.items, cells.values(), strict=True))
    if unknown := [name for name in names if name not in known.items]:
        near = few(nearest_first(unknown[0], known.items))
        raise DataError(
            f"columns that are no items of the fit: {listed(unknown)}; its {known.n_items} items, nearest first: "
            f"{near}. Leave other columns out with drop=[...], or label the items as they were."
        )
    absent = [item for item in known.items if item not in cells or np.isnan(cells[item]).all()]
    if len(absent) == known.n_items:
        raise DataError(f"no response to any of the fit's items: {listed(known.items)}.")
    if absent:
        notes.doubt(f"nobody has a response to {listed(absent)}; missing for all.")
    return cells


def _check_known(cells: Mapping[str, NDArray[np.float64]], known: Responses) -> None:
    """Raise `DataError` where there are responses that the known items do not have; both codings are shown."""
    wrong = []
    for item, categories in zip(known.items, known.categories, strict=True):
        values = np.unique(cells.get(item, np.empty(0)))
        values = values[~np.isnan(values)]
        if known.kind != CATEGORIES:
            check_numbers(known.kind, item, values)
        elif not np.isin(values, categories).all():
            wrong.append(f"{item!r} has {few(f'{v:g}' for v in values)}, fitted with {few(map(str, categories))}")
    if wrong:
        raise DataError(
            f"responses coded otherwise than when the model was fitted: {'; '.join(wrong[:3])}. "
            "Recode them, name codes that mean missing with missing=, or give the key= that scored the answers then."
        )


def _coded(numbers: NDArray[np.float64] | None, categories: Sequence[int], persons: int) -> NDArray[np.float64]:
    if numbers is None:
        return np.full(persons, float(MISSING))
    codes = np.searchsorted(categories, numbers) if categories else numbers
    return np.where(np.isnan(numbers), MISSING, codes)


def _as_known(table: pd.DataFrame, known: Responses) -> pd.DataFrame:
    """Covariates as the known ones: numbers, or Categorical with the same levels."""
    assert known.person_data is not None
    return pd.DataFrame({name: _column(table[name], known.person_data[name]) for name in map(str, table.columns)})


def _column(column: pd.Series[Any], as_known: pd.Series[Any]) -> pd.Series[Any]:
    categorical = isinstance(column.dtype, pd.CategoricalDtype)
    if not isinstance(as_known.dtype, pd.CategoricalDtype):
        if categorical:
            raise DataError(
                f"covariate {column.name!r} was a number when the model was fitted; now it has "
                f"{few(map(repr, column.cat.categories))}."
            )
        return column
    levels = [str(level) for level in as_known.cat.categories]
    cells = [str(cell) if categorical else f"{cell:g}" for cell in column.tolist()]
    if unknown := sorted(set(cells) - set(levels)):
        raise DataError(
            f"{column.name!r} has {few(map(repr, unknown))}; when the model was fitted it had {few(map(repr, levels))}."
        )
    return pd.Series(pd.Categorical(cells, categories=levels), index=column.index, name=column.name)
