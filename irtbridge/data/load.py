"""From a file, a data set's name or a table to checked responses.

`read_source` gives a table of text, `to_table` makes it persons by items, `numbers_of` makes numbers of its cells and
`say_codes` looks for codes of missing responses; what is left here is the order of the steps and the categories.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from os import PathLike
from typing import Literal, TypeAlias, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from irtbridge.data.answers import Key, read_key
from irtbridge.data.cells import canonical, id_hint, numbers_of, say_words
from irtbridge.data.kinds import MISSING
from irtbridge.data.labels import as_label, check_unique, few
from irtbridge.data.named import read_dataset
from irtbridge.data.notes import Notes
from irtbridge.data.reading import read_source
from irtbridge.data.responses import Responses
from irtbridge.data.shaping import MAX_ALL_DIFFERENT, Columns, to_table
from irtbridge.data.suspicion import Item, check_no_sum, say_codes
from irtbridge.errors import DataError, UnknownName

Shape: TypeAlias = Literal["auto", "wide", "long"]
Source: TypeAlias = "str | PathLike[str] | pd.DataFrame | ArrayLike | Sequence[object] | Responses"


def load_responses(
    source: Source,
    *,
    shape: Shape = "auto",
    person: str | None = None,
    item: str | None = None,
    response: str | None = None,
    items: str | Sequence[str] | None = None,
    drop: str | Sequence[str] | None = None,
    header: bool = True,
    missing: object | Sequence[object] | None = None,
    key: Key = None,
    allow_empty: bool = False,
    allow_constant: bool = False,
) -> Responses:
    """Load and check responses.

    Categories are recoded to ``0 .. K - 1`` in ascending order of the observed values; `Responses.recoded`
    keeps the mapping. NaN, None, empty cells and what `pandas.read_csv` takes for missing (NA, null, ...) are
    missing. Words for truth values (True and False, yes and no, correct and wrong, ...) are 1 and 0. What was guessed
    is in `Responses.notes`.

    Parameters
    ----------
    source : path, name of a data set, DataFrame, array_like of shape (person, item), or Responses
        Files end in .csv, .tsv, .txt, .dat, .tab (compressed or not) or .parquet; tabs, semicolons, bars, commas or
        spaces separate. `irtbridge.data.named.dataset_names` lists the data sets. Rows of files and arrays without
        labels are numbered from 1. A `Responses` is returned as it is.
    shape : {"auto", "wide", "long"}
        Wide has a row per person and a column per item, long a row per response. "auto" takes long if the
        three columns of the long form are there.
    person : str, optional
        Column with the person labels; by default one called person, id, subject, respondent, participant, student,
        examinee, user or model, with or without ``_id``, in any case, else the index; where there is neither, a first
        column that numbers or names the rows.
    item, response : str, optional
        Columns of the long form; by default "item" and "response", in any case.
    items : str or sequence of str, optional
        The items to use, in this order; by default all.
    drop : str or sequence of str, optional
        Columns of the wide form, or items of the long one, to leave out.
    header : bool
        Whether the first row of a text file has the names of the columns; else they are item1, item2, ...
    missing : number, str or sequence of them, optional
        Codes that mean missing, of every item: ``[99, -9]``, ``"."``.
    key : mapping, sequence, str or path, optional
        The right answers, by item or in the order of the items: ``{"q1": "A"}``, ``["A", "C"]``, ``"AC"``, ``"A,C"``
        or a csv file with the columns item and answer. An answer that is right is 1, another one 0, case ignored.
    allow_empty : bool
        Keep persons without any response instead of refusing them.
    allow_constant : bool
        Keep items to which all gave the same response instead of refusing them; such an item has the categories of the
        others, if they share theirs, else a neighbouring one besides its own.

    Raises
    ------
    DataNotFound
        If there is no such file or data set.
    DataError
        If the responses cannot be read or analysed.
    UnknownName
        If `shape` is not one of the three.

    Warns
    -----
    IRTBridgeWarning
        If a guess may be wrong, or a category seems to mean missing.
    """
    if shape not in get_args(Shape):
        raise UnknownName("shape", shape, get_args(Shape))
    if isinstance(source, Responses):
        return _as_is(source, items, drop, missing, key)
    notes = Notes()
    columns = Columns(shape, person, item, response, None if items is None else _texts(items), _texts(drop))
    frame, name = read_source(source, header, columns.known, notes)
    if not len(frame):
        raise DataError(f"{name}: the table has no rows; it needs one per person or per response.")
    table = to_table(frame, columns, key is not None, notes)
    numbered = _numbered(table, frozenset(map(canonical, _several(missing))), key, notes)
    responses = _checked(numbered, table, name, notes, allow_empty=allow_empty, allow_constant=allow_constant)
    notes.warn(stacklevel=2)
    return responses


def load_dataset(name: str) -> Responses:
    """Load a data set by name.

    Parameters
    ----------
    name : str
        One of `dataset_names`.

    Returns
    -------
    Responses

    Raises
    ------
    DataNotFound
        If there is no such data set, or the package that has it is not installed.
    """
    return replace(load_responses(read_dataset(name)), name=name)


def _as_is(responses: Responses, *changes: object) -> Responses:
    if any(change is not None for change in changes):
        raise DataError(
            "items=, drop=, missing= and key= are for tables; use load_responses(responses.to_frame(), items=...)."
        )
    return responses


def _several(value: object) -> list[object]:
    """One value or many as a list; none for None."""
    if value is None:
        return []
    return [*value] if isinstance(value, Iterable) and not isinstance(value, str) else [value]


def _texts(value: object) -> list[str]:
    return [str(as_label(each)) for each in _several(value)]


def _numbered(table: pd.DataFrame, missing: frozenset[str], key: Key, notes: Notes) -> list[Item]:
    """Each item's responses as numbers, with its categories."""
    names = [str(name) for name in table.columns]
    check_unique("item", names)
    answers = read_key(key, names, notes)
    words: dict[str, list[str]] = {}
    items = []
    for place, name in enumerate(names):
        numbers = numbers_of(name, table.iloc[:, place], missing, answers.get(name), words)
        values, counts = np.unique(numbers[~np.isnan(numbers)], return_counts=True)
        _check_categories(name, values)
        if len(values) == counts.sum() > MAX_ALL_DIFFERENT:
            raise DataError(f"item {name!r} has a different value for every person. {id_hint(name)}")
        items.append(Item(name, numbers, tuple(int(v) for v in values), tuple(int(c) for c in counts)))
    say_words(words, notes)
    if never := [repr(item.name) for item in items if answers and item.categories == (0,)]:
        notes.doubt(f"key: nobody gave the right answer to {few(never)}; is the key right?")
    return items


def _checked(
    items: Sequence[Item], table: pd.DataFrame, name: str, notes: Notes, *, allow_empty: bool, allow_constant: bool
) -> Responses:
    if empty := [repr(item.name) for item in items if not item.categories]:
        raise DataError(f"items with no response at all: {few(empty)}; leave them out with drop=.")
    check_no_sum(items)
    say_codes(items, notes)
    categories = _two_or_more(items, allow_constant, notes)
    values = [_coded(item.values, c) for item, c in zip(items, categories, strict=True)]
    persons = tuple(table.index.tolist())
    responses = Responses(
        np.column_stack(values), persons, tuple(item.name for item in items), categories, name, tuple(notes.texts)
    )
    without = [repr(responses.persons[row]) for row in np.flatnonzero(~responses.observed.any(axis=1))]
    if without and not allow_empty:
        raise DataError(f"persons without any response: {few(without)}; drop them or pass allow_empty=True.")
    return responses


def _coded(numbers: NDArray[np.float64], categories: tuple[int, ...]) -> NDArray[np.int64]:
    seen = ~np.isnan(numbers)
    codes = np.full(len(numbers), MISSING, dtype=np.int64)
    codes[seen] = np.searchsorted(categories, numbers[seen])
    return codes


def _two_or_more(items: Sequence[Item], allow_constant: bool, notes: Notes) -> tuple[tuple[int, ...], ...]:
    """The categories of each item; of those to which all gave the same response, one that none gave besides."""
    constant = [f"{item.name!r} ({item.categories[0]})" for item in items if len(item.categories) == 1]
    if constant and not allow_constant:
        raise DataError(
            f"items with only one category, which tell nothing about the persons: {few(constant)}; leave them out with "
            "drop=, or keep them with allow_constant=True."
        )
    sets = {item.categories for item in items if len(item.categories) > 1}
    categories = tuple(c if len(c) > 1 else _with_neighbour(c[0], sets) for c in (item.categories for item in items))
    for item, kept in zip(items, categories, strict=True):
        if kept != item.categories:
            notes.say(f"item {item.name!r}, only {item.categories[0]}, was kept with the categories {_listed(kept)}.")
    return categories


def _with_neighbour(value: int, others: Collection[tuple[int, ...]]) -> tuple[int, ...]:
    if len(others) == 1 and value in next(iter(others)):
        return next(iter(others))
    used = {category for categories in others for category in categories}
    above = value == 0 or (value + 1 in used and value - 1 not in used)
    return (value, value + 1) if above else (value - 1, value)


def _listed(categories: Sequence[int]) -> str:
    return ", ".join(map(str, categories))


def _check_categories(item: str, categories: NDArray[np.float64]) -> None:
    negative = few(f"{c:g}" for c in categories[categories < 0]).replace(", ", ",")
    for wrong, problem, way_out in (
        (np.isinf(categories), "infinite", "leave missing responses empty (NaN)"),
        (categories != np.floor(categories), "fractional", "categories are integers: recode or round them"),
        (
            categories < 0,
            "negative",
            f"if it marks a missing response, pass missing={negative}, or leave it empty (NaN)",
        ),
    ):
        if wrong.any():
            raise DataError(f"item {item!r} has a {problem} category, {categories[wrong][0]:g}; {way_out}.")
