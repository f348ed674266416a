"""What of the observed responses is held out: functions over them alone, persons by items.

A line is a person or an item, held out as one; functions of lines take persons as rows, and items by the transpose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from irtbridge.errors import DataError

Mask = NDArray[np.bool_]
Places = NDArray[np.integer[Any]]
Array = NDArray[np.float64]
CELLS = 2**22  # of which random numbers are drawn at once: 32 MiB


@dataclass(frozen=True, eq=False)
class Observed:
    """Where there are responses.

    Attributes
    ----------
    rows, columns : ndarray of int, shape (response,)
        Where each of them stands.
    shape : tuple of int
        Of the whole matrix.
    """

    rows: Places
    columns: Places
    shape: tuple[int, int]

    @classmethod
    def of(cls, entries: sparse.csr_array) -> Observed:
        """Of `Responses.entries`, in their order, person by person."""
        persons, items = entries.shape
        return cls(np.repeat(np.arange(persons), np.diff(entries.indptr)), entries.indices, (persons, items))

    @property
    def transposed(self) -> Observed:
        """Rows for columns; the responses in the same order."""
        return Observed(self.columns, self.rows, self.shape[::-1])

    @property
    def counts(self) -> NDArray[np.intp]:
        """How many there are in each row."""
        return np.bincount(self.rows, minlength=self.shape[0])

    def drawn(self, draw: Callable[[tuple[int, int]], NDArray[Any]]) -> NDArray[Any]:
        """A random number for each response, out of those of all cells of the matrix, row by row.

        So a seed gives a response the same number whatever others there are, and however they are held.

        Parameters
        ----------
        draw : callable
            Of the numbers of some rows, by their shape.
        """
        by_row, ends = np.argsort(self.rows, kind="stable"), np.append(0, np.cumsum(self.counts))
        drawn, size = np.empty(len(self.rows)), max(1, CELLS // max(1, self.shape[1]))
        for first in range(0, self.shape[0], size):
            last = min(first + size, self.shape[0])
            own = by_row[ends[first] : ends[last]]
            drawn[own] = draw((last - first, self.shape[1]))[self.rows[own] - first, self.columns[own]]
        return drawn

    def is_last(self, order: Array) -> Mask:
        """Which response of each row has the highest number, shape (response,)."""
        highest = np.full(self.shape[0], -np.inf)
        np.maximum.at(highest, self.rows, order)
        return np.asarray(order == highest[self.rows])

    def places(self, order: Array) -> NDArray[np.intp]:
        """Place of each response among those of its row, by their numbers, shape (response,)."""
        by_row, before = np.lexsort((order, self.rows)), np.cumsum(self.counts) - self.counts
        places = np.empty(len(order), dtype=np.intp)
        places[by_row] = np.arange(len(order)) - np.repeat(before, self.counts)
        return places


def random_entries(observed: Observed, share: float, rng: np.random.Generator) -> Mask:
    """Responses drawn at random, shape (response,); one of each row and of each column is never drawn.

    Parameters
    ----------
    observed : Observed
        Where there are responses.
    share : float
        Of all of them.
    rng : Generator
        Source of randomness.

    Raises
    ------
    DataError
        Without so many of them a row or a column would be empty.
    """
    order = observed.drawn(lambda shape: rng.uniform(size=shape))
    free = np.flatnonzero(~(observed.is_last(order) | observed.transposed.is_last(order)))
    count = number_of(share, len(order))
    if count > len(free):
        raise DataError(
            f"share={share:g} of the responses would leave a person or an item without any; at most "
            f"{len(free) / len(order):.2f} of these can be held out."
        )
    drawn = np.zeros(len(order), dtype=bool)
    drawn[free[np.argsort(order[free])[:count]]] = True
    return drawn


def folds_of(observed: Observed, folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The fold of each response; a row's are dealt to as many folds as they can.

    Returns
    -------
    ndarray of int, shape (response,)
        Sizes of folds differ by one within a row.
    """
    places = observed.places(observed.drawn(lambda shape: rng.uniform(size=shape)))
    first = rng.integers(folds, size=observed.shape[0])
    return np.asarray((places + first[observed.rows]) % folds)


def random_lines(observed: Observed, share: float, rng: np.random.Generator) -> Mask:
    """Lines drawn at random among those with two responses or more, shape (line,)."""
    return _some(rng.permutation(np.flatnonzero(observed.counts > 1)), share, observed)


def extreme_lines(observed: Observed, score: Array, share: float) -> Mask:
    """The lines with the highest score among those with two responses or more, shape (line,)."""
    able = np.flatnonzero(observed.counts > 1)
    return _some(able[np.argsort(-score[able], kind="stable")], share, observed)


def exposed_of(observed: Observed, held: Mask, share: float, rng: np.random.Generator) -> Mask:
    """Of each held-out line the responses that may be used to estimate it, drawn at random, shape (response,).

    At least one, and one less than all, unless the share is 0.

    Parameters
    ----------
    observed : Observed
        Where there are responses.
    held : ndarray of bool, shape (line,)
        The lines held out.
    share : float
        Of a line's responses.
    rng : Generator
        Source of randomness.
    """
    places, count = observed.places(observed.drawn(lambda shape: rng.uniform(size=shape))), observed.counts
    shown = np.clip(np.round(share * count), 1, count - 1) if share else np.zeros(len(count))
    return np.asarray(held[observed.rows] & (places < shown[observed.rows]))


def mean_scores(entries: sparse.csr_array, axis: int) -> Array:
    """Mean response along an axis, each as a share of the highest one to its item; NaN where there is none."""
    observed = Observed.of(entries)
    highest = np.zeros(entries.shape[1])
    np.maximum.at(highest, observed.columns, entries.data)
    shares = entries.data / np.where(highest > 0, highest, 1)[observed.columns]
    lines = observed if axis else observed.transposed
    with np.errstate(invalid="ignore"):
        return np.asarray(np.bincount(lines.rows, shares, minlength=lines.shape[0]) / lines.counts)


def number_of(share: float, whole: int) -> int:
    """How many a share is, at least one."""
    return max(1, round(share * whole))


def _some(order: NDArray[np.intp], share: float, observed: Observed) -> Mask:
    """The first lines in an order."""
    held = np.zeros(observed.shape[0], dtype=bool)
    held[order[: number_of(share, observed.shape[0])]] = True
    return held
