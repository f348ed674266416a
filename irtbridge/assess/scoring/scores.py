"""How able is each person, and how sure is that? Scores of the sample and of new persons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from irtbridge.assess.posterior import Posterior
from irtbridge.assess.scoring.grid_scores import grid_points
from irtbridge.assess.scoring.point_scores import point_scores
from irtbridge.assess.scoring.scored_persons import Persons
from irtbridge.assess.scoring.trait_scores import by_trait, sampled_points, trait_modes
from irtbridge.assess.scoring.trait_weighted import trait_weighted
from irtbridge.assess.scoring.weighted_points import WeightedPoints
from irtbridge.data.notes import Notes
from irtbridge.data.responses import Responses
from irtbridge.errors import StatisticError, UnknownName
from irtbridge.inference.abilities import draw_abilities
from irtbridge.model.layout import Layout
from irtbridge.plugin.options import check_number, check_seed, check_share

Array = NDArray[np.float64]
Estimates = tuple[Array, Array, Array, Array]  # score, se, lower, upper, each (person, trait)
METHODS = ("eap", "map", "ml", "wle", "sum")
ITEMS = ("mean", "draws")


def scores(
    posterior: Posterior,
    data: Any = None,
    method: str = "eap",
    *,
    plausible: int = 0,
    items: str = "mean",
    draws: int = 50,
    probability: float = 0.95,
    seed: int = 0,
    data_options: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Abilities with their standard errors, of the persons of a fit or of new ones.

    Parameters
    ----------
    posterior : Posterior
        Of a fit.
    data : DataFrame, path, array_like or Responses, optional
        New persons; by default those that were fitted. Items are matched by label, see
        `irtbridge.data.new_persons.read_new_persons`. Where abilities differ by group or depend on covariates, the new
        persons need these too: their prior is that of their group and covariates.
    method : {"eap", "map", "ml", "wle", "sum"}
        ``eap``: mean and standard deviation of the posterior given the responses (Bock & Mislevy 1982). ``map``: its
        highest point. ``ml``: that of the likelihood, without the prior; infinite for persons with all items right or
        wrong. ``wle``: ML with its bias of order 1/n taken out (Warm 1989; of several traits Firth 1993, Wang 2015).
        ``sum``: EAP given the sum of the responses alone (Lord & Wingersky 1984; Thissen et al. 1995).
    plausible : int
        So many plausible values besides: draws from the person's posterior (Mislevy 1991).
    items : {"mean", "draws"}
        Whether item parameters are held at their posterior mean, or vary over `draws` of their draws. Then the score is
        the mean over them, and the standard error has the total variance: within draws, and between.
    draws : int
        Of the item parameters, at even distances among those of the fit.
    probability : float
        Of the intervals: the shortest one of the posterior (HDI) for ``eap`` and ``sum``, score +- z se else.
    seed : int
        Of the plausible values.
    data_options : mapping, optional
        How to read new data: ``missing``, ``key``, ``drop``, ``person_data``, ... as `load_responses` takes them.

    Returns
    -------
    DataFrame
        By person, or by person and trait: score, se, lower, upper, responses (how many were observed), and then
        plausible_1, ... where asked for.

    Notes
    -----
    Up to three traits, and any number in a bifactor model, are integrated on the quadrature's grid. With more, ``eap``
    takes 512 points of a normal distribution around the mode, weighted to the posterior; with ``items="draws"``, for
    the sample, the draws of the fit itself; of more plausible values than these, each is drawn anew.

    ``sum`` makes a table for each set of items that somebody answered, for each draw: 5,000 sets of 45 of 50 items take
    about 2.5 seconds.

    Raises
    ------
    DataError
        New data with items or categories that the fit does not have, or without covariates that it needs.
    StatisticError
        A method that the model does not admit: WLE or sums of numbers.
    UnknownName
        No such method.
    """
    _check(posterior, method, items, plausible, draws, probability)
    check_seed(seed)
    notes = Notes()
    persons = Persons.of(posterior, data, data_options or {}, notes)
    notes.warn(stacklevel=3)
    chosen = posterior.thinned(draws) if items == "draws" else posterior.at_mean
    estimates = _estimates(persons, chosen.rows(), method, items, probability)
    frame = _labelled(persons, estimates)
    if plausible:
        values = _plausible_values(persons, plausible, items, seed)
        columns = [f"plausible_{i}" for i in range(1, plausible + 1)]
        extra = pd.DataFrame(values.reshape(plausible, -1).T, index=frame.index, columns=columns)
        frame = pd.concat([frame, extra], axis=1)
    frame.attrs["notes"] = list(notes.texts)
    return frame


def _check(posterior: Posterior, method: str, items: str, plausible: int, draws: int, probability: float) -> None:
    if method not in METHODS:
        raise UnknownName("scoring method", method, METHODS)
    if items not in ITEMS:
        raise UnknownName("way to treat items", items, ITEMS)
    check_number("plausible", plausible, least=0)
    check_number("draws", draws)
    check_share("probability", probability)
    if items == "draws" and posterior.point:
        raise StatisticError(
            "scores(items='draws'): a point estimate has no draws of the item parameters; fit with method='laplace' or "
            "a sampler, or use items='mean'."
        )
    posterior.check_normal("scores()", "the draws in fit.persons(), for the sample")
    if len(posterior.traits) == 1 and (method == "eap" or plausible):
        posterior.check_integrable("scores(method='eap') and plausible values of one trait", "method='map'")
    if method == "sum":
        posterior.check_categories("scores(method='sum')", "method='eap'")
        posterior.check_integrable("scores(method='sum')", "method='eap'")
        if posterior.layout.reduction is not None:
            raise StatisticError("scores(method='sum'): not for bifactor models; use method='eap'.")


def _estimates(
    persons: Persons, draws: Sequence[Mapping[str, Array]], method: str, items: str, probability: float
) -> Estimates:
    if method in ("eap", "sum"):
        return _of_posterior(_points(persons, draws, items, sums=method == "sum"), probability)
    find = _finder(len(persons.layout.spec.traits), method)
    each = [find(persons.layout, draw, persons.responses) for draw in draws]
    score, se = _total(*map(np.stack, zip(*each, strict=True)))
    reach = special.ndtri(0.5 + probability / 2) * se
    with np.errstate(invalid="ignore"):
        infinite = np.isinf(score)
        lower, upper = (np.where(infinite, sign * np.inf, score + sign * reach) for sign in (-1, 1))
    return score, se, lower, upper


def _finder(traits: int, method: str) -> Callable[[Layout, Mapping[str, Array], Responses], tuple[Array, Array]]:
    """What gives points and standard errors at one set of item parameters."""
    if traits == 1:
        return partial(point_scores, method=method)
    return trait_weighted if method == "wle" else partial(trait_modes, method=method)


def _total(score: Array, se: Array) -> tuple[Array, Array]:
    """Mean over draws of estimates (draw, person, trait), and the root of the total variance."""
    with np.errstate(invalid="ignore"):
        mean = score.mean(axis=0)
        variance = np.mean(se**2, axis=0) + np.where(np.isfinite(mean), score.var(axis=0), np.inf)
    return mean, np.sqrt(np.where(np.isnan(mean), np.nan, variance))


def _points(
    persons: Persons, draws: Sequence[Mapping[str, Array]], items: str, *, sums: bool
) -> Iterator[list[WeightedPoints]]:
    """The posterior of each trait, for some persons after others."""
    if persons.on_grid:
        yield from grid_points(persons.layout, draws, persons.responses, sums=sums)
    elif items == "draws" and not persons.new:
        drawn = persons.posterior.abilities
        yield by_trait(drawn, np.full(drawn.shape[:2], 1 / len(drawn)))
    else:
        each = [sampled_points(persons.layout, draw, persons.responses) for draw in draws]
        for parts in zip(*each, strict=True):
            points, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
            yield by_trait(points, weights / len(draws))


def _of_posterior(parts: Iterator[list[WeightedPoints]], probability: float) -> Estimates:
    """Mean, standard deviation and shortest interval."""
    rows = []
    for traits in parts:
        each = [(*points.moments(), *points.interval(probability)) for points in traits]
        rows.append([np.stack(part, axis=-1) for part in zip(*each, strict=True)])
    score, se, lower, upper = (np.concatenate(part) for part in zip(*rows, strict=True))
    return score, se, lower, upper


def _plausible_values(persons: Persons, number: int, items: str, seed: int) -> Array:
    """Draws (value, person, trait) of the abilities, each at its own draw of the item parameters or all at the mean."""
    posterior = persons.posterior if items == "draws" else persons.posterior.at_mean
    rows = np.linspace(0, posterior.n_draws - 1, number).round().astype(int)
    if items == "draws" and not persons.new and not persons.on_grid and number <= posterior.n_draws:
        return np.asarray(persons.posterior.abilities[rows])
    if persons.on_grid and len(posterior.traits) > 1:
        params = {name: value[rows][None] for name, value in posterior.params.items()}
        return np.asarray(draw_abilities(persons.layout, params, persons.responses, seed)[0])
    rng, each = np.random.default_rng([seed, 3]), posterior.rows()
    return np.stack([_drawn(persons, each[row], rng) for row in rows])


def _drawn(persons: Persons, params: Mapping[str, Array], rng: np.random.Generator) -> Array:
    """The abilities (person, trait) of each person once."""
    if not persons.on_grid:
        return _one_of_each(sampled_points(persons.layout, params, persons.responses), rng)
    parts = grid_points(persons.layout, [params], persons.responses, sums=False)
    return np.concatenate([points.quantile(rng.uniform(size=points.weight.shape[1])) for (points,) in parts])[:, None]


def _one_of_each(parts: Iterator[tuple[Array, Array]], rng: np.random.Generator) -> Array:
    """One point (person, trait) of each person, taken with its weight."""
    chosen = []
    for points, weights in parts:
        place = np.sum(np.cumsum(weights, axis=0) < rng.uniform(size=weights.shape[1]), axis=0)
        chosen.append(points[np.minimum(place, len(points) - 1), np.arange(weights.shape[1])])
    return np.concatenate(chosen)


def _labelled(persons: Persons, estimates: Estimates) -> pd.DataFrame:
    """A row for each person, or for each person and trait."""
    labels, traits = [*persons.responses.persons], [*persons.layout.spec.traits]
    one = len(traits) == 1
    index: Any = pd.Index(labels, name="person")
    if not one:
        index = pd.MultiIndex.from_product([labels, traits], names=["person", "trait"])
    columns = dict(zip(("score", "se", "lower", "upper"), (part.ravel() for part in estimates), strict=True))
    frame = pd.DataFrame(columns, index=index)
    frame["responses"] = np.repeat(persons.responses.observed.sum(axis=1), len(traits))
    return frame
