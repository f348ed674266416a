"""Would the model make data like mine? Statistics of the data against those of replicated data, by name."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.assess.posterior import Posterior
from irtbridge.assess.predict import DRAWS, Statistic, predict
from irtbridge.errors import StatisticError, UnknownName

Array = NDArray[np.float64]


class Named(NamedTuple):
    """A statistic with a name.

    Attributes
    ----------
    by : str
        What it has a value for; of `BY`.
    of : callable
        Makes the statistic that suits a posterior, or raises `StatisticError`.
    """

    by: str
    of: Callable[[Posterior], Statistic]


def predictive_check(
    posterior: Posterior,
    statistic: str | Statistic = "item_sum",
    by: str | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """Posterior predictive check: a statistic of the data beside its distribution over replicated data.

    Replicates have the parameters and abilities of each draw, and the missing responses of the data.

    Parameters
    ----------
    posterior : Posterior
        Of a fit.
    statistic : str or callable
        ``item_sum``, ``person_sum`` (McClure 2023), ``score`` (persons at each sum score), ``correlation`` of each pair
        of items, or of two categories ``odds_ratio`` (Sinharay, Johnson & Stern 2006); or ``T(responses)``, or a
        discrepancy ``T(responses, at)``: see `predict`.
    by : str, optional
        What a callable has values for, in their order: ``item``, ``person``, ``pair`` of items (item 1 with 2, with 3,
        ...) or ``all``, the default, which has no labels.
    draws : int
        Draws to replicate from, at even distances.
    seed : int
        Seed of the replication.

    Returns
    -------
    DataFrame
        Columns observed, predicted (mean of the replicates), lower, upper (their central 95 %), ppp (the share of
        replicates above the observed, ties halved) and flag (ppp below .10 or above .90, McClure 2023). By person, a
        row that stands for several has one row; else every person counts.

    Raises
    ------
    StatisticError
        The responses do not admit the statistic, or it has another number of values than `by` has labels.
    """
    by, chosen = _chosen(posterior, statistic, by)
    predicted = predict(posterior, chosen, draws, seed, expand=by != "person")
    n_values = predicted.replicated[0].size
    index = pd.RangeIndex(n_values, name=by) if by in UNLABELLED else BY[by](posterior)
    if len(index) != n_values:
        raise StatisticError(
            f"the statistic has {n_values} values for {len(index)} labels by={by!r}; give by='all', or another."
        )
    return predicted.table(index)


def _chosen(posterior: Posterior, statistic: str | Statistic, by: str | None) -> tuple[str, Statistic]:
    """What a statistic has values for, and the statistic as a callable."""
    if callable(statistic):
        if by not in (None, *BY, *UNLABELLED):
            raise UnknownName("by=", by, [*BY, "all"])
        return by or "all", statistic
    if statistic not in STATISTICS:
        raise UnknownName("statistic", statistic, STATISTICS, "Or give a function of the responses.")
    named = STATISTICS[statistic]
    if by not in (None, named.by):
        raise StatisticError(f"{statistic!r} is by {named.by}, not by {by!r}; leave by= out.")
    return named.by, named.of(posterior)


def sums(responses: Array, axis: int) -> Array:
    """Sums over the persons (0) or the items (1) of what was responded."""
    return np.asarray(np.nansum(responses, axis=axis))


def score_counts(responses: Array, highest: int) -> Array:
    """How many of the persons who responded have each sum score, shape (highest + 1,)."""
    some = responses[~np.isnan(responses).all(axis=1)]
    return np.bincount(sums(some, 1).astype(int), minlength=highest + 1).astype(float)


def correlations(responses: Array) -> Array:
    """Correlation of each pair of items over the persons who responded to both, shape (pair,)."""
    there = ~np.isnan(responses)
    mask, values = there.astype(float), np.where(there, responses, 0.0)
    # Sums over the persons of both: of the row's item, of its square; the column's are their transposes.
    n, first, square = mask.T @ mask, values.T @ mask, (values**2).T @ mask
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = values.T @ values - first * first.T / n
        variance = square - first**2 / n
        return _pairs(covariance / np.sqrt(variance * variance.T))


def odds_ratios(responses: Array) -> Array:
    """Odds ratio of each pair of items of two categories, shape (pair,), with a half in each count (Haldane 1956)."""
    right, wrong = (responses == 1).astype(float), (responses == 0).astype(float)
    one_only = right.T @ wrong + 0.5
    return _pairs((right.T @ right + 0.5) * (wrong.T @ wrong + 0.5) / (one_only * one_only.T))


def _pairs(square: Array) -> Array:
    return np.asarray(square[np.triu_indices(len(square), 1)])


def _scores(posterior: Posterior) -> Statistic:
    posterior.check_categories("the distribution of sum scores", "'item_sum' or 'person_sum'")
    return partial(score_counts, highest=_highest(posterior))


def _odds(posterior: Posterior) -> Statistic:
    posterior.check_categories("odds ratios", "'correlation'")
    if posterior.responses.max_categories > 2:
        raise StatisticError("odds ratios are of items of two categories; use 'correlation'.")
    return odds_ratios


def _highest(posterior: Posterior) -> int:
    return int(np.sum(posterior.responses.n_categories - 1))


def _pair_labels(posterior: Posterior) -> pd.Index:
    pairs = itertools.combinations(posterior.responses.items, 2)
    return pd.MultiIndex.from_tuples(list(pairs), names=["item", "other"])


UNLABELLED = ("all", "score")
BY: dict[str, Callable[[Posterior], pd.Index]] = {
    "item": lambda posterior: pd.Index(posterior.responses.items, name="item"),
    "person": lambda posterior: pd.Index(posterior.responses.persons, name="person"),
    "pair": _pair_labels,
}
STATISTICS = {
    "item_sum": Named("item", lambda _: partial(sums, axis=0)),
    "person_sum": Named("person", lambda _: partial(sums, axis=1)),
    "score": Named("score", _scores),
    "correlation": Named("pair", lambda _: correlations),
    "odds_ratio": Named("pair", _odds),
}
