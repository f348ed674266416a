"""S-X2: observed and expected categories of an item at each sum score (Orlando & Thissen 2000; Kang & Chen 2008)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from irtbridge.assess.items.cells import Table, joined_cells
from irtbridge.assess.items.estimated import parameters_by_item
from irtbridge.assess.items.population import population
from irtbridge.assess.posterior import Posterior
from irtbridge.assess.scoring.sum_scores import rest_score_probs
from irtbridge.errors import StatisticError

Array = NDArray[np.float64]
LEAST = 1.0  # expected count below which a cell is joined to a neighbour (Orlando & Thissen 2000; R mirt)
BLOCK_NUMBERS, MOST_NUMBERS = 2**24, 2**32  # probabilities at once (128 MiB); in all, which take some minutes


class ChiSquare(NamedTuple):
    """A chi-square statistic of each item, its degrees of freedom (0: not testable) and how many persons it counts."""

    statistic: Array
    df: NDArray[np.float64]
    persons: float

    @property
    def p(self) -> Array:
        """Upper tail; NaN without degrees of freedom."""
        return np.asarray(stats.chi2.sf(self.statistic, np.where(self.df > 0, self.df, np.nan)))

    @property
    def rmsea(self) -> Array:
        """Root mean square error of approximation."""
        return rmsea(self.statistic, np.where(self.df > 0, self.df, np.nan), self.persons)


def rmsea(statistic: Array, df: Array, persons: float) -> Array:
    """Root mean square error of approximation, ``sqrt(max(0, X2 - df) / (df (N - 1)))``."""
    return np.asarray(np.sqrt(np.maximum(statistic - df, 0.0) / (df * (persons - 1))))


def s_x2(posterior: Posterior) -> ChiSquare:
    """S-X2 of each item at the posterior mean, over the persons who answered every item.

    Cells with an expected count below 1 are joined as R's mirt joins them; degrees of freedom are cells less scores
    less the item's parameters (`parameters_by_item`). Items left without are NaN.

    Raises
    ------
    StatisticError
        Responses are no categories, or nobody answered every item.
    """
    posterior.check_categories("S-X2", "item_fit(statistics='infit')")
    complete = complete_rows(posterior, "S-X2")
    observed, expected = score_tables(posterior, complete)
    tables = zip(observed, expected, posterior.layout.n_categories, strict=True)
    joined = [joined_cells(o[1:-1, :count], e[1:-1, :count], LEAST) for o, e, count in tables]
    cells = np.array([np.sum(e > 0) - len(e) for _, e in joined], dtype=float)
    df = np.maximum(cells - parameters_by_item(posterior.layout), 0)
    each = np.array([np.sum((o - e)[e > 0] ** 2 / e[e > 0]) for o, e in joined])
    return ChiSquare(np.where(df > 0, each, np.nan), df, float(posterior.weights[complete].sum()))


def complete_rows(posterior: Posterior, what: str) -> NDArray[np.intp]:
    """Persons who answered every item.

    Raises
    ------
    StatisticError
        There are none.
    """
    rows = np.flatnonzero((posterior.responses.observed).all(axis=1))
    if not len(rows):
        raise StatisticError(
            f"{what} needs persons who answered every item, and there are none; infit, outfit and PV-Q1 take each "
            "response as it comes: item_fit(statistics=['infit', 'pv_q1'])."
        )
    return rows


def score_tables(posterior: Posterior, rows: NDArray[np.intp]) -> Table:
    """Counts of each item's categories at each sum score, and what the model expects given the score.

    Returns
    -------
    observed, expected : ndarray, shape (item, score, category)
    """
    counts, codes = posterior.layout.n_categories, posterior.responses.values[rows]
    nodes, weights = population(posterior.at_mean, rows)
    probs = posterior.at_mean.category_probs(nodes)[0]
    joint = _joint(probs, weights[0], counts)
    observed = _counted(codes, posterior.weights[rows], joint.shape)
    share = joint / np.maximum(joint.sum(axis=2, keepdims=True), np.finfo(float).tiny)
    return observed, observed.sum(axis=2, keepdims=True) * share


def _joint(probs: Array, weights: Array, counts: NDArray[np.int64]) -> Array:
    """Probabilities (item, score, category) of a category and a sum score, from those (node, item, category)."""
    scores, size = 1 + int(np.sum(counts - 1)), int(counts.max())
    numbers = len(counts) * scores
    if numbers * len(probs) > MOST_NUMBERS:
        raise StatisticError(
            f"S-X2 of {len(counts)} items at {len(probs)} nodes of ability takes {numbers * len(probs):.0e} "
            "probabilities of scores; infit, outfit and PV-Q1 need none: item_fit(statistics=['infit', 'pv_q1'])."
        )
    joint, step = np.zeros((len(counts), scores, size)), max(1, BLOCK_NUMBERS // numbers)
    for block in (slice(start, start + step) for start in range(0, len(probs), step)):
        by_node = rest_score_probs(probs[block], counts)
        for code in range(size):
            weighted = weights[block, None] * probs[block, :, code]
            at_rest = np.einsum("ti,its->is", weighted, by_node, optimize=True)
            joint[:, code:, code] += at_rest[:, : scores - code]
    return joint


def _counted(codes: NDArray[np.int64], weights: Array, shape: tuple[int, ...]) -> Array:
    """Persons (item, score, category) of responses (person, item)."""
    place = (np.arange(shape[0]) * shape[1] + codes.sum(axis=1, keepdims=True)) * shape[2] + codes
    each = np.repeat(weights, shape[0])
    return np.asarray(np.bincount(place.ravel(), each, int(np.prod(shape))), dtype=float).reshape(shape)
