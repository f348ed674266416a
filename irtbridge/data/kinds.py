"""Kinds of responses: codes of categories, fractions from 0 to 1, counts; what values each may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from irtbridge.errors import DataError, UnknownName

MISSING = -1
CATEGORIES, FRACTIONS, COUNTS = "categories", "fractions", "counts"
DROP = "drop"  # of items to which all gave the same response
KINDS: Mapping[str, type[np.number[Any]]] = {CATEGORIES: np.int64, FRACTIONS: np.float64, COUNTS: np.int64}


def check_kind(kind: str) -> None:
    """Raise `UnknownName` unless there are responses of this kind."""
    if kind not in KINDS:
        raise UnknownName("kind of responses", kind, KINDS)


def as_values(kind: str, values: ArrayLike) -> NDArray[Any]:
    """A copy of responses in the type of their kind, shape (person, item); -1 is missing.

    Raises
    ------
    DataError
        Another shape, or no numbers of this kind.
    """
    given = np.asarray(values)
    what = "codes" if kind == CATEGORIES else kind
    if given.ndim != 2 or 0 in given.shape:
        raise DataError(f"{what} need shape (person, item) with at least one of each, not {given.shape}.")
    if given.dtype.kind not in ("iubf" if kind == FRACTIONS else "iub"):
        valid = "numbers" if kind == FRACTIONS else "integers"
        raise DataError(f"{what} must be {valid}, not {given.dtype}; load_responses() makes them from any table.")
    return given.astype(_smallest(given) if kind == CATEGORIES else KINDS[kind])


def _smallest(codes: NDArray[Any]) -> type[np.signedinteger[Any]]:
    """What holds codes: a byte, unless an item has more categories than any test has."""
    fits = codes.dtype == np.int8 or (codes.max() <= np.iinfo(np.int8).max and codes.min() >= np.iinfo(np.int8).min)
    return np.int8 if fits else np.int64


def check_categories(item: str, codes: NDArray[Any], categories: tuple[int, ...]) -> None:
    """Raise `DataError` unless an item has two categories or more, in order, and no code beyond them."""
    if not categories:
        raise DataError(f"item {item!r} has no response at all; drop it.")
    if len(categories) == 1:
        raise DataError(f"item {item!r} has only one category, {categories[0]}; it tells nothing: drop it.")
    if list(categories) != sorted(set(categories)):
        raise DataError(f"categories of item {item!r} must ascend, not {categories}.")
    wrong = codes[(codes < MISSING) | (codes >= len(categories))]
    if len(wrong):
        valid = f"0..{len(categories) - 1}, or {MISSING} for missing"
        raise DataError(f"item {item!r} has code {wrong[0]}; valid: {valid}.")


def check_numbers(kind: str, item: str, numbers: NDArray[Any]) -> None:
    """Raise `DataError` where an observed response is no fraction in [0, 1], or no count.

    Parameters
    ----------
    kind : str
        ``fractions`` or ``counts``.
    item : str
        Its label, for the message.
    numbers : ndarray
        The observed responses to it, without the missing ones.
    """
    if kind == FRACTIONS:
        wrong = numbers[~((numbers >= 0) & (numbers <= 1))]
        valid = "fractions lie in [0, 1]: divide the scores by their maximum"
    else:
        wrong = numbers[~((numbers >= 0) & (numbers == np.floor(numbers)) & np.isfinite(numbers))]
        valid = "counts are 0, 1, 2, ...: round them, or choose a model for other responses"
    if len(wrong):
        raise DataError(f"item {item!r} has the response {wrong[0]:g}; {valid}; leave missing responses empty (NaN).")
