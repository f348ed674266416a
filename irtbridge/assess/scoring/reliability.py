"""How reliable are the scores? Marginal and empirical reliability, omega, alpha, the standard error by ability."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special
from scipy.stats import qmc

from irtbridge.assess.ability_grid import Grid
from irtbridge.assess.posterior import Posterior
from irtbridge.assess.scoring.grid_scores import grid_points
from irtbridge.assess.scoring.trait_scores import by_trait, sampled_points
from irtbridge.data.responses import Responses
from irtbridge.errors import StatisticError
from irtbridge.model.layout import Layout
from irtbridge.model.noncentred import nodes_of
from irtbridge.model.others import prior_of_persons
from irtbridge.plugin.options import check_share
from irtbridge.results.quiet_arviz import az

Array = NDArray[np.float64]
Params = Mapping[str, Array]
POINTS = 2**12  # that stand for the population, where it is not integrated on a grid


def reliability(posterior: Posterior, *, draws: int = 50, probability: float = 0.95) -> pd.DataFrame:
    """Reliability of the scores, each coefficient with its posterior interval.

    Parameters
    ----------
    posterior : Posterior
        Of a fit.
    draws : int
        Of the item parameters, for the intervals.
    probability : float
        Of the intervals (HDI).

    Returns
    -------
    DataFrame
        Columns estimate (at the posterior mean of the item parameters), lower, upper (NaN of a point estimate). Rows,
        those that the model admits:

        - marginal: ``1 - E[1 / (I + 1 / s^2)] / s^2`` over the population, I being the test information and s the
          prior's standard deviation (Green et al. 1984; `marginal_rxx` of R's mirt). One trait.
        - empirical, or empirical[trait]: ``var(EAP) / (var(EAP) + mean(SE^2))`` over the sample (`empirical_rxx`).
          Without an interval where the abilities are not integrated on a grid.
        - omega: share of the variance of the sum score that all traits explain, as the model implies it (Green & Yang
          2009): McDonald's omega of responses that are not normal.
        - omega_h: share that the general trait explains. Bifactor models.
        - alpha: Cronbach's, as a yardstick: of the sample, from pairwise complete responses; its interval is of the
          alpha that the model implies. Left out where two items have no two persons in common.

        Of items that differ by group nobody takes all: there is the empirical reliability alone.

    Raises
    ------
    StatisticError
        The abilities are not normal.
    ConfigError
        A number of draws or a probability that cannot be.
    """
    posterior.check_normal("reliability()", "omega or alpha of other packages")
    check_share("probability", probability)
    of_mean = _coefficients(posterior.layout, posterior.at_mean.rows()[0], posterior.responses, intervals=False)
    frame = pd.DataFrame({"estimate": of_mean})
    if not posterior.point:
        some = posterior.thinned(draws).rows()
        each = pd.DataFrame([_coefficients(posterior.layout, one, posterior.responses, intervals=True) for one in some])
        ends = {str(name): az.hdi(each[name].to_numpy(), hdi_prob=probability) for name in each}
        bounds = pd.DataFrame.from_dict(ends, orient="index", columns=["lower", "upper"])
    else:
        bounds = pd.DataFrame(columns=["lower", "upper"], dtype=float)
    frame = frame.join(bounds)
    of_sample = sample_alpha(posterior.responses)
    if np.isnan(of_sample):
        return frame.drop(index="alpha", errors="ignore")
    frame.loc["alpha", "estimate"] = of_sample
    return frame


def conditional_se(
    posterior: Posterior, abilities: ArrayLike | None = None, *, draws: int = 50, probability: float = 0.95
) -> pd.DataFrame:
    """Standard error of ML by ability: one over the root of the test information.

    Parameters
    ----------
    posterior : Posterior
        Of a fit of one trait.
    abilities : array_like, shape (ability,), optional
        By default -3, -2.5, ..., 3.
    draws : int
        Of the item parameters, for the intervals.
    probability : float
        Of the intervals (HDI).

    Returns
    -------
    DataFrame
        By ability: information, se (at the posterior mean), lower, upper (of se; NaN of a point estimate).

    Raises
    ------
    StatisticError
        Several traits, or items that differ by group, of which nobody takes all.
    ConfigError
        Abilities that are no finite numbers in a row; a number of draws or a probability that cannot be.
    """
    check_share("probability", probability)
    if len(posterior.traits) > 1:
        raise StatisticError(
            f"conditional_se(): model {posterior.spec.name!r} has {len(posterior.traits)} traits; "
            "curves('standard_error', trait=...) has that of one, the others known, and scores() that of each person."
        )
    if posterior.responses.origins is not None:
        raise StatisticError(
            "conditional_se(): items that differ by group stand in the data once for each, and nobody takes them all; "
            "use curves('standard_error', items=[...]) with the items of one group."
        )
    grid = Grid.of(posterior, ability=np.linspace(-3, 3, 13) if abilities is None else np.atleast_1d(abilities))
    at, index = grid.points, pd.Index(grid.ability, name="ability")
    information = _test_information(posterior.layout, posterior.at_mean.rows()[0], at)
    with np.errstate(divide="ignore"):
        frame = pd.DataFrame({"information": information, "se": information**-0.5}, index=index)
        frame[["lower", "upper"]] = np.nan
        if not posterior.point:
            each = [_test_information(posterior.layout, one, at) ** -0.5 for one in posterior.thinned(draws).rows()]
            frame[["lower", "upper"]] = [az.hdi(column, hdi_prob=probability) for column in np.stack(each, axis=1)]
    return frame


def sample_alpha(responses: Responses) -> float:
    """Cronbach's alpha of the codes, from pairwise complete responses; NaN where two items share less than two."""
    weights = responses.weights_or_ones
    seen = responses.observed.astype(float)
    values = np.where(responses.observed, responses.values, 0.0)
    values = np.where(responses.observed, values - values.sum(axis=0) / np.maximum(seen.sum(axis=0), 1), 0.0)
    pairs = (weights[:, None] * seen).T @ seen
    if pairs.min() < 2:
        return float("nan")
    sums = (weights[:, None] * values).T @ seen
    covariance = ((weights[:, None] * values).T @ values - sums * sums.T / pairs) / (pairs - 1)
    return _alpha(np.diag(covariance), float(covariance.sum()))


def _coefficients(layout: Layout, params: Params, responses: Responses, *, intervals: bool) -> dict[str, float]:
    """All that a model admits, at one set of item parameters; for intervals, without those that take too long."""
    found, on_grid, several = {}, layout.collapse is not None, len(layout.spec.traits) > 1
    one_test = responses.origins is None  # items that differ by group stand there once for each
    if one_test and on_grid and not several:
        found["marginal"] = _marginal(layout, params, responses)
    if on_grid or (several and not intervals):
        found |= _empirical(layout, params, responses)
    return found | _of_sum_score(layout, params, responses) if one_test else found


def _marginal(layout: Layout, params: Params, responses: Responses) -> float:
    nodes, log_weights = nodes_of(layout, layout.standard_nodes, params)
    mean, precision = (part.reshape(len(part), -1)[:, 0] for part in prior_of_persons(layout, dict(params)))
    information, shares = _test_information(layout, params, nodes), _shares(responses)
    error = shares @ np.sum(np.exp(log_weights) / (information + precision[:, None]), axis=1)
    return float(1 - error / (shares @ (1 / precision) + _variance(mean, shares)))


def _empirical(layout: Layout, params: Params, responses: Responses) -> dict[str, float]:
    """Of EAP scores, by trait."""
    if layout.collapse is not None:
        parts = grid_points(layout, [params], responses, sums=False)
    else:
        parts = (by_trait(*part) for part in sampled_points(layout, params, responses))
    moments = [np.stack([np.stack(points.moments()) for points in traits], axis=-1) for traits in parts]
    score, se = np.concatenate(moments, axis=1)
    shares, traits = _shares(responses), layout.spec.traits
    persons = responses.total_weight
    explained, error = _variance(score, shares) * persons / (persons - 1), shares @ se**2
    names = ["empirical"] if len(traits) == 1 else [f"empirical[{trait}]" for trait in traits]
    return dict(zip(names, (explained / (explained + error)).tolist(), strict=True))


def _of_sum_score(layout: Layout, params: Params, responses: Responses) -> dict[str, float]:
    """Omega and alpha from the variances that the model implies; of a bifactor model, omega_h too."""
    if layout.reduction is not None:
        return _of_bifactor(layout, params)
    abilities, weights = _population(layout, params, responses)
    mean, variance = _moments(layout, params, abilities)
    of_true = float(_variance(mean.sum(axis=1), weights))
    of_items = _variance(mean, weights) + weights @ variance
    total = of_true + float(weights @ variance.sum(axis=1))
    return {"omega": of_true / total, "alpha": _alpha(of_items, total)}


def _of_bifactor(layout: Layout, params: Params) -> dict[str, float]:
    """The same by the reduction of dimension: given the general trait, the blocks of items are independent."""
    assert layout.collapse is not None
    assert layout.reduction is not None
    n = layout.collapse.n_nodes
    nodes, _ = nodes_of(layout, layout.standard_nodes, params)
    weights = np.exp(layout.collapse.log_weights(1))
    mean, variance = (part.reshape(n, n, -1) for part in _moments(layout, params, nodes))
    given_general = np.tensordot(mean, weights, axes=(1, 0))
    of_general = float(_variance(given_general.sum(axis=1), weights))
    of_blocks = [
        weights @ [_variance(line, weights) for line in mean[..., items].sum(axis=2)]
        for items in layout.reduction.blocks
    ]
    both = np.multiply.outer(weights, weights)
    error = np.tensordot(both, variance, 2)
    of_items = np.tensordot(both, mean**2, 2) - np.tensordot(both, mean, 2) ** 2 + error
    of_true = of_general + float(np.sum(of_blocks))
    total = of_true + float(error.sum())
    return {"omega": of_true / total, "omega_h": of_general / total, "alpha": _alpha(of_items, total)}


def _population(layout: Layout, params: Params, responses: Responses) -> tuple[Array, Array]:
    """Abilities (node,) or (node, trait) that stand for the population, and their weights (node,), which sum to 1."""
    shares, traits = _shares(responses), len(layout.spec.traits)
    if traits == 1 and layout.collapse is not None:
        nodes, log_weights = nodes_of(layout, layout.standard_nodes, params)
        weights = np.exp(log_weights)
        return nodes, weights if weights.ndim == 1 else shares @ weights
    mean, precision = prior_of_persons(layout, dict(params))
    uniform = _uniform(traits + 1)
    person = np.minimum(np.searchsorted(np.cumsum(shares), uniform[:, -1]), len(shares) - 1)
    factor = np.linalg.cholesky(np.linalg.inv(precision[person]))
    points = mean[person] + np.einsum("nij,nj->ni", factor, special.ndtri(uniform[:, :-1]))
    return points if traits > 1 else points[:, 0], np.full(len(points), 1 / len(points))


@lru_cache(maxsize=4)
def _uniform(dimensions: int) -> Array:
    return np.asarray(qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(0)).random(POINTS))


def _moments(layout: Layout, params: Params, abilities: Array) -> tuple[Array, Array]:
    """Mean and variance of each response, shape (node, item)."""
    family = layout.spec.family
    return family.moments({**params, family.ability: abilities}, layout.spec.dims, layout.exists)


def _test_information(layout: Layout, params: Params, abilities: Array) -> Array:
    """Fisher information of all items at abilities (node,) or (node, 1), of a model of one trait."""
    family = layout.spec.family
    at = {**params, family.ability: abilities}
    return np.asarray(family.information(at, layout.spec.dims, layout.exists).sum(axis=-1))


def _shares(responses: Responses) -> Array:
    return np.asarray(responses.weights_or_ones / responses.total_weight)


def _variance(values: Array, weights: Array) -> Array:
    """Weighted variance along the first axis."""
    mean = weights @ values
    return np.asarray(weights @ (values - mean) ** 2)


def _alpha(of_items: Array, total: float) -> float:
    """Cronbach's alpha from the variances of the items and of their sum; NaN of one item."""
    n = len(of_items)
    return float("nan") if n == 1 else float(n / (n - 1) * (1 - of_items.sum() / total))
