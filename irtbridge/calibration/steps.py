"""Derivatives of the log probabilities of ordered categories by each step ``u_k = a (theta - b_k)``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from irtbridge.model.families import Binary, Categories, Graded, PartialCredit

Array = NDArray[np.float64]
SUPPORTED = (Binary, Graded, PartialCredit)


def by_step(family: Categories, u: Array, log_probs: Array, **shapes: Array) -> Array:
    """Derivatives (person, item, category, category - 1).

    Parameters
    ----------
    family : Binary, Graded or PartialCredit
    u : ndarray, shape (person, item, category - 1)
    log_probs : ndarray, shape (person, item, category)
        What the family gives.
    **shapes : ndarray, shape (item,)
        ``lower`` of a binary family that has a lower asymptote.
    """
    if isinstance(family, Graded):
        return _graded(u)
    if isinstance(family, PartialCredit):
        return _partial_credit(log_probs)
    return _binary(u, log_probs, **shapes)


def _binary(u: Array, log_probs: Array, lower: Array | None = None) -> Array:
    """``P' / P`` and ``-P' / (1 - P)`` with ``P' = (1 - c) sigma(u) sigma(-u) = sigma(u) (1 - P)``."""
    wrong, right = np.exp(log_probs[..., 0]), np.exp(log_probs[..., 1])
    if lower is None:
        return np.stack([-right, wrong], axis=-1)[..., None]
    above = expit(u[..., 0])
    return np.stack([-above, above * wrong / right], axis=-1)[..., None]


def _graded(u: Array) -> Array:
    """``sigma(-u_k) + 1 / (exp(g_k) - 1)`` by the own step, the like with the other sign by that of the next one.

    g_k = u_k - u_{k+1}, without which the end categories are.
    """
    n = u.shape[-1]
    between = np.zeros((*u.shape[:-1], n + 1))
    between[..., 1:-1] = 1 / np.expm1(-np.diff(u, axis=-1))
    out = np.zeros((*u.shape[:-1], n + 1, n))
    step = np.arange(n)
    out[..., step + 1, step] = expit(-u) + between[..., 1:]
    out[..., step, step] = -expit(u) - between[..., :-1]
    return out


def _partial_credit(log_probs: Array) -> Array:
    """``[k >= j] - P(Y >= j)``."""
    probs = np.exp(log_probs)
    at_least = np.flip(np.cumsum(np.flip(probs, -1), axis=-1), -1)[..., 1:]
    reached = np.tri(probs.shape[-1], probs.shape[-1] - 1, -1)
    return np.asarray(reached - at_least[..., None, :])
