"""One number for the information of an item on several traits: how much smaller it makes the posterior covariance."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.state import State, moments
from irtbridge.errors import UnknownName

CRITERIA = ("D", "A")


def check_criterion(criterion: str) -> None:
    """Raise `UnknownName` unless it is ``D`` or ``A``."""
    if criterion not in CRITERIA:
        raise UnknownName("criterion", criterion, CRITERIA)


def gain(pool: Pool, state: State, information: Any, criterion: str) -> Any:
    """What an item gains, (person, item); of one trait the information itself.

    With the posterior covariance S of a person, and an item's information matrix t u u', t being its trace and u its
    direction, the posterior precision becomes S^-1 + t u u' (Segall 1996; Mulder & van der Linden 2009):

    - ``D``: its determinant grows by the factor 1 + t u'S u;
    - ``A``: the trace of its inverse falls by t u'S S u / (1 + t u'S u).

    Parameters
    ----------
    pool, state
        The items and the persons.
    information : array, shape (person, item)
        Trace of the information matrix, as `Pool.information`.
    criterion : str
        ``D`` or ``A``.
    """
    if pool.n_traits == 1:
        return information
    _, covariance = moments(pool, state.posterior())
    multiply = pool.arrays.xp.multiply  # of numbers in two precisions
    precise = multiply(information, _along(pool, covariance))
    if criterion == "D":
        return precise
    return multiply(information, _along(pool, covariance @ covariance)) / (1 + precise)


def _along(pool: Pool, matrix: NDArray[Any]) -> Any:
    """The quadratic form u'M u of each person's matrix and each item's direction, (person, item)."""
    put, outer = pool.arrays.put, pool.directions[:, :, None] * pool.directions[:, None, :]
    return pool.arrays.product(put(matrix.reshape(len(matrix), -1)), put(outer.reshape(pool.n_items, -1).T))
