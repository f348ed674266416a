"""From a file, a data set's name or a table to checked responses.

`read_source` gives a table of text, `to_table` makes it persons by items, `numbers_of` makes numbers of its cells and
`say_codes` looks for codes of missing responses; what is left here is the order of the steps and the categories.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from irtbridge.data.answers import Key
from irtbridge.data.beside import Beside, TableSource, read_table
from irtbridge.data.cells import id_hint
from irtbridge.data.kinds import CATEGORIES, DROP, KINDS, MISSING, check_kind, check_numbers
from irtbridge.data.labels import few
from irtbridge.data.named import read_dataset
from irtbridge.data.notes import Notes
from irtbridge.data.response_table import ResponseTable, texts
from irtbridge.data.responses import Responses
from irtbridge.data.shaping import MAX_ALL_DIFFERENT, Columns
from irtbridge.data.sparse_responses import SparseResponses
from irtbridge.data.suspicion import Item, check_no_sum, say_codes
from irtbridge.errors import DataError, UnknownName

MOST_SMALL = 255  # the largest number that a byte holds
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
    allow_constant: bool | str = False,
    group: str | None = None,
    covariates: str | Sequence[str] | None = None,
    weights: str | None = None,
    person_data: TableSource = None,
    item_data: TableSource = None,
    kind: str = CATEGORIES,
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
        labels are numbered from 1. Of a `Responses` nothing changes but what `group` and those after it say.
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
    allow_constant : bool or 'drop'
        Keep items to which all gave the same response, or leave them out, instead of refusing them. One that is kept
        has the categories of the others, if they share theirs, else a neighbouring one besides its own.
    group : str, optional
        The column that has each person's group. Like those of `covariates` and `weights`, it is one of the responses'
        own table, where it is then no item, or of `person_data`. In the long form it is the same in all rows of a
        person.
    covariates : str or sequence of str, optional
        Columns that tell something else about the persons; by default all those of `person_data`.
    weights : str, optional
        The column that counts for how many persons a row stands: whole numbers, 1 or greater.
    person_data, item_data : DataFrame, path or name of a data set, optional
        Tables of their own with covariates of the persons or of the items. The labels are the index or a column called
        as for the responses (person, id, ...; item, items, label), else the first column; rows are matched by label,
        and others may be there. Rows without labels are taken in order. A `Responses` gets them besides its own.
    kind : {"categories", "fractions", "counts"}
        What the responses are: codes of categories, numbers in [0, 1], or 0, 1, 2, ...; a fit takes the one that its
        model needs.

    Raises
    ------
    DataNotFound
        If there is no such file or data set.
    DataError
        If the responses cannot be read or analysed, or a covariate is missing.
    UnknownName
        If `shape` or `kind` is none of the three.

    Warns
    -----
    IRTBridgeWarning
        If a guess may be wrong, or a category seems to mean missing.
    """
    if shape not in get_args(Shape):
        raise UnknownName("shape", shape, get_args(Shape))
    check_kind(kind)
    if allow_constant not in (True, False, DROP):
        raise UnknownName("allow_constant", str(allow_constant), ["true", "false", DROP])
    notes = Notes()
    beside = Beside(
        group,
        None if covariates is None else texts(covariates),
        weights,
        read_table("person", person_data, notes),
        read_table("item", item_data, notes),
    )
    if isinstance(source, Responses):
        _check_unchanged(items, drop, missing, key)
        return beside.added_to(source)
    columns = Columns(shape, person, item, response, None if items is None else texts(items), texts(drop))
    how: dict[str, Any] = {"header": header, "missing": missing, "key": key, "sparse": kind == CATEGORIES}
    table = ResponseTable.read(source, columns, beside, notes, **how)
    if empty := [repr(name) for name, values in table.cells.items() if np.isnan(values).all()]:
        raise DataError(f"items with no response at all: {few(empty)}; leave them out with drop=.")
    if kind == CATEGORIES and allow_constant == DROP:
        table = _without_constant(table, notes)
    cells, persons = table.cells, table.persons
    plain = _of_categories(table, notes, allow_constant) if kind == CATEGORIES else _of_numbers(kind, cells)
    of_persons, row_weights = beside.of_persons(table.taken, persons, notes)
    of_items = beside.of_items([*cells], notes)
    responses = (Responses if table.places is None else SparseResponses)(
        **plain,
        persons=persons,
        items=tuple(cells),
        name=table.name,
        notes=tuple(notes.texts),
        person_data=of_persons,
        item_data=of_items,
        group=group,
        weights=row_weights,
        kind=kind,
    )
    if not allow_empty:
        _check_no_person_is_empty(responses)
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
    responses = load_responses(read_dataset(name))
    return replace(responses, values=responses.stored, name=name)


def _check_unchanged(*changes: object) -> None:
    if any(change is not None for change in changes):
        raise DataError(
            "items=, drop=, missing= and key= are for tables; use load_responses(responses.to_frame(), items=...)."
        )


def _without_constant(table: ResponseTable, notes: Notes) -> ResponseTable:
    """The table without the items to which all gave the same response, which the notes name."""
    seen = {name: np.unique(values[~np.isnan(values)]) for name, values in table.cells.items()}
    constant = {name: values[0] for name, values in seen.items() if len(values) == 1}
    if not constant:
        return table
    if len(constant) == len(seen):
        raise DataError("every item has the same response of all, which tells nothing about the persons.")
    notes.say(f"items with only one category were left out: {few([f'{n!r} ({v:g})' for n, v in constant.items()])}.")
    cells = {name: values for name, values in table.cells.items() if name not in constant}
    places = table.places and {name: table.places[name] for name in cells}
    return replace(table, cells=cells, places=places)


def _of_categories(table: ResponseTable, notes: Notes, allow_constant: bool | str) -> dict[str, Any]:
    """Codes, and the categories that they stand for."""
    items = [_as_item(name, values) for name, values in table.cells.items()]
    if table.places is None:
        check_no_sum(items)
    say_codes(items, notes)
    categories = _two_or_more(items, allow_constant, notes)
    codes = [_coded(item.values, c) for item, c in zip(items, categories, strict=True)]
    if table.places is None:
        return {"values": np.column_stack(codes), "categories": categories}
    rows = np.concatenate([*table.places.values()])
    starts = np.cumsum([0, *map(len, codes)])
    by_item = sparse.csc_array((np.concatenate(codes), rows, starts), shape=(len(table.persons), len(items)))
    return {"values": by_item.tocsr(), "categories": categories}


def _of_numbers(kind: str, numbers: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Fractions or counts, which have no categories."""
    for name, values in numbers.items():
        check_numbers(kind, name, values[~np.isnan(values)])
    values = np.nan_to_num(np.column_stack([*numbers.values()]), nan=MISSING)
    return {"values": values.astype(KINDS[kind]), "categories": ((),) * len(numbers)}


def _as_item(name: str, numbers: NDArray[np.float64]) -> Item:
    values, counts = _counted(numbers[~np.isnan(numbers)])
    _check_categories(name, values)
    if len(values) == counts.sum() > MAX_ALL_DIFFERENT:
        raise DataError(f"item {name!r} has a different value for every person. {id_hint(name)}")
    return Item(name, numbers, tuple(int(v) for v in values), tuple(int(c) for c in counts))


def _counted(numbers: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The numbers that occur, ascending, and how often."""
    small = numbers.astype(np.uint8) if numbers.min(initial=0) >= 0 and numbers.max(initial=0) <= MOST_SMALL else None
    if small is None or not (small == numbers).all():
        values, often = np.unique(numbers, return_counts=True)
        return values, often
    counts = np.bincount(small)
    return np.flatnonzero(counts).astype(np.float64), counts[counts > 0]


def _check_no_person_is_empty(responses: Responses) -> None:
    if without := [repr(responses.persons[row]) for row in np.flatnonzero(responses.answered["person"] == 0)]:
        raise DataError(f"persons without any response: {few(without)}; drop them or pass allow_empty=True.")


def _coded(numbers: NDArray[np.float64], categories: tuple[int, ...]) -> NDArray[Any]:
    smallest = np.min_scalar_type(-len(categories))
    if categories == tuple(range(len(categories))):
        return np.where(np.isnan(numbers), MISSING, numbers).astype(smallest)
    codes = np.full(len(numbers), MISSING, dtype=smallest)
    for code, value in enumerate(categories):
        codes[numbers == value] = code
    return codes


def _two_or_more(items: Sequence[Item], allow_constant: bool | str, notes: Notes) -> tuple[tuple[int, ...], ...]:
    """The categories of each item; of those to which all gave the same response, one that none gave besides."""
    constant = [f"{item.name!r} ({item.categories[0]})" for item in items if len(item.categories) == 1]
    if constant and not allow_constant:
        raise DataError(
            f"items with only one category, which tell nothing about the persons: {few(constant)}; leave them out with "
            "drop= or allow_constant='drop', or keep them with allow_constant=True."
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
        (
            categories != np.floor(categories),
            "fractional",
            "categories are integers: recode or round them, or choose a model for fractions in [0, 1], as beta_irt",
        ),
        (
            categories < 0,
            "negative",
            f"if it marks a missing response, pass missing={negative}, or leave it empty (NaN)",
        ),
    ):
        if wrong.any():
            raise DataError(f"item {item!r} has a {problem} category, {categories[wrong][0]:g}; {way_out}.")
