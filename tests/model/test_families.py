"""Response families: probabilities by an independent formula, identities between models, and extremes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special

from irtbridge.errors import SpecError, UnknownName
from irtbridge.model import catalogue as models
from irtbridge.model.density import category_log_probs
from irtbridge.model.families import (
    FAMILIES,
    STEEPEST,
    Binary,
    Categories,
    Family,
    Graded,
    Nominal,
    PartialCredit,
    Sequential,
    family_from_dict,
)
from irtbridge.model.families.categories import centred
from irtbridge.model.layout import Layout
from irtbridge.model.priors import Normal
from irtbridge.model.simulate import draw_from_prior, empty_responses
from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import Variable
from irtbridge.testing.cases import CASES, Case

Array = NDArray[np.float64]
OF_CATEGORIES = [case for case in CASES if isinstance(case.spec.family, Categories)]
every_case = pytest.mark.parametrize("case", OF_CATEGORIES, ids=[case.name for case in OF_CATEGORIES])

THETA = np.linspace(-3, 3, 7)
A = np.array([0.5, 1.3, 2.0])
B = np.array([-1.0, 0.2, 1.5])
STEPS = np.array([[-1.0, 0.5, 0.3], [0.0, -0.7, 1.0], [1.0, 2.0, -1.5]])
THRESHOLDS = np.sort(STEPS, axis=1)


def log_probs(spec: ModelSpec, params: Mapping[str, Any], n_categories: Any) -> Array:
    values = {name: np.asarray(value, dtype=float) for name, value in params.items()}
    return category_log_probs(Layout.of(spec, empty_responses(len(values["ability"]), n_categories)), values)


def right(spec: ModelSpec, **params: Any) -> Array:
    """P(Y = 1) of three binary items."""
    return np.exp(log_probs(spec, {"ability": THETA, **params}, [2, 2, 2])[..., 1])


def four_categories(spec: ModelSpec, **params: Any) -> Array:
    return log_probs(spec, {"ability": THETA, **params}, [4, 4, 4])


def softmax_by_hand(logits: list[float]) -> list[float]:
    """Adjacent-category probabilities, one product at a time."""
    terms = [1.0]
    for logit in logits:
        terms.append(terms[-1] * np.exp(logit))
    return [term / sum(terms) for term in terms]


# Against formulas written out


@every_case
def test_probabilities_sum_to_one_over_the_categories_that_exist(case: Case) -> None:
    layout = Layout.of(case.spec, case.responses())
    params = draw_from_prior(layout, np.random.default_rng(0))
    probs = np.exp(category_log_probs(layout, params))
    assert probs.shape == (layout.sizes["person"], layout.sizes["item"], layout.sizes["category"] + 1)
    np.testing.assert_allclose(probs.sum(axis=-1), 1, rtol=1e-12)
    assert (probs[:, ~layout.exists] == 0).all()


@every_case
def test_draws_together_are_draws_one_by_one(case: Case) -> None:
    layout = Layout.of(case.spec, case.responses())
    draws = [draw_from_prior(layout, np.random.default_rng(seed)) for seed in range(3)]
    together = {name: np.stack([draw[name] for draw in draws]) for name in draws[0]}
    one_by_one = np.stack([category_log_probs(layout, draw) for draw in draws])
    np.testing.assert_allclose(category_log_probs(layout, together), one_by_one, rtol=1e-12)


@every_case
@pytest.mark.parametrize("theta", [-50.0, 50.0])
def test_extreme_abilities_keep_existing_categories_finite(case: Case, theta: float) -> None:
    layout = Layout.of(case.spec, case.responses())
    params = draw_from_prior(layout, np.random.default_rng(0))
    params["ability"] = np.full_like(params["ability"], theta)
    found = category_log_probs(layout, params)
    assert np.isfinite(found[:, layout.exists]).all()
    assert np.isneginf(found[:, ~layout.exists]).all()
    np.testing.assert_allclose(np.exp(found).sum(axis=-1), 1, rtol=1e-12)


@every_case
def test_mean_and_variance_are_those_of_the_category_probabilities(case: Case) -> None:
    layout = Layout.of(case.spec, case.responses())
    params = draw_from_prior(layout, np.random.default_rng(0))
    probs, codes = np.exp(category_log_probs(layout, params)), np.arange(layout.exists.shape[1])
    mean, variance = case.spec.family.moments(params, case.spec.dims, layout.exists)
    np.testing.assert_allclose(mean, probs @ codes, rtol=1e-12)
    expected = np.sum(probs * (codes - mean[..., None]) ** 2, axis=-1)
    np.testing.assert_allclose(variance, expected, rtol=1e-12, atol=1e-300)


@every_case
def test_draws_are_as_often_of_a_category_as_its_probability_says(case: Case) -> None:
    layout = Layout.of(case.spec, case.responses())
    params = draw_from_prior(layout, np.random.default_rng(0))
    probs, rng = np.exp(category_log_probs(layout, params)), np.random.default_rng(1)
    drawn = np.stack([case.spec.family.draw(rng, params, case.spec.dims, layout.exists) for _ in range(400)])
    shares = np.mean(drawn[..., None] == np.arange(layout.exists.shape[1]), axis=0)
    assert np.all(shares[probs == 0] == 0)
    spread = np.sqrt(probs * (1 - probs) / len(drawn))
    assert np.max(np.abs(shares - probs) / np.maximum(spread, 1 / len(drawn))) < 5.5  # p = 1e-7 for each


def test_two_pl_is_the_logistic_function() -> None:
    np.testing.assert_allclose(
        right(models.two_pl(), discrimination=A, difficulty=B), 1 / (1 + np.exp(-A * (THETA[:, None] - B)))
    )


def test_four_pl_lies_between_its_asymptotes() -> None:
    lower, upper = np.array([0.1, 0.2, 0.0]), np.array([0.9, 1.0, 0.8])
    found = right(models.four_pl(), discrimination=A, difficulty=B, lower=lower, upper=upper)
    expected = lower + (upper - lower) * special.expit(A * (THETA[:, None] - B))
    np.testing.assert_allclose(found, expected)


def test_graded_is_a_difference_of_sigmoids() -> None:
    found = np.exp(four_categories(models.graded(), discrimination=A, threshold=THRESHOLDS))
    at_least = special.expit(A[:, None] * (THETA[:, None, None] - THRESHOLDS))
    bounds = np.concatenate([np.ones((7, 3, 1)), at_least, np.zeros((7, 3, 1))], axis=-1)
    np.testing.assert_allclose(found, -np.diff(bounds, axis=-1), atol=1e-14)


def test_graded_tails_keep_their_digits() -> None:
    """In the far tail P(k) -> exp(u_{k+1}) ... (exp(gap) - 1), where a difference of sigmoids would be 0."""
    spec = models.graded()
    params = {"ability": [-60.0], "discrimination": [1.0], "threshold": [[0.0, 1.0]]}
    expected = -61 + np.log(np.expm1(1.0))
    assert log_probs(spec, params, [3])[0, 0, 1] == pytest.approx(expected, rel=1e-12)


def test_gpcm_by_brute_force() -> None:
    found = np.exp(four_categories(models.generalized_partial_credit(), discrimination=A, step=STEPS))
    expected = [[softmax_by_hand(list(a * (t - b))) for a, b in zip(A, STEPS, strict=True)] for t in THETA]
    np.testing.assert_allclose(found, expected)


def test_sequential_by_brute_force() -> None:
    """Each step is taken or not; a person stays where the first is not taken."""
    found = np.exp(four_categories(models.sequential(), discrimination=A, step=STEPS))
    for person, theta in enumerate(THETA):
        for item, (a, steps) in enumerate(zip(A, STEPS, strict=True)):
            taken, reached = [1 / (1 + np.exp(-a * (theta - b))) for b in steps], 1.0
            for k, p in enumerate([*taken, 0.0]):
                assert found[person, item, k] == pytest.approx(reached * (1 - p), rel=1e-12)
                reached *= p


@pytest.mark.parametrize(("theta", "expected"), [(-800.0, [0, -800, -1601, -2403]), (800.0, [-800, -799, -798, 0])])
def test_sequential_tails_keep_their_digits(theta: float, expected: list[float]) -> None:
    """log sigma(x) is x far to the left and 0 far to the right, where the sigmoids themselves are 0 and 1."""
    params = {"ability": [theta], "discrimination": [1.0], "step": [[0.0, 1.0, 2.0]]}
    found = log_probs(models.sequential(), params, [4])[0, 0]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_nominal_by_brute_force() -> None:
    """Weights exp(D a s_k theta + c_k) with s = 0, 1 + deviation, 2 + deviation, 3 and c_0 = 0, normalised."""
    deviation = np.array([[0.4, -2.5, 0.0], [-1.5, 0.2, 0.0], [0.0, 1.7, 0.0]])
    slopes = A * [1, -1, 1]
    spec = models.nominal(scaling=1.702)
    found = np.exp(four_categories(spec, discrimination=slopes, score_deviation=deviation, intercept=STEPS))
    for person, theta in enumerate(THETA):
        for item in range(3):
            scores = [0, 1 + deviation[item, 0], 2 + deviation[item, 1], 3]
            pairs = zip(scores, [0, *STEPS[item]], strict=True)
            weights = np.array([np.exp(1.702 * slopes[item] * s * theta + c) for s, c in pairs])
            np.testing.assert_allclose(found[person, item], weights / weights.sum(), rtol=1e-12)


def test_unequal_categories_are_those_of_each_item_alone() -> None:
    padded = np.where(np.arange(3) < np.array([1, 2, 3])[:, None], STEPS, np.nan)
    together = log_probs(models.partial_credit(), {"ability": THETA, "step": padded}, [2, 3, 4])
    for item, count in enumerate([2, 3, 4]):
        alone = log_probs(models.partial_credit(), {"ability": THETA, "step": STEPS[[item], : count - 1]}, [count])
        np.testing.assert_allclose(together[:, item, :count], alone[:, 0])


# Models that are cases of one another


def test_four_pl_without_asymptotes_is_two_pl() -> None:
    flat = right(models.four_pl(), discrimination=A, difficulty=B, lower=np.zeros(3), upper=np.ones(3))
    np.testing.assert_allclose(flat, right(models.two_pl(), discrimination=A, difficulty=B))


def test_four_pl_with_upper_one_is_three_pl() -> None:
    same = {"discrimination": A, "difficulty": B, "lower": [0.1, 0.2, 0.3]}
    np.testing.assert_allclose(right(models.four_pl(), **same, upper=np.ones(3)), right(models.three_pl(), **same))


@pytest.mark.parametrize(
    ("spec", "location"),
    [(models.generalized_partial_credit(), "step"), (models.graded(), "threshold"), (models.sequential(), "step")],
)
def test_two_categories_make_a_two_pl(spec: ModelSpec, location: str) -> None:
    found = right(spec, **{"discrimination": A, location: B[:, None]})
    np.testing.assert_allclose(found, right(models.two_pl(), discrimination=A, difficulty=B))


def test_nominal_whose_scores_do_not_deviate_is_gpcm() -> None:
    """s_k = k and c_k = -a (b_1 + ... + b_k), with items of 4, 2 and 3 categories."""
    steps = np.where(np.arange(3) < np.array([3, 1, 2])[:, None], STEPS, np.nan)
    params = {"ability": THETA, "discrimination": A}
    intercepts = -A[:, None] * np.cumsum(steps, axis=1)
    deviation = np.where(np.isnan(steps), np.nan, 0.0)
    found = log_probs(models.nominal(), {**params, "score_deviation": deviation, "intercept": intercepts}, [4, 2, 3])
    expected = log_probs(models.generalized_partial_credit(), {**params, "step": steps}, [4, 2, 3])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_a_nominal_model_is_the_same_with_its_categories_reversed() -> None:
    """k becomes K - 1 - k: slopes change their sign, scores and intercepts are counted from the other end."""
    deviation = np.array([[0.4, -0.5, 0.0], [-0.3, 0.2, 0.0], [0.1, 0.7, 0.0]])
    params = {"discrimination": A, "score_deviation": deviation, "intercept": STEPS}
    scores = np.arange(1, 4) + deviation
    back = 3 - np.concatenate([np.zeros((3, 1)), scores], axis=1)[:, ::-1]
    intercepts = np.concatenate([np.zeros((3, 1)), STEPS], axis=1)[:, ::-1] - STEPS[:, -1:]
    reversed_ = {
        "discrimination": -A, "score_deviation": back[:, 1:] - np.arange(1, 4), "intercept": intercepts[:, 1:]
    }  # fmt: skip
    found = four_categories(models.nominal(), **reversed_)
    np.testing.assert_allclose(found[..., ::-1], four_categories(models.nominal(), **params), rtol=1e-12)


# Intercepts


ONE_TRAIT: dict[str, tuple[Any, dict[str, Any], str]] = {
    "1pl": (models.one_pl, {"difficulty": B}, "difficulty"),
    "2pl": (models.two_pl, {"discrimination": A, "difficulty": B}, "difficulty"),
    "3pl": (models.three_pl, {"discrimination": A, "difficulty": B, "lower": [0.1, 0.2, 0.3]}, "difficulty"),
    "4pl": (
        models.four_pl,
        {"discrimination": A, "difficulty": B, "lower": [0.1, 0.2, 0.3], "upper": [0.9, 0.8, 1.0]},
        "difficulty",
    ),
    "grm": (models.graded, {"discrimination": A, "threshold": THRESHOLDS}, "threshold"),
    "pcm": (models.partial_credit, {"step": STEPS}, "step"),
    "gpcm": (models.generalized_partial_credit, {"discrimination": A, "step": STEPS}, "step"),
    "sequential": (models.sequential, {"discrimination": A, "step": STEPS}, "step"),
}


@pytest.mark.parametrize("name", ONE_TRAIT)
def test_intercepts_are_the_same_model_and_are_reported_as_locations_too(name: str) -> None:
    """d = -D a b: the probabilities are the same, and b is derived."""
    build, params, location = ONE_TRAIT[name]
    values = {"ability": THETA} | {key: np.asarray(value) for key, value in params.items()}
    b = values[location]
    a = values.get("discrimination", np.ones(3)).reshape(3, *(1,) * (b.ndim - 1))
    spec = build(parameterization="intercept", scaling=1.5)
    assert ModelSpec.from_dict(spec.to_dict()) == spec
    intercepts = {key: value for key, value in values.items() if key != location} | {"intercept": -1.5 * a * b}
    counts = [1 + b[0].size] * 3
    np.testing.assert_allclose(
        log_probs(spec, intercepts, counts), log_probs(build(scaling=1.5), values, counts), rtol=1e-11
    )
    ((word, (dims, derived)),) = spec.family.derived(intercepts, spec.dims).items()
    assert (word, dims) == (location, spec["intercept"].dims)
    np.testing.assert_allclose(derived, b)
    assert build(scaling=1.5).family.derived(values, build().dims) == {}


@every_case
def test_what_is_derived_is_announced_and_no_variable(case: Case) -> None:
    """So that a table of items can be read back as known parameters."""
    layout = Layout.of(case.spec, case.responses())
    family, dims = case.spec.family, case.spec.dims
    names = tuple(family.derived(draw_from_prior(layout, np.random.default_rng(0)), dims))
    assert names == family.derives(dims)
    assert not set(names) & set(case.spec.names)


@pytest.mark.parametrize("build", [models.graded, models.generalized_partial_credit, models.sequential])
def test_derived_locations_take_leading_axes(build: Any) -> None:
    spec = build(parameterization="intercept")
    layout = Layout.of(spec, empty_responses(5, [4, 2, 3]))
    draws = [draw_from_prior(layout, np.random.default_rng(seed)) for seed in range(3)]
    together = {name: np.stack([draw[name] for draw in draws]) for name in draws[0]}
    ((word, (_, derived)),) = spec.family.derived(together, spec.dims).items()
    one_by_one = [spec.family.derived(draw, spec.dims)[word][1] for draw in draws]
    np.testing.assert_allclose(derived, one_by_one)


def test_a_graded_item_scored_against_the_trait_has_a_negative_slope() -> None:
    """Categories reversed, k to K - 1 - k: the slope and the intercepts change their signs, these in reverse order."""
    spec = models.graded(parameterization="intercept", discrimination="Normal(0, 1)")
    intercepts = -THRESHOLDS
    along = four_categories(spec, discrimination=A, intercept=intercepts)
    against = four_categories(spec, discrimination=-A, intercept=-intercepts[:, ::-1])
    np.testing.assert_allclose(against[..., ::-1], along, rtol=1e-12)


def test_pcm_is_gpcm_with_slopes_of_one() -> None:
    np.testing.assert_allclose(
        four_categories(models.partial_credit(), step=STEPS),
        four_categories(models.generalized_partial_credit(), discrimination=np.ones(3), step=STEPS),
    )


@pytest.mark.parametrize("build", [models.one_pl, models.partial_credit, models.rating_scale])
def test_a_common_slope_of_one_changes_nothing(build: Any) -> None:
    free, fixed = build(common_discrimination=True), build()
    count = 2 if build is models.one_pl else 4
    params = draw_from_prior(Layout.of(fixed, empty_responses(5, [count] * 3)), np.random.default_rng(0))
    expected = log_probs(fixed, params, [count] * 3)
    np.testing.assert_allclose(log_probs(free, {**params, "discrimination": 1.0}, [count] * 3), expected)
    assert not np.allclose(log_probs(free, {**params, "discrimination": 1.5}, [count] * 3), expected)


def test_rating_scale_is_partial_credit_with_steps_moved() -> None:
    tau = np.array([-0.8, 0.1, 0.7])
    np.testing.assert_allclose(
        four_categories(models.rating_scale(), difficulty=B, step=tau),
        four_categories(models.partial_credit(), step=B[:, None] + tau),
    )


@pytest.mark.parametrize(
    ("build", "location", "values"),
    [(models.graded, "threshold", THRESHOLDS), (models.generalized_partial_credit, "step", STEPS)],
)
def test_one_trait_of_several_has_intercepts_a_times_b(build: Any, location: str, values: Array) -> None:
    one = four_categories(build(scaling=1.5), discrimination=A, **{location: values})
    params = {"ability": THETA[:, None], "discrimination": A[:, None], location: 1.5 * A[:, None] * values}
    spec = build(traits=["only"], q_matrix=[[1]] * 3, scaling=1.5)
    np.testing.assert_allclose(log_probs(spec, params, [4, 4, 4]), one)


def test_m2pl_is_a_dot_product_less_an_intercept() -> None:
    rng = np.random.default_rng(3)
    theta, loading = rng.normal(size=(7, 2)), rng.normal(size=(3, 2))
    params = {"ability": theta, "discrimination": loading, "difficulty": B}
    expected = special.expit(1.7 * theta @ loading.T - B)
    np.testing.assert_allclose(np.exp(log_probs(models.m2pl(scaling=1.7), params, [2, 2, 2])[..., 1]), expected)


@pytest.mark.parametrize(
    ("build", "rest", "count"),
    [
        (models.two_pl, {"difficulty": B}, 2),
        (models.three_pl, {"difficulty": B, "lower": [0.1, 0.2, 0.3]}, 2),
        (models.graded, {"threshold": THRESHOLDS}, 4),
        (models.generalized_partial_credit, {"step": STEPS}, 4),
    ],
)
def test_scaling_and_slopes_trade_off(build: Any, rest: dict[str, Any], count: int) -> None:
    ogive = {"ability": THETA, "discrimination": A / 1.702, **rest}
    logistic = {"ability": THETA, "discrimination": A, **rest}
    np.testing.assert_allclose(
        log_probs(build(scaling=1.702), ogive, [count] * 3), log_probs(build(), logistic, [count] * 3)
    )


def test_one_pl_scales_the_whole_predictor() -> None:
    found = right(models.one_pl(scaling=1.702), difficulty=B)
    np.testing.assert_allclose(found, special.expit(1.702 * (THETA[:, None] - B)))


# A slope for each category


@dataclass(frozen=True)
class Toy(Categories):
    """A first category, and a logistic curve of its own for each other one: independent choices, renormalised."""

    name: ClassVar[str] = "toy"
    role_dims: ClassVar[Mapping[str, tuple[tuple[str, ...], ...]]] = {
        **Categories.role_dims,
        "discrimination": (("item", "category"),),
    }

    def categories(self, slope: Array, shift: Array, exists: NDArray[np.bool_], **shapes: Array) -> Array:
        weight = np.concatenate([np.ones_like(slope[..., :1]), special.expit(slope - shift)], axis=-1) * exists
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(weight / weight.sum(axis=-1, keepdims=True)))

    def derivatives(
        self, slope: Array, shift: Array, tangent: Array, exists: NDArray[np.bool_], **shapes: Array
    ) -> Array:
        rest = special.expit(shift - slope)
        change = np.concatenate([np.zeros_like(rest[..., :1]), tangent * rest], axis=-1)
        return centred(change, self.categories(slope, shift, exists, **shapes))


def toy(*, scaling: float = 1.0) -> ModelSpec:
    slopes, locations = (Variable(name, ("item", "category"), Normal(0, 1)) for name in ("discrimination", "location"))
    family = Toy(location=("location",), scaling=scaling)
    return ModelSpec("toy", (Variable("ability", ("person",), Normal(0, 1)), slopes, locations), family)


def test_a_family_may_have_a_slope_for_each_category() -> None:
    """``P(k) ~ sigma(D a_k theta - b_k)`` and ``P(0) ~ 1``, person by person, of items with 4, 3 and 2 categories."""
    counts, spec = [4, 3, 2], toy(scaling=1.702)
    params = draw_from_prior(Layout.of(spec, empty_responses(7, counts)), np.random.default_rng(2))
    found = np.exp(log_probs(spec, params, counts))
    slopes, locations = params["discrimination"], params["location"]
    for person, theta in enumerate(params["ability"]):
        for item, count in enumerate(counts):
            pairs = zip(slopes[item, : count - 1], locations[item, : count - 1], strict=True)
            weights = np.array([1.0, *(1 / (1 + np.exp(b - 1.702 * a * theta)) for a, b in pairs)])
            np.testing.assert_allclose(found[person, item, :count], weights / weights.sum(), rtol=1e-12)
            assert (found[person, item, count:] == 0).all()


def test_slopes_of_categories_take_leading_axes_and_end_where_all_slopes_end() -> None:
    spec, counts = toy(), [4, 3, 2]
    layout = Layout.of(spec, empty_responses(7, counts))
    draws = [draw_from_prior(layout, np.random.default_rng(seed)) for seed in range(3)]
    together = {name: np.stack([draw[name] for draw in draws]) for name in draws[0]}
    expected = [category_log_probs(layout, draw) for draw in draws]
    np.testing.assert_allclose(category_log_probs(layout, together), expected, rtol=1e-12)
    steep = {**draws[0], "discrimination": STEEPEST * np.sign(draws[0]["discrimination"])}
    steeper = {**steep, "discrimination": 1e3 * steep["discrimination"]}
    np.testing.assert_array_equal(category_log_probs(layout, steeper), category_log_probs(layout, steep))


@pytest.mark.parametrize("case", [c for c in OF_CATEGORIES if c.spec.family.discrimination], ids=lambda case: case.name)
def test_slopes_multiply_locations_where_a_family_says_so(case: Case) -> None:
    """Abilities at 0: other slopes leave all probabilities what they are, unless they multiply the locations."""
    layout = Layout.of(case.spec, case.responses())
    family, params = case.spec.family, draw_from_prior(layout, np.random.default_rng(0))
    assert family.discrimination is not None
    params["ability"] = np.zeros_like(params["ability"])
    other = {**params, family.discrimination: 1.5 * params[family.discrimination]}
    same = np.allclose(category_log_probs(layout, other), category_log_probs(layout, params), rtol=1e-12)
    assert same != family.scales_locations(case.spec.dims)


# Plain data


@pytest.mark.parametrize(
    "family",
    [
        Binary(),
        Binary(discrimination=None, lower="c", upper="d", scaling=1.702),
        Graded(),
        PartialCredit(location=("difficulty", "step")),
        Graded(location=("intercept",), parameterization="intercept"),
        Nominal(),
        Sequential(location=("step",)),
    ],
    ids=lambda family: family.name,
)
def test_a_family_reads_back_from_its_data(family: Family) -> None:
    assert family_from_dict(family.to_dict()) == family


def test_unknown_family_lists_the_nearest_first() -> None:
    with pytest.raises(UnknownName) as caught:
        family_from_dict({"name": "gradd"})
    assert "'gradd'" in str(caught.value)
    assert "valid: graded," in str(caught.value)
    assert all(name in str(caught.value) for name in FAMILIES)


def test_a_parameterization_is_one_of_two() -> None:
    with pytest.raises(UnknownName, match="valid: intercept, difficulty"):
        Binary(parameterization="intercepts")


@pytest.mark.parametrize("scaling", [0, -1.0, np.nan, np.inf, "1.702", None])
def test_scaling_must_be_a_positive_number(scaling: Any) -> None:
    with pytest.raises(SpecError, match="must be a positive number") as caught:
        Binary(scaling=scaling)
    assert f"scaling={scaling!r}" in str(caught.value)


@pytest.mark.parametrize("traits", [1, 2])
def test_contrasts_are_linear_in_the_abilities_where_a_family_says_so(traits: int) -> None:
    """log P(Y = k) - log P(Y = 0) midway between two persons is the mean of theirs; for the others it is not."""
    rng, exists = np.random.default_rng(4), np.ones((3, 4), dtype=bool)
    theta = rng.normal(size=(2, traits))
    ability = np.vstack([theta, theta.mean(axis=0)]).squeeze()
    values = {
        "discrimination": rng.uniform(0.5, 2.0, (3, traits)).squeeze(),
        "location": np.sort(rng.normal(size=(3, 3))),
        "lower": np.full(3, 0.2),
        "score_deviation": rng.normal(size=(3, 3)),
    }
    dims = {
        "ability": ("person", "trait")[:traits],
        "discrimination": ("item", "trait")[:traits],
        "location": ("item", "category"),
        "lower": ("item",),
        "score_deviation": ("item", "category"),
    }
    for family in (one for one in FAMILIES.values() if issubclass(one, Categories)):
        for asymptote in (None, "lower") if family is Binary else (None,):
            k = 2 if family is Binary else 4
            one = family(location=("location",), lower=asymptote)
            params = {**values, "ability": ability, "location": values["location"][:, : k - 1]}
            log_probs = one.log_probs(params, dims, exists[:, :k])
            contrasts = log_probs[..., 1:] - log_probs[..., :1]
            assert np.allclose(contrasts[2], contrasts[:2].mean(axis=0), rtol=1e-12, atol=1e-12) == one.linear
