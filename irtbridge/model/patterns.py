"""Response patterns: what a program whose abilities are integrated out holds of the data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.kinds import CATEGORIES
from irtbridge.data.responses import Responses
from irtbridge.model.layout import Layout

Array = NDArray[np.float64]
MOST_PATTERNS = 2**10
FEW_ROWS = 2**13  # are sorted at once


@dataclass(frozen=True, eq=False)
class Patterns:
    """Response patterns and how many persons gave each.

    Attributes
    ----------
    values : ndarray, shape (pattern, item)
        Responses, -1 where missing.
    counts : ndarray, shape (pattern,)
        Persons with the pattern, sums of their weights; 0 in rows that only fill up the shape.
    """

    values: NDArray[Any]
    counts: Array

    @classmethod
    def of(cls, responses: Responses, rows: int | None = None, *, by_person: bool = False) -> Patterns:
        """Patterns of a data set: distinct ones where there are less than half as many as persons.

        Parameters
        ----------
        responses : Responses
            The data.
        rows : int, optional
            Fill up to this many rows, for a program compiled for as many.
        by_person : bool
            A row for each person, in their order.
        """
        each = np.ones(responses.n_persons) if responses.weights is None else responses.weights
        if by_person:
            return cls(responses.values, each)
        values, counts = responses.values, each
        if not _mostly_different(responses):
            first, numbers = _distinct(responses)
            if 2 * len(first) <= responses.n_persons:
                values, counts = values[first], numbers
        wanted = rows if rows is not None and rows >= len(values) else _roomy(len(values), responses.n_persons)
        fill = wanted - len(values)
        values = np.concatenate([values, np.full((fill, values.shape[1]), -1, dtype=values.dtype)])
        return cls(values, np.r_[counts, np.zeros(fill)].astype(float))

    @staticmethod
    def number(responses: Responses) -> int:
        """How many rows `of` gives, those that fill up apart."""
        if _mostly_different(responses):
            return responses.n_persons
        distinct = len(_distinct(responses)[0])
        return distinct if 2 * distinct <= responses.n_persons else responses.n_persons

    @cached_property
    def some_missing(self) -> bool:
        """Whether any person lacks a response."""
        return bool((self.values[self.counts > 0] < 0).any())

    def statistics(self, layout: Layout, *, missing: bool) -> Array:
        """Sufficient statistics of the family; then, if asked for, 1 where there is no response.

        Returns
        -------
        ndarray, shape (pattern, item x statistic) or, with `missing`, (pattern, item x (statistic + 1))
        """
        of_family = layout.spec.family.statistics(self.values, layout.exists).reshape(len(self.values), -1)
        if not missing:
            return of_family
        return np.concatenate([of_family, (self.values < 0) & (self.counts > 0)[:, None]], axis=1, dtype=float)


@dataclass(frozen=True, eq=False)
class EveryPattern:
    """All response patterns that some items allow, numbered: where they are few, many persons share each.

    Attributes
    ----------
    statistics : ndarray, shape (pattern, column)
        As `Patterns.statistics` gives them of these items.
    place_values : ndarray, shape (column,)
        Statistics times these are a pattern's number.
    """

    statistics: Array
    place_values: Array

    @classmethod
    def of(cls, layout: Layout, items: NDArray[np.intp], *, missing: bool) -> EveryPattern | None:
        """Those of some items; None where they are not few beside the persons, or responses are numbers.

        Parameters
        ----------
        layout : Layout
            The model over the data's shape.
        items : ndarray of int
            Which items.
        missing : bool
            Whether a response may be missing.
        """
        number = _number(layout, items, missing)
        if number is None:
            return None
        n_categories = layout.n_categories[items]
        values = n_categories + missing
        digits = np.indices(tuple(values)).reshape(len(items), -1).T
        codes = np.where(digits == n_categories, -1, digits)
        strides = number / np.cumprod(values)
        parts: list[NDArray[Any]] = [layout.spec.family.statistics(codes, layout.exists[items]).reshape(len(codes), -1)]
        places = [np.outer(strides, np.arange(1, layout.exists.shape[1])).ravel()]
        if missing:
            parts.append(codes < 0)
            places.append(strides * n_categories)
        return cls(np.concatenate(parts, axis=1, dtype=float), np.concatenate(places))


def _number(layout: Layout, items: NDArray[np.intp], missing: bool) -> float | None:
    """How many patterns some items allow; None where too many for persons to share them, or responses are numbers."""
    if layout.spec.family.kind != CATEGORIES:
        return None
    number = np.prod(layout.n_categories[items] + float(missing))
    return float(number) if number <= min(layout.sizes["person"] // 2, MOST_PATTERNS) else None


def table_width(layout: Layout) -> int:
    """How many numbers the likelihood of each pattern is summed from, those apart that many patterns share."""
    assert layout.collapse is not None
    if layout.reduction is None:
        return layout.collapse.size(len(layout.spec.traits))
    n = layout.collapse.n_nodes
    return sum(n**2 if _number(layout, items, True) is None else n for items in layout.reduction.blocks)


def columns_of(layout: Layout, items: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Columns of `Patterns.statistics` that belong to some items: of their statistics, and of missing responses."""
    each = layout.n_columns // layout.sizes["item"]
    return (items[:, None] * each + np.arange(each)).ravel(), layout.n_columns + items


def _roomy(patterns: int, persons: int) -> int:
    """A power of two, so that data sets of one design mostly share one shape."""
    return min(persons, 1 << (patterns - 1).bit_length())


def _mostly_different(responses: Responses) -> bool:
    """Whether more than half of the rows surely differ, by random sums of them: sooner found than rows are sorted.

    Sums of codes times whole numbers are exact, so that rows of different sums differ.
    """
    values = responses.values
    if responses.kind != CATEGORIES or len(values) < FEW_ROWS:
        return False
    most = 2**53 // ((responses.max_categories + 1) * values.shape[1])
    factors = np.random.default_rng(0).integers(0, most, values.shape[1]).astype(float)
    sums = np.concatenate([values[i : i + FEW_ROWS] @ factors for i in range(0, len(values), FEW_ROWS)])
    return 2 * len(np.unique(sums)) > len(values)


def _distinct(responses: Responses) -> tuple[NDArray[np.intp], Array]:
    """The first person with each distinct pattern, and how many have it; whole rows are compared as bytes."""
    short = responses.values.astype(np.int16)
    values = np.ascontiguousarray(short if np.array_equal(short, responses.values) else responses.values)
    rows = values.view(np.dtype((np.void, values.dtype.itemsize * values.shape[1]))).ravel()
    if responses.weights is None:
        _, first, counts = np.unique(rows, return_index=True, return_counts=True)
        return first, counts.astype(float)
    _, first, place = np.unique(rows, return_index=True, return_inverse=True)
    return first, np.bincount(place, responses.weights).astype(float)
