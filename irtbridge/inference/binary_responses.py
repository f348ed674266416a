"""Responses of two categories as a likelihood of linear log odds takes them: entries of few, cells of many.

That of few responses has a sparse matrix of residuals; of many the residuals are made some persons at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from irtbridge.data.responses import Responses
from irtbridge.data.sparse_responses import MOST_OBSERVED, SparseResponses

Array = NDArray[np.float64]
AT_ONCE = 1000  # numbers of at most 2, whose product is less than the largest double, 2^1024
SIGNS = np.array([-1.0, 1.0, 0.0])  # of codes 0, 1 and -1, which is the last
CHUNK = 2**16  # responses of one pass, whose working memory stays in the cache


@dataclass(frozen=True, eq=False)
class Entries:
    """Observed responses, person by person.

    Attributes
    ----------
    starts : ndarray of int, shape (person + 1,)
        Where each person's responses begin.
    items : ndarray of int32, shape (response,)
        Item of each response.
    persons : ndarray of int32, shape (response,)
        Person of each response.
    signs : ndarray of float64, shape (response,)
        1 where it is the higher category, else -1.
    shape : tuple of int
        Persons and items.
    """

    starts: NDArray[np.int64]
    items: NDArray[np.int32]
    persons: NDArray[np.int32]
    signs: Array
    shape: tuple[int, int]

    @classmethod
    def of(cls, responses: Responses) -> Entries:
        """Of responses of two categories."""
        entries = responses.entries
        starts = np.asarray(entries.indptr, dtype=np.int64)
        persons = np.repeat(np.arange(len(starts) - 1, dtype=np.int32), np.diff(starts))
        signs = np.where(entries.data > 0, 1.0, -1.0)
        return cls(starts, entries.indices.astype(np.int32), persons, signs, entries.shape)

    def value_and_residuals(self, ability: Array, slopes: Array, intercept: Array) -> tuple[float, Array]:
        """Log likelihood, and its derivative by the log odds of each response, shape (response,).

        Parameters
        ----------
        ability : ndarray, shape (person, trait)
        slopes : ndarray, shape (item, trait)
        intercept : ndarray, shape (item,)
        """
        residuals, value = np.empty(len(self.items)), 0.0
        for start in range(0, len(self.items), CHUNK):
            part = slice(start, start + CHUNK)
            odds = intercept[self.items[part]]
            for own, of_item in zip(ability.T, slopes.T, strict=True):
                odds += own[self.persons[part]] * of_item[self.items[part]]
            odds *= self.signs[part]
            own, contrary = _value_and_slope(odds)
            value += own
            np.multiply(contrary, self.signs[part], out=residuals[part])
        return value, residuals

    def likelihood(self, ability: Array, slopes: Array, intercept: Array) -> tuple[float, Array, Array, Array]:
        """Log likelihood, and its derivatives by the three (as in `value_and_residuals`)."""
        value, residuals = self.value_and_residuals(ability, slopes, intercept)
        matrix = self.by_person_and_item(residuals)
        return value, matrix @ slopes, matrix.T @ ability, np.asarray(matrix.T.sum(axis=1))

    def by_person_and_item(self, residuals: Array) -> sparse.csr_array:
        """A number for each response as a sparse matrix (person, item)."""
        return sparse.csr_array((residuals, self.items, self.starts), shape=self.shape)


@dataclass(frozen=True, eq=False)
class Cells:
    """All responses of a matrix of which many were observed.

    Attributes
    ----------
    codes : ndarray of int, shape (person, item)
        1 for the higher category, 0 for the lower one, -1 where missing.
    """

    codes: NDArray[Any]

    @property
    def shape(self) -> tuple[int, int]:
        """Persons and items."""
        persons, items = self.codes.shape
        return persons, items

    def likelihood(self, ability: Array, slopes: Array, intercept: Array) -> tuple[float, Array, Array, Array]:
        """Log likelihood, and its derivatives by the three, as `Entries.likelihood`."""
        by_person, by_item, sums, value = np.empty_like(ability), np.zeros_like(slopes), np.zeros_like(intercept), 0.0
        size = max(1, 4 * CHUNK // len(intercept))
        for start in range(0, len(ability), size):
            part = slice(start, start + size)
            signs = SIGNS[self.codes[part]]
            odds = ability[part] @ slopes.T
            odds += intercept
            odds *= signs
            own, residuals = _value_and_slope(odds)
            value += own + np.log(2.0) * np.count_nonzero(signs == 0)
            residuals *= signs
            by_person[part] = residuals @ slopes
            by_item += residuals.T @ ability[part]
            sums += residuals.sum(axis=0)
        return value, by_person, by_item, sums


def responses_held(responses: Responses) -> Entries | Cells:
    """The form that suits responses of two categories."""
    if isinstance(responses, SparseResponses) or np.mean(responses.values >= 0) <= MOST_OBSERVED:
        return Entries.of(responses)
    return Cells(responses.values)


def _value_and_slope(odds: Array) -> tuple[float, Array]:
    """Sum of the log probabilities of what has these log odds, and the probabilities of the contrary."""
    small = np.exp(-np.abs(odds))
    contrary = np.where(odds < 0, 1.0, small)
    value, small = float(np.minimum(odds, 0.0).sum()), np.add(small, 1.0, out=small)
    value -= _log_product(small.ravel())
    return value, np.divide(contrary, small, out=contrary)


def _log_product(factors: Array) -> float:
    """Sum of the logarithms of numbers between 1 and 2: those of their products are far fewer."""
    starts = np.arange(0, len(factors), AT_ONCE)
    return float(np.log(np.multiply.reduceat(factors, starts)).sum())
