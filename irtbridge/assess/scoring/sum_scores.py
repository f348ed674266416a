"""Distribution of sum scores given the ability (Lord & Wingersky 1984; of polytomous items Thissen et al. 1995)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def sum_score_probs(probs: Array, n_categories: Sequence[int] | NDArray[np.int64]) -> Array:
    """Probability of each sum of codes 0, 1, ... over all items, given what the leading axes stand for.

    Parameters
    ----------
    probs : ndarray, shape (..., item, category)
        Probability of each category, as of nodes of the ability; items are independent given those.
    n_categories : sequence of int, length item
        Categories of each item; `probs` beyond them are not read.

    Returns
    -------
    ndarray, shape (..., score)
        Of the scores 0, ..., ``sum(n_categories - 1)``.
    """
    return _joined(np.ones((*probs.shape[:-2], 1)), _each(probs, n_categories))


def rest_score_probs(probs: Array, n_categories: Sequence[int] | NDArray[np.int64]) -> Array:
    """As `sum_score_probs`, of the sum over all items but one, for each of them in turn.

    Halves of the items are joined to the rest and the other half taken apart in turn, so that it takes n log n steps
    and no division.

    Returns
    -------
    ndarray, shape (item, ..., score)
        Of the same scores 0, ..., ``sum(n_categories - 1)``; 0 where the other items cannot reach a score.
    """
    each = _each(probs, n_categories)
    rests = _rests(np.ones((*probs.shape[:-2], 1)), each)
    size = 1 + sum(item.shape[-1] - 1 for item in each)
    out = np.zeros((len(each), *probs.shape[:-2], size))
    for number, rest in enumerate(rests):
        out[number, ..., : rest.shape[-1]] = rest
    return out


def _each(probs: Array, n_categories: Sequence[int] | NDArray[np.int64]) -> list[Array]:
    return [probs[..., item, :count] for item, count in enumerate(n_categories)]


def _rests(rest: Array, items: list[Array]) -> Iterator[Array]:
    """For each item, the others' joined to `rest`."""
    if len(items) == 1:
        yield rest
        return
    half = len(items) // 2
    yield from _rests(_joined(rest, items[half:]), items[:half])
    yield from _rests(_joined(rest, items[:half]), items[half:])


def _joined(scores: Array, items: list[Array]) -> Array:
    """Distribution of the sum of a score and of some items' codes."""
    for item in items:
        size, longer = scores.shape[-1], np.zeros((*scores.shape[:-1], scores.shape[-1] + item.shape[-1] - 1))
        for code in range(item.shape[-1]):
            longer[..., code : code + size] += scores * item[..., code, None]
        scores = longer
    return scores
