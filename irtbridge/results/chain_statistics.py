"""Statistics of many parameters' draws at once, (element, chain, draw): what ArviZ says of each, in arrays.

Effective sample sizes, Monte Carlo error and R-hat are those of Vehtari et al. (2021), intervals the shortest. ArviZ
takes one parameter after another, which is minutes for the abilities of 100,000 persons.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, special, stats

Array = NDArray[np.float64]
PROBABILITY = 0.95  # of intervals
TAILS = (0.05, 0.95)
CELLS = 2**18  # draws at once, 2 MiB: they stay in the cache
CONSTANT = np.finfo(float).resolution


def shortest_interval(draws: Array) -> tuple[Array, Array]:
    """Ends of the shortest interval that has `PROBABILITY` of the draws (element, draw), each (element,)."""
    ordered = np.sort(draws, axis=1)
    inside = int(PROBABILITY * ordered.shape[1])
    first = np.argmin(ordered[:, inside:] - ordered[:, : ordered.shape[1] - inside], axis=1)[:, None]
    lower, upper = (np.take_along_axis(ordered, place, axis=1)[:, 0] for place in (first, first + inside))
    return lower, upper


def chain_statistics(draws: Array) -> dict[str, Array]:
    """``mcse`` of the mean, ``ess_bulk``, ``ess_tail`` and ``r_hat`` of Markov chains.

    Parameters
    ----------
    draws : ndarray, shape (element, chain, draw)

    Returns
    -------
    dict of str to ndarray, shape (element,)
        NaN where there are fewer than four draws in a chain, or a draw is none; of ``r_hat`` with one chain.
    """
    names, (elements, chains, length) = ("mcse", "ess_bulk", "ess_tail", "r_hat"), draws.shape
    found = {name: np.full(elements, np.nan) for name in names}
    known = np.flatnonzero(np.isfinite(draws).all(axis=(1, 2)))
    if length < 4:
        return found
    size = max(1, CELLS // (chains * length))
    for start in range(0, len(known), size):
        own = known[start : start + size]
        for name, values in zip(names, _of_some(draws[own]), strict=True):
            found[name][own] = values
    return found if chains > 1 else found | {"r_hat": np.full(elements, np.nan)}


def _of_some(draws: Array) -> tuple[Array, Array, Array, Array]:
    half = draws.shape[2] // 2
    split = np.concatenate([draws[..., :half], draws[..., -half:]], axis=1)
    flat = draws.reshape(len(draws), -1)
    error = flat.std(axis=1, ddof=1) / np.sqrt(effective_size(split))
    ranks = _normal_scores(split)
    quantiles = np.quantile(flat, TAILS, axis=1)[..., None, None]
    tails = [effective_size((split <= quantile).astype(float)) for quantile in quantiles]
    folded = np.abs(split - np.median(split, axis=(1, 2), keepdims=True))
    return error, effective_size(ranks), np.minimum(*tails), np.maximum(_r_hat(ranks), _r_hat(_normal_scores(folded)))


def _normal_scores(draws: Array) -> Array:
    """Normal quantiles of ranks among all draws of an element."""
    ranks = stats.rankdata(draws.reshape(len(draws), -1), axis=1)
    return np.asarray(special.ndtri((ranks - 0.375) / (ranks.shape[1] + 0.25)).reshape(draws.shape))


def _r_hat(draws: Array) -> Array:
    length = draws.shape[2]
    between = draws.mean(axis=2).var(axis=1, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt(between / draws.var(axis=2, ddof=1).mean(axis=1) + (length - 1) / length))


def effective_size(draws: Array) -> Array:
    """Effective sample size of the mean of chains (element, chain, draw), shape (element,)."""
    elements, chains, length = draws.shape
    covariance = _autocovariance(draws)
    within = covariance[:, :1] * length / (length - 1)
    variance = covariance[:, :1] + (draws.mean(axis=2).var(axis=1, ddof=1)[:, None] if chains > 1 else 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = 1 - (within - covariance) / variance
    correlation[:, 0] = 1.0
    time = np.maximum(_autocorrelation_time(correlation), 1 / np.log10(chains * length))
    constant = np.ptp(draws.reshape(elements, -1), axis=1) < CONSTANT
    return np.asarray(np.where(constant, 1.0, 1 / time) * chains * length)


def _autocovariance(draws: Array) -> Array:
    """The chains' mean autocovariances (element, lag), by Fourier transforms."""
    length = draws.shape[2]
    size = fft.next_fast_len(2 * length, real=True)
    transformed = fft.rfft(draws - draws.mean(axis=2, keepdims=True), size, axis=2)
    power = (transformed.real**2 + transformed.imag**2).mean(axis=1)
    return np.asarray(fft.irfft(power, size, axis=1)[:, :length] / length)


def _autocorrelation_time(correlation: Array) -> Array:
    """Sum of the autocorrelations (element, lag) at all lags, as far as they can be told from noise.

    Sums of pairs of lags, 2k and 2k + 1, are positive and fall (Geyer 1992): they count until one is not, at most what
    the one before counts; of the pair after them the even lag alone, if it is positive.
    """
    elements, length = correlation.shape
    pairs = max(0, (length - 3) // 2)  # that are looked at after the first
    even = correlation[:, 0 : 2 * pairs + 1 : 2]
    sums = even + correlation[:, 1 : 2 * pairs + 2 : 2]
    stops = sums <= 0
    stops[:, -1] = True
    end = np.argmax(stops, axis=1)
    counted = np.cumsum(np.minimum.accumulate(sums, axis=1), axis=1)
    rows = np.arange(elements)
    before = np.where(end > 0, counted[rows, end - 1], 0.0)
    after = np.where((even[rows, end] > 0) | (sums[rows, end] >= 0), even[rows, end], 0.0)
    return np.where(np.isnan(sums).any(axis=1), np.nan, 2 * before + after - 1)
