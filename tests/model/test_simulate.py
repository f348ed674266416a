"""Simulation: reproducible by seed, right in its proportions, missing as often as asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from irtbridge.errors import DataError, SpecError
from irtbridge.model import catalogue as models
from irtbridge.model.density import category_log_probs
from irtbridge.model.layout import Layout
from irtbridge.model.priors import as_prior
from irtbridge.model.simulate import (
    empty_responses,
    simulate_parameters,
    simulate_parameters_like,
    simulate_responses,
    simulate_responses_like,
)
from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import Variable
from irtbridge.testing.cases import BINARY, CASES, EQUAL, UNEQUAL, Case

Array = NDArray[np.float64]
every_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
# each item of a right simulator fails once in 10,000 seeds; the seed is fixed
ALPHA = 1e-4


def params_of(case: Case, seed: Any = 3) -> dict[str, Array]:
    return simulate_parameters_like(case.spec, case.test(), seed)


@every_case
def test_the_same_seed_gives_the_same_parameters_and_responses(case: Case) -> None:
    first, again, other = params_of(case), params_of(case), params_of(case, seed=4)
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
    for name in Layout.of(case.spec, case.test()).slots:
        assert not np.array_equal(first[name], other[name], equal_nan=True)
    same = [simulate_responses_like(case.spec, first, case.test(), 5, 0.1).values for _ in range(2)]
    np.testing.assert_array_equal(*same)
    assert not np.array_equal(same[0], simulate_responses_like(case.spec, first, case.test(), 6, 0.1).values)


def test_a_seed_may_be_a_sequence_or_a_generator() -> None:
    case = Case("2pl", models.two_pl, BINARY)
    expected = params_of(case, 7)["ability"]
    np.testing.assert_array_equal(params_of(case, np.random.SeedSequence(7))["ability"], expected)
    generator = np.random.default_rng(7)
    np.testing.assert_array_equal(params_of(case, generator)["ability"], expected)
    assert not np.array_equal(params_of(case, generator)["ability"], expected)


@every_case
def test_parameters_have_the_shape_of_their_dims(case: Case) -> None:
    sizes = Layout.of(case.spec, case.test()).sizes
    params = params_of(case)
    assert list(params) == list(case.spec.names)
    for name, dims in case.spec.dims.items():
        assert params[name].shape == tuple(sizes[d] for d in dims)


def test_parameters_follow_their_priors() -> None:
    params = simulate_parameters(models.two_pl(), 3000, [2] * 2000, 1)
    assert stats.kstest(params["ability"], stats.norm.cdf).pvalue > ALPHA
    assert stats.kstest(params["discrimination"], stats.lognorm(0.5).cdf).pvalue > ALPHA
    assert stats.kstest(params["difficulty"], stats.norm(0, 2).cdf).pvalue > ALPHA


def test_hierarchical_parameters_follow_the_values_above_them() -> None:
    (case,) = (case for case in CASES if case.name == "2pl-hierarchical")
    params = simulate_parameters(case.spec, 5, [2] * 3000, 1)
    oracle = stats.norm(params["mean"], params["scale"])
    assert stats.kstest(params["difficulty"], oracle.cdf).pvalue > ALPHA


@pytest.mark.parametrize("scale", ["2", "spread"])
def test_thresholds_are_the_order_statistics_of_as_many_as_the_item_has(scale: str) -> None:
    """Whatever the other items have: of 2, 3 and 5 categories, 2,000 items each."""
    params = simulate_parameters(graded_with(f"OrderedNormal(1, {scale})"), 1, [2, 3, 5] * 2000, 1)
    uniform = stats.norm(1, params.get(scale, 2.0)).cdf(params["threshold"])
    for start, count in enumerate((1, 2, 4)):
        rows = uniform[start::3]
        assert np.isnan(rows[:, count:]).all()
        for k in range(count):
            assert stats.kstest(rows[:, k], stats.beta(k + 1, count - k).cdf).pvalue > ALPHA / 7


def test_thresholds_with_locations_of_their_own_are_those_of_rejection() -> None:
    loc, scale = np.array([0.5, 0.0, 1.0, 1.0]), np.array([1.0, 0.5, 2.0, 1.0])
    spec = graded_with(f"OrderedNormal({loc.tolist()}, {scale.tolist()})")
    params = simulate_parameters(spec, 1, [2, 3, 5] * 1000, 2)
    for start, count in enumerate((1, 2, 4)):
        plain = np.random.default_rng(3).normal(loc[:count], scale[:count], (60_000, count))
        kept = plain[(np.diff(plain, axis=1) > 0).all(axis=1)]
        for drawn, expected in zip(params["threshold"][start::3].T, kept.T, strict=False):
            assert stats.ks_2samp(drawn, expected).pvalue > ALPHA / 7


def test_rows_may_have_locations_of_their_own() -> None:
    spec = graded_with("OrderedNormal([[0, 1], [1, 0], [5, 5]], 1)")
    first, second, third = np.stack(
        [simulate_parameters(spec, 1, [3, 3, 3], seed)["threshold"] for seed in range(1500)], axis=1
    )
    for rows, loc in ((first, [0, 1]), (second, [1, 0]), (third, [5, 5])):
        plain = np.random.default_rng(4).normal(loc, 1, (60_000, 2))
        kept = plain[plain[:, 1] > plain[:, 0]]
        for drawn, expected in zip(rows.T, kept.T, strict=True):
            assert stats.ks_2samp(drawn, expected).pvalue > ALPHA / 6


def test_means_of_thresholds_follow_their_joint_density_with_the_thresholds() -> None:
    """The distance of two means has its normal density times the chance that each row increases: four rows do."""
    centre = Variable("centre", ("category",), as_prior("Normal(0, 1)"))
    spec = graded_with("OrderedNormal(centre, 1)", centre)
    drawn = [simulate_parameters(spec, 1, [3, 2, 3, 3, 3], seed) for seed in range(1500)]
    assert all((np.diff(d["threshold"][[0, 2, 3, 4]]) > 0).all() for d in drawn)
    grid = np.linspace(-12, 12, 4001)
    mass = np.cumsum(stats.norm(0, np.sqrt(2)).pdf(grid) * stats.norm.cdf(grid / np.sqrt(2)) ** 4)
    distances = [np.diff(d["centre"])[0] for d in drawn]
    assert stats.kstest(distances, lambda x: np.interp(x, grid, mass / mass[-1])).pvalue > ALPHA


@pytest.mark.parametrize("loc", ["[9, 0, -9]", "centre"])
def test_thresholds_that_hardly_ever_increase_are_refused(loc: str) -> None:
    centre = Variable("centre", ("category",), as_prior("Normal([9, 0, -9], 1)"))
    spec = graded_with(f"OrderedNormal({loc}, 1)", centre)
    with pytest.raises(SpecError, match=r"of 10000 draws .*none .*smaller scale"):
        simulate_parameters(spec, 1, [4, 4], 1)


def graded_with(threshold: str, *before: Variable) -> ModelSpec:
    ability, slope, _ = models.graded().variables
    spread = Variable("spread", (), as_prior("HalfNormal(2)"))
    location = Variable("threshold", ("item", "category"), as_prior(threshold))
    return ModelSpec("mine", (*before, spread, ability, slope, location), models.graded().family)


@pytest.mark.parametrize(
    ("spec", "n_categories"),
    [
        (models.two_pl(), BINARY),
        (models.four_pl(), BINARY),
        (models.graded(), UNEQUAL),
        (models.generalized_partial_credit(), UNEQUAL),
        (models.rating_scale(), EQUAL),
    ],
    ids=lambda value: value.name if isinstance(value, ModelSpec) else None,
)
def test_categories_come_in_the_proportions_of_the_model(spec: ModelSpec, n_categories: tuple[int, ...]) -> None:
    params = simulate_parameters(spec, 1, n_categories, 2)
    probs = np.exp(category_log_probs(Layout.of(spec, empty_responses(1, n_categories)), params))[0]
    everybody = {**params, "ability": np.full(5000, params["ability"][0])}
    codes = simulate_responses(spec, everybody, n_categories, 3).values
    for item, count in enumerate(n_categories):
        observed = np.bincount(codes[:, item], minlength=count)
        assert stats.chisquare(observed, 5000 * probs[item, :count]).pvalue > ALPHA


def test_abler_persons_answer_right_more_often() -> None:
    params = {"ability": np.repeat([-2.0, 2.0], 500), "difficulty": np.zeros(4)}
    codes = simulate_responses(models.one_pl(), params, [2] * 4, 0).values
    assert codes[500:].mean() - codes[:500].mean() == pytest.approx(np.tanh(1), abs=0.05)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_missing_share(share: float) -> None:
    params = simulate_parameters(models.two_pl(), 500, [2] * 8, 0)
    missing = ~simulate_responses(models.two_pl(), params, [2] * 8, 1, missing=share).observed
    assert stats.binomtest(int(missing.sum()), missing.size, share).pvalue > ALPHA


def test_missing_entries_leave_the_others_as_they_were() -> None:
    params = simulate_parameters(models.two_pl(), 50, [2] * 8, 0)
    full, holed = (simulate_responses(models.two_pl(), params, [2] * 8, 1, missing=m) for m in (0.0, 0.3))
    np.testing.assert_array_equal(full.values[holed.observed], holed.values[holed.observed])


def test_categories_nobody_chose_are_kept() -> None:
    params = {"ability": np.full(3, -50.0), "discrimination": [1.0], "threshold": [[0.0, 1.0, 2.0]]}
    responses = simulate_responses(models.graded(), params, [4], 0)
    assert responses.values.tolist() == [[0], [0], [0]]
    assert responses.n_categories.tolist() == [4]


@pytest.mark.parametrize(
    ("call", "parts"),
    [
        (lambda: empty_responses(0, [2, 2]), ("0 persons", "[2, 2]")),
        (lambda: empty_responses(3, [2, 1]), ("3 persons", "[2, 1]")),
        (lambda: empty_responses(3, []), ("3 persons", "[]")),
        (lambda: empty_responses(3, 2), ("3 persons", "categories 2")),
        (lambda: simulate_parameters(models.two_pl(), 3, [2, 3], 0), ("'item2' has 3", "use grm")),
        (
            lambda: simulate_responses(models.one_pl(), {"ability": [0], "difficulty": [0]}, [2], 0, missing=1.5),
            ("missing=1.5", "from 0 to 1"),
        ),
    ],
)
def test_what_cannot_be_simulated_is_named(call: Callable[[], Any], parts: tuple[str, ...]) -> None:
    with pytest.raises(DataError) as caught:
        call()
    assert type(caught.value) is DataError
    for part in parts:
        assert part in str(caught.value)


def test_missing_parameters_are_named() -> None:
    with pytest.raises(SpecError, match="difficulty; simulate_parameters"):
        simulate_responses(models.two_pl(), {"ability": [0.0], "discrimination": [1.0]}, [2], seed=1)
