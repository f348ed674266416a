"""Replicated data and predictive p-values: against the truth, brute force and long data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import irtbridge as irt
from irtbridge.assess import predict as module
from irtbridge.assess.predict import mid_p, predict, predictive, replicated, responses_of
from irtbridge.assess.predictive_check import correlations, odds_ratios, score_counts
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError, StatisticError, UnknownName
from irtbridge.model.layout import Layout


@pytest.fixture(scope="module")
def fit() -> irt.Fit:
    return irt.fit("lsat7", "2pl", method="laplace", draws=200)


@pytest.fixture(scope="module")
def patterns() -> Responses:
    """LSAT 7 as a row for each pattern."""
    values, counts = np.unique(irt.load_dataset("lsat7").values, axis=0, return_counts=True)
    return replace(Responses.from_codes(values), weights=counts.astype(float))


def test_replicates_are_drawn_at_each_draw_and_miss_what_the_data_miss(fit: irt.Fit) -> None:
    values = fit.responses.values.copy()
    values[::3, 1] = -1
    posterior = replace(fit.posterior, responses=replace(fit.responses, values=values))
    drawn = np.stack([replicate for _, replicate in replicated(posterior)])
    assert (np.isnan(drawn) == np.isnan(responses_of(posterior))).all()
    mean, variance = posterior.moments()
    error = np.sqrt(np.sum(variance, axis=(0, 1))) / mean[..., 0].size
    away = np.nanmean(drawn, axis=(0, 1)) - np.nanmean(np.where(np.isnan(drawn), np.nan, mean), axis=(0, 1))
    assert (np.abs(away) < 5 * error).all()


def test_persons_in_slices_are_drawn_as_all_at_once(fit: irt.Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    source = fit.posterior.thinned(2)
    whole = [replicate for _, replicate in replicated(source, seed=3)]
    monkeypatch.setattr(module, "CELLS", 300)
    for one, other in zip(whole, (replicate for _, replicate in replicated(source, seed=3)), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("model", "n_categories"),
    [(irt.two_pl(), [2] * 4), (irt.graded(), [2, 3, 5, 4]), (irt.beta_irt(), [1] * 4), (irt.poisson_counts(), [1] * 4)],
    ids=lambda x: getattr(x, "name", None),
)
def test_densities_of_replicates_are_those_of_what_is_drawn(model: irt.ModelSpec, n_categories: list[int]) -> None:
    params = irt.simulate_parameters(model, 50, n_categories, 1)
    data = irt.simulate_responses(model, params, n_categories, 2)
    layout = Layout.of(model, data)
    at = (layout.complete(params), layout.spec.dims, layout.exists)
    drawn = model.family.draw(np.random.default_rng(8), *at)
    given, of_drawn = model.family.replicate(np.random.default_rng(8), data.values, *at)
    np.testing.assert_allclose(given, model.family.log_density(data.values, *at))
    np.testing.assert_allclose(of_drawn, model.family.log_density(drawn, *at))


def test_ties_count_half() -> None:
    p = mid_p([1.0, 3.0, np.nan], [[1.0, 0.0, 1.0], [2.0, 3.0, 1.0]])
    assert p == pytest.approx([0.75, 0.25, np.nan], nan_ok=True)


def test_a_discrepancy_is_held_against_the_data_at_each_draw(fit: irt.Fit) -> None:
    found = predict(fit.posterior, lambda y, at: np.sum((y - at.moments()[0][0]) ** 2, axis=0), draws=50)
    assert found.observed.shape == found.replicated.shape == (50, 5)
    mean, _ = fit.posterior.thinned(50).moments()
    np.testing.assert_allclose(found.observed, np.sum((fit.responses.values - mean) ** 2, axis=1))


def test_weighted_rows_are_as_many_persons(fit: irt.Fit, patterns: Responses) -> None:
    weighted = irt.fit(patterns, "2pl", method="laplace", draws=200)
    assert predictive(weighted.posterior).abilities.shape == (200, 1000)
    ours, long = weighted.predictive_check(), fit.predictive_check()
    np.testing.assert_array_equal(ours["observed"], long["observed"])
    spread = long["upper"] - long["lower"]
    assert ((ours["predicted"] - long["predicted"]).abs() < 0.1 * spread).all()
    np.testing.assert_allclose(ours["upper"] - ours["lower"], spread, rtol=0.25)
    assert len(weighted.predictive_check("person_sum")) == len(patterns.values)


def test_a_point_estimate_draws_abilities_at_the_point() -> None:
    fit = irt.fit("lsat7", "2pl", method="map", standard_errors=False)
    found = fit.predictive_check("score")
    # Expected abilities themselves would give far too few extreme scores.
    assert ((found["lower"] <= found["observed"]) & (found["observed"] <= found["upper"])).all()
    assert predictive(fit.posterior, 20).n_draws == 20


def test_item_sums_of_the_true_model_are_not_flagged_and_of_a_wrong_one_are(fit: irt.Fit) -> None:
    assert not fit.predictive_check()["flag"].any()
    moved = {**fit.posterior.params, "difficulty": fit.posterior.params["difficulty"] + [0, 0, 0, 0.5, 0]}
    wrong = predict(replace(fit.posterior, params=moved), lambda y: np.nansum(y, axis=0)).table()
    assert wrong["flag"].tolist() == [False, False, False, True, False]
    assert wrong["ppp"][3] < 0.01  # a harder item is to be solved less often than it was


def test_two_dependent_items_are_found_by_their_correlation(fit: irt.Fit) -> None:
    values = fit.responses.values.copy()
    same = np.random.default_rng(2).uniform(size=len(values)) < 0.4
    values[same, 1] = values[same, 0]
    dependent = irt.fit(replace(fit.responses, values=values), "1pl", method="laplace", draws=200)
    for statistic in ("correlation", "odds_ratio"):
        found = dependent.predictive_check(statistic)
        assert found["ppp"].idxmin() == ("item1", "item2")
        assert found["ppp"].min() < 0.01


def test_statistics_of_pairs_and_scores_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    polytomous = np.where(rng.uniform(size=(80, 4)) < 0.2, np.nan, rng.integers(0, 4, (80, 4)))
    pairs = np.triu_indices(4, 1)
    np.testing.assert_allclose(correlations(polytomous), pd.DataFrame(polytomous).corr().to_numpy()[pairs])
    binary = np.where(np.isnan(polytomous), np.nan, polytomous > 1)
    tables = [pd.crosstab(binary[:, i], binary[:, j]).to_numpy() + 0.5 for i, j in zip(*pairs, strict=True)]
    expected = [t[0, 0] * t[1, 1] / (t[0, 1] * t[1, 0]) for t in tables]
    np.testing.assert_allclose(odds_ratios(binary), expected)
    counts = score_counts(np.vstack([polytomous, [np.nan] * 4]), 12)
    score, count = np.unique(np.nansum(polytomous, axis=1), return_counts=True)
    assert counts[score.astype(int)].tolist() == count.tolist()
    assert counts.sum() == 80


def test_the_same_seed_gives_the_same_table(fit: irt.Fit) -> None:
    pd.testing.assert_frame_equal(fit.predictive_check(seed=1), fit.predictive_check(seed=1))
    assert not fit.predictive_check(seed=1).equals(fit.predictive_check(seed=2))


def test_a_statistic_of_ones_own_has_labels(fit: irt.Fit) -> None:
    assert fit.predictive_check(np.nanmean).index.tolist() == [0]
    assert fit.predictive_check(lambda y: y.mean(axis=0), by="item").index.tolist() == list(fit.responses.items)
    assert fit.predictive_check(lambda y: y.mean(axis=1), by="person", draws=3).index.name == "person"


def test_bad_requests_say_what_is_possible(fit: irt.Fit) -> None:
    with pytest.raises(UnknownName, match="no statistic called 'item_sums'; valid: item_sum"):
        fit.predictive_check("item_sums")
    with pytest.raises(UnknownName, match="no by= called 'items'; valid: item"):
        fit.predictive_check(np.nanmean, by="items")
    with pytest.raises(StatisticError, match="'item_sum' is by item, not by 'person'; leave by= out"):
        fit.predictive_check("item_sum", by="person")
    with pytest.raises(StatisticError, match="1 values for 5 labels by='item'; give by='all'"):
        fit.predictive_check(np.nanmean, by="item")
    with pytest.raises(ConfigError, match="draws=0 must be a whole number, 1 or greater"):
        fit.predictive_check(draws=0)
