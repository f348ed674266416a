"""Predictions of responses and how good they are: against hand computation, brute force and the truth."""

from __future__ import annotations

import known_posteriors
import numpy as np
import pytest
from numpy.typing import NDArray

import irtbridge as irt
from irtbridge.assess.prediction import responses as module
from irtbridge.assess.prediction.baselines import BASELINES, additive_logit, item_mean, person_mean
from irtbridge.assess.prediction.held_out import baseline_metrics, held_out_metrics
from irtbridge.assess.prediction.metrics import calibration, category_metrics, coverage
from irtbridge.assess.prediction.responses import predict_responses
from irtbridge.data.hold_out import hold_out
from irtbridge.data.responses import Responses
from irtbridge.errors import StatisticError, UnknownName

P = np.array([0.9, 0.6, 0.3, 0.4, 0.8])
Y = np.array([1, 0, 0, 1, 1])


def binary(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([1 - p, p])


@pytest.fixture(scope="module")
def fit() -> irt.Fit:
    return irt.fit("lsat7", "2pl", method="laplace", draws=200)


# Metrics


def test_metrics_of_two_categories_are_those_computed_by_hand() -> None:
    found = category_metrics(Y, binary(P))
    own = np.array([0.9, 0.4, 0.7, 0.4, 0.8])
    pairs = [(i > j) + (i == j) / 2 for i in P[Y == 1] for j in P[Y == 0]]
    assert found["log_loss"] == pytest.approx(-np.log(own).mean())
    assert found["brier"] == pytest.approx(np.mean((P - Y) ** 2))
    assert found["rmse"] == pytest.approx(np.sqrt(found["brier"]))
    assert found["accuracy"] == 3 / 5
    assert found["auc"] == pytest.approx(np.mean(pairs))


def test_a_category_that_no_item_has_changes_no_metric_but_the_area() -> None:
    two, three = category_metrics(Y, binary(P)), category_metrics(Y, np.column_stack([binary(P), np.zeros(5)]))
    assert np.isnan(three.pop("auc"))
    assert three == pytest.approx({name: two[name] for name in three})


def test_metrics_of_three_categories_are_those_computed_by_hand() -> None:
    probs = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
    found = category_metrics(np.array([2, 1]), probs)
    assert found["log_loss"] == pytest.approx(-(np.log(0.5) + np.log(0.3)) / 2)
    assert found["brier"] == pytest.approx((0.2**2 + 0.3**2 + 0.5**2 + 0.6**2 + 0.7**2 + 0.1**2) / 4)
    assert found["rmse"] == pytest.approx(np.sqrt((0.7**2 + 0.5**2) / 2))
    assert found["accuracy"] == 0.5


def test_a_certain_mistake_costs_a_finite_loss() -> None:
    assert np.isfinite(category_metrics(Y, binary(1.0 - Y))["log_loss"])


def test_calibration_solves_the_equations_of_a_logistic_regression() -> None:
    rng = np.random.default_rng(1)
    log_odds = rng.normal(size=5000)
    events = rng.uniform(size=5000) < 1 / (1 + np.exp(-(0.5 + 0.6 * log_odds)))
    found = calibration(events, 1 / (1 + np.exp(-log_odds)))
    left = events - 1 / (1 + np.exp(-(found["intercept"] + found["slope"] * log_odds)))
    np.testing.assert_allclose([left.mean(), (left * log_odds).mean()], 0, atol=1e-6)
    assert (found["slope"], found["intercept"]) == pytest.approx((0.6, 0.5), abs=0.1)


@pytest.mark.parametrize("events", [np.ones(5, dtype=bool), P > 0.5])
def test_calibration_is_not_defined_where_events_are_alike_or_told_apart(events: NDArray[np.bool_]) -> None:
    assert np.isnan(list(calibration(events, P).values())).all()


def test_coverage_is_a_share() -> None:
    assert coverage(np.array([1.0, 2, 3, 9]), np.array([0.0, 2, 4, 0]), np.array([1.0, 3, 5, 1])) == 0.5


# Baselines


@pytest.fixture(scope="module")
def mixed() -> Responses:
    """Items of two and of three categories."""
    rng = np.random.default_rng(2)
    values = np.column_stack([rng.integers(0, k, 30) for k in (2, 3, 2, 3)])
    values[rng.uniform(size=values.shape) < 0.1] = -1
    return Responses.from_codes(values, [2, 3, 2, 3])


@pytest.mark.parametrize("baseline", BASELINES)
def test_baselines_are_distributions_over_the_categories_that_an_item_has(mixed: Responses, baseline: str) -> None:
    held = hold_out(mixed, seed=1)
    probs = BASELINES[baseline](held.train, held.tested)
    assert probs.sum(axis=1) == pytest.approx(1)
    assert (probs[np.isin(np.nonzero(held.test)[1], [0, 2]), 2] == 0).all()


def test_means_have_one_response_at_the_mean_of_all_beside_their_own() -> None:
    data = Responses.from_codes([[1, 1, 0], [1, 0, 0]])
    seen = np.array([[True, True, False], [True, False, True]])
    train, test = (data.only(part.ravel()) for part in (seen, ~seen))
    expected = [(2 + 0.75) / 3, (1 + 0.75) / 2, (0 + 0.75) / 2]
    assert item_mean(train, test)[:, 1] == pytest.approx([expected[2], expected[1]])
    assert person_mean(train, test)[:, 1] == pytest.approx([2.75 / 3, 1.75 / 3])


def test_additive_logit_is_at_the_maximum_of_its_penalised_likelihood() -> None:
    """There a person's (an item's) residuals sum to its coefficient, as C is 1."""
    rng = np.random.default_rng(3)
    data = Responses.from_codes(rng.integers(0, 2, (20, 8)))
    p = additive_logit(data, data)[:, 1].reshape(20, 8)
    left = data.values - p
    intercept = np.log(p / (1 - p)) - left.sum(axis=1, keepdims=True) - left.sum(axis=0)
    assert np.ptp(intercept) < 0.01  # of log odds: scikit-learn's tolerance


def test_no_baseline_predicts_better_than_the_truth() -> None:
    at = known_posteriors.at_truth(irt.two_pl(), [2] * 15, 400)
    held = hold_out(at.responses, seed=2)
    best = category_metrics(at.responses.values[held.test], at.category_probs()[0][held.test])
    baselines = baseline_metrics(held.train, held.tested)
    assert (baselines["log_loss"] > best["log_loss"]).all()
    assert (baselines["auc"] < best["auc"]).all()


def test_baselines_of_numbers_predict_means() -> None:
    data = Responses.from_numbers(np.random.default_rng(4).uniform(size=(12, 5)), "fractions")
    held = hold_out(data)
    table = baseline_metrics(held.train, held.tested)
    assert [*table.columns] == ["rmse"]
    assert table["rmse"].between(0.1, 0.6).all()


# Predictions


def test_predicted_means_are_means_over_draws(fit: irt.Fit) -> None:
    table = fit.predict([3, 700], ["item2", "item4"], draws=200).set_index(["person", "item"])
    mean = fit.posterior.moments()[0][:, [2, 699]][..., [1, 3]]
    np.testing.assert_allclose(table["mean"].to_numpy(), mean.mean(axis=0).ravel())
    np.testing.assert_allclose(table["upper"].to_numpy(), np.quantile(mean, 0.975, axis=0).ravel())
    assert [*table.index] == [(3, "item2"), (3, "item4"), (700, "item2"), (700, "item4")]


def test_predictions_in_chunks_are_those_of_all_at_once(fit: irt.Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit.predict(draws=20)
    monkeypatch.setattr(module, "CELLS", 3000)
    assert fit.predict(draws=20).equals(whole)


def test_a_point_estimate_has_the_spread_of_abilities() -> None:
    at = known_posteriors.at_truth(irt.two_pl(), [2] * 6, 50)
    table = predict_responses(at, items="item2")
    assert (table["upper"] - table["lower"]).min() > 0.02
    assert table["mean"].between(table["lower"], table["upper"]).all()


def test_probabilities_of_several_categories_have_the_expected_score_for_their_mean() -> None:
    at = known_posteriors.at_truth(irt.graded(), [3, 4], 20)
    table = predict_responses(at)
    probs = table[["p0", "p1", "p2", "p3"]]
    assert probs.sum(axis=1).to_numpy() == pytest.approx(1)
    np.testing.assert_allclose(probs.fillna(0).to_numpy() @ np.arange(4), table["mean"])
    assert (probs["p3"].isna() == (table["item"] == "item1")).all()


def test_a_person_who_was_not_fitted_is_refused(fit: irt.Fit) -> None:
    with pytest.raises(UnknownName, match="no person called '1001'"):
        fit.predict(1001)
    with pytest.raises(UnknownName, match="item5"):
        fit.predict(items=["item6"])


def test_metrics_of_a_posterior_are_those_of_its_mean_probabilities(fit: irt.Fit) -> None:
    held = hold_out(fit.responses, seed=3)
    found = held_out_metrics(fit.posterior, held.tested, draws=200)
    probs = fit.posterior.category_probs().mean(axis=0)[held.test]
    direct = category_metrics(fit.responses.values[held.test], probs)
    assert {name: found[name] for name in direct} == pytest.approx(direct)


def test_predictive_intervals_of_sums_cover_at_the_truth() -> None:
    """Of 300 persons and of 40 items: 95 % and a little more, as sums are whole numbers."""
    at = known_posteriors.at_truth(irt.two_pl(), [2] * 40, 300)
    found = held_out_metrics(at, hold_out(at.responses, share=0.5).tested)
    assert 0.93 <= found["person_coverage"] <= 1
    assert 0.87 <= found["item_coverage"] <= 1


def test_nothing_held_out_is_refused(fit: irt.Fit) -> None:
    with pytest.raises(StatisticError, match="larger share"):
        held_out_metrics(fit.posterior, fit.responses.blank())
