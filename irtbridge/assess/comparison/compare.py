"""Which model predicts better: leave-one-out cross-validation and WAIC over persons, stacking weights.

A person is left out, with all responses and with the ability that only they tell of: the unit that is exchangeable, and
of which the draws of the item parameters predict another one (Merkle, Furr & Rabe-Hesketh 2019).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from irtbridge.assess.comparison.same_data import differences
from irtbridge.assess.person_likelihood import person_log_likelihood
from irtbridge.assess.posterior import Posterior
from irtbridge.data.labels import few
from irtbridge.errors import IRTBridgeWarning, StatisticError
from irtbridge.results.quiet_arviz import az

Array = NDArray[np.float64]
# Above it an estimate is unreliable, however many the draws (Vehtari, Simpson, Gelman, Yao & Gabry 2024).
LARGEST_K = 0.7


class Fitted(Protocol):
    """What is compared: an `irtbridge.Fit`."""

    @property
    def idata(self) -> az.InferenceData:
        """Labelled draws."""

    @property
    def posterior(self) -> Posterior:
        """The same draws as arrays."""


def loo(fit: Fitted) -> az.ELPDData:
    """Expected log predictive density of a new person, by Pareto-smoothed leave-one-out (Vehtari, Gelman & Gabry 2017).

    Parameters
    ----------
    fit : Fit
        A fit with draws.

    Returns
    -------
    arviz.ELPDData
        ``elpd_loo``, ``se``, ``p_loo``; by person ``loo_i`` and ``pareto_k``, where a row that stands for several
        persons is there as often.

    Raises
    ------
    StatisticError
        A point estimate, or abilities that cannot be integrated out.
    """
    return _criterion(fit, "loo")


def waic(fit: Fitted) -> az.ELPDData:
    """The same by the widely applicable information criterion (Watanabe 2010): ``elpd_waic``, ``se``, ``p_waic``.

    Raises
    ------
    StatisticError
        A point estimate, or abilities that cannot be integrated out.
    """
    return _criterion(fit, "waic")


def compare(fits: Mapping[str, Fitted]) -> pd.DataFrame:
    """Models of the same responses, the one that predicts new persons best first.

    Parameters
    ----------
    fits : mapping of str to Fit
        By the name that the table has for each; two or more.

    Returns
    -------
    DataFrame
        A row per model. ``elpd_loo`` with its ``se`` and effective number of parameters ``p_loo``; ``elpd_diff``, how
        much less it is than the best one's, with its standard error ``dse``; ``weight``, of the mixture of predictions
        that does best (stacking; Yao, Vehtari, Simpson & Gelman 2018); ``elpd_waic`` and ``p_waic``; the largest Pareto
        k of a person, ``k_max``, and the number of persons above .7, ``k_bad``.

    Raises
    ------
    StatisticError
        Fewer than two models, other responses, point estimates, or abilities that cannot be integrated out.

    Warns
    -----
    IRTBridgeWarning
        Persons have other labels, categories are coded in different ways, or Pareto k is above .7.
    """
    if not isinstance(fits, Mapping) or len(fits) < 2:
        raise StatisticError(f"compare has {len(fits)} models; give two or more: compare({{'2pl': a, 'grm': b}}).")
    notes = differences({name: fit.posterior.responses for name, fit in fits.items()})
    by_loo = {name: loo(fit) for name, fit in fits.items()}
    by_waic = {name: waic(fit) for name, fit in fits.items()}
    notes += [note for name, each in by_loo.items() for note in _influential(name, each, fits[name].posterior)]
    for note in notes:
        warnings.warn(note, IRTBridgeWarning, stacklevel=2)
    own = {name: _row(each, by_waic[name]) for name, each in by_loo.items()}
    table = pd.DataFrame.from_dict(own, orient="index").join(_beside(by_loo))
    order = ["elpd_loo", "se", "p_loo", "elpd_diff", "dse", "weight", "elpd_waic", "p_waic", "k_max", "k_bad"]
    return table.sort_values("elpd_loo", ascending=False)[order].rename_axis("model")


def _row(by_loo: az.ELPDData, by_waic: az.ELPDData) -> dict[str, float]:
    k = by_loo.pareto_k.values
    criteria = {name: float(by_loo[name]) for name in ("elpd_loo", "se", "p_loo")}
    criteria |= {name: float(by_waic[name]) for name in ("elpd_waic", "p_waic")}
    return criteria | {"k_max": float(k.max()), "k_bad": int((k > LARGEST_K).sum())}


def _beside(each: Mapping[str, az.ELPDData]) -> pd.DataFrame:
    """Differences with their standard errors, and stacking weights."""
    # ArviZ takes densities out of logarithms: relative to each person's largest, which changes neither, none is 0.
    largest = np.max([criterion.loo_i.values for criterion in each.values()], axis=0)
    relative = {}
    for name, criterion in each.items():
        relative[name] = criterion.copy()
        relative[name]["loo_i"] = criterion.loo_i - largest
        relative[name]["elpd_loo"] = float(relative[name].loo_i.sum())
    with _quiet():
        return pd.DataFrame(az.compare(relative, ic="loo", method="stacking", scale="log"))[
            ["elpd_diff", "dse", "weight"]
        ]


def _influential(name: str, by_loo: az.ELPDData, posterior: Posterior) -> list[str]:
    bad = np.flatnonzero(by_loo.pareto_k.values > LARGEST_K)
    if not len(bad):
        return []
    row = np.repeat(np.arange(posterior.responses.n_persons), posterior.weights.astype(int))
    who = few(str(posterior.responses.persons[i]) for i in np.unique(row[bad]))
    return [
        f"{name!r}: Pareto k is above {LARGEST_K} for {len(bad)} persons ({who}): their elpd_loo is unreliable. Draw "
        "more, look whether these persons fit (person_fit), and compare without them."
    ]


def _criterion(fit: Fitted, name: str) -> az.ELPDData:
    posterior = fit.posterior
    if posterior.point:
        raise StatisticError(
            f"{name}: model {posterior.spec.name!r} was fitted by a point estimate, which has no draws to predict "
            "from; fit it with method='laplace' or 'nuts', or hold nested models against each other with anova."
        )
    of_items = fit.idata.posterior.drop_dims("person", errors="ignore")
    sizes = of_items.sizes["chain"], of_items.sizes["draw"]
    likelihood = person_log_likelihood(posterior)
    by_person = xr.DataArray(likelihood.reshape(*sizes, -1), dims=("chain", "draw", "person"), name="person")
    data = az.InferenceData(posterior=of_items, log_likelihood=by_person.to_dataset())
    efficiency = {"reff": _efficiency(of_items)} if name == "loo" else {}
    with _quiet():
        criterion = getattr(az, name)(data, pointwise=True, scale="log", **efficiency)
    return _of_persons(criterion, name, likelihood, posterior.weights)


def _efficiency(of_items: xr.Dataset) -> float:
    """Effective sample size of the item parameters over the number of draws, their mean; 1 of independent draws.

    As ArviZ takes it, but of the parameters that exist: of items with fewer categories some are NaN.
    """
    if of_items.sizes["chain"] == 1 or not of_items.data_vars:
        return 1.0
    found = az.ess(of_items, method="mean")
    each = np.concatenate([value.values.ravel() for value in found.data_vars.values()])
    return float(np.nanmean(each) / (of_items.sizes["chain"] * of_items.sizes["draw"]))


def _of_persons(criterion: az.ELPDData, name: str, likelihood: Array, weights: Array) -> az.ELPDData:
    """As of long data, in which each row is there as often as its weight says."""
    counts, each = weights.astype(int), criterion[f"{name}_i"]
    result = criterion.copy()
    result[f"{name}_i"] = each.isel(person=np.repeat(np.arange(len(counts)), counts))
    largest = likelihood.max(axis=0)
    lppd = np.log(np.exp(likelihood - largest).mean(axis=0)) + largest
    by_row, n = each.values, counts.sum()
    result[f"elpd_{name}"] = float(counts @ by_row)
    result["se"] = float(np.sqrt(n * np.var(result[f"{name}_i"].values)))
    result[f"p_{name}"] = float(counts @ (lppd - by_row))
    result["n_data_points"] = n
    if "pareto_k" in result:
        result["pareto_k"] = criterion.pareto_k.isel(person=np.repeat(np.arange(len(counts)), counts))
    return result


@contextmanager
def _quiet() -> Iterator[None]:
    """Without ArviZ's warnings, which say less of the same, or are of its own making."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
