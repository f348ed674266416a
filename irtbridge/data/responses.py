"""Responses: load, check, missing values, categories, labels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from irtbridge.data.labels import Label, check_unique, item_names, of_one_type
from irtbridge.errors import DataError

MISSING = -1


@dataclass(frozen=True, eq=False)
class Responses:
    """Checked responses: what every backend gets.

    Attributes
    ----------
    values : ndarray of int64, shape (person, item)
        Category codes ``0 .. K_i - 1``; ``-1`` is missing.
    persons : tuple of str or int, length person
        Labels as in the data; if any is text, all are.
    items : tuple of str, length item
        Labels as in the data.
    categories : tuple of tuple of int, length item
        The original category values of each item, ascending: code ``k`` stands for ``categories[i][k]``.
    name : str
        What the data are called in tables.
    notes : tuple of str
        What was guessed when they were read, and what may be wrong; not part of the fingerprint.

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
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _codes(self.values))
        object.__setattr__(self, "persons", of_one_type(self.persons))
        object.__setattr__(self, "items", tuple(str(item) for item in self.items))
        object.__setattr__(self, "categories", tuple(tuple(int(v) for v in c) for c in self.categories))
        object.__setattr__(self, "notes", tuple(self.notes))
        self._check_lengths()
        check_unique("person", self.persons, " Labels that differ only in being number or text, as 1 and '1', are one.")
        check_unique("item", self.items)
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
        """As plain data, for JSON; notes are there if there are any."""
        plain: dict[str, Any] = {
            "values": self.values.tolist(),
            "persons": list(self.persons),
            "items": list(self.items),
            "categories": [list(c) for c in self.categories],
            "name": self.name,
        }
        return plain | ({"notes": list(self.notes)} if self.notes else {})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Responses:
        """Rebuild responses from `to_dict`."""
        values = np.asarray(data["values"], dtype=np.int64)
        return cls(
            values,
            tuple(data["persons"]),
            tuple(data["items"]),
            tuple(data["categories"]),
            data["name"],
            tuple(data.get("notes", ())),
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
        codes = _codes(values)
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
