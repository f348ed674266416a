"""Scores between 0 and 1 with ability on log compute: slopes come back, and few questions decide and predict."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import irtbridge as irt
from benchmarks.scaling import DEFAULTS, ON_COMPUTE, decision_accuracy, main, means, row, simulated


@pytest.mark.long
@pytest.mark.parametrize(("model", "method"), [("beta", "laplace"), ("ordered_beta", "map")])
def test_the_slope_on_log_compute_comes_back(model: str, method: str) -> None:
    """40 checkpoints, 50 questions: within 4 standard errors, which are small enough to tell it from 0."""
    scores, slope = simulated(model, 40, 50, 0.1, seed=3)
    fit = irt.fit(scores, model, method=method, model_options=ON_COMPUTE, seed=1)
    found = fit.shared().loc["ability_effect[log_flop]"]
    assert abs(found["mean"] - slope) < 4 * found["sd"]
    assert found["mean"] > 3 * found["sd"]


def test_decision_accuracy_counts_pairs() -> None:
    """One for the same order, 0 for the opposite, one half without any; (1 + Kendall's tau) / 2 where none tie."""
    estimate, score = np.random.default_rng(0).uniform(size=(2, 30))
    assert decision_accuracy(score**2, score) == 1
    assert decision_accuracy(-score, score) == 0
    assert decision_accuracy(np.zeros(30), score) == 0.5
    tau = stats.kendalltau(estimate, score).statistic
    assert decision_accuracy(estimate, score) == pytest.approx((1 + tau) / 2)


def test_few_questions_decide_and_the_line_predicts_larger_checkpoints() -> None:
    """Better than compute alone; far below the error of a model that knows no compute."""
    scores, slope = simulated("beta", 40, 200, 0.0, seed=5)
    found = row(scores.select_items(np.arange(10)), means(scores), slope, DEFAULTS)
    assert found["decisions"] > found["by compute"] + 0.05
    assert found["RMSE on compute"] < 0.8 * min(found["RMSE without"], found["RMSE question's mean"])


def test_an_unknown_word_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["question=5"]) == 1
    assert "checkpoints" in capsys.readouterr().err
