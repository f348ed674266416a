"""Responses and what belongs to them: covariates of persons and items, groups, weights."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.data.covariates import check_weights, covariates, plain_table, table_of
from irtbridge.data.designs import Design, design_matrix, design_of_others
from irtbridge.data.kinds import CATEGORIES, KINDS, MISSING
from irtbridge.data.matrix import ResponseMatrix
from irtbridge.data.splitting import check_given, pieces_of, values_of
from irtbridge.errors import DataError, nearest_first

AT_ONCE = 2**20  # numbers of the fingerprint that are made bytes together
Rows = slice | NDArray[np.intp] | Sequence[int]


@dataclass(frozen=True, eq=False)
class Responses(ResponseMatrix):
    """Checked responses: what every backend gets.

    Attributes
    ----------
    values : ndarray, shape (person, item)
        Category codes ``0 .. K_i - 1`` (int8 where they fit), fractions (float64) or counts (int64); ``-1`` is missing.
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
    kind : {"categories", "fractions", "counts"}
        What the values are.
    person_data, item_data : DataFrame, optional
        Covariates: a row per person or item, in their order and with their labels as index. Columns are numbers or
        Categorical; a Categorical's first level is its reference.
    group : str, optional
        The column of `person_data` that has each person's group.
    weights : ndarray of float64, shape (person,), optional
        How many persons each row stands for: whole numbers, 1 or greater.
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

    person_data: pd.DataFrame | None = None
    item_data: pd.DataFrame | None = None
    group: str | None = None
    weights: NDArray[np.float64] | None = None
    origins: tuple[str, ...] | None = None
    # The data that some persons were selected from, and their rows there: a design is one of all persons.
    _selected: tuple[Responses, Rows] | None = field(default=None, init=False)

    def __repr__(self) -> str:
        return f"Responses({self.name!r}, {self.n_persons:,} persons by {self.n_items:,} items, {self.kind})"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.person_data is not None:
            self._set("person_data", covariates("person", self.person_data, self.persons, self.group))
        if self.item_data is not None:
            self._set("item_data", covariates("item", self.item_data, self.items))
        if self.weights is not None:
            self._set("weights", check_weights(self.weights, self.persons))
        if self.origins is not None:
            self._set("origins", tuple(self.origins))
            if len(self.origins) != self.n_items:
                raise DataError(f"{len(self.origins)} origins for {self.n_items} items; give one for each.")
        if self.group is not None and (self.person_data is None or self.group not in self.person_data):
            there = [] if self.person_data is None else nearest_first(self.group, map(str, self.person_data.columns))
            raise DataError(
                f"group={self.group!r} is no column of person_data; there are: {', '.join(there) or 'none'}."
            )

    @property
    def weights_or_ones(self) -> NDArray[np.float64]:
        """How many persons each row stands for, shape (person,)."""
        return np.ones(self.n_persons) if self.weights is None else self.weights

    @property
    def total_weight(self) -> float:
        """How many persons the rows stand for."""
        return float(self.n_persons if self.weights is None else self.weights.sum())

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
        digest = hashlib.sha256((labels + more).encode())
        for part in self._parts():
            for start in range(0, len(part), AT_ONCE):
                some = part[start : start + AT_ONCE]
                digest.update(some.astype("<f8" if some.dtype.kind == "f" else "<i8").tobytes())
        return digest.hexdigest()[:16]

    def _parts(self) -> tuple[NDArray[Any], ...]:
        """Vectors that hold all responses."""
        return (np.ravel(self.values),)

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
            values=self.stored[rows],
            persons=tuple(self.persons[row] for row in chosen),
            person_data=None if self.person_data is None else self.person_data.iloc[chosen],
            weights=None if self.weights is None else self.weights[rows],
        )
        some._set("_selected", (self, rows))
        return some

    def select_items(self, columns: Rows) -> Responses:
        """Some items, with all that belongs to them.

        Parameters
        ----------
        columns : slice or sequence of int
            Their columns; each once.
        """
        chosen = np.arange(self.n_items)[columns]
        return replace(
            self,
            values=self.stored[:, chosen],
            items=tuple(self.items[column] for column in chosen),
            categories=tuple(self.categories[column] for column in chosen),
            item_data=None if self.item_data is None else self.item_data.iloc[chosen],
            origins=None if self.origins is None else tuple(self.origins[column] for column in chosen),
        )

    def blank(self) -> Responses:
        """The same persons and items without any response."""
        return self.with_values(np.full_like(self.values, MISSING))

    def only(self, kept: NDArray[np.bool_]) -> Responses:
        """The same persons and items with some of the responses.

        Parameters
        ----------
        kept : ndarray of bool, shape (response,)
            Which of the observed ones, in the order of `entries`.
        """
        observed = self.observed
        observed[observed] = kept
        return self.with_values(np.where(observed, self.values, MISSING).astype(self.values.dtype))

    def with_values(self, values: Any) -> Responses:
        """The same persons and items with other responses of the same kind and shape, which are not checked."""
        other = copy.copy(self)
        other._set("values", values)
        return other

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

    def unsplit(self) -> Responses:
        """Items as they were before `split`, without persons' responses in question: labels and categories alone."""
        if self.origins is None:
            return self
        first = [self.origins.index(origin) for origin in dict.fromkeys(self.origins)]
        return replace(
            self,
            values=np.full((self.n_persons, len(first)), MISSING, dtype=self.values.dtype),
            items=tuple(self.origins[i] for i in first),
            categories=tuple(self.categories[i] for i in first),
            item_data=None,
            origins=None,
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
        return replace(self, values=self.stored[rows], persons=tuple(persons), person_data=beside, weights=None)

    def person_design(self, formula: str, *, intercept: bool) -> Design:
        """The design matrix of a formula over `person_data`; of some persons, their rows of the design of all."""
        if self._selected is not None:
            everybody, rows = self._selected
            return everybody.person_design(formula, intercept=intercept).select(rows)
        return design_matrix(self.person_data, formula, intercept=intercept, what="person")

    def person_design_of(self, others: Responses, formula: str, *, intercept: bool) -> Design:
        """The design matrix of other persons, in the columns of `person_design`."""
        if self._selected is not None:
            return self._selected[0].person_design_of(others, formula, intercept=intercept)
        return design_of_others(self.person_data, others.person_data, formula, intercept=intercept, what="person")

    def item_design(self, formula: str, *, intercept: bool) -> Design:
        """The design matrix of a formula over `item_data`."""
        return design_matrix(self.item_data, formula, intercept=intercept, what="item")

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
        values: Any = data["values"]
        return cls(
            values=np.asarray(values, dtype=KINDS[kind]) if isinstance(values, (list, np.ndarray)) else values,
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
