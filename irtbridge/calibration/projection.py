"""From the curve that a grader predicts for an item to the item's parameters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from irtbridge.calibration.curves import Curves

Array = NDArray[np.float64]
STEPS = 200
ENOUGH = 1e-10  # of a step, in the units of the coordinates
FIRST, LESS, MORE = 1e-2, 0.2, 5.0  # damping of Levenberg and Marquardt, and its factors
NEVER_ZERO = 1e-12  # of the curvature, where a curve does not change with a coordinate


def project(p_hat: Array, nodes: Array, curves: Curves) -> Array:
    """Coordinates that minimise ``sum_qk (P(Y >= k | theta_q; phi) - p_hat_qk)^2``, for all items at once.

    Of two categories that is the projection of Sharpnack et al. (2024). By Levenberg and Marquardt, each item with a
    damping of its own.

    Parameters
    ----------
    p_hat : ndarray, shape (item, node, category - 1)
        Predicted probability of each category above the lowest or a higher one.
    nodes : ndarray, shape (node,)
        A regular grid of ability.
    curves : Curves
        The family.

    Returns
    -------
    ndarray, shape (item, coordinate)
    """
    at = _start(p_hat, nodes, curves)
    damping, loss = np.full(len(at), FIRST), _loss(at, p_hat, nodes, curves)
    for _ in range(STEPS):
        probs, slopes = curves.with_slopes(at, nodes)
        gradient = np.einsum("iqjk,iqj->ik", slopes, p_hat - probs)
        curvature = np.einsum("iqjk,iqjl->ikl", slopes, slopes, optimize=True)
        # What a bound holds takes no part in the step of the others.
        free = curves.clipped(at + np.sign(gradient) * ENOUGH) != at
        gradient, curvature = gradient * free, curvature * (free[:, :, None] & free[:, None, :])
        diagonal = np.einsum("ikk->ik", curvature) + NEVER_ZERO
        damped = curvature + (damping[:, None] * diagonal + NEVER_ZERO)[:, :, None] * np.eye(at.shape[1])
        trial = curves.clipped(at + np.linalg.solve(damped, gradient[..., None])[..., 0])
        new = _loss(trial, p_hat, nodes, curves)
        better = new <= loss
        moved = np.abs(trial - at).max()
        at, loss = np.where(better[:, None], trial, at), np.where(better, new, loss)
        damping *= np.where(better, LESS, MORE)
        if moved < ENOUGH:
            break
    return at


def _start(p_hat: Array, nodes: Array, curves: Curves) -> Array:
    """Typical curves whose areas under the grid are those of the prediction."""
    return curves.located(nodes[-1] - np.ptp(nodes) * p_hat.mean(axis=1))


def _loss(at: Array, p_hat: Array, nodes: Array, curves: Curves) -> Array:
    return np.asarray(np.sum((curves.at_least(at, nodes) - p_hat) ** 2, axis=(1, 2)))
