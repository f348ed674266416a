"""Distributions of sum scores against enumeration of all response patterns."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from irtbridge.assess.scoring.sum_scores import rest_score_probs, sum_score_probs

Array = NDArray[np.float64]
COUNTS = (2, 4, 3, 2)


@pytest.fixture(scope="module")
def probs() -> Array:
    """Of three nodes; categories that an item lacks have a number that must not be read."""
    rng = np.random.default_rng(1)
    table = np.full((3, 4, 4), np.nan)
    for item, count in enumerate(COUNTS):
        table[:, item, :count] = rng.dirichlet(np.ones(count), 3)
    return table


def enumerated(probs: Array, items: list[int]) -> Array:
    scores = np.zeros((len(probs), 1 + sum(COUNTS) - len(COUNTS)))
    for codes in product(*(range(COUNTS[item]) for item in items)):
        scores[:, sum(codes)] += np.prod([probs[:, i, c] for i, c in zip(items, codes, strict=True)], axis=0)
    return scores


def test_sum_scores_are_those_of_all_patterns(probs: Array) -> None:
    assert sum_score_probs(probs, COUNTS) == pytest.approx(enumerated(probs, [0, 1, 2, 3]))


def test_rest_scores_are_those_of_all_patterns_of_the_others(probs: Array) -> None:
    rests = rest_score_probs(probs, COUNTS)
    for item in range(4):
        assert rests[item] == pytest.approx(enumerated(probs, [i for i in range(4) if i != item]))


def test_leading_axes_are_kept_and_many_items_lose_no_probability() -> None:
    probs = np.full((2, 3, 150, 2), 0.5)
    assert sum_score_probs(probs, [2] * 150).shape == (2, 3, 151)
    assert rest_score_probs(probs, [2] * 150).sum(axis=-1) == pytest.approx(1.0)
