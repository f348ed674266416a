"""Importance weights, Pareto-smoothed, and what they say of the approximation that was drawn from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from irtbridge.plugin.program import Program, Progress
from irtbridge.results.quiet_arviz import az

Array = NDArray[np.float64]
K_HAT_LIMIT = 0.7  # Vehtari et al. 2024, section 3
BATCH = 32  # points of one call


def k_hat(program: Program, z: Array, log_q: Array, progress: Progress) -> float:
    """Pareto k-hat of draws from an approximation as importance draws for the posterior (Yao et al. 2018).

    Above 0.7 the approximation is too far from the posterior to be corrected by reweighting, let alone trusted.

    Parameters
    ----------
    program : Program
        Whose density is the target.
    z : ndarray, shape (draw, dim)
        Draws from the approximation.
    log_q : ndarray, shape (draw,)
        Their log densities under it.
    progress : callable
        Progress callback.
    """
    return smoothed(log_densities(program, z, progress) - log_q)[1]


def log_densities(program: Program, z: Array, progress: Progress) -> Array:
    """Log densities of many points, in batches."""
    parts = []
    for start in range(0, len(z), BATCH):
        parts.append(program.value(z[start : start + BATCH]))
        progress("sampling", min(start + BATCH, len(z)), len(z))
    values = np.concatenate(parts)
    return np.where(np.isfinite(values), values, -np.inf)


def smoothed(log_ratios: Array) -> tuple[Array, float]:
    """Pareto-smoothed importance weights, the largest 1, and k-hat; infinite where it cannot be had."""
    if np.isfinite(log_ratios).sum() < 2:
        return np.ones(len(log_ratios)), float("inf")
    log_weights, k_hat = az.psislw(log_ratios)
    return np.exp(log_weights - log_weights.max()), float("inf") if np.isnan(k_hat) else float(k_hat)


def systematic(weights: Array, rng: np.random.Generator) -> NDArray[np.intp]:
    """Systematic resampling: as many draws as weights, each as often as its weight says.

    A draw's copies stand side by side: so the autocorrelation of what comes out has the effective sample size of the
    weights, and the ESS that ArviZ finds from it is right.
    """
    points = (rng.uniform() + np.arange(len(weights))) / len(weights)
    return np.searchsorted(np.cumsum(weights), points).clip(max=len(weights) - 1)
