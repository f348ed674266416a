"""What of a matrix is held out: functions over boolean arrays, of persons by items.

A line is a person or an item, held out as one; functions of lines take persons as rows, and items by the transpose.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.errors import DataError

Mask = NDArray[np.bool_]
Array = NDArray[np.float64]


def random_entries(observed: Mask, share: float, rng: np.random.Generator) -> Mask:
    """Entries drawn at random among those observed; one of each row and of each column is never drawn.

    Parameters
    ----------
    observed : ndarray of bool, shape (person, item)
        Where there are responses.
    share : float
        Of all that are observed.
    rng : Generator
        Source of randomness.

    Raises
    ------
    DataError
        Without so many of them a row or a column would be empty.
    """
    order = np.where(observed, rng.uniform(size=observed.shape), -1.0)
    last = (order == order.max(axis=0)) | (order == order.max(axis=1, keepdims=True))
    free = np.flatnonzero(observed & ~last)
    count = number_of(share, int(observed.sum()))
    if count > len(free):
        most = len(free) / observed.sum()
        raise DataError(
            f"share={share:g} of the responses would leave a person or an item without any; at most {most:.2f} of "
            "these can be held out."
        )
    drawn = np.zeros(observed.size, dtype=bool)
    drawn[free[np.argsort(order.ravel()[free])[:count]]] = True
    return drawn.reshape(observed.shape)


def folds_of(observed: Mask, folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The fold of each entry, -1 where there is no response; a row's responses are dealt to as many folds as they can.

    Returns
    -------
    ndarray of int, shape (person, item)
        Sizes of folds differ by one within a row.
    """
    order = np.where(observed, rng.uniform(size=observed.shape), np.inf)
    place = np.argsort(np.argsort(order, axis=1), axis=1)
    first = rng.integers(folds, size=(len(observed), 1))
    return np.where(observed, (place + first) % folds, -1)


def random_lines(observed: Mask, share: float, rng: np.random.Generator) -> Mask:
    """Lines drawn at random among those with two responses or more, shape (line,)."""
    able = np.flatnonzero(observed.sum(axis=1) > 1)
    return _some(rng.permutation(able), share, observed)


def extreme_lines(observed: Mask, score: Array, share: float) -> Mask:
    """The lines with the highest score among those with two responses or more, shape (line,)."""
    able = np.flatnonzero(observed.sum(axis=1) > 1)
    return _some(able[np.argsort(-score[able], kind="stable")], share, observed)


def exposed_of(observed: Mask, held: Mask, share: float, rng: np.random.Generator) -> Mask:
    """Of each held-out line the entries that may be used to estimate it, drawn at random.

    At least one, and one less than all, unless the share is 0.

    Parameters
    ----------
    observed : ndarray of bool, shape (line, other)
        Where there are responses.
    held : ndarray of bool, shape (line,)
        The lines held out.
    share : float
        Of a line's responses.
    rng : Generator
        Source of randomness.
    """
    own = observed & held[:, None]
    order = np.where(own, rng.uniform(size=own.shape), np.inf)
    place = np.argsort(np.argsort(order, axis=1), axis=1)
    count = own.sum(axis=1)
    shown = np.clip(np.round(share * count), 1, count - 1) if share else np.zeros(len(count))
    return np.asarray(own & (place < shown[:, None]))


def mean_scores(values: NDArray[np.number[Any]], observed: Mask, axis: int) -> Array:
    """Mean response along an axis, each as a share of the highest one to its item; NaN where there is none."""
    highest = np.where(observed, values, 0).max(axis=0)
    shares = np.where(observed, values, 0) / np.where(highest > 0, highest, 1)
    with np.errstate(invalid="ignore"):
        return np.asarray(shares.sum(axis=axis) / observed.sum(axis=axis))


def number_of(share: float, whole: int) -> int:
    """How many a share is, at least one."""
    return max(1, round(share * whole))


def _some(order: NDArray[np.intp], share: float, observed: Mask) -> Mask:
    """The first lines in an order."""
    held = np.zeros(len(observed), dtype=bool)
    held[order[: number_of(share, len(observed))]] = True
    return held
