"""Responses of historical sessions in place of simulated ones.

A session's next response is that of the closest historical ability that was given the item (Sharpnack et al. 2024): no
model of responses is assumed but that persons of nearly the same ability may stand for each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from irtbridge.data.labels import few
from irtbridge.errors import DataError

Array = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Historical responses, sorted by item and within an item by the ability of who gave them.

    Attributes
    ----------
    abilities : ndarray, shape (ability,)
        The different ones, the lowest first.
    keys : ndarray of int, shape (response,)
        ``item * n_abilities + place of the ability``, increasing.
    codes : ndarray of int, shape (response,)
    starts : ndarray of int, shape (item + 1,)
        Where the responses to each item begin, and where the last ones end.
    """

    abilities: Array
    keys: Places
    codes: Places
    starts: Places

    @classmethod
    def of(cls, codes: ArrayLike, abilities: ArrayLike, items: Sequence[str]) -> Neighbours:
        """From a matrix of responses.

        Parameters
        ----------
        codes : array_like of int, shape (person, item)
            Category codes, -1 where an item was not given.
        abilities : array_like, shape (person,)
            A proxy of each person's ability.
        items : sequence of str
            Labels, for messages.

        Raises
        ------
        DataError
            An ability is no number, or an item was given to nobody.
        """
        matrix, proxies = np.asarray(codes), np.asarray(abilities, dtype=float)
        if proxies.shape != matrix.shape[:1] or not np.isfinite(proxies).all():
            raise DataError(f"abilities of history must be {len(matrix)} finite numbers, one for each person.")
        if missed := [items[int(place)] for place in np.flatnonzero(~np.any(matrix >= 0, axis=0))]:
            raise DataError(f"nobody in history answered {few(missed)}; take them out with bank.select([...]).")
        distinct, places = np.unique(proxies, return_inverse=True)
        persons, given = np.nonzero(matrix >= 0)
        keys = given * len(distinct) + places[persons]
        order = np.argsort(keys, kind="stable")
        starts = np.searchsorted(keys[order], np.arange(len(items) + 1) * len(distinct))
        return cls(distinct, keys[order], matrix[persons, given][order], starts)

    def __call__(self, abilities: Array, places: Places, rng: np.random.Generator) -> Places:
        """The response of the nearest ability that was given the item, shape (pair,).

        Parameters
        ----------
        abilities : ndarray, shape (pair, 1)
        places : ndarray of int, shape (pair,)
            Of the items.
        rng : Generator
            Draws one of several sessions with that ability, as sum scores have them.

        Notes
        -----
        Of two abilities that are equally near the lower one counts.
        """
        size, asked = len(self.abilities), abilities[:, 0]
        above = np.searchsorted(self.keys, places * size + np.searchsorted(self.abilities, asked))
        first, last = self.starts[places], self.starts[places + 1] - 1
        low, high = np.clip(above - 1, first, last), np.clip(above, first, last)
        gaps = [np.abs(self.abilities[self.keys[end] % size] - asked) for end in (low, high)]
        nearest = self.keys[np.where(gaps[0] <= gaps[1], low, high)]
        first = np.searchsorted(self.keys, nearest)
        number = np.searchsorted(self.keys, nearest, side="right") - first
        return np.asarray(self.codes[first + rng.integers(number)])
