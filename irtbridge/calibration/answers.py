"""Responses as a list, and the likelihood of persons at nodes of ability."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from irtbridge.data.labels import positions
from irtbridge.data.responses import Responses

Array = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers in ordered categories, in no order.

    Attributes
    ----------
    person, item : ndarray of int, shape (answer,)
        Who was given what.
    code : ndarray of int, shape (answer,)
        Category, 0 the lowest.
    n_persons, n_items : int
        How many there are, with or without answers.
    n_categories : int
        Of every item.
    """

    person: Places
    item: Places
    code: Places
    n_persons: int
    n_items: int
    n_categories: int = 2

    @classmethod
    def of(cls, responses: Responses, items: tuple[str, ...]) -> Answers:
        """The responses, by person and by the places of their items among those of a bank."""
        place = positions("items of the bank", items, responses.items, others=True)
        order = np.argsort(place)
        values = responses.values[:, order]
        person, column = np.nonzero(responses.observed[:, order])
        code = values[person, column].astype(np.intp)
        return cls(person, place[order][column], code, responses.n_persons, len(items), responses.max_categories)

    def __len__(self) -> int:
        return len(self.code)

    def some(self, chosen: NDArray[np.bool_]) -> Answers:
        """Those of a mask (answer,)."""
        return replace(self, person=self.person[chosen], item=self.item[chosen], code=self.code[chosen])

    @cached_property
    def per_item(self) -> Array:
        """How many answers each item has."""
        return np.bincount(self.item, minlength=self.n_items).astype(float)

    @cached_property
    def grade(self) -> Array:
        """The category as a share of the highest, (answer,): of two categories 1 for the upper one."""
        return np.asarray(self.code / (self.n_categories - 1))

    @cached_property
    def _chosen(self) -> sparse.csr_array:
        """1 where a person chose a category of an item, (person, item x category)."""
        column = self.item * self.n_categories + self.code
        shape = (self.n_persons, self.n_items * self.n_categories)
        return sparse.csr_array((np.ones(len(self)), (self.person, column)), shape=shape)

    def log_likelihood(self, log_probs: Array) -> Array:
        """Log likelihood of each person's answers at each node, (person, node), of (node, item, category)."""
        return np.asarray(self._chosen @ log_probs.reshape(len(log_probs), -1).T)
