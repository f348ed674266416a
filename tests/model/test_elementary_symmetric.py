"""Elementary symmetric functions and their derivatives, by enumeration and by the summation algorithm."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special

from irtbridge.model.elementary_symmetric import informative, score_moments, score_table

Array = NDArray[np.float64]
CATEGORIES = np.array([2, 3, 4, 2, 3])


def weights_of(n_categories: NDArray[np.int64], scale: float, seed: int = 1) -> Array:
    """Log weights of the categories above the lowest."""
    drawn = np.random.default_rng(seed).normal(0, 1, (len(n_categories), n_categories.max() - 1)) * scale
    return np.where(np.arange(1, n_categories.max()) < n_categories[:, None], drawn, -np.inf)


def some_persons(seed: int = 2) -> tuple[NDArray[np.int64], Array]:
    """Responses with gaps, and weights, of those who tell something."""
    rng = np.random.default_rng(seed)
    values = np.stack([rng.integers(0, n, 60) for n in CATEGORIES], axis=1)
    values[rng.uniform(size=values.shape) < 0.2] = -1
    values = values[informative(values, CATEGORIES)]
    return values, rng.integers(1, 4, len(values)).astype(float)


def enumerated(values: NDArray[np.int64], persons: Array, log_weights: Array) -> tuple[float, Array, Array]:
    """Log gamma and moments of the indicators, over all patterns of each person's score."""
    full = np.pad(log_weights, ((0, 0), (1, 0)))
    indicators, total = log_weights.size, 0.0
    mean, covariance = np.zeros(indicators), np.zeros((indicators, indicators))
    for row, count in zip(values, persons, strict=True):
        items = np.flatnonzero(row >= 0)
        every = [p for p in itertools.product(*(range(CATEGORIES[i]) for i in items)) if sum(p) == row[items].sum()]
        log_product = np.array([full[items, p].sum() for p in every])
        shown = np.zeros((len(every), *log_weights.shape))
        for place, pattern in enumerate(every):
            for item, k in zip(items, pattern, strict=True):
                shown[place, item, k - 1] = k > 0
        shown = shown.reshape(len(every), -1)
        share = special.softmax(log_product)
        own = share @ shown
        total += count * special.logsumexp(log_product)
        mean += count * own
        covariance += count * ((shown * share[:, None]).T @ shown - np.outer(own, own))
    return total, mean, covariance


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_against_all_patterns(scale: float) -> None:
    """Unequal categories, missing responses, weights."""
    log_weights, (values, persons) = weights_of(CATEGORIES, scale), some_persons()
    found = score_moments(score_table(values, persons), log_weights)
    total, mean, covariance = enumerated(values, persons, log_weights)
    assert found.log_gamma == pytest.approx(total, rel=1e-13)
    np.testing.assert_allclose(found.mean.ravel(), mean, atol=1e-10)
    np.testing.assert_allclose(found.covariance, covariance, atol=1e-10)


def test_factors_that_vanish_on_the_circle() -> None:
    """Equal weights: the factors of items with K categories have the K-th roots of unity as zeros."""
    log_weights, (values, persons) = np.where(np.isfinite(weights_of(CATEGORIES, 1)), 0.0, -np.inf), some_persons()
    found = score_moments(score_table(values, persons), log_weights)
    total, mean, covariance = enumerated(values, persons, log_weights)
    assert found.log_gamma == pytest.approx(total, rel=1e-13)
    np.testing.assert_allclose(found.mean.ravel(), mean, atol=1e-10)
    np.testing.assert_allclose(found.covariance, covariance, atol=1e-10)


def summed(log_weights: Array) -> Array:
    """Log gamma of all scores of items with two categories, item by item (Fischer 1974)."""
    log_gamma = np.where(np.arange(len(log_weights) + 1) == 0, 0.0, -np.inf)
    for weight in log_weights[:, 0]:
        log_gamma[1:] = np.logaddexp(log_gamma[1:], log_gamma[:-1] + weight)
    return log_gamma


@pytest.mark.parametrize("spread", [1.0, 5.0])
def test_500_items_keep_their_digits(spread: float) -> None:
    """Every score from 1 to 499: log gamma to 1e-12, first and second derivatives as differences of the one before."""
    n = 500
    log_weights = np.sort(np.random.default_rng(4).normal(0, spread, (n, 1)), axis=0)
    scores = np.arange(1, n, 7)
    values = (np.arange(n) >= n - scores[:, None]).astype(np.int64)
    table, along = score_table(values, np.ones(len(scores))), np.random.default_rng(5).normal(0, 1, (n, 1))
    found, step = score_moments(table, log_weights), 1e-4
    assert found.log_gamma == pytest.approx(summed(log_weights)[scores].sum(), rel=1e-12)
    above, below = (score_moments(table, log_weights + sign * step * along) for sign in (1, -1))
    slope = (above.log_gamma - below.log_gamma) / (2 * step)
    assert np.sum(found.mean * along) == pytest.approx(slope, rel=1e-7)
    np.testing.assert_allclose(found.covariance @ along[:, 0], (above.mean - below.mean)[:, 0] / (2 * step), atol=1e-6)


def test_the_score_is_certain_and_abilities_do_not_matter() -> None:
    """Expected points are the points, their covariance is nil, and log weights that move by an ability move nothing."""
    log_weights, (values, persons) = weights_of(CATEGORIES, 1), some_persons()
    table, points = score_table(values, persons), np.arange(1, CATEGORIES.max())
    found, moved = (score_moments(table, log_weights + c * points) for c in (0.0, 3.0))
    scores = np.maximum(values, 0).sum(axis=1)
    assert (found.mean @ points).sum() == pytest.approx(persons @ scores)
    np.testing.assert_allclose(found.covariance @ np.tile(points, len(CATEGORIES)), 0, atol=1e-9)
    assert moved.log_gamma - found.log_gamma == pytest.approx(3 * persons @ scores)
    np.testing.assert_allclose(moved.mean, found.mean, atol=1e-9)
    np.testing.assert_allclose(moved.covariance, found.covariance, atol=1e-9)


def test_who_tells_something_of_the_items() -> None:
    values = np.array([[0, 0, -1], [1, 2, -1], [1, 0, -1], [-1, 1, -1], [-1, -1, -1], [1, -1, 0]])
    told = informative(values, np.array([2, 3, 2]))
    assert told.tolist() == [False, False, True, False, False, True]
