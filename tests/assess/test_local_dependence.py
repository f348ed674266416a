"""Q3 and LD X2 against pandas and all patterns; two dependent items are found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from known_posteriors import at_truth, pattern_probs, patterns
from scipy import stats

import irtbridge as irt
from irtbridge.assess.items.local_dependence import local_dependence, pair_tables, q3
from irtbridge.assess.items.residuals import residuals
from irtbridge.assess.predict import responses_of
from irtbridge.errors import StatisticError


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_q3_correlates_the_residuals_of_those_who_answered_both(missing: float) -> None:
    at = at_truth(irt.graded(), (3, 4, 2), 80, missing=missing)
    residual = residuals(responses_of(at), at).residual
    assert q3(residual) == pytest.approx(pd.DataFrame(residual).corr().to_numpy())


def test_tables_of_pairs_are_crosstabs_and_sums_over_patterns() -> None:
    counts = (2, 4, 3)
    at = at_truth(irt.graded(), counts, 200, missing=0.1)
    responses = responses_of(at)
    observed, expected = pair_tables(responses, at)
    codes = patterns(counts)
    probs = pattern_probs(at, codes)
    both = ~np.isnan(responses[:, [1, 2]]).any(axis=1)
    for k, m in np.ndindex(4, 3):
        assert observed[1, 2, k, m] == np.sum((responses[:, 1] == k) & (responses[:, 2] == m))
        share = probs[(codes[:, 1] == k) & (codes[:, 2] == m)].sum()
        assert expected[1, 2, k, m] == pytest.approx(both.sum() * share)


def test_tables_are_of_the_population_that_answered_both_items() -> None:
    """Two groups far apart, an item that one of them alone got, and gaps at random."""
    rng = np.random.default_rng(1)
    data = at_truth(irt.two_pl(), [2] * 4, 200, missing=0.1).responses.to_frame().assign(group=["a", "b"] * 100)
    fit = irt.fit(data, "2pl", method="map", group="group", standard_errors=False)
    means = np.array([[0.0, 2.0]])
    at = replace(fit.posterior, params={**fit.posterior.params, "ability_mean": means})
    responses = rng.integers(0, 2, (200, 4)).astype(float)
    responses[::2, 0] = responses[rng.uniform(size=200) < 0.2, 1] = np.nan
    observed, expected = pair_tables(responses, at)
    assert expected.sum(axis=(2, 3)) == pytest.approx(observed.sum(axis=(2, 3)))
    of_groups = 0.0
    for group in range(2):
        own, alone = responses[group::2], at.of_rows(slice(group, group + 1))
        both = ~np.isnan(own[:, :, None] + own[:, None])
        ability = alone.params["ability_mean"][0, group] + alone.params["ability_sd"][0, group] * np.linspace(-6, 6, 81)
        weights = stats.norm.pdf(np.linspace(-6, 6, 81)) * 0.15
        probs = alone.category_probs(ability[None])[0]
        share = np.einsum("t,tik,tjl->ijkl", weights, probs, probs)
        of_groups = of_groups + both.sum(axis=0)[..., None, None] * share
    assert expected == pytest.approx(of_groups, abs=1e-3)


def test_a_pair_that_nobody_answered_has_no_number() -> None:
    at = at_truth(irt.two_pl(), [2] * 4, 60)
    values = at.responses.values.copy()
    values[:30, 0] = values[30:, 1] = -1
    table = local_dependence(replace(at, responses=at.responses.with_values(values)), draws=4)
    apart = table.xs(("item1", "item2")).drop("ld_df")
    assert apart.isna().all()
    assert table.drop(("item1", "item2")).notna().all(axis=None)
    with pytest.raises(StatisticError, match="there is one item"):
        local_dependence(at_truth(irt.two_pl(), [2], 20))


def test_x2_of_a_pair_is_pearsons() -> None:
    at = at_truth(irt.graded(), (3, 4, 2), 200)
    observed, expected = pair_tables(responses_of(at), at)
    pair = local_dependence(at, draws=3).loc[("item1", "item2")]
    o, e = observed[0, 1][:3], expected[0, 1][:3]
    x2 = stats.chisquare(o.ravel(), e.ravel()).statistic
    assert pair["ld_x2"] == pytest.approx(x2)
    assert pair["ld_df"] == 6
    assert abs(pair["ld_z"]) == pytest.approx(abs(x2 - 6) / np.sqrt(12))
    assert abs(pair["cramers_v"]) == pytest.approx(np.sqrt(x2 / (200 * 2)))


@pytest.mark.parametrize("model", ["2pl", "grm"])
def test_two_dependent_items_are_found_and_no_others(model: str) -> None:
    """Of 190 or 45 pairs without dependence, 5 % lie beyond 2 of 40 predictive standard deviations, if none is odd."""
    categories, items = (2, 20) if model == "2pl" else (4, 10)
    posterior = at_truth(irt.build_model(model), [categories] * items, 1000)
    values, rng = posterior.responses.values.copy(), np.random.default_rng(1)
    near = values.mean(axis=0).argsort()[items // 2 : items // 2 + 2]  # of two items of middle mean
    repeats = rng.uniform(size=1000) < 0.4
    values[repeats, near[1]] = values[repeats, near[0]]
    table = local_dependence(replace(posterior, responses=replace(posterior.responses, values=values)))
    first = table.iloc[0]
    odd = posterior.responses.items[near[1]]
    assert set(table.index[0]) == {posterior.responses.items[place] for place in near}
    assert first["q3_z"] > 4
    assert first["q3_ppp"] == first["ld_ppp"] == 0
    assert first["cramers_v"] > 0
    others = table[~table.index.map(lambda pair: odd in pair)]
    assert np.mean(np.abs(others["q3_z"]) > 2) < 0.15


def test_numbers_have_q3_alone() -> None:
    table = local_dependence(at_truth(irt.poisson_counts(), [1] * 4, 60), draws=3)
    assert list(table) == ["q3", "q3_predicted", "q3_z", "q3_ppp"]
