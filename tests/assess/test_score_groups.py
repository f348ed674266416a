"""Mean responses in groups of like score."""

from __future__ import annotations

import numpy as np
import pytest
from known_posteriors import at_truth

import irtbridge as irt
from irtbridge.assess.items.score_groups import item_residuals


def test_groups_are_of_like_scores_and_have_everybody() -> None:
    posterior = at_truth(irt.graded(), [3] * 10, 400)
    table = item_residuals(posterior, groups=5, draws=3)
    codes = posterior.responses.values
    scores = codes.mean(axis=1)
    for item, name in enumerate(posterior.responses.items):
        rows = table.loc[name]
        assert rows["n"].sum() == 400
        assert np.all(np.diff(rows["score"]) > 0)
        assert np.sum(rows["n"] * rows["observed"]) == pytest.approx(codes[:, item].sum())
        assert np.sum(rows["n"] * rows["score"]) == pytest.approx(scores.sum())
    assert table["n"].min() > 40


def test_few_scores_make_few_groups() -> None:
    table = item_residuals(at_truth(irt.two_pl(), [2] * 3, 200), draws=3)
    assert len(table.loc["item1"]) <= 4


def test_under_the_model_the_data_lie_where_they_are_predicted() -> None:
    """By a point estimate at the truth: 95 % intervals, fewer outside as the scores of both are fixed by the data."""
    table = item_residuals(at_truth(irt.two_pl(), [2] * 20, 1000), draws=100)
    outside = (table["observed"] < table["lower"]) | (table["observed"] > table["upper"])
    assert outside.mean() < 0.1
    assert np.mean((table["observed"] - table["predicted"]) ** 2) < 0.002
