"""A table of the long form, a row for each response: who answered what, and how."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.data.cells import numbers_of, say_words
from irtbridge.data.labels import as_label, check_unique, few
from irtbridge.data.notes import Notes
from irtbridge.data.sparse_responses import MOST_CELLS, MOST_OBSERVED
from irtbridge.errors import DataError

Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class LongTable:
    """Responses row by row.

    Attributes
    ----------
    persons, items : list
        Labels in the order in which they occur.
    rows, columns : ndarray of int, shape (response,)
        Place of each response's person and item among them.
    cells : Series
        The responses.
    """

    persons: list[Any]
    items: list[str]
    rows: Places
    columns: Places
    cells: pd.Series[Any]

    @classmethod
    def of(cls, person: pd.Series[Any], item: pd.Series[Any], response: pd.Series[Any]) -> LongTable:
        """From its three columns.

        Raises
        ------
        DataError
            A label is empty, or a person has two responses to an item.
        """
        (rows, persons), (columns, items) = _factorized(person), _factorized(item)
        twice = pd.Series(rows * len(items) + columns).duplicated().to_numpy()
        if twice.any():
            pairs = dict.fromkeys(zip(person[twice].tolist(), item[twice].tolist(), strict=True))
            first = few(f"({one!r}, {other!r})" for one, other in pairs)
            raise DataError(f"more than one response for (person, item) {first}; keep one row of each.")
        return cls(persons, [str(as_label(label)) for label in items], rows, columns, response)

    @property
    def is_sparse(self) -> bool:
        """Whether it is large, and few of all persons' responses to all items are there."""
        cells = len(self.persons) * len(self.items)
        return cells > MOST_CELLS and len(self.cells) <= MOST_OBSERVED * cells

    def whole(self) -> pd.DataFrame:
        """Persons by items; NaN where there is no response."""
        cells = np.full((len(self.persons), len(self.items)), np.nan, dtype=object)
        cells[self.rows, self.columns] = self.cells
        return pd.DataFrame(cells, index=self.persons, columns=self.items)

    def of_items(self, items: Sequence[str]) -> LongTable:
        """Some items, in this order."""
        check_unique("item", self.items)
        place = {label: position for position, label in enumerate(items)}
        moved = np.array([place.get(label, -1) for label in self.items])[self.columns]
        kept = moved >= 0
        return replace(self, items=list(items), rows=self.rows[kept], columns=moved[kept], cells=self.cells[kept])

    def numbers(
        self, missing: Collection[str], notes: Notes
    ) -> tuple[dict[str, NDArray[np.float64]], dict[str, Places]]:
        """The responses to each item as numbers, and the places of the persons who gave them.

        Raises
        ------
        DataError
            Responses that are no numbers.
        """
        check_unique("item", self.items)
        words: dict[str, list[str]] = {}
        numbers = numbers_of(str(self.cells.name), self.cells, missing, None, words)
        say_words(words, notes)
        seen = np.flatnonzero(~np.isnan(numbers))
        order = seen[np.lexsort((self.rows[seen], self.columns[seen]))]
        ends = np.cumsum(np.bincount(self.columns[order], minlength=len(self.items)))[:-1]
        values = dict(zip(self.items, np.split(numbers[order], ends), strict=True))
        return values, dict(zip(self.items, np.split(self.rows[order], ends), strict=True))


def _factorized(labels: pd.Series[Any]) -> tuple[Places, list[Any]]:
    """Places among the labels that occur, and these, none of them empty."""
    places, found = pd.factorize(labels)
    blank = np.array([not str(label).strip() for label in found], dtype=bool)
    empty = (places < 0) | np.append(blank, False)[places]
    if empty.any():
        row = empty.argmax() + 1
        raise DataError(f"{empty.sum()} of the labels in {labels.name!r} are empty (first in row {row}); fill them in.")
    return places, found.tolist()
