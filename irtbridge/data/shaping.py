"""A table of any shape becomes persons (index) by items (columns).

`to_table` tells the long form from the wide one, finds the column of the person labels, and picks the items.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from irtbridge.data.cells import MISSING_TEXTS, TRUTHS, canonical, texts_in
from irtbridge.data.labels import check_unique, few, is_person_name
from irtbridge.data.long_table import LongTable
from irtbridge.data.notes import Notes
from irtbridge.errors import DataError, nearest_first

# more values than this, all different, are taken for labels: no item has a category per person
MAX_ALL_DIFFERENT = 10
TRUTH_WORDS = {word for ones, zeros in TRUTHS for word in (*ones, *zeros)}


@dataclass(frozen=True)
class Columns:
    """What the user says about the columns; see `irtbridge.data.load_responses`."""

    shape: str
    person: str | None
    item: str | None
    response: str | None
    items: Sequence[str] | None
    drop: Sequence[str]
    beside: Sequence[str] = ()

    @property
    def known(self) -> set[str]:
        """All names that occur."""
        return {c for c in (self.person, self.item, self.response, *(self.items or ()), *self.drop, *self.beside) if c}


def to_table(
    frame: pd.DataFrame, columns: Columns, scored: bool, notes: Notes, *, sparse: bool = False
) -> tuple[pd.DataFrame | LongTable, pd.DataFrame]:
    """Persons by items, with the items that are to be used, in the wished order, and what stands beside them.

    Parameters
    ----------
    frame : DataFrame
        Wide or long.
    columns : Columns
        What is known about them.
    scored : bool
        Whether there is a key, so that text may be an answer.
    notes : Notes
        Told what was guessed.
    sparse : bool
        Whether a table of the long form that is sparse may stay long.

    Returns
    -------
    table : DataFrame, shape (person, item), or LongTable
    beside : DataFrame
        The columns that are no items, a row per person.

    Raises
    ------
    DataError
        Columns or labels that are not there, or not unique, or a response that is there twice; or a column beside the
        responses of the long form that differs within a person.
    """
    names, beside = _long_columns(frame, columns), list(columns.beside)
    _require(frame, beside)
    if columns.shape == "long" or (columns.shape == "auto" and set(names) <= set(frame.columns)):
        _require(frame, names)
        long = LongTable.of(*(_column(frame, name) for name in names))
        taken = pd.DataFrame({name: _by_person(_column(frame, name), _column(frame, names[0])) for name in beside})
        if sparse and long.is_sparse:
            chosen = _select(_without(pd.DataFrame(columns=long.items), columns.drop), columns.items)
            return long.of_items([str(label) for label in chosen.columns]), taken
        table = _without(long.whole(), columns.drop)
    else:
        items = _without(frame, [*columns.drop, *(name for name in beside if name not in columns.drop)])
        table = _from_wide(items, columns.person, columns.items or (), scored, notes)
        taken = pd.DataFrame({name: _column(frame, name) for name in beside})
    return _select(table, columns.items), taken


def _long_columns(frame: pd.DataFrame, columns: Columns) -> tuple[str, str, str]:
    """Columns of person, item and response: those named, else those called so, in any case."""
    there = [str(c) for c in frame.columns]
    defaults = {role: next((c for c in there if c.casefold() == role), role) for role in ("person", "item", "response")}
    if "person" not in map(str.casefold, there):
        defaults["person"] = next(filter(is_person_name, there), "person")
    return (
        columns.person or defaults["person"],
        columns.item or defaults["item"],
        columns.response or defaults["response"],
    )


def _from_wide(
    frame: pd.DataFrame, person: str | None, items: Collection[str], scored: bool, notes: Notes
) -> pd.DataFrame:
    column = person or _person_column(frame, items, scored, notes)
    if column is None:
        _check_labels("index", frame.index.to_series())
        return frame
    _require(frame, [column])
    labels = _column(frame, column)
    _check_labels(column, labels)
    hint = "" if person else f" If {column!r} is an item, pick the items with items=[...]."
    check_unique("person", labels.tolist(), hint)
    table = frame.drop(columns=column).set_axis(labels.tolist(), axis=0)
    _check_no_other_labels(table, column, items)
    return table


def _person_column(frame: pd.DataFrame, items: Collection[str], scored: bool, notes: Notes) -> str | None:
    """The column of the person labels, by its name or else, the first one, by its values."""
    called = [c for c in frame.columns if is_person_name(c) and c not in items]
    if called:
        column: str = min(called, key=lambda c: (c.casefold() not in ("person", "id"), c.casefold()))
        if column not in ("person", "id"):
            notes.say(f"column {column!r} was read as the labels of the persons.")
        return column
    first = frame.columns[0] if frame.shape[1] > 1 else None
    if first is None or first in items or not _is_numbered(frame.index) or not _are_labels(frame, scored):
        return None
    notes.doubt(
        f"column {first!r}, the first one, has a different value in each row and was read as the labels of the "
        "persons; if it is an item, pick the items with items=[...]."
    )
    return str(first)


def _is_numbered(index: pd.Index[Any]) -> bool:
    counted = any(index.equals(pd.RangeIndex(start, start + len(index))) for start in (0, 1))
    return counted and index.name is None


def _are_labels(frame: pd.DataFrame, scored: bool) -> bool:
    """Whether the first column labels the rows: all different, and not what an item may have."""
    column, others = frame.iloc[:, 0], frame.iloc[:, 1:]
    many = len(frame) > MAX_ALL_DIFFERENT
    if not column.is_unique or (scored and not many) or _is_one_of(frame.columns[0], others.columns):
        return False
    texts = [canonical(cell) for cell in column]
    numbers = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(dtype=np.float64)
    if MISSING_TEXTS & set(texts):
        return False
    if np.isnan(numbers).any():
        return any(len(text) > 1 and text not in TRUTH_WORDS for text in texts)
    if many:  # unless the others have as many categories, as sliders do
        return bool((numbers == np.floor(numbers)).all()) and others.nunique().max() <= MAX_ALL_DIFFERENT
    runs_on = numbers[0] in (0, 1) and bool((np.diff(numbers) == 1).all())
    return (
        runs_on and len(frame) > 2 and not set(texts) <= set().union(*(texts_in(other) for _, other in others.items()))
    )


def _is_one_of(name: object, others: Iterable[object]) -> bool:
    """Whether a name is another one but for its number, as q1 and q2 are."""
    stems = [re.sub(r"[\W_\d]*\d+\w?$", "", str(other)) for other in (name, *others)]
    return stems[0] != str(name) and stems[0] in stems[1:]


def _check_no_other_labels(table: pd.DataFrame, column: str, items: Collection[str]) -> None:
    other = [repr(c) for c in table.columns if is_person_name(c) and c not in items and _column(table, c).is_unique]
    if other and not items:
        raise DataError(
            f"besides {column!r} the table has {', '.join(other)}, which seem to label the persons too; leave out with "
            "drop= what is no item, name the labels with person=, or pick the items with items=[...]."
        )


def _by_person(column: pd.Series[Any], persons: pd.Series[Any]) -> list[Any]:
    """What a column of the long form has for each person, in the order of their first rows."""
    labels, (rows, cells) = pd.factorize(persons)[1], (pd.factorize(persons)[0], column.tolist())
    first = np.unique(rows, return_index=True)[1]
    codes = pd.factorize(column)[0]
    if (differing := np.flatnonzero(codes != codes[first][rows])).size:
        row = differing[0]
        person = labels[rows[row]]
        raise DataError(
            f"column {column.name!r} has both {cells[first[rows[row]]]!r} and {cells[row]!r} for person {person!r}; a "
            "covariate of persons is the same in all rows of a person."
        )
    return [cells[row] for row in first]


def _without(table: pd.DataFrame, drop: Sequence[str]) -> pd.DataFrame:
    _require(table, drop)
    return table.drop(columns=list(drop))


def _select(table: pd.DataFrame, items: Sequence[str] | None) -> pd.DataFrame:
    if items is not None:
        _require(table, items)
        table = table[list(items)]
    if table.columns.isna().any():
        raise DataError(f"item column {table.columns.isna().argmax() + 1} has no name; give every column a header.")
    if not table.shape[1]:
        raise DataError("the table has no items; it needs a column per item besides the person labels.")
    return table


def _column(frame: pd.DataFrame, name: str) -> pd.Series[Any]:
    column = frame[name]
    if isinstance(column, pd.DataFrame):
        raise DataError(f"column {name!r} occurs {column.shape[1]} times; rename all but one.")
    return column


def _require(frame: pd.DataFrame, columns: Iterable[str]) -> None:
    for column in columns:
        if column not in frame.columns:
            there = few(nearest_first(column, map(str, frame.columns)), 20) or "none"
            raise DataError(f"there is no column {column!r}; name one of the columns there are: {there}.")


def _check_labels(name: str, labels: pd.Series[Any]) -> None:
    empty = (labels.isna() | (labels.astype(str).str.strip() == "")).to_numpy()
    if empty.any():
        row = empty.argmax() + 1
        raise DataError(f"{empty.sum()} of the labels in {name!r} are empty (first in row {row}); fill them in.")
