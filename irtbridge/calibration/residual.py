"""What the features leave of each item: a normal distribution around their prediction, and each item's posterior in it.

With z the predictors of an item (1 and what the projection of the grader's curves gives) and phi its coordinates::

    phi_i ~ Normal(B' z_i, Sigma),    answers of item i ~ Bernoulli(P(theta; phi_i)),    theta ~ Normal(0, 1)

B and Sigma are estimated (empirical Bayes), abilities are integrated out on the grid, and the items' posteriors are
normal at their modes (Laplace): an item with many answers is where they put it, one with few between them and its
features, one with none at the prediction, with Sigma about it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from irtbridge.calibration.abilities import Grid
from irtbridge.calibration.answers import Answers
from irtbridge.calibration.curves import Curves

Array = NDArray[np.float64]
ITERATIONS = 200
ENOUGH = 2e-3  # of the largest change of an item's coordinate: a hundredth of its posterior SD or less
REFRESH = 10  # iterations for which the information that is missing for want of the abilities is kept
LONGEST = 1.0  # step of a coordinate in one iteration
WEAK = 4.0  # items that the typical spread of the residual counts for
SPREAD = {"log_slope": 0.2, "difficulty": 0.5, "logit_lower": 0.3}  # typical residual SDs of explanatory models
CHUNK = 100_000  # answers at a time: 50 MB at 61 nodes


@dataclass(frozen=True, eq=False)
class Items:
    """Posteriors of the items, and the distribution that they come from.

    Attributes
    ----------
    mode, covariance : ndarray, shape (item, coordinate) and (item, coordinate, coordinate)
        Of each item's posterior; without answers, of its prediction.
    prior : ndarray, shape (item, coordinate)
        What the predictors say of each item.
    residual : ndarray, shape (coordinate, coordinate)
        Sigma.
    prior_covariance : ndarray, shape (item, coordinate, coordinate)
        Sigma, and the uncertainty of B.
    grid : Grid
        The distribution of abilities.
    weights : ndarray, shape (person, node)
        Posterior of each person's ability.
    """

    mode: Array
    covariance: Array
    prior: Array
    residual: Array
    prior_covariance: Array
    grid: Grid
    weights: Array


def fit_items(
    answers: Answers,
    curves: Curves,
    predictors: Array,
    grid: Grid,
    start: Items | None = None,
    known: Array | None = None,
) -> Items:
    """Posteriors of items by EM: persons at the nodes, a Newton step of every item, B and Sigma.

    Parameters
    ----------
    answers : Answers
        The data.
    curves : Curves
        The family.
    predictors : ndarray, shape (item, column)
        z, with the column of ones.
    grid : Grid
        The distribution of abilities; without discriminations its spread is estimated.
    start : Items, optional
        Where to begin.
    known : ndarray, shape (person,), optional
        Abilities that are taken as known.
    """
    mean, sd = curves.typical()
    n_items, size = len(predictors), len(mean)
    seen = answers.per_item > 0
    mode = np.tile(mean, (n_items, 1)) if start is None else start.mode
    residual = np.diag(sd**2) if start is None else start.residual
    prior = mode if start is None else start.prior
    weights = None if known is None else grid.at(known)
    missing = np.zeros((n_items, size, size))
    for iteration in range(ITERATIONS):
        if known is None:
            weights = grid.posterior(answers, curves.probs(mode, grid.nodes))
            if not curves.slopes:
                grid = Grid.normal(0.0, grid.moments(weights)[1])
        assert weights is not None
        right, given = answers.counts(weights)
        if known is None and iteration % REFRESH == REFRESH - 1:
            missing = missing_information(answers, curves, mode, grid.nodes, weights)
        precision = np.linalg.inv(residual)
        gradient, complete = _score(right, given, curves, mode, grid.nodes)
        gradient = gradient - np.einsum("kl,il->ik", precision, mode - prior)
        step = np.linalg.solve(complete + precision, gradient[..., None])[..., 0]
        new = curves.clipped(mode + np.clip(step, -LONGEST, LONGEST))
        information = _positive(complete - missing)
        covariance = np.linalg.inv(information + precision)
        weight, prior = _regression(new, covariance, information, precision, prior, predictors, seen)
        residual = _residual(new, covariance, prior, seen, curves)
        new = np.where(seen[:, None], new, prior)
        moved, mode = float(np.abs(new - mode).max()), new
        if moved < ENOUGH and iteration > REFRESH:
            break
    uncertain = np.einsum("ic,ckdl,id->ikl", predictors, weight, predictors)
    prior_covariance = residual + uncertain
    covariance = np.where(seen[:, None, None], covariance, prior_covariance)
    return Items(mode, covariance, prior, residual, prior_covariance, grid, weights)


def _score(right: Array, given: Array, curves: Curves, at: Array, nodes: Array) -> tuple[Array, Array]:
    """Gradient (item, coordinate) and expected information of the complete data, (item, coordinate, coordinate)."""
    probs, slopes = curves.with_slopes(at, nodes)
    spread = probs * (1 - probs)
    gradient = np.einsum("iq,iqk->ik", (right - given * probs) / spread, slopes)
    return gradient, np.einsum("iq,iqk,iql->ikl", given / spread, slopes, slopes, optimize=True)


def missing_information(answers: Answers, curves: Curves, at: Array, nodes: Array, weights: Array) -> Array:
    """What is not known of each item because abilities are not (Louis 1982): variance of its score over them.

    Returns
    -------
    ndarray, shape (item, coordinate, coordinate)
    """
    probs, slopes = curves.with_slopes(at, nodes)
    per_right, per_wrong = slopes / probs[..., None], -slopes / (1 - probs[..., None])
    right, given = answers.counts(weights)
    each = [(right, per_right), (given - right, per_wrong)]
    total = sum(np.einsum("iq,iqk,iql->ikl", n, score, score, optimize=True) for n, score in each)
    size = at.shape[1]
    for begin in range(0, len(answers), CHUNK):
        some = slice(begin, begin + CHUNK)
        item, own = answers.item[some], weights[answers.person[some]]
        for code, score in enumerate((per_wrong, per_right)):
            rows = answers.right[some] == code
            means = np.stack([np.einsum("tq,tq->t", own[rows], score[item[rows], :, k]) for k in range(size)], axis=-1)
            for k in range(size):
                for m in range(size):
                    total[:, k, m] -= np.bincount(item[rows], means[:, k] * means[:, m], minlength=len(at))
    return np.asarray(total)


def _positive(matrices: Array) -> Array:
    """The nearest matrices without a negative eigenvalue."""
    values, vectors = np.linalg.eigh(matrices)
    return np.asarray(np.einsum("ikl,il,iml->ikm", vectors, np.maximum(values, 0), vectors))


def _regression(
    mode: Array, covariance: Array, information: Array, precision: Array, prior: Array, predictors: Array,
    seen: NDArray[np.bool_],
) -> tuple[Array, Array]:  # fmt: skip
    """Covariance of B and the items' predictions, by least squares that weigh each item as its answers tell of it.

    The answers of item i say ``Normal(y_i, information_i^-1)`` of it, so that given B it has ``Normal(B' z_i, Sigma +
    information_i^-1)``, of inverse G_i; written so that no information needs an inverse.
    """
    z, size, columns = predictors[seen], mode.shape[1], predictors.shape[1]
    v, own = covariance[seen], information[seen]
    told = np.einsum("ikl,il->ik", own, mode[seen]) + np.einsum("ikl,il->ik", precision + 0 * own, mode[seen] - prior[seen])
    g = own @ v @ precision
    g = (g + np.swapaxes(g, 1, 2)) / 2
    g_y = np.einsum("kl,ilm,im->ik", precision, v, told)
    left = np.einsum("ic,id,ikl->ckdl", z, z, g, optimize=True).reshape(columns * size, -1)
    left += 1e-6 * np.eye(len(left))
    weight_covariance = np.linalg.inv(left)
    beta = (weight_covariance @ np.einsum("ic,ik->ck", z, g_y).ravel()).reshape(columns, size)
    return weight_covariance.reshape(columns, size, columns, size), predictors @ beta


def _residual(mode: Array, covariance: Array, prior: Array, seen: NDArray[np.bool_], curves: Curves) -> Array:
    """Sigma: the expected square of the residual, with a few items' worth of what is typical."""
    off = (mode - prior)[seen]
    typical = np.diag([SPREAD[name] ** 2 for name in curves.names])
    total = off.T @ off + covariance[seen].sum(axis=0)
    return np.asarray((total + WEAK * typical) / (seen.sum() + WEAK))
