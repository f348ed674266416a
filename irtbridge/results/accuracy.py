"""How well a posterior recovers true parameters: mean squared error, bias, coverage, and their Monte Carlo errors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Array = NDArray[np.float64]
LEVEL = 0.95  # of the intervals that docs and tables call 95 %


def mse(estimate: ArrayLike, truth: ArrayLike) -> float:
    """Mean over elements of ``(estimate - truth)^2``; elements whose truth is NaN are left out."""
    return float(np.nanmean(np.square(_error(estimate, truth))))


def bias(estimate: ArrayLike, truth: ArrayLike) -> float:
    """Mean over elements of ``estimate - truth``; elements whose truth is NaN are left out."""
    return float(np.nanmean(_error(estimate, truth)))


def coverage(lower: ArrayLike, upper: ArrayLike, truth: ArrayLike) -> float:
    """Share of elements whose truth lies in its interval; elements whose truth is NaN are left out."""
    true = np.asarray(truth, dtype=float)
    if np.isnan(lower).all():
        return float("nan")
    inside = (np.asarray(lower) <= true) & (true <= np.asarray(upper))
    return float(inside[~np.isnan(true)].mean())


def stretch(estimate: ArrayLike, truth: ArrayLike) -> float:
    """Slope of the estimates on the true values over elements: above 1 they are too far apart; NaN of fewer than two.

    It is the same wherever the scale has its origin.
    """
    true, found = (np.asarray(values, dtype=float).ravel() for values in (truth, estimate))
    known = ~np.isnan(true)
    away = true[known] - true[known].mean()
    return float(away @ found[known] / (away @ away)) if away.any() else float("nan")


def mcse(values: ArrayLike) -> float:
    """Monte Carlo standard error of a mean over R replications, ``SD / sqrt(R)``; NaN for fewer than two."""
    known = np.asarray(values, dtype=float)
    known = known[~np.isnan(known)]
    return float(known.std(ddof=1) / np.sqrt(known.size)) if known.size > 1 else float("nan")


def intervals(draws: Array, level: float = LEVEL) -> tuple[Array, Array]:
    """Ends of the central (equal-tailed) interval of draws (chain, draw, ...)."""
    flat = draws.reshape(-1, *draws.shape[2:])
    lower, upper = np.quantile(flat, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return lower, upper


def accuracy(
    posterior: xr.Dataset, truth: Mapping[str, ArrayLike], standard_errors: Mapping[str, Array] | None = None
) -> dict[str, dict[str, float]]:
    """MSE and bias of the posterior means and coverage of the central 95 % intervals, for each block of parameters.

    Parameters
    ----------
    posterior : Dataset
        Draws (chain, draw, ...).
    truth : mapping of str to array_like
        True values by the posterior's names; NaN where an element is not estimated. Others are left out.
    standard_errors : mapping of str to ndarray, optional
        Of a point estimate: its intervals are then ``estimate +- 1.96 SE``.

    Returns
    -------
    dict of str to dict
        ``elements`` (how many are averaged), ``mse``, ``bias``, ``coverage`` and ``stretch`` by block.
    """
    blocks = {}
    for name in posterior.data_vars:
        true = np.asarray(truth.get(str(name), np.nan), dtype=float)
        if np.isnan(true).all():
            continue
        draws = posterior[name].values
        mean = draws.mean(axis=(0, 1))
        if standard_errors is None:
            lower, upper = intervals(draws)
        else:
            half = stats.norm.ppf((1 + LEVEL) / 2) * standard_errors[str(name)]
            lower, upper = mean - half, mean + half
        blocks[str(name)] = {
            "elements": int((~np.isnan(true)).sum()),
            "mse": mse(mean, true),
            "bias": bias(mean, true),
            "coverage": coverage(lower, upper, true),
            "stretch": stretch(mean, true),
        }
    return blocks


def _error(estimate: ArrayLike, truth: ArrayLike) -> Array:
    return np.asarray(np.asarray(estimate, dtype=float) - np.asarray(truth, dtype=float))
