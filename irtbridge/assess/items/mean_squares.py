"""Infit and outfit of the items for their predictive reference: as they are, and what estimation has not adjusted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from irtbridge.assess.items.orthogonal import Slopes, orthogonal_mean
from irtbridge.assess.items.residuals import MeanSquares, Residuals, in_place, mean_squares, residuals
from irtbridge.assess.posterior import Posterior
from irtbridge.data.kinds import CATEGORIES

Array = NDArray[np.float64]


def statistic_of(at: Posterior) -> Callable[[Array, Posterior], Array]:
    """What `predict` takes: of responses and a draw infit, outfit, and both less their regression on the scores.

    The regression is anew of each data set: so it has the slopes by which the parameters would move its own mean
    squares. Of responses that are no categories, and of models without a grid of all traits, all is left as it is.

    Parameters
    ----------
    at : Posterior
        Of one draw: where the scores' derivatives are taken.

    Returns
    -------
    callable
        Its values have the shape (4, item).
    """
    layout = at.layout
    if at.spec.family.kind != CATEGORIES or layout.collapse is None or layout.reduction is not None:
        return lambda responses, draw: np.stack(mean_squares(residuals(responses, draw), axis=0) * 2)
    slopes = Slopes.of(at)

    def statistic(responses: Array, draw: Posterior) -> Array:
        nodes, weights = draw.at_nodes(in_place(responses, draw))
        here = residuals(responses, draw, np.einsum("dt...,dtp->dp...", nodes, weights))
        return np.stack([*mean_squares(here, axis=0), *orthogonal(here, slopes.scores(responses, weights[0]))])

    return statistic


def orthogonal(of: Residuals, scores: NDArray[np.float32]) -> MeanSquares:
    """Mean squares of the items, less their regression on the scores (person, coordinate)."""
    squares = of.residual**2
    share = np.mean(~np.isnan(squares), axis=0)
    contributions = np.nan_to_num(np.hstack([squares - of.variance, squares / of.variance - 1]))
    infit, outfit = np.split(orthogonal_mean(contributions, scores), 2)
    return MeanSquares(1 + infit / (share * np.nanmean(of.variance, axis=0)), 1 + outfit / share)
