"""Responses: load, check, missing values, categories, labels."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from irtbridge.errors import DataError, DataNotFound, UnknownName, nearest_first

Label: TypeAlias = str | int
Shape: TypeAlias = Literal["auto", "wide", "long"]
Source: TypeAlias = "str | PathLike[str] | pd.DataFrame | ArrayLike | Sequence[object] | Responses"

MISSING = -1
PERSON_COLUMNS = ("person", "id")
# more values than this, all different, are taken for labels: no item has a category per person
MAX_ALL_DIFFERENT = 10


@dataclass(frozen=True, eq=False)
class Responses:
    """Checked responses: what every backend gets.

    Attributes
    ----------
    values : ndarray of int64, shape (person, item)
        Category codes ``0 .. K_i - 1``; ``-1`` is missing.
    persons : tuple of str or int, length person
        Labels as in the data.
    items : tuple of str, length item
        Labels as in the data.
    categories : tuple of tuple of int, length item
        The original category values of each item, ascending: code ``k`` stands for ``categories[i][k]``.
    name : str
        What the data are called in tables.

    Raises
    ------
    DataError
        If shapes disagree, a code is out of range, a label occurs twice or an item has fewer than two
        categories.
    """

    values: NDArray[np.int64]
    persons: tuple[Label, ...]
    items: tuple[str, ...]
    categories: tuple[tuple[int, ...], ...]
    name: str = "data"

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _codes(self.values))
        object.__setattr__(self, "persons", tuple(_label(person) for person in self.persons))
        object.__setattr__(self, "items", tuple(str(item) for item in self.items))
        object.__setattr__(self, "categories", tuple(tuple(int(v) for v in c) for c in self.categories))
        self._check_lengths()
        _check_unique("person", self.persons)
        _check_unique("item", self.items)
        for item, codes, categories in zip(self.items, self.values.T, self.categories, strict=True):
            _check_item(item, codes, categories)

    def _check_lengths(self) -> None:
        for kind, given, expected in (
            ("person labels", self.n_persons, self.values.shape[0]),
            ("item labels", self.n_items, self.values.shape[1]),
            ("sets of categories", len(self.categories), self.values.shape[1]),
        ):
            if given != expected:
                raise DataError(f"{given} {kind} for values of shape {self.values.shape}; give {expected}.")

    @property
    def n_persons(self) -> int:
        """Number of persons."""
        return len(self.persons)

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.items)

    @property
    def n_categories(self) -> NDArray[np.int64]:
        """Number of categories of each item, shape (item,)."""
        return np.array([len(c) for c in self.categories], dtype=np.int64)

    @property
    def max_categories(self) -> int:
        """Number of categories of the item that has most."""
        return int(self.n_categories.max())

    @property
    def observed(self) -> NDArray[np.bool_]:
        """Where a response was observed, shape (person, item)."""
        return np.asarray(self.values != MISSING, dtype=np.bool_)

    @property
    def recoded(self) -> dict[str, dict[int, int]]:
        """Original value to code, for the items whose categories are not ``0 .. K - 1`` already."""
        return {
            item: {value: code for code, value in enumerate(categories)}
            for item, categories in zip(self.items, self.categories, strict=True)
            if categories != tuple(range(len(categories)))
        }

    @property
    def fingerprint(self) -> str:
        """Hash of values, labels and categories (not the name): 16 hex digits, the same in every process."""
        labels = json.dumps([self.persons, self.items, self.categories])
        return hashlib.sha256(labels.encode() + self.values.astype("<i8").tobytes()).hexdigest()[:16]

    def to_frame(self) -> pd.DataFrame:
        """Table of persons by items in the original category values; NaN is missing.

        Returns
        -------
        DataFrame of float, shape (person, item)
        """
        columns = [np.array([*c, np.nan])[codes] for c, codes in zip(self.categories, self.values.T, strict=True)]
        index = pd.Index(self.persons, name="person")  # above, code -1 picks the NaN at the end
        return pd.DataFrame(np.column_stack(columns), index=index, columns=list(self.items))

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return {
            "values": self.values.tolist(),
            "persons": list(self.persons),
            "items": list(self.items),
            "categories": [list(c) for c in self.categories],
            "name": self.name,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Responses:
        """Rebuild responses from `to_dict`."""
        values = np.asarray(data["values"], dtype=np.int64)
        return cls(values, tuple(data["persons"]), tuple(data["items"]), tuple(data["categories"]), data["name"])

    @classmethod
    def from_codes(
        cls,
        values: ArrayLike,
        n_categories: int | Sequence[int] | NDArray[np.int64] | None = None,
        items: Sequence[str] | None = None,
        persons: Sequence[Label] | None = None,
        name: str = "data",
    ) -> Responses:
        """Wrap codes that are ``0 .. K - 1`` already, as a simulation gives them.

        Parameters
        ----------
        values : array_like of int, shape (person, item)
            Category codes; ``-1`` is missing.
        n_categories : int or array_like of int, shape (item,), optional
            Number of categories, observed or not; by default the item's highest code plus one, at least 2.
        items, persons : sequence, optional
            Labels; by default ``item1, item2, ...`` and ``1, 2, ...``.
        name : str
            What the data are called in tables.

        Raises
        ------
        DataError
            As the class itself.
        """
        codes = _codes(values)
        counts = np.maximum(codes.max(axis=0) + 1, 2) if n_categories is None else np.asarray(n_categories)
        if counts.shape not in ((), (codes.shape[1],)):
            raise DataError(f"n_categories has shape {counts.shape}, but there are {codes.shape[1]} items.")
        return cls(
            values=codes,
            persons=tuple(range(1, len(codes) + 1) if persons is None else persons),
            items=tuple(_item_names(codes.shape[1]) if items is None else items),
            categories=tuple(tuple(range(int(k))) for k in np.broadcast_to(counts, codes.shape[1:])),
            name=name,
        )


def load_responses(
    source: Source,
    *,
    shape: Shape = "auto",
    person: str | None = None,
    item: str | None = None,
    response: str | None = None,
    items: Sequence[str] | None = None,
    allow_empty: bool = False,
) -> Responses:
    """Load and check responses.

    Categories are recoded to ``0 .. K - 1`` in ascending order of the observed values; `Responses.recoded`
    keeps the mapping. NaN, None and empty cells are missing.

    Parameters
    ----------
    source : path, name of a data set, DataFrame, array_like of shape (person, item), or Responses
        Files end in .csv, .tsv or .parquet; `irtbridge.datasets.dataset_names` lists the data sets. Rows of
        files and arrays without labels are numbered from 1. A `Responses` is returned as it is.
    shape : {"auto", "wide", "long"}
        Wide has a row per person and a column per item, long a row per response. "auto" takes long if the
        three columns of the long form are there.
    person : str, optional
        Column with the person labels; by default "person" (or, in the wide form, "id"), else the index.
    item, response : str, optional
        Columns of the long form; by default "item" and "response".
    items : sequence of str, optional
        The items to use, in this order; by default all.
    allow_empty : bool
        Keep persons without any response instead of refusing them.

    Raises
    ------
    DataNotFound
        If there is no such file or data set.
    DataError
        If the responses cannot be read or analysed.
    UnknownName
        If `shape` is not one of the three.
    """
    if shape not in get_args(Shape):
        raise UnknownName("shape", shape, get_args(Shape))
    if isinstance(source, Responses):
        return _as_is(source, items)
    frame, name = _read(source)
    if not len(frame):
        raise DataError(f"{name}: the table has no rows; it needs one per person or per response.")
    long_columns = (person or "person", item or "item", response or "response")
    is_long = shape == "long" or (shape == "auto" and set(long_columns) <= set(frame.columns))
    table = _from_long(frame, *long_columns) if is_long else _from_wide(frame, person, items)
    return _checked(_select(table, items), name, allow_empty)


def _as_is(responses: Responses, items: Sequence[str] | None) -> Responses:
    if items is not None:
        raise DataError("items= picks columns of a table; use load_responses(responses.to_frame(), items=...).")
    return responses


# Reading: any source to a frame and a name


def _read(source: Source) -> tuple[pd.DataFrame, str]:
    from irtbridge import datasets

    if isinstance(source, pd.DataFrame):
        return source, "data"
    if isinstance(source, str) and datasets.is_dataset(source):
        return datasets.read_dataset(source), source
    if isinstance(source, str) and not os.path.exists(source):
        names = ", ".join(nearest_first(source, datasets.dataset_names()))
        raise DataNotFound(f"{source!r} is neither a file nor a data set; check the path, or name one of: {names}.")
    if isinstance(source, (str, PathLike)):
        return _read_file(Path(source)), Path(source).stem
    return _read_array(source), "data"


def _read_file(path: Path) -> pd.DataFrame:
    ending = path.suffix.lower()
    if not path.exists():
        raise DataNotFound(f"no such file: {path}; check the path (relative to {Path.cwd()}).")
    if ending not in _READERS:
        raise DataError(f"cannot read {path}: its ending must be one of {', '.join(_READERS)}; save it as .csv.")
    try:
        return _READERS[ending](path)
    except pd.errors.EmptyDataError:
        raise DataError(f"{path} is empty; it needs a header and a row per person or per response.") from None
    except ImportError:
        raise DataError(f"reading {path} needs pyarrow: pip install pyarrow") from None
    except (ValueError, OSError) as error:
        raise DataError(f"{path} is not a readable {ending} file ({error}); save it anew as UTF-8 .csv.") from None


def _read_text(path: Path, separator: str) -> pd.DataFrame:
    # all as text, header too: pandas would rename a repeated column and turn the label 007 into 7
    cells = pd.read_csv(path, sep=separator, header=None, dtype=str, skipinitialspace=True)
    if cells.shape[1] == 1 and ";" in str(cells.iloc[0, 0]):
        cells = pd.read_csv(path, sep=";", header=None, dtype=str, skipinitialspace=True)
    frame = cells.iloc[1:].apply(_plain_integers).set_axis(cells.iloc[0].tolist(), axis=1)
    if pd.isna(frame.columns[0]):  # row names, as R and pandas write them
        return frame.iloc[:, 1:].set_axis(frame.iloc[:, 0].tolist(), axis=0)
    return frame.set_axis(range(1, len(frame) + 1), axis=0)


def _plain_integers(column: pd.Series[Any]) -> pd.Series[Any]:
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers if (numbers.astype(str) == column).all() else column


def _number_rows(frame: pd.DataFrame) -> pd.DataFrame:
    unlabelled = frame.index.equals(pd.RangeIndex(len(frame)))
    return frame.set_axis(range(1, len(frame) + 1), axis=0) if unlabelled else frame


_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": lambda path: _read_text(path, ","),
    ".tsv": lambda path: _read_text(path, "\t"),
    ".parquet": lambda path: _number_rows(pd.read_parquet(path)),
}


def _read_array(source: object) -> pd.DataFrame:
    if isinstance(source, np.ma.MaskedArray):
        source = np.ma.filled(source.astype(np.float64), np.nan)
    values = np.asarray(source, dtype=None if hasattr(source, "__array__") else object)
    if values.ndim != 2:
        raise DataError(f"an array needs shape (person, item), not {values.shape}; are all rows equally long?")
    return _number_rows(pd.DataFrame(values, columns=_item_names(values.shape[1])))


# Shaping: any frame to persons (index) by items (columns)


def _from_wide(frame: pd.DataFrame, person: str | None, items: Collection[str] | None) -> pd.DataFrame:
    candidates = [c for c in PERSON_COLUMNS if c in frame.columns and c not in (items or ())]
    column = person or next(iter(candidates), None)
    if column is None:
        _check_labels("index", frame.index.to_series())
        return frame
    _require(frame, [column])
    labels = _column(frame, column)
    _check_labels(column, labels)
    return frame.drop(columns=column).set_axis(labels.tolist(), axis=0)


def _from_long(frame: pd.DataFrame, person: str, item: str, response: str) -> pd.DataFrame:
    _require(frame, [person, item, response])
    for name in (person, item):
        _check_labels(name, _column(frame, name))
    rows, persons = pd.factorize(_column(frame, person))
    columns, items = pd.factorize(_column(frame, item))
    _check_pairs(frame[[person, item]])
    cells = np.full((len(persons), len(items)), np.nan, dtype=object)
    cells[rows, columns] = _column(frame, response)
    return pd.DataFrame(cells, index=persons, columns=items)


def _select(table: pd.DataFrame, items: Sequence[str] | None) -> pd.DataFrame:
    if table.columns.isna().any():
        raise DataError(f"item column {table.columns.isna().argmax() + 1} has no name; give every column a header.")
    table = table.set_axis([str(_label(c)) for c in table.columns.tolist()], axis=1)
    if items is not None:
        _require(table, items)
        table = table[list(items)]
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
            there = ", ".join(nearest_first(column, map(str, frame.columns))) or "none"
            raise DataError(f"there is no column {column!r}; name one of the columns there are: {there}.")


def _check_labels(name: str, labels: pd.Series[Any]) -> None:
    empty = labels.isna().to_numpy()
    if empty.any():
        row = empty.argmax() + 1
        raise DataError(f"{empty.sum()} of the labels in {name!r} are empty (first in row {row}); fill them in.")


def _check_pairs(pairs: pd.DataFrame) -> None:
    repeated = pairs[pairs.duplicated()].drop_duplicates()
    if len(repeated):
        first = _few([f"({person!r}, {item!r})" for person, item in repeated.to_numpy().tolist()])
        raise DataError(f"more than one response for (person, item) {first}; keep one row of each.")


# Checking: a table of anything to Responses


def _checked(table: pd.DataFrame, name: str, allow_empty: bool) -> Responses:
    coded = [_encode(str(item), table.iloc[:, i]) for i, item in enumerate(table.columns)]
    responses = Responses(
        values=np.column_stack([codes for codes, _ in coded]),
        persons=tuple(table.index.tolist()),
        items=tuple(table.columns),
        categories=tuple(categories for _, categories in coded),
        name=name,
    )
    empty = [repr(responses.persons[row]) for row in np.flatnonzero(~responses.observed.any(axis=1))]
    if empty and not allow_empty:
        raise DataError(f"persons without any response: {_few(empty)}; drop them or pass allow_empty=True.")
    return responses


def _encode(item: str, column: pd.Series[Any]) -> tuple[NDArray[np.int64], tuple[int, ...]]:
    numbers = _numbers(item, column)
    seen = ~np.isnan(numbers)
    categories, codes = np.unique(numbers[seen], return_inverse=True)
    _check_categories(item, categories)
    if len(categories) == seen.sum() > MAX_ALL_DIFFERENT:
        raise DataError(f"item {item!r} has a different value for every person. {_id_hint(item)}")
    values = np.full(len(numbers), MISSING, dtype=np.int64)
    values[seen] = codes
    return values, tuple(int(c) for c in categories)


def _numbers(item: str, column: pd.Series[Any]) -> NDArray[np.float64]:
    if column.dtype.kind in "iufb":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    cells = column.astype(object)
    blank = (cells.isna() | (cells.astype(str).str.strip() == "")).to_numpy()
    numbers = pd.to_numeric(cells.mask(blank), errors="coerce").to_numpy(dtype=np.float64)
    bad = np.flatnonzero(np.isnan(numbers) & ~blank)
    if len(bad):
        raise DataError(f"item {item!r} is not numeric: it has {cells.iloc[bad[0]]!r}. {_way_out(item, column)}")
    return numbers


def _way_out(item: str, column: pd.Series[Any]) -> str:
    if column.is_unique:
        return _id_hint(item)
    return (
        "Recode it to integers, leave missing responses empty, pick the items with items=[...], or name the columns of "
        "a long table (person=, item=, response=)."
    )


def _id_hint(item: str) -> str:
    return f"If it labels the persons, pass person={item!r}; if it is no item, pick the items with items=[...]."


def _check_categories(item: str, categories: NDArray[np.float64]) -> None:
    for wrong, problem, way_out in (
        (np.isinf(categories), "infinite", "leave missing responses empty (NaN)"),
        (categories != np.floor(categories), "fractional", "categories are integers: recode or round them"),
        (categories < 0, "negative", "if it marks a missing response, leave that empty (NaN)"),
    ):
        if wrong.any():
            raise DataError(f"item {item!r} has a {problem} category, {categories[wrong][0]:g}; {way_out}.")


def _codes(values: ArrayLike) -> NDArray[np.int64]:
    codes = np.asarray(values)
    if codes.ndim != 2 or 0 in codes.shape:
        raise DataError(f"codes need shape (person, item) with at least one of each, not {codes.shape}.")
    if codes.dtype.kind not in "iub":
        raise DataError(f"codes must be integers, not {codes.dtype}; load_responses() makes them from any table.")
    return codes.astype(np.int64)


def _check_item(item: str, codes: NDArray[np.int64], categories: tuple[int, ...]) -> None:
    if not categories:
        raise DataError(f"item {item!r} has no response at all; drop it.")
    if len(categories) == 1:
        raise DataError(f"item {item!r} has only one category, {categories[0]}; it tells nothing: drop it.")
    if list(categories) != sorted(set(categories)):
        raise DataError(f"categories of item {item!r} must ascend, not {categories}.")
    wrong = codes[(codes < MISSING) | (codes >= len(categories))]
    if len(wrong):
        valid = f"0..{len(categories) - 1}, or {MISSING} for missing"
        raise DataError(f"item {item!r} has code {wrong[0]}; valid: {valid}.")


def _check_unique(kind: str, labels: tuple[Hashable, ...]) -> None:
    if len(set(labels)) < len(labels):
        counts = pd.Series(labels, dtype=object).value_counts(sort=False)
        first = _few([repr(label) for label in counts[counts > 1].index])
        raise DataError(f"{kind} labels that occur more than once: {first}; every {kind} needs its own.")


def _label(label: object) -> Label:
    if isinstance(label, (int, np.integer)) or (isinstance(label, float) and label.is_integer()):
        return int(label)
    return str(label)


def _item_names(n_items: int) -> list[str]:
    return [f"item{i}" for i in range(1, n_items + 1)]


def _few(texts: Sequence[str], limit: int = 5) -> str:
    more = f", ... ({len(texts)} in all)" if len(texts) > limit else ""
    return ", ".join(texts[:limit]) + more
