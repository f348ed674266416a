"""Item fit: published numbers, expected counts against all patterns, and what it says of planted misfit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from known_posteriors import at_truth, of, pattern_probs, patterns

import irtbridge as irt
from irtbridge.assess.curves import curves
from irtbridge.assess.items import s_x2
from irtbridge.assess.items.cells import joined_cells
from irtbridge.assess.items.estimated import STEP, moved, parameters_by_item
from irtbridge.assess.items.item_fit import item_fit, item_rest
from irtbridge.assess.items.orthogonal import Slopes, orthogonal_weights
from irtbridge.assess.items.population import population
from irtbridge.assess.items.residuals import abilities_given, fourth_moments, mean_squares, residuals
from irtbridge.assess.items.s_x2 import score_tables
from irtbridge.assess.predict import responses_of
from irtbridge.assess.scoring.reliability import conditional_se
from irtbridge.assess.scoring.scores import scores
from irtbridge.errors import StatisticError, UnknownName
from irtbridge.model.density import marginal_log_likelihood

FLAT = {"discrimination": "HalfNormal(1000)", "difficulty": "Normal(0, 1000)"}


@pytest.fixture(scope="module")
def lsat7() -> irt.Fit:
    return irt.fit("lsat7", "2pl", method="map", model_options=FLAT, n_nodes=61, standard_errors=False)


def test_s_x2_of_lsat7_is_as_published(lsat7: irt.Fit) -> None:
    table = lsat7.item_fit("s_x2")
    # R mirt 1.45.1, itemfit(mirt(expand.table(LSAT7), 1)), to the digits its help page prints.
    assert table["s_x2"].to_numpy() == pytest.approx([4.749, 14.451, 1.270, 5.237, 0.941], abs=4e-3)
    assert (table["s_x2_df"] == 2).all()
    assert (table["s_x2_n"] == 1000).all()


def test_s_x2_in_blocks_of_nodes_is_that_of_all_at_once(lsat7: irt.Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = lsat7.item_fit("s_x2")
    monkeypatch.setattr(s_x2, "BLOCK_NUMBERS", 200)
    pd.testing.assert_frame_equal(lsat7.item_fit("s_x2"), whole)


def test_s_x2_that_would_take_too_many_scores_is_left_out_and_named(
    lsat7: irt.Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s_x2, "MOST_NUMBERS", 1000)
    assert "5 items at 41 nodes" in lsat7.item_fit().attrs["left_out"]["s_x2"]
    with pytest.raises(StatisticError, match="PV-Q1"):
        lsat7.item_fit("s_x2")


def test_a_common_slope_counts_in_s_x2_as_a_free_variance_does_in_mirt(anchors: Callable[[str], pd.DataFrame]) -> None:
    common = {"common_discrimination": True} | FLAT
    fit = irt.fit("lsat7", "1pl", method="map", model_options=common, n_nodes=61, standard_errors=False)
    table = anchors("mirt_lsat.csv.gz").query("dataset == 'LSAT7' and model == 'Rasch (free variance) quadpts=61'")
    theirs = table.set_index(["quantity", "item"])["value"].astype(float, errors="ignore")
    ours = fit.item_fit("s_x2")
    for column, name in {"s_x2": "S_X2", "s_x2_df": "df.S_X2", "s_x2_p": "p.S_X2"}.items():
        expected = theirs[f"itemfit.{name}"].astype(float)
        assert ours[column].to_numpy() == pytest.approx(expected.to_numpy(), rel=2e-5)


def test_g2_of_lsat7_is_that_of_mirt(lsat7: irt.Fit) -> None:
    """Groups in which everybody answers alike count for no degree of freedom."""
    table = lsat7.item_fit("g2")
    # R mirt 1.45.1, itemfit(mirt(expand.table(LSAT7), 1), fit_stats='G2').
    assert table["g2"].to_numpy() == pytest.approx([118.139, 481.130, 207.273, 417.294, 147.330], rel=1e-4)
    assert table["g2_df"].tolist() == [4, 3, 2, 5, 4]


def test_pv_q1_does_not_see_the_order_of_the_persons(lsat7: irt.Fit) -> None:
    """LSAT 7 is sorted by pattern: persons of one plausible value must not be told apart by their place."""
    assert (lsat7.item_fit("pv_q1")["pv_q1_p"] > 0.05).all()


def test_expected_counts_by_sum_score_are_those_of_all_patterns() -> None:
    counts = (2, 4, 3)
    posterior = at_truth(irt.graded(), counts, 200)
    observed, expected = score_tables(posterior, np.arange(200))
    codes = patterns(counts)
    probs, scores = pattern_probs(posterior, codes), codes.sum(axis=1)
    for item, count in enumerate(counts):
        for score in range(scores.max() + 1):
            given = probs * (scores == score)
            share = [given[codes[:, item] == k].sum() / given.sum() for k in range(count)]
            assert expected[item, score, :count] == pytest.approx(observed[item, score].sum() * np.array(share))
    values = posterior.responses.values
    assert observed[1, 3, 2] == np.sum((values.sum(axis=1) == 3) & (values[:, 1] == 2))


def test_a_model_of_several_traits_with_one_is_the_model_of_one() -> None:
    several = at_truth(irt.m2pl(traits=1), [2] * 6, 300)
    params = {
        "ability": several.abilities[0, :, 0],
        "discrimination": several.params["discrimination"][0, :, 0],
        "intercept": -several.params["difficulty"][0],
    }
    one = of(irt.two_pl(parameterization="intercept"), several.responses, params)
    asked = ["s_x2", "x2", "g2", "pv_q1", "infit"]
    tables = [item_fit(posterior, asked, draws=2) for posterior in (several, one)]
    assert tables[0].to_numpy() == pytest.approx(tables[1].to_numpy(), nan_ok=True)
    for question in (lambda p: curves(p, "information"), conditional_se, lambda p: scores(p, method="ml")):
        table, expected = question(several), question(one)
        columns = table.select_dtypes(float).columns
        assert table[columns].to_numpy() == pytest.approx(expected[columns].to_numpy(), nan_ok=True)


def test_joining_cells_keeps_all_persons_and_leaves_none_small() -> None:
    rng = np.random.default_rng(1)
    observed = rng.poisson(0.8, (20, 4)).astype(float)
    expected = rng.gamma(0.8, size=(20, 4)) + 0.01
    o, e = joined_cells(observed, expected, 1.0)
    assert o.sum() == observed.sum()
    assert e[e > 0].min() >= 1
    assert o.shape == e.shape


def test_rows_that_stand_for_several_persons_count_as_many() -> None:
    long = at_truth(irt.two_pl(), [2] * 4, 300)
    values, number = np.unique(long.responses.values, axis=0, return_counts=True)
    persons = tuple(range(len(values)))
    rows = replace(long.responses, values=values, persons=persons, weights=number.astype(float))
    short = of(long.spec, rows, {k: v[0] for k, v in long.params.items()} | {"ability": np.zeros(len(rows.values))})
    names = ["n", "item_rest", "s_x2", "infit", "infit_z", "outfit", "outfit_z"]
    expected = item_fit(long, ["s_x2", "infit"], draws=2)[names]
    assert item_fit(short, ["s_x2", "infit"], draws=2)[names].to_numpy() == pytest.approx(expected.to_numpy())


def test_mean_squares_are_sums_over_the_responses_given() -> None:
    at = at_truth(irt.graded(), (3, 4, 2), 60, missing=0.2)
    responses = responses_of(at)
    mean, variance = (x[0] for x in at.moments(abilities_given(responses, at)))
    of_data = mean_squares(residuals(responses, at), axis=0)
    for item in range(3):
        there = ~np.isnan(responses[:, item])
        squares = (responses[there, item] - mean[there, item]) ** 2
        assert of_data.infit[item] == pytest.approx(squares.sum() / variance[there, item].sum())
        assert of_data.outfit[item] == pytest.approx(np.mean(squares / variance[there, item]))


def test_the_fourth_moment_of_two_categories_has_a_closed_form() -> None:
    at = at_truth(irt.two_pl(), [2] * 3, 20)
    ability = np.linspace(-2, 2, 20)[None]
    p = at.category_probs(ability)[0, ..., 1]
    assert fourth_moments(at, ability) == pytest.approx(p * (1 - p) * (1 - 3 * p * (1 - p)))


def test_item_rest_is_the_correlation_with_the_sum_of_the_others() -> None:
    responses = at_truth(irt.graded(), (3, 4, 2, 2), 100).responses.values.astype(float)
    expected = [np.corrcoef(responses[:, i], np.delete(responses, i, axis=1).sum(axis=1))[0, 1] for i in range(4)]
    assert item_rest(responses, np.ones(100)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("spec", "categories", "parameters"),
    [
        (irt.two_pl(), (2, 2, 2), (2, 2, 2)),
        (irt.one_pl(), (2, 2, 2), (1, 1, 1)),
        (irt.one_pl(common_discrimination=True), (2, 2, 2), (2, 2, 2)),
        (irt.three_pl(), (2, 2, 2), (3, 3, 3)),
        (irt.graded(), (2, 4, 3), (2, 4, 3)),
        (irt.partial_credit(), (2, 4, 3), (1, 3, 2)),
        (irt.rating_scale(), (4, 4, 4), (3, 3, 3)),  # a location, and two steps that sum to zero with the third
    ],
)
def test_parameters_that_an_item_rests_on(
    spec: irt.ModelSpec, categories: tuple[int, ...], parameters: tuple[int, ...]
) -> None:
    assert tuple(parameters_by_item(at_truth(spec, categories, 5).layout)) == parameters


def test_persons_with_missing_responses_are_left_out_of_s_x2_alone() -> None:
    table = item_fit(at_truth(irt.two_pl(), [2] * 6, 500, missing=0.05), draws=2)
    assert 300 < table["s_x2_n"].iloc[0] < 400
    assert table["n"].between(450, 490).all()
    assert table[["infit", "pv_q1", "item_rest"]].notna().all(axis=None)
    assert table[["infit_lower", "outfit_upper"]].isna().all(axis=None)  # a point has no spread


def test_what_is_not_defined_is_left_out_and_named_when_asked_for() -> None:
    nobody = at_truth(irt.two_pl(), [2] * 8, 30, missing=0.7)
    table = item_fit(nobody, draws=2)
    assert "s_x2" not in table
    assert "pv_q1" in table
    assert "take each response as it comes" in table.attrs["left_out"]["s_x2"]
    with pytest.raises(StatisticError, match="persons who answered every item, and there are none"):
        item_fit(nobody, "s_x2")
    counts = at_truth(irt.poisson_counts(), [1] * 4, 50)
    assert set(item_fit(counts, draws=2).attrs["left_out"]) == {"s_x2", "pv_q1"}
    with pytest.raises(StatisticError, match=r"no categories; use item_fit\(statistics='infit'\)"):
        item_fit(counts, "pv_q1")
    with pytest.raises(UnknownName, match="s_x2"):
        item_fit(counts, "sx2")


def test_models_without_a_grid_of_all_traits_have_s_x2_and_infit() -> None:
    table = item_fit(at_truth(irt.bifactor(groups=[1, 1, 1, 2, 2, 2]), [2] * 6, 300), draws=2)
    assert {"s_x2", "infit"} <= set(table)
    assert set(table.attrs["left_out"]) == {"pv_q1"}


def test_points_of_a_population_stand_for_its_grid() -> None:
    posterior = at_truth(irt.bifactor(groups=[1, 1, 2, 2]), [2] * 4, 5)
    axis = np.linspace(-5, 5, 31)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    weights = np.exp(-np.sum(grid**2, axis=1) / 2)
    right = posterior.category_probs(grid[None])[0, ..., 1]
    expected = right.T @ (weights[:, None] / weights.sum() * right)
    (points,), (shares,) = population(posterior)
    at_points = posterior.category_probs(points[None])[0, ..., 1]
    assert at_points.T @ (shares[:, None] * at_points) == pytest.approx(expected, abs=5e-4)


def test_the_population_of_groups_is_their_mixture() -> None:
    frame = at_truth(irt.two_pl(), [2] * 8, 300).responses.to_frame().assign(group=["a", "b", "b"] * 100)
    fit = irt.fit(frame, "2pl", method="map", group="group", standard_errors=False)
    (nodes,), (weights,) = population(fit.posterior)
    mean, sd = (fit.posterior.params[name][0] for name in ("ability_mean", "ability_sd"))
    assert weights @ nodes == pytest.approx(mean @ [1 / 3, 2 / 3], abs=1e-6)
    square = weights @ nodes**2
    assert square == pytest.approx((mean**2 + sd**2) @ [1 / 3, 2 / 3], rel=1e-6)
    assert fit.item_fit("s_x2")["s_x2"].notna().all()
    # With the groups' means and spreads counted, S-X2 rejected .21 of true items of three groups in place of .05 (14
    # sets of 1,200 persons and 15 items); without, .06.
    assert (parameters_by_item(fit.posterior.layout) == 2).all()
    assert fit.overall_fit()["df"].iloc[0] == 2 * (8 + 8 * 7 / 2) - 18


def test_a_guessed_item_is_found_under_the_2pl() -> None:
    """Of 200 sets as this one S-X2 finds 19 of 20, and in one of 20 it takes a given other item for odd."""
    spec = irt.two_pl(discrimination="LogNormal(0, 0.3)", difficulty="Normal(0, 1)")
    params = irt.simulate_parameters(spec, 3000, [2] * 20, seed=1)
    params["discrimination"][0], params["difficulty"][0] = 2, 1
    data = irt.simulate_responses(spec, params, [2] * 20, seed=2)
    values, rng = data.values.copy(), np.random.default_rng(3)
    values[(values[:, 0] == 0) & (rng.uniform(size=3000) < 0.25), 0] = 1
    fit = irt.fit(replace(data, values=values), spec, method="map", standard_errors=False)
    table, groups = fit.item_fit(["s_x2", "infit"]), fit.item_residuals()
    assert table["s_x2_p"].idxmin() == data.items[0]
    assert table["s_x2_p"].iloc[0] < 0.001
    assert table["infit_ppp"].iloc[0] < 0.025 or table["infit_ppp"].iloc[0] > 0.975
    lowest = groups.xs(1, level="group")
    assert lowest["ppp"].iloc[0] < 0.025
    assert lowest["observed"].iloc[0] > lowest["upper"].iloc[0]


@pytest.mark.parametrize("spec", [irt.graded(), irt.one_pl(common_discrimination=True)])
def test_scores_sum_to_the_gradient_of_the_log_likelihood(spec: irt.ModelSpec) -> None:
    """One column for each coordinate: thresholds of their own, and a slope that items share."""
    counts = (2, 4, 3) if spec.name == "grm" else (2, 2, 2)
    at = at_truth(spec, counts, 50, missing=0.1)
    _, weights = at.at_nodes()
    scores = Slopes.of(at).scores(responses_of(at), weights[0])
    gradient = []
    for models in moved(at, 1):
        of_each = [marginal_log_likelihood(at.layout, one, at.responses).sum() for one in at.layout.rows(models.params)]
        up, down = np.split(np.array(of_each), 2)
        gradient.extend((up - down) / (2 * STEP))
    assert scores.sum(axis=0) == pytest.approx(np.array(gradient), abs=1e-4)


def test_an_orthogonal_mean_does_not_move_with_the_scores() -> None:
    rng = np.random.default_rng(1)
    scores, contributions = rng.normal(size=(200, 3)).astype(np.float32), rng.normal(size=(200, 2))
    mixed = contributions + scores @ rng.normal(size=(3, 2))
    expected = orthogonal_weights(scores) @ contributions
    assert orthogonal_weights(scores) @ mixed == pytest.approx(expected, abs=1e-5)
    assert orthogonal_weights(np.repeat(scores, 2, axis=1)) @ contributions == pytest.approx(expected, abs=1e-5)
    slopes, *_ = np.linalg.lstsq(scores - scores.mean(axis=0), contributions - contributions.mean(axis=0))
    assert expected == pytest.approx(contributions.mean(axis=0) - scores.mean(axis=0) @ slopes, abs=1e-5)
