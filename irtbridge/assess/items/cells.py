"""Cells of a table of observed and expected counts joined until each expects enough for a chi-square statistic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Table = tuple[Array, Array]  # observed and expected counts; expected 0 where there is no cell
RARE = 0.1  # share of rows below which a column is joined to the one before it; as R mirt 1.45.1


def joined_cells(observed: Array, expected: Array, least: float) -> Table:
    """Join cells until each expects so many: within scores, then neighbouring scores; in the order of R's mirt.

    Scores that some category is impossible at are joined to the nearest one where none is; scores that one person
    has are joined to a neighbour, those that nobody has are left out.

    Parameters
    ----------
    observed, expected : ndarray, shape (score, category)
        Counts; expected 0 where a category is impossible.
    """
    table = _without_single(*_without_ends(observed, expected))
    if observed.shape[1] > 2:
        table = _without_rare(*within_rows(*table, least, 2))
    observed, expected = table
    while len(small := np.flatnonzero(((expected < least) & (expected > 0)).any(axis=1))) and len(expected) > 1:
        observed, expected = _merged(observed, expected, small[0], _smaller(observed.sum(axis=1), small[0]))
    return observed, expected


def _without_ends(observed: Array, expected: Array) -> Table:
    """Scores too low for the highest category, or too high for the lowest, join the nearest that admit every one."""
    first, last = observed.shape[1] - 2, len(observed) - observed.shape[1] + 1
    if last < first:
        return observed, expected
    starts = np.r_[0, np.arange(first + 1, last + 1)]
    return np.add.reduceat(observed, starts), np.add.reduceat(expected, starts)


def _without_single(observed: Array, expected: Array) -> Table:
    there = observed.sum(axis=1) > 0
    observed, expected = observed[there], expected[there]
    row = 0
    while row < len(observed) and len(observed) > 1:
        if observed[row].sum() == 1:
            observed, expected = _merged(observed, expected, row, row + 1 if row + 1 < len(observed) else row - 1)
        else:
            row += 1
    return observed, expected


def within_rows(observed: Array, expected: Array, least: float, fewest: int) -> Table:
    """Join cells of a row, the rarest first, until each expects so many or the fewest are left; these come first."""
    out = np.zeros_like(observed), np.zeros_like(expected)
    for row, (o, e) in enumerate(zip(observed, expected, strict=True)):
        o, e = o[e > 0], e[e > 0]
        while len(e) > fewest and e.min() < least:
            rarest = int(e.argmin())
            o, e = _merged(o, e, rarest, _smaller(e, rarest))
        out[0][row, : len(o)], out[1][row, : len(e)] = o, e
    return out


def _without_rare(observed: Array, expected: Array) -> Table:
    """Join columns that hardly any score has a cell in to the one before."""
    for column in range(expected.shape[1] - 1, 0, -1):
        if np.mean(expected[:, column] > 0) < RARE:
            observed, expected = (a.T for a in _merged(observed.T, expected.T, column, column - 1))
    return observed, expected


def _smaller(sizes: Array, place: int) -> int:
    """The neighbour of a place that is the smaller; the one before of two alike."""
    if place == 0:
        return 1
    return place - 1 if place == len(sizes) - 1 or sizes[place - 1] <= sizes[place + 1] else place + 1


def _merged(observed: Array, expected: Array, place: int, into: int) -> Table:
    """With the counts of one place along the first axis added to another's."""

    def merge(counts: Array) -> Array:
        counts = counts.copy()
        counts[into] += counts[place]
        return np.delete(counts, place, axis=0)

    return merge(observed), merge(expected)
