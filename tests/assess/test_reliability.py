"""Reliability: R mirt's numbers, the same by simulation, intervals around estimates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from known_posteriors import at_truth

import irtbridge as irt
from irtbridge.assess.posterior import Posterior, layout_of
from irtbridge.assess.scoring.reliability import _marginal, conditional_se, reliability, sample_alpha
from irtbridge.assess.scoring.scores import scores
from irtbridge.errors import ConfigError, StatisticError

FLAT = {"discrimination": "HalfNormal(1000)", "difficulty": "Normal(0, 1000)"}


@pytest.fixture(scope="module")
def lsat7() -> irt.Fit:
    return irt.fit("lsat7", "2pl", method="map", model_options=FLAT)


def test_marginal_and_empirical_reliability_and_information_are_those_of_mirt(
    lsat7: irt.Fit, anchors: Callable[[str], pd.DataFrame]
) -> None:
    table = anchors("mirt_lsat.csv.gz")
    table = table[(table["dataset"] == "LSAT7") & table["model"].str.startswith("2PL")]
    values = {(row.quantity, row.item): float(row.value) for row in table.itertuples() if row.value == row.value}
    found = lsat7.reliability()["estimate"]
    marginal, empirical = (
        next(value for (quantity, item), value in values.items() if quantity == name and item != "n finite")
        for name in ("marginal_rxx", "empirical_rxx.EAP")
    )
    assert found["marginal"] == pytest.approx(marginal, abs=1e-6)
    assert found["empirical"] == pytest.approx(empirical, abs=1e-6)
    curve = lsat7.conditional_se([-2, -1, 0, 1, 2])["information"]
    for ability in (-2, -1, 0, 1, 2):
        assert curve[ability] == pytest.approx(values["testinfo", f"theta={ability}"], abs=1e-5)


def test_omega_is_the_squared_correlation_of_sum_scores_with_what_traits_say() -> None:
    spec = irt.bifactor(groups=np.repeat([1, 2, 3], 4))
    params = irt.simulate_parameters(spec, 100_000, [2] * 12, seed=1)
    responses = irt.simulate_responses(spec, params, [2] * 12, seed=2)
    layout = layout_of(spec, responses.select(slice(0, 50)))
    mean, _ = spec.family.moments(params, spec.dims, layout.exists)
    ability = params.pop("ability")
    sums, true = responses.values.sum(axis=1), mean.sum(axis=1)
    single = {name: value[None] for name, value in params.items()}
    some = responses.select(slice(0, 50))
    found = reliability(Posterior(layout, some, single, ability[None, :50], point=True))["estimate"]
    assert found["omega"] == pytest.approx(np.corrcoef(sums, true)[0, 1] ** 2, abs=0.01)
    bins = np.digitize(ability[:, 0], np.linspace(-3, 3, 61))
    given_general = pd.Series(true).groupby(bins).transform("mean")
    assert found["omega_h"] == pytest.approx(given_general.var() / sums.var(), abs=0.01)


def test_alpha_is_what_its_definition_says() -> None:
    codes = irt.load_dataset("lsat7").values
    covariance = np.cov(codes.T)
    expected = 5 / 4 * (1 - np.trace(covariance) / covariance.sum())
    assert sample_alpha(irt.Responses.from_codes(codes, 2)) == pytest.approx(expected)
    rows, counts = np.unique(codes, axis=0, return_counts=True)
    weighted = irt.load_responses(pd.DataFrame(rows).add_prefix("q").assign(n=counts), weights="n")
    assert sample_alpha(weighted) == pytest.approx(expected)


def test_every_coefficient_has_an_interval_around_it() -> None:
    fit = irt.fit("lsat7", "2pl", method="laplace", draws=100)
    found = fit.reliability()
    assert [*found.index] == ["marginal", "empirical", "omega", "alpha"]
    assert (found["lower"] < found["estimate"]).all()
    assert (found["estimate"] < found["upper"]).all()
    curve = fit.conditional_se([-1, 0])
    assert (curve["lower"] < curve["se"]).all()
    assert (curve["se"] < curve["upper"]).all()


def test_intervals_have_the_probability_that_they_say() -> None:
    """Of 20 draws the shortest interval with half of them spans 11, with 95 % of them all but one."""
    fit = irt.fit("lsat7", "2pl", method="laplace", draws=20)
    layout, responses = fit.posterior.layout, fit.posterior.responses
    each = np.sort([_marginal(layout, one, responses) for one in fit.posterior.rows()])
    for probability, within in ((0.5, 10), (0.95, 19)):
        found = fit.reliability(draws=20, probability=probability).loc["marginal"]
        assert found["upper"] - found["lower"] == pytest.approx((each[within:] - each[:-within]).min())
    wide, narrow = (fit.conditional_se([0.0], draws=20, probability=p).iloc[0] for p in (0.95, 0.5))
    assert wide["lower"] < narrow["lower"] < narrow["upper"] < wide["upper"]


@pytest.mark.long
def test_numbers_have_reliability_too() -> None:
    """Of 20,000 persons, the marginal reliability is the squared correlation of EAP with the truth, nearly."""
    model = irt.poisson_counts()
    params = irt.simulate_parameters(model, 20_000, [1] * 6, seed=1)
    responses = irt.simulate_responses(model, params, [1] * 6, seed=2)
    ability = params.pop("ability")
    single = {name: value[None] for name, value in params.items()}
    posterior = Posterior(layout_of(model, responses), responses, single, ability[None], point=True)
    found = reliability(posterior)["estimate"]
    squared = np.corrcoef(scores(posterior)["score"], ability)[0, 1] ** 2
    assert found["empirical"] == pytest.approx(squared, abs=0.01)
    assert found["marginal"] == pytest.approx(squared, abs=0.03)


def test_of_items_that_differ_by_group_nobody_takes_all() -> None:
    frame = irt.load_dataset("lsat7").to_frame().iloc[::5].assign(group=["a", "b"] * 100)
    fit = irt.fit(frame, "1pl", method="map", group="group", model_options={"free": ["item1"]})
    assert [*fit.reliability().index] == ["empirical"]
    with pytest.raises(StatisticError, match=r"nobody takes them all; use curves\('standard_error', items="):
        fit.conditional_se()


def test_what_cannot_be_is_named(lsat7: irt.Fit) -> None:
    with pytest.raises(ConfigError, match="probability=95 must lie between 0 and 1"):
        lsat7.reliability(probability=95)
    with pytest.raises(ConfigError, match="finite numbers in a row"):
        lsat7.conditional_se("low")
    spec = irt.ModelSpec(
        "own means",
        (
            irt.Variable("centre", ("person",), "Normal(0, 1)"),
            irt.Variable("ability", ("person",), "Normal(centre, 1)"),
            irt.Variable("discrimination", ("item",), "LogNormal(0, 0.5)"),
            irt.Variable("difficulty", ("item",), "Normal(0, 2)"),
        ),
        irt.two_pl().family,
    )
    posterior = at_truth(spec, [2] * 5, 20)
    assert [*reliability(posterior).index] == ["omega", "alpha"]
    assert np.isfinite(scores(posterior, method="map")["score"]).all()
    for options in ({}, {"method": "map", "plausible": 2}):
        with pytest.raises(StatisticError, match="cannot be integrated out on a grid; use method='map'"):
            scores(posterior, **options)


def test_several_traits_have_no_single_standard_error() -> None:
    spec = irt.bifactor(groups=np.repeat([1, 2, 3], 4))
    params = irt.simulate_parameters(spec, 30, [2] * 12, seed=1)
    responses = irt.simulate_responses(spec, params, [2] * 12, seed=2)
    ability = params.pop("ability")
    single = {name: value[None] for name, value in params.items()}
    with pytest.raises(StatisticError, match=r"has 4 traits.* and scores\(\) that of each person"):
        conditional_se(Posterior(layout_of(spec, responses), responses, single, ability[None], point=True))
