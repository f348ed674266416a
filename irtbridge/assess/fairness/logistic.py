"""Logistic regression of a response on a score and a group; of more than two categories with proportional odds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]
STEPS, TOLERANCE, SMALLEST = 100, 1e-10, 1e-300


@dataclass(frozen=True, eq=False)
class Regression:
    """A maximum-likelihood fit.

    Attributes
    ----------
    log_likelihood : float
        At the maximum.
    coefficients : ndarray, shape (intercept + column,)
        Intercepts, those of a response above each category but the highest, then weights of the columns.
    """

    log_likelihood: float
    coefficients: Array


def regress(counts: Array, design: Array) -> Regression:
    """``logit P(Y >= k) = alpha_k + x beta`` by Fisher scoring (McCullagh 1980).

    Parameters
    ----------
    counts : ndarray, shape (row, category)
        How many responded in each category at the row's covariates; categories that nobody used are left out.
    design : ndarray, shape (row, column)
        Covariates.
    """
    counts = counts[:, counts.sum(axis=0) > 0]
    above = np.cumsum(counts.sum(axis=0)[::-1])[::-1][1:] / counts.sum()
    at = np.concatenate([special.logit(above), np.zeros(design.shape[1])])
    now, score, information = _likelihood(at, counts, design)
    for _ in range(STEPS):
        step = np.linalg.lstsq(information, score, rcond=None)[0]
        for share in 0.5 ** np.arange(20):
            then, *rest = _likelihood(at + share * step, counts, design)
            if then >= now:
                break
        gain, at, now, (score, information) = then - now, at + share * step, then, rest
        if gain < TOLERANCE:
            break
    return Regression(float(now), at)


def _likelihood(at: Array, counts: Array, design: Array) -> tuple[float, Array, Array]:
    """Log likelihood, its gradient and the expected information."""
    k = counts.shape[1] - 1
    above = special.expit(at[:k] + (design @ at[k:])[:, None])
    edges = np.pad(above, ((0, 0), (1, 1)), constant_values=((0, 0), (1, 0)))
    probs = np.maximum(edges[:, :-1] - edges[:, 1:], SMALLEST)
    if np.any(np.diff(at[:k]) > 0):
        return -np.inf, at, np.eye(len(at))
    slope = np.pad(above * (1 - above), ((0, 0), (1, 1)))
    one = np.eye(k + 2)[:, 1:-1]  # which intercept each edge has
    of_intercepts = slope[:, :-1, None] * one[:-1] - slope[:, 1:, None] * one[1:]
    of_columns = (slope[:, :-1] - slope[:, 1:])[..., None] * design[:, None, :]
    jacobian = np.concatenate([of_intercepts, of_columns], axis=2)
    weights = counts.sum(axis=1)[:, None] / probs
    information = np.einsum("rk,rki,rkj->ij", weights, jacobian, jacobian)
    return float(np.sum(counts * np.log(probs))), np.einsum("rk,rki->i", counts / probs, jacobian), information


def nagelkerke(log_likelihood: Array, null: float, n: float) -> Array:
    """Nagelkerke's (1991) R squared, of the log likelihood against that without covariates."""
    return np.asarray(-np.expm1(2 * (null - log_likelihood) / n) / -np.expm1(2 * null / n))
