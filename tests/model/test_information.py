"""Fisher information of every family: against numerical derivatives, sums and integrals of the density itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate

from irtbridge.data.responses import Responses
from irtbridge.model import catalogue as models
from irtbridge.model.families import Categories, Numbers
from irtbridge.model.layout import Layout
from irtbridge.model.simulate import draw_from_prior, empty_responses
from irtbridge.testing.cases import CASES, Case

Array = NDArray[np.float64]
STEP = 1e-4
every_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def drawn(case: Case) -> tuple[Layout, dict[str, Array]]:
    layout = Layout.of(case.spec, case.test())
    return layout, layout.complete(draw_from_prior(layout, np.random.default_rng(4)))


def along(layout: Layout, trait: int) -> Array:
    """The unit vector of one trait."""
    return np.eye(layout.sizes["trait"])[trait]


def moved(layout: Layout, params: dict[str, Array], trait: int, step: float) -> dict[str, Array]:
    """Everybody a step up on one trait."""
    name = layout.spec.family.ability
    by = step * along(layout, trait) if layout.sizes["trait"] > 1 else step
    return {**params, name: params[name] + by}


def score(log_density: Callable[[dict[str, Array]], Array], layout: Layout, params: dict[str, Array], t: int) -> Array:
    """Derivative of a log density by one trait: central differences of fourth order."""
    at = {k: log_density(moved(layout, params, t, k * STEP)) for k in (-2, -1, 1, 2)}
    return (at[-2] - 8 * at[-1] + 8 * at[1] - at[2]) / (12 * STEP)


@every_case
def test_information_of_categories_is_the_expected_square_of_the_score(case: Case) -> None:
    layout, params = drawn(case)
    family, dims, exists = layout.spec.family, layout.spec.dims, layout.exists
    if not isinstance(family, Categories):
        return

    def log_probs(at: dict[str, Array]) -> Array:
        return np.where(exists, family.log_probs(at, dims, exists), 0.0)

    probs = np.where(exists, np.exp(log_probs(params)), 0.0)
    for trait in range(layout.sizes["trait"]):
        expected = np.sum(probs * score(log_probs, layout, params, trait) ** 2, axis=-1)
        found = family.information(params, dims, exists, along(layout, trait))
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12)


@every_case
def test_information_of_numbers_is_that_on_the_predictor_times_the_square_of_its_slope(case: Case) -> None:
    """With every model's own roles and traits; information on the predictor is held to integrals below."""
    layout, params = drawn(case)
    family, dims, exists = layout.spec.family, layout.spec.dims, layout.exists
    if not isinstance(family, Numbers):
        return

    def predictor(at: dict[str, Array]) -> Array:
        slope, shift = family.predictor(at, dims)
        return (slope - shift[..., None, :, :])[..., 0]

    on_x = family.information_at(predictor(params), **family.shapes(params, dims))
    for trait in range(layout.sizes["trait"]):
        expected = on_x * score(predictor, layout, params, trait) ** 2
        found = family.information(params, dims, exists, along(layout, trait))
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-12)


def at_grid(spec: models.ModelSpec, values: Array, theta: float, **params: Array) -> Array:
    """Density times the square of the score at each value of a response to one item."""
    responses = Responses.from_numbers(np.atleast_1d(values)[:, None], spec.family.kind)
    layout = Layout.of(spec, responses)
    each = {"ability": np.full(responses.n_persons, theta), **params}

    def log_density(at: dict[str, Array]) -> Array:
        return layout.spec.family.log_density(responses.values, at, layout.spec.dims, layout.exists)

    return np.asarray(np.exp(log_density(each)) * score(log_density, layout, each, 0) ** 2)[:, 0]


ITEM = {"discrimination": np.array([1.3]), "difficulty": np.array([0.4])}


@pytest.mark.parametrize("theta", [-2.0, 0.5, 3.0])
def test_information_of_a_count_is_that_of_the_sum_over_counts(theta: float) -> None:
    spec = models.poisson_counts(item_discrimination=True)
    expected = at_grid(spec, np.arange(200), theta, **ITEM).sum()
    assert information(spec, theta, **ITEM) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("precision", [2.5, 60.0])
@pytest.mark.parametrize("theta", [-1.0, 0.5])
def test_information_of_a_fraction_is_that_of_the_integral(theta: float, precision: float) -> None:
    spec, params = models.beta_irt(), {**ITEM, "precision": np.array([precision])}
    assert information(spec, theta, **params) == pytest.approx(integral(spec, theta, **params), rel=1e-5)


@pytest.mark.parametrize("theta", [-1.0, 0.5])
def test_information_of_a_fraction_with_ends_is_that_of_the_integral_and_both_ends(theta: float) -> None:
    spec, params = models.ordered_beta(), {**ITEM, "precision": np.array([8.0]), "cutpoint": np.array([[-1.5, 2.0]])}
    params = {k: v if len(spec.dims[k]) == v.ndim else v[0] for k, v in params.items()}
    expected = integral(spec, theta, **params) + at_grid(spec, np.array([0.0, 1.0]), theta, **params).sum()
    assert information(spec, theta, **params) == pytest.approx(expected, rel=1e-5)


def integral(spec: models.ModelSpec, theta: float, **params: Array) -> float:
    return float(integrate.quad(lambda y: at_grid(spec, np.array([y]), theta, **params)[0], 0, 1, limit=30)[0])


def information(spec: models.ModelSpec, theta: float, **params: Array) -> float:
    layout = Layout.of(spec, empty_responses(1, [1], kind=spec.family.kind))
    each = {"ability": np.array([theta]), **params}
    return float(layout.spec.family.information(each, layout.spec.dims, layout.exists)[0, 0])


@every_case
def test_information_takes_leading_axes_and_stays_finite_at_the_ends(case: Case) -> None:
    layout, params = drawn(case)
    if layout.spec.family.name == "poisson":  # a rate has no upper bound, nor has its information
        return
    name = layout.spec.family.ability
    family, dims, exists = layout.spec.family, layout.spec.dims, layout.exists
    draws = {k: np.stack([v, v]) for k, v in params.items()}
    for theta in (-1e3, 1e3):
        draws[name] = np.stack([params[name], np.full_like(params[name], theta)])
        found = family.information(draws, dims, exists, along(layout, 0))
        assert np.isfinite(found).all()
        np.testing.assert_array_equal(found[0], family.information(params, dims, exists, along(layout, 0)))


def test_the_matrix_of_several_traits_is_that_of_the_direction() -> None:
    """Reckase & McKinley (1991): along a unit vector alpha, D^2 (a . alpha)^2 P Q."""
    spec = models.m2pl(traits=2)
    layout = Layout.of(spec, empty_responses(3, [2, 2]))
    params = layout.complete(draw_from_prior(layout, np.random.default_rng(1)))
    alpha = np.array([0.6, 0.8])
    right = np.exp(layout.spec.family.log_probs(params, layout.spec.dims, layout.exists))[..., 1]
    expected = (params["discrimination"] @ alpha) ** 2 * right * (1 - right)
    np.testing.assert_allclose(
        layout.spec.family.information(params, layout.spec.dims, layout.exists, alpha), expected, rtol=1e-12
    )
