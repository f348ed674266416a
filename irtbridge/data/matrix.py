"""The matrix of responses: values of one kind, missing values, categories, labels of persons and items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from irtbridge.data.kinds import CATEGORIES, KINDS, MISSING, as_values, check_categories, check_kind, check_numbers
from irtbridge.data.labels import Label, check_unique, item_names, of_one_type
from irtbridge.errors import DataError


@dataclass(frozen=True, eq=False)
class ResponseMatrix:
    """Checked responses with their labels; see `irtbridge.data.responses.Responses`, which has more beside them."""

    values: NDArray[Any]
    persons: tuple[Label, ...]
    items: tuple[str, ...]
    categories: tuple[tuple[int, ...], ...]
    name: str = "data"
    notes: tuple[str, ...] = ()
    kind: str = CATEGORIES

    def __post_init__(self) -> None:
        check_kind(self.kind)
        self._set("values", self._as_values())
        self._set("persons", of_one_type(self.persons))
        self._set("items", tuple(str(item) for item in self.items))
        self._set("categories", tuple(tuple(int(v) for v in c) for c in self.categories))
        self._set("notes", tuple(self.notes))
        self._check_lengths()
        check_unique("person", self.persons, " Labels that differ only in being number or text, as 1 and '1', are one.")
        check_unique("item", self.items)
        for item, values, categories in zip(self.items, self._by_item(), self.categories, strict=True):
            if self.kind == CATEGORIES:
                check_categories(item, values, categories)
            else:
                check_numbers(self.kind, item, values[values != MISSING])

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    @property
    def stored(self) -> Any:
        """The values as they are held, an array or a sparse one that can be indexed alike, shape (person, item)."""
        return self.values

    def _as_values(self) -> Any:
        return as_values(self.kind, self.values)

    def _by_item(self) -> Iterator[NDArray[Any]]:
        """What is to be checked of each item: its values, or the lowest and the highest code."""
        if self.kind == CATEGORIES:
            return iter(np.stack([self.values.min(axis=0), self.values.max(axis=0)], axis=1))
        return iter(self.values.T)

    def _check_lengths(self) -> None:
        shape = self.stored.shape
        for kind, given, expected in (
            ("person labels", self.n_persons, shape[0]),
            ("item labels", self.n_items, shape[1]),
            ("sets of categories", len(self.categories), shape[1]),
        ):
            if given != expected:
                raise DataError(f"{given} {kind} for values of shape {shape}; give {expected}.")
        if self.kind != CATEGORIES and any(self.categories):
            raise DataError(f"responses that are {self.kind} have no categories; give an empty tuple for each item.")

    @property
    def n_persons(self) -> int:
        """Number of persons, rows of the data."""
        return len(self.persons)

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
    def entries(self) -> sparse.csr_array:
        """The observed values alone, person by person, shape (person, item); zeros among them are stored."""
        observed = self.observed
        ends = np.cumsum(observed.sum(axis=1))
        return sparse.csr_array(
            (self.values[observed], np.nonzero(observed)[1].astype(np.int32), np.append(0, ends)), shape=observed.shape
        )

    @property
    def given(self) -> NDArray[np.float64]:
        """The observed responses as in the data, in the order of `entries`, shape (response,)."""
        entries = self.entries
        if self.kind != CATEGORIES:
            return np.asarray(entries.data, dtype=float)
        before = np.cumsum([0, *map(len, self.categories)])
        every = np.concatenate([np.asarray(categories, dtype=float) for categories in self.categories])
        return np.asarray(every[before[entries.indices] + entries.data])

    @property
    def answered(self) -> dict[str, NDArray[np.int64]]:
        """How many responses each ``person`` gave, and each ``item`` got."""
        observed = self.observed
        return {"person": observed.sum(axis=1), "item": observed.sum(axis=0)}

    @property
    def recoded(self) -> dict[str, dict[int, int]]:
        """Original value to code, for the items whose categories are not ``0 .. K - 1`` already."""
        return {
            item: {value: code for code, value in enumerate(categories)}
            for item, categories in zip(self.items, self.categories, strict=True)
            if categories != tuple(range(len(categories)))
        }

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

    @classmethod
    def from_numbers(
        cls,
        values: ArrayLike,
        kind: str,
        items: Sequence[str] | None = None,
        persons: Sequence[Label] | None = None,
        name: str = "data",
    ) -> Self:
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
    ) -> Self:
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
