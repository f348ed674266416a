"""Responses as a list, and the likelihood of persons at nodes of ability."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from irtbridge.data.labels import positions
from irtbridge.data.responses import Responses

Array = NDArray[np.float64]
Places = NDArray[np.intp]
NEVER = float(np.finfo(float).eps)  # a probability that is 0 but for rounding


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers right (1) or wrong (0), in no order.

    Attributes
    ----------
    person, item : ndarray of int, shape (answer,)
        Who was given what.
    right : ndarray, shape (answer,)
        1 for the upper category.
    n_persons, n_items : int
        How many there are, with or without answers.
    """

    person: Places
    item: Places
    right: Array
    n_persons: int
    n_items: int

    @classmethod
    def of(cls, responses: Responses, items: tuple[str, ...]) -> Answers:
        """The responses, by person and by the places of their items among those of a bank."""
        place = positions("items of the bank", items, responses.items, others=True)
        order = np.argsort(place)
        values = responses.values[:, order]
        person, column = np.nonzero(responses.observed[:, order])
        right = values[person, column].astype(float)
        return cls(person, place[order][column], right, responses.n_persons, len(items))

    def __len__(self) -> int:
        return len(self.right)

    def some(self, chosen: NDArray[np.bool_]) -> Answers:
        """Those of a mask (answer,)."""
        return Answers(self.person[chosen], self.item[chosen], self.right[chosen], self.n_persons, self.n_items)

    @cached_property
    def per_item(self) -> Array:
        """How many answers each item has."""
        return np.bincount(self.item, minlength=self.n_items).astype(float)

    @cached_property
    def _matrices(self) -> tuple[sparse.csr_array, sparse.csr_array]:
        """Right answers and all answers, (person, item)."""
        shape, places = (self.n_persons, self.n_items), (self.person, self.item)
        right = sparse.csr_array((self.right, places), shape=shape)
        return right, sparse.csr_array((np.ones(len(self)), places), shape=shape)

    def log_likelihood(self, probs: Array) -> Array:
        """Log likelihood of each person's answers at each node, (person, node), of probabilities (item, node)."""
        right, given = self._matrices
        probs = np.clip(probs, NEVER, 1 - NEVER)
        wrong = np.log1p(-probs)
        return np.asarray(right @ (np.log(probs) - wrong) + given @ wrong)
