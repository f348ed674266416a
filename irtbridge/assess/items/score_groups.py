"""Where along the scale does an item misfit? Observed and predicted mean responses in groups of like sum score."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.assess.posterior import Posterior
from irtbridge.assess.predict import predict, predictive, responses_of
from irtbridge.plugin.options import check_number

Array = NDArray[np.float64]
DRAWS, GROUPS = 100, 10


def item_residuals(posterior: Posterior, groups: int = GROUPS, draws: int = DRAWS, seed: int = 0) -> pd.DataFrame:
    """Mean response to each item in groups of persons of like score, beside its prediction (Sinharay 2006).

    A person's score is the mean of all responses given: the sum score over the number of items, where none is missing.
    Replicated data are grouped by their own scores, at the same limits.

    Parameters
    ----------
    posterior : Posterior
        Of a fit.
    groups : int
        Groups of about as many persons; fewer where many persons share a score.
    draws : int
        Draws to replicate data from, at even distances.
    seed : int
        Seed of replicated responses.

    Returns
    -------
    DataFrame
        Index: item, and group from the lowest scores, 1, upwards. Columns: ``score`` (mean in the group), ``n``
        (responses), ``observed``, ``predicted``, ``lower``, ``upper`` (95 % of replicated data), ``ppp`` (share of
        replicates above) and ``flag`` (``ppp`` below .1 or above .9). Of two categories, means are proportions.

    Raises
    ------
    ConfigError
        `groups` is not a whole number, 1 or greater.
    """
    check_number("groups", groups)
    source = predictive(posterior, draws, seed)
    responses = responses_of(source)
    scores = _scores(responses)
    limits = np.unique(np.nanquantile(scores, np.linspace(0, 1, groups + 1)[1:-1], method="inverted_cdf"))
    limits = limits[limits < np.nanmax(scores)]
    member = _member(scores, limits)
    reference = predict(posterior, lambda y: _means(y, _member(_scores(y), limits)), draws, seed)
    items, numbers = posterior.responses.items, range(1, len(limits) + 2)
    table = reference.table(pd.MultiIndex.from_product([items, numbers], names=["item", "group"]))
    centre = np.nansum(member * np.nan_to_num(scores), axis=1) / member.sum(axis=1)
    table.insert(0, "score", np.tile(centre, len(items)))
    table.insert(1, "n", (member @ ~np.isnan(responses)).T.ravel().astype(int))
    return table


def _scores(responses: Array) -> Array:
    """Mean response of each person; NaN without any."""
    number = np.sum(~np.isnan(responses), axis=1)
    return np.asarray(np.nansum(responses, axis=1) / np.where(number > 0, number, np.nan))


def _member(scores: Array, limits: Array) -> Array:
    """1 where a person (column) is of a group (row)."""
    group = np.searchsorted(limits, scores, side="left")
    return np.asarray((group == np.arange(len(limits) + 1)[:, None]) & ~np.isnan(scores), dtype=float)


def _means(responses: Array, member: Array) -> Array:
    """Mean response (item, group); NaN where there is none."""
    answered = ~np.isnan(responses)
    number = member @ answered
    return np.asarray((member @ np.nan_to_num(responses) / np.where(number > 0, number, np.nan)).T)
