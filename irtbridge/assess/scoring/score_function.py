"""Derivatives of the log likelihood of responses in one ability: score function, Fisher information, Warm's J."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.kinds import CATEGORIES
from irtbridge.errors import StatisticError
from irtbridge.model.density import exponential_form
from irtbridge.model.families import ExponentialForm
from irtbridge.model.layout import Layout

Array = NDArray[np.float64]
# Differences over five points are exact to step^4: 1e-8 of a derivative at slopes about 1, above what rounding leaves.
STEP = 0.01
OFFSETS = np.arange(-2, 3)
FIRST = np.array([1, -8, 0, 8, -1]) / 12
SECOND = np.array([-1, 16, -30, 16, -1]) / 12


@dataclass(frozen=True, eq=False)
class ScoreFunction:
    """What items tell at some abilities, one trait.

    Attributes
    ----------
    form : ExponentialForm
        First derivatives in the ability of the natural parameters (node, item, statistic) and of the base (node, item).
    information, third : ndarray, shape (node, item), or None
        Fisher information ``sum_k P_k'^2 / P_k`` and ``J = sum_k P_k' P_k'' / P_k`` (Warm 1989, eq. 8; of several
        categories Samejima 1993), k over categories; None where responses are numbers.
    """

    form: ExponentialForm
    information: Array | None
    third: Array | None

    def of_responses(self, statistics: Array, observed: NDArray[np.bool_]) -> Array:
        """Derivative of each person's log likelihood, shape (node, person).

        Parameters
        ----------
        statistics : ndarray, shape (person, item x statistic)
            Sufficient statistics, 0 where a response is missing.
        observed : ndarray of bool, shape (person, item)
            Where there is a response.
        """
        natural = self.form.natural.reshape(len(self.form.natural), -1)
        return np.asarray(natural @ statistics.T + self.form.base @ observed.T.astype(float))


def score_function(layout: Layout, params: Mapping[str, Array], nodes: Array) -> ScoreFunction:
    """Derivatives at some abilities, by differences over five points.

    Parameters
    ----------
    layout : Layout
        A model of one trait.
    params : mapping of str to ndarray
        Full arrays, no leading axes.
    nodes : ndarray, shape (node,)
        Abilities.
    """
    form = exponential_form(layout, {**params, layout.spec.family.ability: (nodes[:, None] + STEP * OFFSETS).ravel()})
    natural, base = (part.reshape(len(nodes), len(OFFSETS), *part.shape[1:]) for part in form)
    first = ExponentialForm(_difference(natural, FIRST) / STEP, _difference(base, FIRST) / STEP)
    if layout.spec.family.kind != CATEGORIES:
        return ScoreFunction(first, None, None)
    log_probs = np.concatenate([base[..., None], natural + base[..., None]], axis=-1)
    log_probs = np.where(layout.exists, log_probs, -np.inf)
    return ScoreFunction(first, *information_and_third(log_probs))


def information_and_third(log_probs: Array) -> tuple[Array, Array]:
    """Fisher information ``sum_k P_k'^2 / P_k`` and ``J = sum_k P_k' P_k'' / P_k``, shape (node, item).

    Parameters
    ----------
    log_probs : ndarray, shape (node, offset, item, category)
        Log probabilities at `OFFSETS` times `STEP` from each node; ``-inf`` where an item lacks the category.
    """
    probs = np.exp(log_probs[:, 2])
    with np.errstate(invalid="ignore"):
        slope, bend = (_difference(log_probs, weights) for weights in (FIRST / STEP, SECOND / STEP**2))
    slope, bend = (np.where(probs > 0, part, 0.0) for part in (slope, bend))
    return np.sum(probs * slope**2, axis=-1), np.sum(probs * slope * (bend + slope**2), axis=-1)


def check_weighted(layout: Layout) -> None:
    """Raise `StatisticError` where responses are numbers: Warm's weights are of categories."""
    if layout.spec.family.kind != CATEGORIES:
        raise StatisticError(
            f"scores(method='wle'): responses of model {layout.spec.name!r} are {layout.spec.family.kind}, and the "
            "weights are for categories; use method='map', 'ml' or 'eap'."
        )


def _difference(values: Array, weights: Array) -> Array:
    """Weighted sum over the second axis."""
    return np.asarray(np.tensordot(weights, values, axes=(0, 1)))
