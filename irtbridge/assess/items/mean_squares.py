"""Infit and outfit of the items for their predictive reference: as they are, and what estimation has not adjusted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from irtbridge.assess.items.orthogonal import Slopes, orthogonal_weights
from irtbridge.assess.items.residuals import Residuals, in_place, mean_squares, residuals
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
        return both(here, orthogonal_weights(slopes.scores(responses, weights[0])))

    return statistic


def both(of: Residuals, orthogonal: Array) -> Array:
    """Infit and outfit of the items, then the same less their regression on the scores, shape (4, item).

    Parameters
    ----------
    of : Residuals
        Of all persons.
    orthogonal : ndarray, shape (person,)
        Of `orthogonal_weights`.
    """
    squares = of.residual**2
    answered = ~np.isnan(squares)
    parts = [squares, of.variance, squares / of.variance]
    if not answered.all():
        parts = [np.where(answered, part, 0.0) for part in parts]
    sums = np.stack([np.full(len(squares), 1 / len(squares)), orthogonal])
    square, variance, standard, number = (sums @ part for part in [*parts, answered.astype(float)])
    left = (square[1] - variance[1]) / variance[0], (standard[1] - number[1]) / number[0]
    return np.stack([square[0] / variance[0], standard[0] / number[0], 1 + left[0], 1 + left[1]])
