"""Coordinates with intercepts: the same density, nearer to a normal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from irtbridge.data.responses import Responses
from irtbridge.errors import DataError
from irtbridge.inference.intercepts import InterceptProgram, with_intercepts
from irtbridge.inference.laplace import LaplaceSettings, run_laplace
from irtbridge.model import catalogue as models
from irtbridge.model.quadrature import Quadrature
from irtbridge.model.simulate import simulate_parameters, simulate_responses
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.loading import load_backend
from irtbridge.plugin.program import Program

MODELS: dict[str, tuple[Any, list[int]]] = {
    "1pl with a slope": (lambda: models.one_pl(common_discrimination=True), [2] * 4),
    "2pl": (models.two_pl, [2] * 4),
    "3pl": (models.three_pl, [2] * 4),
    "grm": (models.graded, [4, 2, 3, 4]),
    "gpcm": (models.generalized_partial_credit, [4, 2, 3, 4]),
}
UNCHANGED: dict[str, tuple[Any, list[int]]] = {
    "no slopes": (models.one_pl, [2] * 4),
    "slopes of either sign": (lambda: models.two_pl(discrimination="Normal(1, 0.5)"), [2] * 4),
    "intercepts": (lambda: models.graded(parameterization="intercept"), [4, 2, 3, 4]),
    "intercepts already": (lambda: models.m2pl(traits=2), [2] * 4),
}


def collapsed(spec: ModelSpec, counts: list[int], n_persons: int = 60) -> Program:
    params = simulate_parameters(spec, n_persons, counts, seed=1)
    responses = simulate_responses(spec, params, counts, seed=2)
    return load_backend("pyro").compile(spec, responses, collapse=Quadrature(15), device="cpu")


@pytest.fixture(params=MODELS, scope="module")
def pair(request: pytest.FixtureRequest) -> tuple[Program, InterceptProgram]:
    build, counts = MODELS[request.param]
    program = collapsed(build(), counts)
    changed = with_intercepts(program)
    assert isinstance(changed, InterceptProgram)
    return program, changed


@pytest.fixture
def points(pair: tuple[Program, Program]) -> np.ndarray:
    return np.random.default_rng(3).uniform(-1, 1, (5, pair[0].dim))


def test_the_density_is_that_of_the_same_model(pair: tuple[Program, InterceptProgram], points: np.ndarray) -> None:
    """Same values at the same parameters, but for the Jacobian, taken here by differences."""
    program, changed = pair
    step = 1e-6 * np.eye(program.dim)
    for y in points:
        move = changed.intercepts.to_locations
        jacobian = (move(y + step) - move(y - step)) / 2e-6
        expected = program.value(move(y)) + np.linalg.slogdet(jacobian)[1]
        assert changed.value(y) == pytest.approx(expected, abs=1e-6)
        for with_jacobian in (True, False):
            value, _ = changed.value_and_grad(y, jacobian=with_jacobian)
            of_parameters, _ = program.value_and_grad(move(y), jacobian=False)
            assert value == pytest.approx(changed.value(y) if with_jacobian else of_parameters, abs=1e-9)


@pytest.mark.parametrize("jacobian", [True, False])
def test_the_gradient_is_that_of_the_value(
    pair: tuple[Program, InterceptProgram], points: np.ndarray, jacobian: bool
) -> None:
    _, changed = pair
    step = 1e-6 * np.eye(changed.dim)
    for y in points:
        upper = changed.value_and_grad(y + step, jacobian=jacobian)[0]
        lower = changed.value_and_grad(y - step, jacobian=jacobian)[0]
        one = changed.value_and_grad(y, jacobian=jacobian)[1]
        np.testing.assert_allclose(one, (upper - lower) / 2e-6, rtol=1e-5, atol=1e-5)
    batch = changed.value_and_grad(points, jacobian=jacobian)[1]
    np.testing.assert_allclose(batch, [changed.value_and_grad(y, jacobian=jacobian)[1] for y in points], atol=1e-9)


def test_parameters_and_coordinates_are_inverse(pair: tuple[Program, InterceptProgram], points: np.ndarray) -> None:
    _, changed = pair
    np.testing.assert_allclose(changed.unconstrain(changed.constrain(points)), points, atol=1e-9)


def test_a_location_moves_with_its_own_slope_alone(pair: tuple[Program, InterceptProgram]) -> None:
    """``b g(a)`` stays where it is when its item's discrimination changes."""
    program, changed = pair
    y = np.full(program.dim, 0.3)
    (slope,) = (name for name in program.layout.slots if name == "discrimination")
    first = changed.constrain(y)
    y[: program.layout.slots[slope].size] += 0.5
    second = changed.constrain(y)
    for name in program.spec.family.location:
        a, b = (np.reshape(p[slope], (-1, *(1,) * (p[name].ndim - 1))) for p in (first, second))
        before, after = factor(a, program) * first[name], factor(b, program) * second[name]
        np.testing.assert_allclose(before, after, rtol=1e-9)


def factor(slope: np.ndarray, program: Program) -> np.ndarray:
    return np.sqrt(slope**2 + 1 / program.responses.n_persons) / np.sqrt(1 + slope**2 / 4)


def test_items_that_tell_little_have_no_funnel() -> None:
    """Far below the least slope, and far above the largest, the density has the prior's slope and no other."""
    spec = models.two_pl(discrimination="LogNormal(0, 2)")
    program = with_intercepts(collapsed(spec, [2] * 4))
    y = np.zeros((4, program.dim))
    y[:, 0] = -12.0, -6.0, 6.0, 12.0
    steps = [program.value_and_grad(point)[1][0] - point[0] / -4.0 for point in y]
    np.testing.assert_allclose(steps, 0, atol=0.05)


@pytest.mark.parametrize("case", UNCHANGED)
def test_models_without_such_locations_keep_their_coordinates(case: str) -> None:
    build, counts = UNCHANGED[case]
    program = collapsed(build(), counts)
    assert with_intercepts(program) is program


@pytest.mark.parametrize("model", ["2pl", "grm", "gpcm"])
def test_the_normal_approximation_is_better(model: str) -> None:
    """More effective draws of the same number of importance draws."""
    build, counts = MODELS[model]
    program = collapsed(build(), counts * 3, n_persons=400)
    settings = LaplaceSettings(draws=1000, fallback="none")
    ess = [run_laplace(p, settings, 1, lambda *_: None).ess or 0.0 for p in (program, with_intercepts(program))]
    assert ess[1] > 1.1 * ess[0]


def test_other_data_of_the_same_shape(pair: tuple[Program, InterceptProgram], points: np.ndarray) -> None:
    program, changed = pair
    other = Responses.from_codes(program.responses.values[::-1].copy(), program.responses.n_categories)
    np.testing.assert_allclose(changed.bind(other).value(points), changed.value(points), rtol=1e-12)
    with pytest.raises(DataError, match="compiled for"):
        changed.bind(Responses.from_codes(program.responses.values[1:], program.responses.n_categories))
