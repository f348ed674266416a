"""Responses: values, missing values, categories, labels, and what is known of persons and items."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from irtbridge.data.covariates import check_weights, covariates, plain_table, table_of
from irtbridge.data.designs import Design, design_matrix
from irtbridge.data.kinds import CATEGORIES, KINDS, MISSING, as_values, check_categories, check_kind, check_numbers
from irtbridge.data.labels import Label, check_unique, item_names, of_one_type
from irtbridge.data.splitting import check_given, pieces_of, values_of
from irtbridge.errors import DataError, nearest_first

Rows = slice | NDArray[np.intp] | Sequence[int]


@dataclass(frozen=True, eq=False)
class Responses:
    """Checked responses: what every backend gets.

    Attributes
    ----------
    values : ndarray, shape (person, item)
        Category codes ``0 .. K_i - 1`` (int64), fractions (float64) or counts (int64); ``-1`` is missing.
    persons : tuple of str or int, length person
        Labels as in the data; if any is text, all are.
    items : tuple of str, length item
        Labels as in the data.
    categories : tuple of tuple of int, length item
        The original category values of each item, ascending: code ``k`` stands for ``categories[i][k]``. Empty where
        responses are no categories.
    name : str
        What the data are called in tables.
    notes : tuple of str
        What was guessed when they were read, and what may be wrong; not part of the fingerprint.
    person_data, item_data : DataFrame, optional
        Covariates: a row per person or item, in their order and with their labels as index. Columns are numbers or
        Categorical; a Categorical's first level is its reference.
    group : str, optional
        The column of `person_data` that has each person's group.
    weights : ndarray of float64, shape (person,), optional
        How many persons each row stands for: whole numbers, 1 or greater.
    kind : {"categories", "fractions", "counts"}
        What the values are.
    origins : tuple of str, length item, optional
        Where items were split by group: the item that each one comes from.

    Raises
    ------
    DataError
        If shapes disagree, a value is out of range, a label occurs twice, an item has fewer than two categories, a
        covariate is missing or a weight is no whole positive number.
    UnknownName
        If there is no such kind.
    """

    values: NDArray[Any]
    persons: tuple[Label, ...]
    items: tuple[str, ...]
    categories: tuple[tuple[int, ...], ...]
    name: str = "data"
    notes: tuple[str, ...] = ()
    person_data: pd.DataFrame | None = None
    item_data: pd.DataFrame | None = None
    group: str | None = None
    weights: NDArray[np.float64] | None = None
    kind: str = CATEGORIES
    origins: tuple[str, ...] | None = None
    # The data that some persons were selected from, and their rows there: a design is one of all persons.
    _selected: tuple[Responses, Rows] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        check_kind(self.kind)
        self._set("values", as_values(self.kind, self.values))
        self._set("persons", of_one_type(self.persons))
        self._set("items", tuple(str(item) for item in self.items))
        self._set("categories", tuple(tuple(int(v) for v in c) for c in self.categories))
        self._set("notes", tuple(self.notes))
        self._check_lengths()
        check_unique("person", self.persons, " Labels that differ only in being number or text, as 1 and '1', are one.")
        check_unique("item", self.items)
        for item, values, categories in zip(self.items, self.values.T, self.categories, strict=True):
            if self.kind == CATEGORIES:
                check_categories(item, values, categories)
            else:
                check_numbers(self.kind, item, values[values != MISSING])
        self._check_what_belongs_to_them()

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check_lengths(self) -> None:
        for kind, given, expected in (
            ("person labels", self.n_persons, self.values.shape[0]),
            ("item labels", self.n_items, self.values.shape[1]),
            ("sets of categories", len(self.categories), self.values.shape[1]),
            ("origins", self.n_items if self.origins is None else len(self.origins), self.values.shape[1]),
        ):
            if given != expected:
                raise DataError(f"{given} {kind} for values of shape {self.values.shape}; give {expected}.")
        if self.kind != CATEGORIES and any(self.categories):
            raise DataError(f"responses that are {self.kind} have no categories; give an empty tuple for each item.")

    def _check_what_belongs_to_them(self) -> None:
        if self.person_data is not None:
            self._set("person_data", covariates("person", self.person_data, self.persons, self.group))
        if self.item_data is not None:
            self._set("item_data", covariates("item", self.item_data, self.items))
        if self.weights is not None:
            self._set("weights", check_weights(self.weights, self.persons))
        if self.origins is not None:
            self._set("origins", tuple(self.origins))
        if self.group is not None and (self.person_data is None or self.group not in self.person_data):
            there = [] if self.person_data is None else nearest_first(self.group, map(str, self.person_data.columns))
            raise DataError(
                f"group={self.group!r} is no column of person_data; there are: {', '.join(there) or 'none'}."
            )

    @property
    def n_persons(self) -> int:
        """Number of persons, rows of the data."""
        return len(self.persons)

    @property
    def total_weight(self) -> float:
        """How many persons the rows stand for."""
        return float(self.n_persons if self.weights is None else self.weights.sum())

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.items)

    @property
    def n_categories(self) -> NDArray[np.int64]:
        """Number of categories of each item, shape (item,); 1 where responses are no categories."""
        return np.array([max(len(c), 1) for c in self.categories], dtype=np.int64)

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
    def groups(self) -> tuple[str, ...]:
        """The groups, the reference first: levels of the column `group`; none without it."""
        column = self._group_column
        return () if column is None else tuple(column.categories)

    @property
    def group_codes(self) -> NDArray[np.intp]:
        """Place of each person's group among `groups`, shape (person,); 0 without groups."""
        column = self._group_column
        return np.zeros(self.n_persons, dtype=np.intp) if column is None else np.asarray(column.codes, dtype=np.intp)

    @property
    def _group_column(self) -> pd.Categorical | None:
        if self.group is None or self.person_data is None:
            return None
        return pd.Categorical(self.person_data[self.group])

    @property
    def fingerprint(self) -> str:
        """Hash of all but name and notes: 16 hex digits, the same in every process."""
        labels = json.dumps([self.persons, self.items, self.categories])
        beside = self._beside()
        more = json.dumps(beside) if beside else ""
        values = self.values.astype("<f8" if self.values.dtype.kind == "f" else "<i8").tobytes()
        return hashlib.sha256((labels + more).encode() + values).hexdigest()[:16]

    def select(self, rows: Rows) -> Responses:
        """Some persons, with all that belongs to them.

        Parameters
        ----------
        rows : slice or sequence of int
            Their rows; each once.
        """
        chosen = np.arange(self.n_persons)[rows]
        some = replace(
            self,
            values=self.values[rows],
            persons=tuple(self.persons[row] for row in chosen),
            person_data=None if self.person_data is None else self.person_data.iloc[chosen],
            weights=None if self.weights is None else self.weights[rows],
        )
        some._set("_selected", (self, rows))
        return some

    def blank(self) -> Responses:
        """The same persons and items without any response."""
        none = replace(self, values=np.full_like(self.values, MISSING))
        none._set("_selected", self._selected)
        return none

    @property
    def administered(self) -> NDArray[np.bool_]:
        """Which items a person may answer, shape (person, item): of those split by group only the own group's."""
        if self.origins is None:
            return np.ones(self.values.shape, dtype=bool)
        codes = {f" [{group}]": code for code, group in enumerate(self.groups)}
        ends = [item.removeprefix(origin) for item, origin in zip(self.items, self.origins, strict=True)]
        group = np.array([codes.get(end, -1) for end in ends])
        return np.asarray((group == -1) | (group == self.group_codes[:, None]), dtype=np.bool_)

    def split(self, items: Sequence[str] | None = None, *, complete: bool = True) -> Responses:
        """Each item as one item per group, missing for persons of other groups (Andrich & Hagquist 2012).

        Parameters
        ----------
        items : sequence of str, optional
            The items to split; by default all.
        complete : bool
            Refuse a group that gave no response in a category of an item.

        Returns
        -------
        Responses
            Items are called ``item [group]`` and stand where the item stood; `origins` has the item's own label.

        Raises
        ------
        DataError
            There are no groups, no such item, or a group gave no response in a category of an item.
        """
        pieces = pieces_of(self.items, self.items if items is None else items, self.groups)
        columns = [values_of(piece, self.values, self.group_codes) for piece in pieces]
        for piece, column in zip(pieces, columns, strict=True):
            if piece.group is not None and complete:
                check_given(self.items[piece.item], self.groups[piece.group], column, self.categories[piece.item])
        item = [piece.item for piece in pieces]
        names = [self.items[p.item] + ("" if p.group is None else f" [{self.groups[p.group]}]") for p in pieces]
        rows = None if self.item_data is None else self.item_data.iloc[item].set_axis(pd.Index(names), axis=0)
        return replace(
            self,
            values=np.column_stack(columns),
            items=tuple(names),
            categories=tuple(self.categories[i] for i in item),
            item_data=rows,
            origins=tuple((self.origins or self.items)[i] for i in item),
        )

    def expanded(self) -> Responses:
        """Long data: each row as often as its weight says, without weights; as it is where there are none.

        Copies of person p1 are called ``p1 (1)``, ``p1 (2)``, ...
        """
        if self.weights is None:
            return self
        counts = self.weights.astype(int)
        rows = np.repeat(np.arange(self.n_persons), counts)
        persons = [
            person if n == 1 else f"{person} ({copy})"
            for person, n in zip(self.persons, counts, strict=True)
            for copy in range(1, n + 1)
        ]
        beside = None if self.person_data is None else self.person_data.iloc[rows].reset_index(drop=True)
        return replace(self, values=self.values[rows], persons=tuple(persons), person_data=beside, weights=None)

    def person_design(self, formula: str, *, intercept: bool) -> Design:
        """The design matrix of a formula over `person_data`; of some persons, their rows of the design of all."""
        if self._selected is not None:
            everybody, rows = self._selected
            return everybody.person_design(formula, intercept=intercept).select(rows)
        return design_matrix(self.person_data, formula, intercept=intercept, what="person")

    def item_design(self, formula: str, *, intercept: bool) -> Design:
        """The design matrix of a formula over `item_data`."""
        return design_matrix(self.item_data, formula, intercept=intercept, what="item")

    def to_frame(self) -> pd.DataFrame:
        """Table of persons by items in the original category values; NaN is missing.

        Returns
        -------
        DataFrame of float, shape (person, item)
        """
        index = pd.Index(self.persons, name="person")
        if self.kind != CATEGORIES:
            numbers = np.where(self.observed, self.values, np.nan)
            return pd.DataFrame(numbers, index=index, columns=list(self.items))
        # Code -1 picks the NaN at the end.
        columns = [np.array([*c, np.nan])[codes] for c, codes in zip(self.categories, self.values.T, strict=True)]
        return pd.DataFrame(np.column_stack(columns), index=index, columns=list(self.items))

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON; notes, covariates, weights, ... are there if there are any."""
        return {"values": self.values.tolist()} | self.described()

    def described(self) -> dict[str, Any]:
        """All but the values, as plain data."""
        plain: dict[str, Any] = {
            "persons": list(self.persons),
            "items": list(self.items),
            "categories": [list(c) for c in self.categories],
            "name": self.name,
        }
        return plain | ({"notes": list(self.notes)} if self.notes else {}) | self._beside()

    def _beside(self) -> dict[str, Any]:
        """What not all data have, as plain data."""
        each = {
            "person_data": None if self.person_data is None else plain_table(self.person_data),
            "item_data": None if self.item_data is None else plain_table(self.item_data),
            "group": self.group,
            "weights": None if self.weights is None else self.weights.astype(int).tolist(),
            "kind": None if self.kind == CATEGORIES else self.kind,
            "origins": None if self.origins is None else list(self.origins),
        }
        return {name: value for name, value in each.items() if value is not None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Responses:
        """Rebuild responses from `to_dict`."""
        kind = data.get("kind", CATEGORIES)
        return cls(
            values=np.asarray(data["values"], dtype=KINDS[kind]),
            persons=tuple(data["persons"]),
            items=tuple(data["items"]),
            categories=tuple(data["categories"]),
            name=data["name"],
            notes=tuple(data.get("notes", ())),
            person_data=table_of("person", data.get("person_data"), data["persons"]),
            item_data=table_of("item", data.get("item_data"), data["items"]),
            group=data.get("group"),
            weights=data.get("weights"),
            kind=kind,
            origins=data.get("origins"),
        )

    @classmethod
    def from_numbers(
        cls,
        values: ArrayLike,
        kind: str,
        items: Sequence[str] | None = None,
        persons: Sequence[Label] | None = None,
        name: str = "data",
    ) -> Responses:
        """Wrap fractions or counts.

        Parameters
        ----------
        values : array_like, shape (person, item)
            Responses; NaN or ``-1`` is missing.
        kind : {"fractions", "counts"}
            What they are.
        items, persons : sequence, optional
            Labels; by default ``item1, item2, ...`` and ``1, 2, ...``.
        name : str
            What the data are called in tables.

        Raises
        ------
        DataError
            As the class itself.
        """
        numbers = np.asarray(values, dtype=np.float64)
        labels = item_names(numbers.shape[-1]) if items is None else items
        for item, column in zip(labels, numbers.T, strict=True):
            check_numbers(kind, item, column[~np.isnan(column) & (column != MISSING)])
        return cls(
            values=np.where(np.isnan(numbers), MISSING, numbers).astype(KINDS[kind]),
            persons=tuple(range(1, len(numbers) + 1) if persons is None else persons),
            items=tuple(labels),
            categories=((),) * numbers.shape[-1],
            name=name,
            kind=kind,
        )

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
        codes = as_values(CATEGORIES, values)
        counts = np.maximum(codes.max(axis=0) + 1, 2) if n_categories is None else np.asarray(n_categories)
        if counts.shape not in ((), (codes.shape[1],)):
            raise DataError(f"n_categories has shape {counts.shape}, but there are {codes.shape[1]} items.")
        return cls(
            values=codes,
            persons=tuple(range(1, len(codes) + 1) if persons is None else persons),
            items=tuple(item_names(codes.shape[1]) if items is None else items),
            categories=tuple(tuple(range(int(k))) for k in np.broadcast_to(counts, codes.shape[1:])),
            name=name,
        )
