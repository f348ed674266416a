"""Where numbers stand: full and site arrays, zero-sum bases, hierarchical arguments, and the joint density."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, special, stats

from irtbridge.data.responses import Responses
from irtbridge.errors import DataError, IRTBridgeError, SpecError
from irtbridge.model import catalogue as models
from irtbridge.model.density import log_density_terms, log_joint, log_likelihood, log_prior
from irtbridge.model.families import Binary, PartialCredit
from irtbridge.model.layout import Layout
from irtbridge.model.priors import Normal, as_prior
from irtbridge.model.simulate import draw_from_prior, empty_responses
from irtbridge.model.slot import Slot
from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import Variable
from irtbridge.testing.cases import CASES, UNEQUAL, Case, hierarchical_two_pl

Array = NDArray[np.float64]
every_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def variable(name: str, dims: str, prior: str, **options: Any) -> Variable:
    return Variable(name, tuple(dims.split()), as_prior(prior), **options)


def layout(spec: ModelSpec, n_categories: Sequence[int], n_persons: int = 3) -> Layout:
    return Layout.of(spec, empty_responses(n_persons, n_categories))


def gpcm(*before: Variable, step: str) -> ModelSpec:
    ability = variable("ability", "person", "Normal(0, 1)")
    family = PartialCredit(discrimination=None, location=("step",))
    return ModelSpec("mine", (*before, ability, variable("step", "item category", step)), family)


def m2pl(*before: Variable, slope: str, **options: Any) -> ModelSpec:
    slopes = variable("discrimination", "item trait", slope, **options)
    ability = variable("ability", "person trait", "Normal(0, 1)")
    rest = slopes, variable("difficulty", "item", "Normal(0, 1)")
    return ModelSpec("mine", (*before, ability, *rest), Binary(), ("a", "b"))


# Full and site arrays


@every_case
def test_site_to_full_and_back_is_the_identity_with_leading_axes(case: Case) -> None:
    rng = np.random.default_rng(0)
    for slot in Layout.of(case.spec, case.responses()).slots.values():
        site = rng.normal(size=(4, 2, *slot.site_shape))
        full = slot.to_full(site)
        assert full.shape == (4, 2, *slot.shape)
        np.testing.assert_allclose(slot.to_site(full), site, rtol=1e-12)


@every_case
def test_prior_draws_survive_the_way_through_the_site(case: Case) -> None:
    shape = Layout.of(case.spec, case.responses())
    drawn = draw_from_prior(shape, np.random.default_rng(0))
    for name, slot in shape.slots.items():
        full = drawn[name]
        np.testing.assert_allclose(slot.to_full(slot.to_site(full)), full, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("spec", "n_categories", "dim"),
    [
        (models.two_pl(), [2, 2], 3 + 4),
        (models.one_pl(common_discrimination=True), [2, 2], 3 + 1 + 2),
        (models.graded(), [3, 4, 2], 3 + 3 + 6),
        (models.rating_scale(), [4, 4], 3 + 2 + 2),
        (models.nominal(), [3, 4, 2], 3 + 3 + 3 + 6),
        (models.m2pl(q_matrix=[[1, 0], [1, 1]], correlated=True), [2, 2], 1 + 6 + 3 + 2),
        (models.m2pl(traits=3, correlated=True), [2, 2], 3 + 9 + 6 + 2),
    ],
    ids=lambda value: value.name if isinstance(value, ModelSpec) else None,
)
def test_dim_counts_what_is_estimated(spec: ModelSpec, n_categories: list[int], dim: int) -> None:
    assert layout(spec, n_categories).dim == dim


def test_what_is_not_estimated_is_zero_where_fixed_and_nan_where_absent() -> None:
    loadings = layout(models.m2pl(q_matrix=[[1, 0], [1, 1]]), [2, 2]).slots["discrimination"]
    np.testing.assert_array_equal(loadings.to_full(np.array([1.0, 2.0, 3.0])), [[1, 0], [2, 3]])
    steps = layout(models.partial_credit(), [3, 2]).slots["step"]
    np.testing.assert_array_equal(steps.to_full(np.array([1.0, 2.0, 3.0])), [[1, 2], [3, np.nan]])


def test_inner_categories_lie_between_the_lowest_and_the_highest_of_each_item() -> None:
    slot = layout(models.nominal(), [4, 2, 3]).slots["score_deviation"]
    np.testing.assert_array_equal(
        slot.to_full(np.array([1.0, 2.0, 3.0])), [[1, 2, 0], [0, np.nan, np.nan], [3, 0, np.nan]]
    )
    equal = layout(models.nominal(), [3, 3]).slots["score_deviation"]
    np.testing.assert_array_equal(equal.to_full(np.array([1.0, 2.0])), [[1, 0], [2, 0]])


def test_a_nominal_model_of_binary_items_is_refused() -> None:
    with pytest.raises(DataError, match="use that") as caught:
        layout(models.nominal(), [2, 2])
    assert "2pl" in str(caught.value)


def test_mask_and_missing_categories_combine() -> None:
    masked = Variable("step", ("item", "category"), Normal(0, 1), ((True, False), (True, True)))
    family = PartialCredit(discrimination=None, location=("step",))
    spec = ModelSpec("mine", (variable("ability", "person", "Normal(0, 1)"), masked), family)
    slot = layout(spec, [3, 2]).slots["step"]
    np.testing.assert_array_equal(slot.to_full(np.array([1.0, 2.0])), [[1, 0], [2, np.nan]])


@pytest.mark.parametrize("size", [2, 3, 7])
def test_zero_sum_basis_is_orthonormal_and_sums_to_zero(size: int) -> None:
    basis = Slot(variable("step", "category", "Normal(0, 1)", zero_sum=True), (size,)).basis
    assert basis is not None
    assert basis.shape == (size, size - 1)
    np.testing.assert_allclose(basis.T @ basis, np.eye(size - 1), atol=1e-14)
    np.testing.assert_allclose(basis.sum(axis=0), 0, atol=1e-14)


def test_sizes_and_existing_categories() -> None:
    shape = layout(models.graded(), UNEQUAL, n_persons=9)
    assert shape.sizes == {"person": 9, "item": 5, "category": 3, "trait": 1}
    assert shape.exists.sum(axis=1).tolist() == list(UNEQUAL)


# Hierarchical arguments

BY = {
    "item": (variable("m", "item", "Normal(0, 1)"), (3, 1)),
    "category": (variable("m", "category", "Normal(0, 1)"), (1, 2)),
    "item category": (variable("m", "item category", "Normal(0, 1)"), (3, 2)),
    "category item": (variable("m", "category item", "Normal(0, 1)"), (3, 2)),
    "": (variable("m", "", "Normal(0, 1)"), (1, 1)),
}


@pytest.mark.parametrize("dims", BY)
def test_arguments_align_by_dim_and_not_by_position(dims: str) -> None:
    """The prior of step[i, k] is centred on m at that item and category, whichever of them m has, in any order."""
    mean, aligned = BY[dims]
    shape = layout(gpcm(mean, step="Normal(m, 2)"), [3, 3, 3])
    params = draw_from_prior(shape, np.random.default_rng(0))
    assert shape.arguments("step", params)["loc"].shape == aligned
    index = {"item": 0, "category": 0}
    expected = 0.0
    for index["item"], index["category"] in np.ndindex(3, 2):
        centre = params["m"][tuple(index[d] for d in mean.dims)]
        expected += stats.norm(centre, 2).logpdf(params["step"][index["item"], index["category"]])
    assert log_prior(shape, "step", params) == pytest.approx(expected)


def test_arguments_align_along_traits() -> None:
    shape = layout(m2pl(variable("m", "trait", "Normal(0, 1)"), slope="Normal(m, 1)"), [2, 2, 2])
    params = draw_from_prior(shape, np.random.default_rng(0))
    expected = stats.norm(params["m"][None, :], 1).logpdf(params["discrimination"]).sum()
    assert log_prior(shape, "discrimination", params) == pytest.approx(expected)


def test_means_of_traits_enter_a_multivariate_normal() -> None:
    parts = variable("m", "trait", "Normal(0, 1)"), variable("r", "trait trait", "LKJCholesky(1)")
    ability = variable("ability", "person trait", "MultivariateNormal(m, r)")
    rest = models.m2pl().variables[1:]
    shape = layout(ModelSpec("mine", (*parts, ability, *rest), Binary(), ("a", "b")), [2, 2])
    params = draw_from_prior(shape, np.random.default_rng(0))
    oracle = stats.multivariate_normal(params["m"], params["r"] @ params["r"].T)
    assert log_prior(shape, "ability", params) == pytest.approx(oracle.logpdf(params["ability"]).sum())


def test_a_multivariate_normal_may_stand_over_traits_alone() -> None:
    means = variable("m", "trait", "MultivariateNormal(0, [[1, 0], [0.6, 0.8]])")
    shape = layout(m2pl(means, slope="Normal(m, 1)"), [2, 2])
    params = draw_from_prior(shape, np.random.default_rng(0))
    oracle = stats.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]])
    assert log_prior(shape, "m", params) == pytest.approx(oracle.logpdf(params["m"]))


# The joint density


def test_fixed_elements_have_no_prior_density() -> None:
    shape = layout(models.m2pl(q_matrix=[[1, 0], [1, 1]]), [2, 2])
    params = draw_from_prior(shape, np.random.default_rng(0))
    free = params["discrimination"][np.array([[1, 0], [1, 1]], dtype=bool)]
    assert log_prior(shape, "discrimination", params) == pytest.approx(stats.lognorm(0.5).logpdf(free).sum())


def test_categories_an_item_lacks_have_no_prior_density() -> None:
    shape = layout(models.partial_credit(), [3, 2])
    params = draw_from_prior(shape, np.random.default_rng(0))
    there = params["step"][~np.isnan(params["step"])]
    assert len(there) == 3
    assert log_prior(shape, "step", params) == pytest.approx(stats.norm(0, 2).logpdf(there).sum())


def test_zero_sum_prior_is_the_normals_on_the_plane_and_integrates_to_one() -> None:
    """Independent normals cut to the plane sum = 0: their product over the density of the plane's normal direction."""
    shape = layout(models.rating_scale(step="Normal(0, 1.5)"), [4, 4])
    params = draw_from_prior(shape, np.random.default_rng(0))
    normal = stats.norm(0, 1.5)
    expected = normal.logpdf(params["step"]).sum() - normal.logpdf(0)
    assert params["step"].sum() == pytest.approx(0, abs=1e-12)
    assert log_prior(shape, "step", params) == pytest.approx(expected)
    three = layout(models.rating_scale(step="Normal(0, 1.5)"), [3, 3])
    along = three.slots["step"].basis[:, 0]  # type: ignore[index]
    total, _ = integrate.quad(lambda s: np.exp(log_prior(three, "step", {"step": s * along})), -15, 15)
    assert total == pytest.approx(1, abs=1e-6)


def by_hand(params: dict[str, Array], values: Array) -> float:
    """The hierarchical 2PL of the cases, written out with SciPy."""
    slope_mean, slope_scale = params["slope_mean"], params["slope_scale"]
    slope = stats.truncnorm(-slope_mean / slope_scale, np.inf, slope_mean, slope_scale)
    prior = (
        stats.norm.logpdf(params["ability"]).sum()
        + stats.uniform(-1, 2).logpdf(params["mean"])
        + stats.halfnorm.logpdf(params["scale"])
        + stats.beta(2, 3).logpdf(slope_mean)
        + stats.gamma(3, scale=1 / 4).logpdf(slope_scale)
        + slope.logpdf(params["discrimination"]).sum()
        + stats.norm(params["mean"], params["scale"]).logpdf(params["difficulty"]).sum()
    )
    p = special.expit(1.702 * params["discrimination"] * (params["ability"][:, None] - params["difficulty"]))
    likelihood = sum(stats.bernoulli(p[i]).logpmf(values[i])[values[i] >= 0].sum() for i in range(len(values)))
    return float(prior + likelihood)


def test_log_joint_is_the_sum_written_out() -> None:
    case = Case("hierarchical", hierarchical_two_pl, (2, 2, 2), missing=0.3)
    responses = case.responses()
    shape = Layout.of(case.spec, responses)
    assert 0 < responses.observed.sum() < responses.observed.size
    for seed in range(5):
        params = draw_from_prior(shape, np.random.default_rng(seed))
        assert log_joint(shape, params, responses) == pytest.approx(by_hand(params, responses.values), rel=1e-12)


@every_case
def test_missing_responses_count_nothing(case: Case) -> None:
    responses = case.responses()
    shape = Layout.of(case.spec, responses)
    params = draw_from_prior(shape, np.random.default_rng(0))
    each = log_likelihood(shape, params, responses)
    assert (each[~responses.observed] == 0).all()
    assert (each[responses.observed] != 0).all()  # a density of fractions may be above 1
    assert log_density_terms(shape, params, responses)["response"] == pytest.approx(each[responses.observed].sum())


# Errors


def data(*n_categories: int) -> Responses:
    return empty_responses(4, n_categories)


WRONG: list[tuple[Callable[[], Any], type[IRTBridgeError], tuple[str, ...]]] = [
    (lambda: Layout.of(models.two_pl(), data(2, 3)), DataError, ("'2pl'", "'item2' has 3", "use grm, gpcm or pcm")),
    (
        lambda: Layout.of(models.rating_scale(), data(3, 4)),
        DataError,
        ("'rsm'", "{'item1': 3, 'item2': 4}", "use pcm"),
    ),
    (lambda: Layout.of(models.rating_scale(), data(2, 2)), DataError, ("'rsm'", "three or more", "use 1pl")),
    (
        lambda: Layout.of(models.m2pl(q_matrix=[[1, 0], [0, 1]]), data(2, 2, 2)),
        SpecError,
        ("'discrimination'", "shape (2, 2)", "the data need (3, 2)"),
    ),
    (
        lambda: Layout.of(models.two_pl(difficulty="Normal([0, 1], 1)"), data(2, 2, 2)),
        SpecError,
        ("difficulty[item]", "loc has shape (2,)", "does not fit (3,)"),
    ),
    (
        lambda: Layout.of(models.m2pl(ability="MultivariateNormal(0, [[1]])"), data(2, 2)),
        SpecError,
        ("ability[person, trait]", "scale_tril has shape (1, 1)"),
    ),
    (
        lambda: Layout.of(gpcm(step="MultivariateNormal(0, [[1, 0], [0, 1]])"), data(3, 2)),
        SpecError,
        ("step[item, category]", "different numbers of categories"),
    ),
]


@pytest.mark.parametrize(("make", "kind", "parts"), WRONG, ids=[parts[-1] for _, _, parts in WRONG])
def test_data_that_do_not_fit_the_model_are_named(
    make: Callable[[], Any], kind: type[IRTBridgeError], parts: tuple[str, ...]
) -> None:
    with pytest.raises(kind) as caught:
        make()
    assert type(caught.value) is kind
    for part in parts:
        assert part in str(caught.value)


def test_a_zero_sum_variable_needs_categories_that_all_items_share() -> None:
    steps = variable("step", "item category", "Normal(0, 1)", zero_sum=True)
    family = PartialCredit(discrimination=None, location=("step",))
    spec = ModelSpec("mine", (variable("ability", "person", "Normal(0, 1)"), steps), family)
    assert layout(spec, [3, 3]).slots["step"].site_shape == (2, 1)
    with pytest.raises(SpecError, match="different numbers of categories cannot share this prior"):
        layout(spec, [3, 4])
