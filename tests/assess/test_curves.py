"""Curves over ability: against formulas, numerical derivatives and R's mirt; what the intervals are; bad input."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import special

import irtbridge as irt
from irtbridge.assess.curves import CURVES, curves, locations
from irtbridge.assess.posterior import Posterior, layout_of
from irtbridge.errors import ConfigError, StatisticError, UnknownName

FLAT = {"discrimination": "Normal(0, 100)", "difficulty": "Normal(0, 100)"}


@pytest.fixture(scope="module")
def two_pl() -> irt.Fit:
    return irt.fit("lsat7", "2pl", method="laplace", draws=100)


@pytest.fixture(scope="module")
def several() -> irt.Fit:
    """Items of 2, 3 and 4 categories."""
    counts = [4, 3, 2, 4]
    params = irt.simulate_parameters(irt.graded(), 120, counts, seed=3)
    return irt.fit(irt.simulate_responses(irt.graded(), params, counts, seed=4), "grm", method="laplace", draws=50)


# Against formulas and derivatives


def test_curves_of_the_2pl_are_those_of_its_formula_at_each_draw(two_pl: irt.Fit) -> None:
    theta = np.array([-2.0, 0.3, 1.0])
    draws = two_pl.posterior.params
    a, b = (draws[name][:, 1, None] for name in ("discrimination", "difficulty"))
    right = special.expit(a * (theta - b))
    for what, drawn in {"score": right, "information": a**2 * right * (1 - right)}.items():
        found = two_pl.curves(what, "item2", ability=theta, level=0.9)
        np.testing.assert_allclose(found["mean"], drawn.mean(axis=0))
        np.testing.assert_allclose(found[["lower", "upper"]].T, np.quantile(drawn, [0.05, 0.95], axis=0))
        assert found["ability"].tolist() == theta.tolist()
    right = special.expit(a.mean() * (theta - b.mean()))
    np.testing.assert_allclose(two_pl.curves("score", "item2", ability=theta)["at_mean"], right)


def test_information_is_the_squared_slope_over_the_probability_of_the_category_curves(several: irt.Fit) -> None:
    theta = np.linspace(-2, 2, 9)
    step = 1e-4

    def probs(at: np.ndarray) -> pd.DataFrame:
        return several.curves("category", ability=at).set_index(["item", "category", "ability"])["at_mean"].unstack()

    slopes = (probs(theta + step).to_numpy() - probs(theta - step).to_numpy()) / (2 * step)
    expected = (slopes**2 / probs(theta)).groupby("item").sum()
    found = several.curves("information", ability=theta).pivot(index="item", columns="ability", values="at_mean")
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_test_is_the_sum_of_its_items(several: irt.Fit) -> None:
    for one, all_of_it in (("score", "test_score"), ("information", "test_information")):
        items = ["item1", "item3"]
        by_item = several.curves(one, items).groupby("ability")[["mean", "at_mean"]].sum()
        whole = several.curves(all_of_it, items).set_index("ability")[["mean", "at_mean"]]
        pd.testing.assert_frame_equal(by_item, whole)
    information = several.curves("test_information")["at_mean"]
    np.testing.assert_allclose(several.curves("standard_error")["at_mean"], information**-0.5)


def test_probabilities_of_categories_add_up(several: irt.Fit) -> None:
    category = several.curves("category")
    np.testing.assert_allclose(category.groupby(["item", "ability"])["mean"].sum(), 1.0)
    assert category.groupby("item")["category"].nunique().tolist() == [4, 3, 2, 4]
    above = category[category["category"] >= 2].groupby(["item", "ability"])["mean"].sum()
    cumulative = several.curves("cumulative").query("category == 2").set_index(["item", "ability"])["mean"]
    pd.testing.assert_series_equal(above[cumulative.index], cumulative)


@pytest.mark.parametrize("what", ["cumulative", "score", "test_score"])
def test_curves_of_graded_items_rise(several: irt.Fit, what: str) -> None:
    found = several.curves(what)
    steps = found["mean"].diff()[found["ability"].diff() > 0]
    assert (steps > 0).all()


# Against R's mirt


ITEM_PARAMETERS = {"2pl": {"discrimination": "a", "difficulty": "b"},
                   "3pl": {"discrimination": "a", "difficulty": "b", "lower": "g"},
                   "grm": {"discrimination": "a", "threshold": "b"},
                   "gpcm": {"discrimination": "a", "step": "b"}}  # fmt: skip


@pytest.mark.parametrize(
    ("data", "model", "file", "name"),
    [
        ("lsat7", "2pl", "mirt_lsat.csv.gz", "LSAT7 2PL"),
        ("lsat7", "3pl", "mirt_lsat.csv.gz", "LSAT7 3PL"),
        ("bfi:N", "grm", "mirt_bfiN_graded.csv.gz", "bfiN graded"),
        ("bfi:N", "gpcm", "mirt_bfiN_gpcm.csv.gz", "bfiN gpcm"),
    ],
)
def test_information_is_that_of_mirt_at_its_item_parameters(
    data: str, model: str, file: str, name: str, anchors: Callable[[str], pd.DataFrame]
) -> None:
    table = anchors(file)
    table = table[(table["dataset"] + " " + table["model"].str.split().str[0]) == name]
    responses = irt.load_responses(data)
    labels = list(responses.items)
    posterior = at_item_parameters(irt.build_model(model), responses, table, labels)
    for quantity, what in (("testinfo", "test_information"), ("iteminfo", "information")):
        theirs = table[table["quantity"] == quantity]
        theta = theirs["item"].str.extract(r"theta=(\S+)")[0].astype(float)
        found = curves(posterior, what, ability=np.unique(theta))
        found = found.assign(item=found.get("item", "all")).set_index(["item", "ability"])["mean"]
        item = theirs["item"].str.split().str[0] if quantity == "iteminfo" else ["all"] * len(theirs)
        keys = list(zip(item, theta, strict=True))
        assert len(keys) == 9 * (len(labels) if quantity == "iteminfo" else 1)
        # Theirs are rounded to 12 digits, and so are the item parameters.
        np.testing.assert_allclose(found.loc[keys], theirs["value"].astype(float), rtol=1e-8)


def at_item_parameters(
    spec: irt.ModelSpec, responses: irt.Responses, table: pd.DataFrame, labels: list[str]
) -> Posterior:
    """A point at the item parameters of a table, which has locations as ``IRTpar.b``, or as ``IRTpar.b1``, ..."""
    table = table[table["quantity"].str.startswith("IRTpar.")]
    wide = table.pivot(index="item", columns="quantity", values="value").astype(float).loc[labels]
    wide.columns = wide.columns.str.removeprefix("IRTpar.")
    several = [name for name in wide if re.fullmatch(r"b\d", name)]
    params = {
        name: (wide[several] if letter == "b" and several else wide[letter]).to_numpy()[None]
        for name, letter in ITEM_PARAMETERS[spec.name].items()
    }
    return Posterior(layout_of(spec, responses), responses, params, np.zeros((1, responses.n_persons)), point=True)


def test_information_of_a_fit_with_flat_priors_is_that_of_mirt(anchors: Callable[[str], pd.DataFrame]) -> None:
    table = anchors("mirt_lsat.csv.gz").query("dataset == 'LSAT7' and quantity == 'testinfo'")
    table = table[table["model"].str.startswith("2PL")]
    theta = table["item"].str.removeprefix("theta=").astype(float)
    fit = irt.fit("lsat7", irt.two_pl(**FLAT), method="map")
    np.testing.assert_allclose(fit.curves("test_information", ability=theta)["mean"], table["value"], rtol=1e-4)


# Grids, traits, kinds


def test_of_a_point_estimate_all_numbers_are_one() -> None:
    found = irt.fit("lsat7", "2pl", method="map").curves("test_information")
    for name in ("lower", "upper", "at_mean"):
        np.testing.assert_array_equal(found[name], found["mean"])


def test_the_grid_covers_four_standard_deviations(two_pl: irt.Fit) -> None:
    grid = two_pl.curves("test_score")["ability"]
    assert (grid.min(), grid.max(), len(grid)) == (-4.0, 4.0, 81)


def test_along_a_trait_the_others_stand_at_their_mean() -> None:
    spec = irt.m2pl(traits=["A", "B"], q_matrix=[[1, 0], [1, 0], [0, 1], [0, 1], [1, 1]])
    params = irt.simulate_parameters(spec, 150, [2] * 5, seed=1)
    fit = irt.fit(irt.simulate_responses(spec, params, [2] * 5, seed=2), spec, method="laplace", draws=50)
    posterior, theta = fit.posterior, np.array([-1.0, 0.5])
    at = posterior.at_mean
    slopes, difficulty = at.params["discrimination"][0, 4], at.params["difficulty"][0, 4]
    mean = posterior.abilities.mean(axis=(0, 1))
    right = special.expit(slopes[0] * mean[0] + slopes[1] * theta - difficulty)
    np.testing.assert_allclose(fit.curves("score", "item5", trait="B", ability=theta)["at_mean"], right)
    found = fit.curves("information", "item5", trait="B", ability=theta)["at_mean"]
    np.testing.assert_allclose(found, slopes[1] ** 2 * right * (1 - right))
    assert (fit.curves("information", "item1", trait="B")["mean"] == 0).all()
    with pytest.raises(StatisticError, match="2 traits, and an item has a location on none"):
        locations(posterior)
    with pytest.raises(UnknownName, match="no trait called 'C'; valid: A, B"):
        fit.curves("score", trait="C")


def test_draws_in_parts_are_draws_together(several: irt.Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    together = several.curves("category")
    monkeypatch.setattr("irtbridge.assess.curves.MOST_CELLS", 5000)
    pd.testing.assert_frame_equal(several.curves("category"), together)


# Locations


def test_locations_of_a_rating_scale_are_difficulties_and_steps_together() -> None:
    params = irt.simulate_parameters(irt.rating_scale(), 100, [3, 3, 3], seed=1)
    fit = irt.fit(irt.simulate_responses(irt.rating_scale(), params, [3, 3, 3], seed=2), "rsm", method="map")
    found = locations(fit.posterior).pivot(index="item", columns="category", values="mean")
    at = fit.posterior.params
    np.testing.assert_allclose(found, at["difficulty"][0][:, None] + at["step"][0])


@pytest.mark.parametrize("model", [irt.generalized_partial_credit(), irt.nominal()], ids=["gpcm", "nominal"])
def test_at_a_step_two_categories_are_equally_likely(model: irt.ModelSpec) -> None:
    counts = [3, 4, 2]
    params = irt.simulate_parameters(model, 150, counts, seed=5)
    fit = irt.fit(irt.simulate_responses(model, params, counts, seed=6), model, method="map")
    found = locations(fit.posterior)
    assert found["item"].value_counts().to_dict() == {"item1": 2, "item2": 3, "item3": 1}
    for row in found.itertuples():
        probs = fit.curves("category", row.item, ability=[row.mean]).set_index("category")["mean"]
        assert probs[row.category] == pytest.approx(probs[row.category - 1])


def test_intercepts_have_the_locations_of_difficulties() -> None:
    one, other = (
        locations(irt.fit("lsat7", irt.two_pl(**options), method="map").posterior)["mean"]
        for options in (FLAT, {"parameterization": "intercept", "discrimination": "Normal(0, 100)",
                               "intercept": "Normal(0, 100)"})
    )  # fmt: skip
    np.testing.assert_allclose(one, other, atol=1e-3)


# Bad input


def test_counts_have_scores_and_information_but_no_categories() -> None:
    model = irt.poisson_counts()
    params = irt.simulate_parameters(model, 80, [1] * 4, seed=1)
    fit = irt.fit(irt.simulate_responses(model, params, [1] * 4, seed=2), model, method="map")
    for what in ("category", "cumulative"):
        with pytest.raises(StatisticError, match="counts, which have no categories; use curves"):
            fit.curves(what)
    # The rate is both: the expected count, and with a slope of 1 the information.
    np.testing.assert_allclose(fit.curves("score")["mean"], fit.curves("information")["mean"])


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"what": "scores"}, UnknownName, "no curve called 'scores'; valid: score"),
        ({"what": "score", "items": "item9"}, UnknownName, "no item called 'item9'; valid: item"),
        ({"what": "score", "ability": 1.0}, ConfigError, "ability=1.0 must be finite numbers in a row"),
        ({"what": "score", "ability": [np.nan]}, ConfigError, "must be finite"),
        ({"what": "score", "level": 95}, ConfigError, "level=95 must lie between 0 and 1"),
    ],
)
def test_bad_input_is_told(two_pl: irt.Fit, options: dict, error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        curves(two_pl.posterior, **options)


def test_nobody_takes_all_items_that_differ_by_group() -> None:
    data = pd.DataFrame(np.random.default_rng(1).integers(0, 2, (60, 4)), columns=[f"item{i}" for i in range(1, 5)])
    data["group"] = ["a", "b"] * 30
    fit = irt.fit(data, "2pl", group="group", method="map", model_options={"free": ["item2"]})
    with pytest.raises(StatisticError, match="name the items of one group"):
        fit.curves("test_score")
    origins = dict(zip(fit.responses.items, fit.responses.origins or (), strict=True))
    one_group = list({origin: item for item, origin in origins.items()}.values())
    assert len(one_group) == 4 < len(origins)
    assert len(fit.curves("test_score", one_group)) == 81


def test_every_curve_says_what_its_values_are() -> None:
    assert all(curve.label for curve in CURVES.values())
