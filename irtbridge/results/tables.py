"""Posterior summaries as tables: mean, SD, Monte Carlo error, 95 % HDI, ESS and R-hat of each parameter."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy import special

from irtbridge.results.quiet_arviz import az

STATISTICS = ("mean", "sd", "mcse", "hdi_2.5%", "hdi_97.5%", "ess_bulk", "ess_tail", "r_hat")


def summarise(posterior: xr.Dataset, *, chains: bool = True) -> xr.Dataset:
    """Summarise draws (chain, draw, ...) along chain and draw.

    Parameters
    ----------
    posterior : Dataset
        Any variables with dims chain and draw.
    chains : bool
        Whether the draws are Markov chains; else Monte Carlo error, ESS and R-hat are NaN (see `with_ess`).

    Returns
    -------
    Dataset
        The same variables with a dim ``statistic`` (see `STATISTICS`) in place of chain and draw. R-hat needs two
        chains, ESS and R-hat are NaN where an element does not vary.
    """
    sample = ["chain", "draw"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        interval = az.hdi(posterior, hdi_prob=0.95)
        mean, sd = posterior.mean(sample), posterior.std(sample, ddof=1)
        none = mean * np.nan
        parts = [
            mean,
            sd,
            az.mcse(posterior, method="mean") if chains else none,
            interval.sel(hdi="lower", drop=True),
            interval.sel(hdi="higher", drop=True),
            az.ess(posterior, method="bulk") if chains else none,
            az.ess(posterior, method="tail") if chains else none,
            az.rhat(posterior) if chains and posterior.sizes["chain"] > 1 else none,
        ]
    summary = _stacked(parts)
    diagnostics = xr.DataArray([s.startswith(("mcse", "ess", "r_hat")) for s in STATISTICS], dims="statistic")
    return summary.where(~(diagnostics & (summary.sel(statistic="sd", drop=True) == 0)))


def of_point(estimate: xr.Dataset, standard_errors: Mapping[str, NDArray[np.float64]]) -> xr.Dataset:
    """The summary of a point estimate: ``mean`` is the estimate, ``sd`` its standard error, the others are NaN.

    Parameters
    ----------
    estimate : Dataset
        A single draw (chain, draw, ...).
    standard_errors : mapping of str to ndarray
        Full arrays by variable name.
    """
    point: xr.Dataset = estimate.isel(chain=0, draw=0, drop=True)
    errors = point.copy(data={name: standard_errors[str(name)] for name in point.data_vars})
    parts = [{"mean": point, "sd": errors}.get(statistic, point * np.nan) for statistic in STATISTICS]
    out: xr.Dataset = xr.concat(
        parts, pd.Index(STATISTICS, name="statistic"), coords="minimal", compat="override", join="outer"
    )
    return out


def of_moments(name: str, moments: xr.Dataset) -> xr.Dataset:
    """The summary of abilities of which there are moments but no draws (`irtbridge.results.ability_moments`).

    The interval is the shortest to first order in the skewness g, ``mean + sd (g (z^2 - 3) / 6 -+ z)``: so its ends
    have the same density (Edgeworth's expansion).

    Parameters
    ----------
    name : str
        Of the abilities' variable.
    moments : Dataset
        The group ``abilities``.
    """
    z = float(special.ndtri(0.975))
    middle = moments["mean"] + moments["sd"] * moments["skewness"] * (z**2 - 3) / 6
    half = z * moments["sd"]
    known = {"hdi_2.5%": middle - half, "hdi_97.5%": middle + half}
    known |= {statistic: moments[statistic] for statistic in ("mean", "sd", "mcse")}
    parts = [known.get(statistic, moments["mean"] * np.nan).to_dataset(name=name) for statistic in STATISTICS]
    return _stacked(parts)


def with_ess(summary: xr.Dataset, ess: float) -> xr.Dataset:
    """The summary of independent or weighted draws: their effective sample size is the method's own, not a chain's."""
    sd: xr.Dataset = summary.sel(statistic="sd", drop=True)
    replaced = {"ess_bulk": ess + 0 * sd, "mcse": sd / ess**0.5, "ess_tail": np.nan * sd}
    parts = [replaced.get(s, summary.sel(statistic=s, drop=True)) for s in STATISTICS]
    out: xr.Dataset = xr.concat(
        parts, pd.Index(STATISTICS, name="statistic"), coords="minimal", compat="override", join="outer"
    )
    return out


def table(summary: xr.Dataset, row: str) -> pd.DataFrame:
    """Lay out a summary with one row per label of `row`.

    Parameters
    ----------
    summary : Dataset
        From `summarise`.
    row : str
        The dim whose labels are the rows; variables without it are left out.

    Returns
    -------
    DataFrame
        Columns are (parameter, statistic); a parameter with further dims has one entry for each label, as
        ``threshold[2]``. Entries that do not exist anywhere are left out.
    """
    columns: dict[tuple[str, str], pd.Series] = {}
    for name, values in summary.data_vars.items():
        if row not in values.dims:
            continue
        others = [d for d in values.dims if d not in (row, "statistic")]
        for label, part in _each(values, others):
            for statistic in STATISTICS:
                columns[f"{name}{label}", statistic] = part.sel(statistic=statistic).to_series()
    frame = pd.DataFrame(columns)
    frame.columns = pd.MultiIndex.from_tuples(list(columns), names=["parameter", "statistic"])
    empty = [p for p in frame.columns.unique(0) if frame[p]["mean"].isna().all()]
    return frame.drop(columns=empty, level=0)


def tidy(wide: pd.DataFrame) -> pd.DataFrame:
    """A table as `table` gives it with one row for each label and parameter, and the statistics as its columns.

    Parameters
    ----------
    wide : DataFrame
        Columns (parameter, statistic).

    Returns
    -------
    DataFrame
        Columns are the label's dim, ``parameter`` and `STATISTICS`; parameters that a label does not have are left out.
    """
    long = wide.stack("parameter", future_stack=True).dropna(how="all").reset_index()
    return long[[str(wide.index.name), "parameter", *STATISTICS]].rename_axis(columns=None)


def shared_table(summary: xr.Dataset) -> pd.DataFrame:
    """One row for each element of the variables that belong to no single item or person."""
    rows: dict[str, dict[str, float]] = {}
    for name, values in summary.data_vars.items():
        if {"person", "item"} & set(values.dims):
            continue
        for label, part in _each(values, [d for d in values.dims if d != "statistic"]):
            rows[f"{name}{label}"] = dict(zip(STATISTICS, part.values.tolist(), strict=True))
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(STATISTICS))


def _each(values: xr.DataArray, dims: list[Hashable]) -> list[tuple[str, xr.DataArray]]:
    """Split an array along dims: pairs of a label such as ``[2]`` or ``[N, C]`` and the part."""
    if not dims:
        return [("", values)]
    stacked = values.stack(element=dims)
    labels = ["[" + ", ".join(str(v) for v in np.atleast_1d(np.asarray(e, dtype=object))) + "]"
              for e in stacked["element"].values]  # fmt: skip
    return [(label, stacked.isel(element=i, drop=True).reset_coords(drop=True)) for i, label in enumerate(labels)]


def _stacked(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """One data set for each statistic, put along the dim ``statistic``."""
    index = pd.Index(STATISTICS, name="statistic")
    stacked: xr.Dataset = xr.concat(parts, index, coords="minimal", compat="override", join="outer")
    return stacked
