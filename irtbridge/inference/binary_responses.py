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
CHUNK = 2**17  # responses of one pass, whose working memory stays in the cache
FACTORS = 64  # numbers of at most 2, whose product is a double


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
    halves : ndarray of float64, shape (response,)
        1 / 2 where it is the higher category, else -1 / 2.
    shape : tuple of int
        Persons and items.
    """

    starts: NDArray[np.int64]
    items: NDArray[np.int32]
    persons: NDArray[np.int32]
    halves: Array
    shape: tuple[int, int]

    @classmethod
    def of(cls, responses: Responses) -> Entries:
        """Of responses of two categories."""
        entries = responses.entries
        starts = np.asarray(entries.indptr, dtype=np.int64)
        persons = np.repeat(np.arange(len(starts) - 1, dtype=np.int32), np.diff(starts))
        halves = np.where(entries.data > 0, 0.5, -0.5)
        return cls(starts, entries.indices.astype(np.int32), persons, halves, entries.shape)

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
            residuals[part] = self.halves[part]
            value += _likelihood(odds, residuals[part], np.empty_like(odds))
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
        tilde = np.column_stack([ability, np.ones(len(ability))])
        natural = np.column_stack([slopes, intercept]).T
        by_person, by_item, value = np.empty_like(ability), np.zeros_like(natural), 0.0
        size = max(1, CHUNK // len(intercept))
        memory = np.empty((3, size, len(intercept)))
        for start in range(0, len(ability), size):
            own, codes = tilde[start : start + size], self.codes[start : start + size]
            odds, residuals, work = memory[:, : len(own)]
            np.matmul(own, natural, out=odds)
            np.copyto(residuals, codes)
            residuals -= 0.5
            there = codes >= 0
            if missing := there.size - np.count_nonzero(there):
                residuals *= there
                odds *= there
            value += _likelihood(odds, residuals, work) + np.log(2.0) * missing
            by_person[start : start + size] = residuals @ slopes
            by_item += own.T @ residuals
        return value, by_person, by_item[:-1].T, by_item[-1]


def responses_held(responses: Responses) -> Entries | Cells:
    """The form that suits responses of two categories."""
    if isinstance(responses, SparseResponses) or np.mean(responses.values >= 0) <= MOST_OBSERVED:
        return Entries.of(responses)
    return Cells(responses.values)


def _likelihood(odds: Array, halves: Array, work: Array) -> float:
    """Log likelihood of responses whose higher category has these log odds.

    Their `halves` (see `Entries`; 0 with odds of 0 adds log(1 / 2)) become its derivatives by the log odds, in place.
    """
    np.abs(odds, out=work)
    value = np.vdot(halves, odds) - 0.5 * work.sum()
    np.negative(work, out=work)
    np.exp(work, out=work)
    work += 1.0
    value -= _log_product(work.ravel())
    np.reciprocal(work, out=work)  # probability of the likelier category
    work -= 0.5
    halves -= np.copysign(work, odds, out=work)
    return float(value)


def _log_product(factors: Array) -> float:
    """Sum of the logarithms of numbers between 1 and 2: those of their products are far fewer."""
    whole = len(factors) // FACTORS * FACTORS
    products = np.multiply.reduce(factors[:whole].reshape(FACTORS, -1))
    return float(np.log(products).sum() + np.log(factors[whole:]).sum())
