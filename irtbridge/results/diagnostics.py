"""What tells of each parameter whether its chains have arrived, and how exactly its mean is known."""

from __future__ import annotations

import warnings
from itertools import product

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from irtbridge.results.quiet_arviz import az
from irtbridge.results.tables import STATISTICS

Array = NDArray[np.float64]
COLUMNS = (
    "mean", "median", "sd", "hdi_2.5%", "hdi_97.5%", "mcse", "mcse_percent", "ess_bulk", "ess_tail", "r_hat", "psrf",
    "psrf_upper", "geweke", "autocorr_10",
)  # fmt: skip
LAG = 10
FIRST, LAST = 0.1, 0.5  # Geweke 1992


def diagnostics(posterior: xr.Dataset, summary: xr.Dataset, *, chains: bool) -> pd.DataFrame:
    """One row for each parameter that is estimated and belongs to no person.

    Parameters
    ----------
    posterior : Dataset
        Draws (chain, draw, ...).
    summary : Dataset
        The same variables as `irtbridge.results.tables.summarise` has them.
    chains : bool
        Whether the draws are Markov chains: what follows from their order is NaN where they are not.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`: ``mcse`` is the Monte Carlo error of the mean, ``mcse_percent`` the same as a percentage of
        the SD; ``r_hat`` is rank-normalised (Vehtari et al. 2021); ``psrf`` and ``psrf_upper`` are as in
        `potential_scale_reduction`, ``geweke`` as in `geweke_z`; ``autocorr_10`` is the autocorrelation at lag 10, the
        chains' mean.
    """
    posterior = posterior[[name for name in posterior.data_vars if "person" not in posterior[name].dims]]
    labels, draws = elements(posterior, ("chain", "draw"))
    _, table = elements(summary[list(posterior.data_vars)], ("statistic",))
    columns = dict(zip(STATISTICS, table, strict=True))
    columns["median"] = np.median(draws, axis=(0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        columns["mcse_percent"] = 100 * columns["mcse"] / columns["sd"]
        columns |= _of_chains(draws) if chains else {}
    frame = pd.DataFrame(columns, index=pd.Index(labels, name="parameter")).reindex(columns=list(COLUMNS))
    kept: pd.DataFrame = frame[np.isfinite(frame["mean"]) & (frame["sd"] != 0)]
    return kept


def elements(data: xr.Dataset, core: tuple[str, ...]) -> tuple[list[str], Array]:
    """Labels such as ``discrimination[item1]`` and values (*core, element) of all elements of all variables."""
    labels, values = [], []
    for name, array in data.data_vars.items():
        others = [dim for dim in array.dims if dim not in core]
        ordered = array.transpose(*core, *others)
        values.append(ordered.values.reshape(*ordered.shape[: len(core)], -1))
        each = product(*(array[dim].values.tolist() for dim in others))
        labels += [f"{name}[{', '.join(map(str, one))}]" if one else str(name) for one in each]
    return labels, np.concatenate(values, axis=-1)


def potential_scale_reduction(draws: Array, level: float = 0.95) -> tuple[Array, Array]:
    """The classic potential scale reduction factor and the upper limit of its interval.

    Gelman & Rubin (1992), with the correction for degrees of freedom of Brooks & Gelman (1998, section 3.1), as coda's
    ``gelman.diag`` without leaving out the first half.

    Parameters
    ----------
    draws : ndarray, shape (chain, draw, element)
    level : float
        Of the interval.

    Returns
    -------
    psrf, upper : ndarray, shape (element,)
        NaN with one chain.
    """
    m, n = draws.shape[:2]
    if min(m, n) < 2:
        none = np.full(draws.shape[2], np.nan)
        return none, none
    means, variances = draws.mean(axis=1), draws.var(axis=1, ddof=1)
    within, between = variances.mean(axis=0), n * means.var(axis=0, ddof=1)
    pooled = (n - 1) / n * within + (1 + 1 / m) * between / n
    var_within, var_between = variances.var(axis=0, ddof=1) / m, 2 * between**2 / (m - 1)
    centre = means.mean(axis=0)
    covariance = n / m * (_covariance(variances, means**2) - 2 * centre * _covariance(variances, means))
    var_pooled = (
        (n - 1) ** 2 * var_within + (1 + 1 / m) ** 2 * var_between + 2 * (n - 1) * (1 + 1 / m) * covariance
    ) / n**2
    freedom = 2 * pooled**2 / var_pooled
    ratio = (1 + 1 / m) / n * between / within
    quantile = stats.f.ppf((1 + level) / 2, m - 1, 2 * within**2 / var_within)
    correction = (freedom + 3) / (freedom + 1)
    return np.sqrt(correction * ((n - 1) / n + ratio)), np.sqrt(correction * ((n - 1) / n + quantile * ratio))


def geweke_z(draws: Array) -> Array:
    """Difference of the means of the first tenth and the last half, in its standard error (Geweke 1992).

    Over all chains together; the standard errors are ArviZ's Monte Carlo errors, which know the autocorrelation.

    Parameters
    ----------
    draws : ndarray, shape (chain, draw, element)

    Returns
    -------
    ndarray, shape (element,)
        About standard normal once the chains have arrived; NaN where the first tenth is too short for a standard error.
    """
    n = draws.shape[1]
    first, last = draws[:, : int(FIRST * n)], draws[:, n - int(LAST * n) :]
    if first.shape[1] < 4:  # ArviZ's least
        return np.full(draws.shape[2], np.nan)
    error = np.hypot(_monte_carlo_error(first), _monte_carlo_error(last))
    return np.asarray((first.mean(axis=(0, 1)) - last.mean(axis=(0, 1))) / error)


def e_bfmi(energy: Array | None) -> float:
    """Smallest energy Bayesian fraction of missing information of the chains (Betancourt 2016); NaN without energies.

    Below 0.3 momenta change the energy too slowly to reach the tails.
    """
    return float("nan") if energy is None else float(np.min(az.bfmi(np.asarray(energy, dtype=float))))


def _of_chains(draws: Array) -> dict[str, Array]:
    psrf, upper = potential_scale_reduction(draws)
    return {"psrf": psrf, "psrf_upper": upper, "geweke": geweke_z(draws), "autocorr_10": _autocorrelation(draws)}


def _autocorrelation(draws: Array) -> Array:
    if draws.shape[1] <= LAG:
        return np.full(draws.shape[2], np.nan)
    return np.asarray(az.autocorr(draws, axis=1)[:, LAG].mean(axis=0))


def _monte_carlo_error(draws: Array) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = az.mcse(xr.Dataset({"x": (("chain", "draw", "element"), draws)}), method="mean")
    return np.asarray(found.x.values, dtype=np.float64)


def _covariance(x: Array, y: Array) -> Array:
    """Covariance over the first axis, for each element."""
    return np.asarray(((x - x.mean(axis=0)) * (y - y.mean(axis=0))).sum(axis=0) / (len(x) - 1))
