"""Point estimates of one ability: where an estimating equation is 0 (MAP, ML, WLE), found on a grid.

With l the log likelihood of a person's responses, the estimate solves ``g(theta) = 0``:

- ML: ``g = l'``;
- MAP: ``g = l' + d log prior``;
- WLE: ``g = l' + J / (2 I)``, which takes the bias of order 1/n out of ML (Warm 1989, eq. 9).

g is one matrix product for all persons and all nodes of an even grid. Its integral has its highest point next to some
node, and there the polynomial through eight nodes is solved by Newton's method: with several modes it is the highest.
The standard error is ``(-g')^(-1/2)``: for ML from the observed information, as in R's mirt.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from irtbridge.assess.scoring.score_function import ScoreFunction, check_weighted, score_function
from irtbridge.data.responses import Responses
from irtbridge.model.layout import Layout
from irtbridge.model.others import prior_of_persons
from irtbridge.model.patterns import Patterns

Array = NDArray[np.float64]
FARTHEST = 20.0  # standard deviations of the ability; an estimate beyond counts as infinite, as in R's mirt
STEP = 0.1  # of the grid, in standard deviations; near the root the polynomial's error is its eighth power
WINDOW = np.arange(-3, 5)  # nodes of the polynomial, around those between which the root is
ITERATIONS = 8  # of Newton's method, which starts within half a step of the root
PERSONS = 2**11  # at once: some 6 MiB


def point_scores(layout: Layout, params: Mapping[str, Array], responses: Responses, method: str) -> tuple[Array, Array]:
    """Estimate and standard error of each person's ability, at one set of item parameters.

    Parameters
    ----------
    layout : Layout
        A model of one trait over the persons.
    params : mapping of str to ndarray
        Full arrays, no leading axes.
    responses : Responses
        Of these persons.
    method : {"map", "ml", "wle"}
        Which equation.

    Returns
    -------
    score, se : ndarray, shape (person, 1)
        ML is infinite, and so is its standard error, where the likelihood has no highest point, as with all responses
        right; both are NaN without any response.

    Raises
    ------
    StatisticError
        WLE of responses that are numbers.
    """
    if method == "wle":
        check_weighted(layout)
    prior = prior_of_persons(layout, dict(params)) if method == "map" else None
    nodes = _grid(layout, params)
    function = score_function(layout, params, nodes)
    patterns = Patterns(responses.values, np.ones(responses.n_persons))
    parts = []
    for start in range(0, responses.n_persons, PERSONS):
        rows = slice(start, start + PERSONS)
        some = Patterns(patterns.values[rows], patterns.counts[rows])
        values = function.of_responses(some.statistics(layout, missing=False), some.values >= 0)
        if prior is not None:
            values += _prior_slope(nodes, prior[0][rows, 0], prior[1][rows, 0, 0])
        if method == "wle":
            values += _correction(function, some.values >= 0)
        parts.append(_solved(nodes, values, unbounded=method != "map"))
    score, se = map(np.concatenate, zip(*parts, strict=True))
    if method != "map":
        nobody = ~responses.observed.any(axis=1)
        score[nobody], se[nobody] = np.nan, np.nan
    return score[:, None], se[:, None]


def _grid(layout: Layout, params: Mapping[str, Array]) -> Array:
    """An even grid that reaches `FARTHEST` standard deviations beyond everybody's mean."""
    mean, precision = prior_of_persons(layout, dict(params))
    scale = float(precision.max()) ** -0.5
    reach = FARTHEST * float(precision.min()) ** -0.5
    low, high = mean.min() - reach, mean.max() + reach
    return np.linspace(low, high, 1 + int(np.ceil((high - low) / (STEP * scale))))


def _prior_slope(nodes: Array, mean: Array, precision: Array) -> Array:
    return np.asarray(-precision * (nodes[:, None] - mean))


def _correction(function: ScoreFunction, observed: NDArray[np.bool_]) -> Array:
    """Warm's J / (2 I) of the items that each person answered, shape (node, person)."""
    assert function.information is not None
    assert function.third is not None
    answered = observed.T.astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        correction = (function.third @ answered) / (2 * (function.information @ answered))
    return np.asarray(np.nan_to_num(correction, posinf=0, neginf=0))


def _solved(nodes: Array, values: Array, *, unbounded: bool) -> tuple[Array, Array]:
    """Root of each person's g (node, person) where its integral is highest, and ``(-g')^(-1/2)`` there."""
    step, last = nodes[1] - nodes[0], len(nodes) - 1
    integral = np.cumsum(values[1:] + values[:-1], axis=0)
    top = 1 + integral.argmax(axis=0)
    top = np.where(integral.max(axis=0) > 0, top, 0)
    each = np.arange(values.shape[1])
    below = np.clip(np.where(values[top, each] > 0, top, top - 1), -WINDOW[0], last - WINDOW[-1])
    coefficients = _POWERS @ values[below + WINDOW[:, None], each]
    at = np.full(len(each), 0.5)
    for _ in range(ITERATIONS):
        value, slope = _polynomial(coefficients, at)
        at = np.clip(at - value / np.minimum(slope, -1e-300), 0.0, 1.0)
    slope = _polynomial(coefficients, at)[1] / step
    score, se = nodes[below] + at * step, np.maximum(-slope, 1e-300) ** -0.5
    if unbounded:
        ends = (top <= 1) | (top >= last)
        score, se = np.where(ends, np.where(top <= 1, -np.inf, np.inf), score), np.where(ends, np.inf, se)
    return score, se


def _polynomial(coefficients: Array, at: Array) -> tuple[Array, Array]:
    """Value and derivative (person,) of polynomials (power, person), by Horner's rule."""
    value, slope = np.zeros_like(at), np.zeros_like(at)
    for coefficient in coefficients[::-1]:
        slope = slope * at + value
        value = value * at + coefficient
    return value, slope


# From values at the nodes of the window to the coefficients of the polynomial through them.
_POWERS = np.linalg.inv(np.vander(WINDOW.astype(float), increasing=True))
