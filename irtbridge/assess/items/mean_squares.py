"""Infit and outfit of the items for their predictive reference: as they are, and what estimation has not adjusted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from irtbridge.assess.items.orthogonal import Slopes, regression
from irtbridge.assess.items.residuals import MeanSquares, Residuals, in_place, mean_squares, residuals
from irtbridge.assess.posterior import Posterior
from irtbridge.assess.predict import responses_of
from irtbridge.data.kinds import CATEGORIES

Array = NDArray[np.float64]


def statistic_of(at: Posterior) -> Callable[[Array, Posterior], Array]:
    """What `predict` takes: of responses and a draw infit, outfit, and both less their regression on the scores.

    Of responses that are no categories, and of models that have no grid of all traits, all is left as it is.

    Parameters
    ----------
    at : Posterior
        Of one draw: where derivatives are taken, and the regression on the scores.

    Returns
    -------
    callable
        Its values have the shape (4, item).
    """
    layout = at.layout
    if at.spec.family.kind != CATEGORIES or layout.collapse is None or layout.reduction is not None:
        return lambda responses, draw: np.stack(mean_squares(residuals(responses, draw), axis=0) * 2)
    slopes = Slopes.of(at)
    data = responses_of(at)
    weights, here = _at_nodes(data, at)
    adjustment = regression(_contributions(here), slopes.scores(data, weights))

    def statistic(responses: Array, draw: Posterior) -> Array:
        weights, of_draw = _at_nodes(responses, draw)
        adjusted = orthogonal(of_draw, slopes.mean_score(responses, weights) @ adjustment)
        return np.stack([*mean_squares(of_draw, axis=0), *adjusted])

    return statistic


def orthogonal(of: Residuals, explained: Array) -> MeanSquares:
    """Mean squares of the items, less what the scores explain of `_contributions`, shape (2 * item,)."""
    share = np.mean(~np.isnan(of.residual), axis=0)
    infit, outfit = np.split(_contributions(of).mean(axis=0) - explained, 2)
    return MeanSquares(1 + infit / (share * np.nanmean(of.variance, axis=0)), 1 + outfit / share)


def _contributions(of: Residuals) -> Array:
    """What each person adds to the infits, and to the outfits, less its expectation; shape (person, 2 * item)."""
    squares = of.residual**2
    return np.nan_to_num(np.hstack([squares - of.variance, squares / of.variance - 1]))


def _at_nodes(responses: Array, at: Posterior) -> tuple[Array, Residuals]:
    """Each person's weights of the nodes (node, person), and residuals at expected abilities."""
    nodes, weights = at.at_nodes(in_place(responses, at))
    return weights[0], residuals(responses, at, np.einsum("dt...,dtp->dp...", nodes, weights))
