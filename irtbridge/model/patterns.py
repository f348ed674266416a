"""Response patterns: what a program whose abilities are integrated out holds of the data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.model.layout import Layout

Array = NDArray[np.float64]
MOST_PATTERNS = 2**10


@dataclass(frozen=True, eq=False)
class Patterns:
    """Response patterns and how many persons gave each.

    Attributes
    ----------
    codes : ndarray of int, shape (pattern, item)
        Category codes, -1 where missing.
    counts : ndarray, shape (pattern,)
        Persons with the pattern, sums of their weights; 0 in rows that only fill up the shape.
    n_categories : int
        Largest number of categories.
    """

    codes: NDArray[np.int64]
    counts: Array
    n_categories: int

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
            return cls(responses.values, each, responses.max_categories)
        codes, (first, counts) = responses.values, _distinct(responses)
        if 2 * len(first) > responses.n_persons:
            counts = each
        else:
            codes = codes[first]
        wanted = rows if rows is not None and rows >= len(codes) else _roomy(len(codes), responses.n_persons)
        fill = wanted - len(codes)
        codes = np.concatenate([codes, np.full((fill, codes.shape[1]), -1)])
        return cls(codes, np.r_[counts, np.zeros(fill)].astype(float), responses.max_categories)

    @staticmethod
    def number(responses: Responses) -> int:
        """How many rows `of` gives, those that fill up apart."""
        distinct = len(_distinct(responses)[0])
        return distinct if 2 * distinct <= responses.n_persons else responses.n_persons

    @cached_property
    def one_hot(self) -> Array:
        """1 where the response is the category, shape (pattern, item x category)."""
        hits = self.codes[:, :, None] == np.arange(self.n_categories)
        return np.asarray(hits.reshape(len(self.codes), -1), dtype=float)

    @cached_property
    def some_missing(self) -> bool:
        """Whether any person lacks a response."""
        return bool((self.codes[self.counts > 0] < 0).any())

    def indicators(self, *, missing: bool) -> Array:
        """1 where the response is that category above the lowest; then, if asked for, 1 where there is no response.

        Returns
        -------
        ndarray, shape (pattern, item x (category - 1)) or, with `missing`, (pattern, item x category)
        """
        hits = self.codes[:, :, None] == np.arange(1, self.n_categories)
        blocks = [hits.reshape(len(self.codes), -1)]
        if missing:
            blocks.append((self.codes < 0) & (self.counts > 0)[:, None])
        return np.concatenate(blocks, axis=1, dtype=float)


@dataclass(frozen=True, eq=False)
class EveryPattern:
    """All response patterns that some items allow, numbered: where they are few, many persons share each.

    Attributes
    ----------
    indicators : ndarray, shape (pattern, column)
        As `Patterns.indicators` gives them of these items.
    place_values : ndarray, shape (column,)
        Indicators times these are a pattern's number.
    """

    indicators: Array
    place_values: Array

    @classmethod
    def of(cls, layout: Layout, items: NDArray[np.intp], *, missing: bool) -> EveryPattern | None:
        """Those of some items; None where they are not few, beside the persons.

        Parameters
        ----------
        layout : Layout
            The model over the data's shape.
        items : ndarray of int
            Which items.
        missing : bool
            Whether a response may be missing.
        """
        n_categories = layout.n_categories[items]
        values, number = n_categories + missing, _number(layout, items, missing)
        if number is None:
            return None
        digits = np.indices(tuple(values)).reshape(len(items), -1).T
        codes, above = np.where(digits == n_categories, -1, digits), layout.sizes["category"]
        strides = number / np.cumprod(values)
        places = [np.outer(strides, np.arange(1, above + 1)).ravel(), *([strides * n_categories] if missing else [])]
        patterns = Patterns(codes, np.ones(len(codes)), above + 1)
        return cls(patterns.indicators(missing=missing), np.concatenate(places))


def _number(layout: Layout, items: NDArray[np.intp], missing: bool) -> float | None:
    """How many patterns some items allow; None where too many for persons to share them."""
    number = np.prod(layout.n_categories[items] + float(missing))
    return float(number) if number <= min(layout.sizes["person"] // 2, MOST_PATTERNS) else None


def table_width(layout: Layout) -> int:
    """How many numbers the likelihood of each pattern is summed from, those apart that many patterns share."""
    assert layout.collapse is not None
    if layout.reduction is None:
        return layout.collapse.size(len(layout.spec.traits))
    n = layout.collapse.n_nodes
    return sum(n**2 if _number(layout, items, True) is None else n for items in layout.reduction.blocks)


def columns_of(items: NDArray[np.intp], shape: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Columns of `Patterns.indicators` that belong to some items: of their categories, and of missing responses.

    Parameters
    ----------
    items : ndarray of int
        Which items.
    shape : tuple of int
        Number of all items, and of categories above the lowest.
    """
    n_items, above = shape
    return (items[:, None] * above + np.arange(above)).ravel(), n_items * above + items


def _roomy(patterns: int, persons: int) -> int:
    """A power of two, so that data sets of one design mostly share one shape."""
    return min(persons, 1 << (patterns - 1).bit_length())


def _distinct(responses: Responses) -> tuple[NDArray[np.intp], Array]:
    """The first person with each distinct pattern, and how many have it; whole rows are compared as bytes."""
    codes = np.ascontiguousarray(responses.values.astype(np.int16))
    rows = codes.view(np.dtype((np.void, codes.dtype.itemsize * codes.shape[1]))).ravel()
    if responses.weights is None:
        _, first, counts = np.unique(rows, return_index=True, return_counts=True)
        return first, counts.astype(float)
    _, first, place = np.unique(rows, return_index=True, return_inverse=True)
    return first, np.bincount(place, responses.weights).astype(float)
