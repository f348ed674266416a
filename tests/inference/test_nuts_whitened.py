"""NUTS whitened by persons' blocks: the map to white coordinates, the approximation, and the posterior it leads to."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

import irtbridge as irt
from irtbridge import Program
from irtbridge.inference import compile_joint
from irtbridge.inference.blocks import Blocks
from irtbridge.inference.modes import find_mode
from irtbridge.inference.normal_blocks import NormalBlocks
from irtbridge.inference.normal_posterior import NormalPosterior, normal_posterior
from irtbridge.model import catalogue as models
from irtbridge.model.quadrature import Quadrature
from irtbridge.model.simulate import simulate_parameters, simulate_responses
from irtbridge.model.spec import ModelSpec
from irtbridge.results.quiet_arviz import az

pytestmark = pytest.mark.usefixtures("compiled_once")

Q_MATRIX = [[1, 0], [1, 0], [1, 0], [1, 0], [0, 1], [0, 1], [0, 1], [0, 1]]


def correlated() -> ModelSpec:
    return models.m2pl(q_matrix=Q_MATRIX, correlated=True)


@cache
def program(n_persons: int, *, collapsed: bool = False) -> Program:
    params = simulate_parameters(correlated(), n_persons, [2] * 8, seed=5)
    responses = simulate_responses(correlated(), params, [2] * 8, seed=6, missing=0.05)
    how = {"collapse": Quadrature(25)} if collapsed else {"noncentred": True}
    return irt.load_backend("pyro").compile(correlated(), responses, device="cpu", **how)


@cache
def tall() -> Program:
    """Few persons and many items of unequal categories, in coordinates with intercepts."""
    spec, categories = models.graded(), [2, 3, 4, 3, 2] * 6
    params = simulate_parameters(spec, 9, categories, seed=5)
    responses = simulate_responses(spec, params, categories, seed=6, missing=0.05)
    return compile_joint(irt.load_backend("pyro"), spec, responses, device="cpu", dtype="float64")


@cache
def approximation(n_persons: int) -> NormalPosterior:
    """Of persons' blocks; with 0, of items'."""
    return normal_posterior(program(n_persons) if n_persons else tall(), 1, lambda done, total: None)


def test_coordinates_split_join_and_round_trip() -> None:
    blocks, z = Blocks.fewest_shared(program(40).layout), np.random.default_rng(1).standard_normal((3, program(40).dim))
    abilities, shared = blocks.split(z)
    assert abilities.shape == (3, 40, 2)
    np.testing.assert_array_equal(blocks.join(abilities, shared), z)
    items = Blocks.fewest_shared(tall().layout)
    assert items.exists.sum(axis=1).tolist() == [2, 3, 4, 3, 2] * 6
    assert len(items.shared) == 9
    back = program(40).unconstrain(program(40).constrain(z))
    np.testing.assert_allclose(back, z, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("n_persons", [40, 0])
def test_white_gradient_equals_finite_differences(n_persons: int) -> None:
    normal, step = approximation(n_persons), 1e-5
    white = 0.7 * np.random.default_rng(2).standard_normal(normal.joint.program.dim)
    gradient = normal.density(white)[1]
    for place in (0, 33, 79, 80, 84, 88, len(white) - 1):
        away = step * np.eye(len(white))[place]
        slope = (normal.density(white + away)[0] - normal.density(white - away)[0]) / (2 * step)
        assert gradient[place] == pytest.approx(slope, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("n_persons", [40, 0])
def test_white_density_has_the_jacobian_of_the_map(n_persons: int) -> None:
    """Up to a constant: two points, and the numerical determinant at both."""
    normal, rng, step = approximation(n_persons), np.random.default_rng(3), 1e-5
    joint = normal.joint.program

    def excess(white: np.ndarray) -> float:
        shift = step * np.eye(len(white))
        jacobian = (normal.coordinates(white + shift) - normal.coordinates(white - shift)) / (2 * step)
        value = joint.value_and_grad(normal.coordinates(white))[0]
        return float(normal.density(white)[0] - value - np.linalg.slogdet(jacobian)[1])

    first, second = (excess(rng.standard_normal(joint.dim)) for _ in range(2))
    assert first == pytest.approx(second, abs=1e-5)


@pytest.mark.parametrize("categories", [2, pytest.param(6, marks=pytest.mark.long)])
def test_approximation_is_near_the_marginal_posterior(categories: int) -> None:
    """Against the mode and curvature with the abilities integrated out by quadrature; categories that few gave too."""
    spec = correlated() if categories == 2 else models.graded(traits=2, q_matrix=Q_MATRIX, correlated=True)
    params = simulate_parameters(spec, 300, [categories] * 8, seed=5)
    responses = simulate_responses(spec, params, [categories] * 8, seed=6, missing=0.05)
    backend = irt.load_backend("pyro")
    joint = backend.compile(spec, responses, device="cpu", noncentred=True)
    collapsed = backend.compile(spec, responses, device="cpu", collapse=Quadrature(25))
    normal, mode = normal_posterior(joint, 1, lambda done, total: None), find_mode(collapsed, jacobian=True)
    assert [name for name in joint.layout.slots if name != "ability"] == list(collapsed.layout.slots)
    expected_sd = np.sqrt(np.diag(mode.factor @ mode.factor.T))
    sd = np.sqrt(np.diag(normal.factor @ normal.factor.T))
    assert np.abs((normal.centre - mode.z) / expected_sd).max() < 2
    assert np.all((sd / expected_sd > 0.6) & (sd / expected_sd < 1.6))


@pytest.mark.long
def test_whitened_nuts_agrees_with_the_quadrature() -> None:
    """Means of item parameters and of the correlation by two exact methods; z-tests, Bonferroni at 1e-4."""
    responses, settings = program(80).responses, {"seed": 3, "chains": 2, "draws": 250}
    joint = irt.fit(responses, correlated(), method="nuts_whitened", **settings)
    collapsed = irt.fit(responses, correlated(), method="nuts_collapsed", n_nodes=15, warmup=100, **settings)
    assert joint.max_r_hat < 1.05
    assert joint.min_ess > 100
    for name in ("discrimination", "difficulty", "trait_correlation"):
        first, second = (fit.idata.posterior[[name]] for fit in (joint, collapsed))
        mcse = np.hypot(az.mcse(first)[name], az.mcse(second)[name]).values
        gap = (first.mean(["chain", "draw"]) - second.mean(["chain", "draw"]))[name].values
        assert np.nanmax(np.abs(gap[mcse > 0] / mcse[mcse > 0])) < 4.5, name
    assert joint.idata.posterior["ability"].shape == (2, 250, 80, 2)


def test_abilities_that_others_refer_to_are_refused() -> None:
    with pytest.raises(irt.errors.SpecError, match="method=nuts"):
        irt.fit("lsat7", models.two_pl(ability="TruncatedNormal(0, 1, -4, 4)"), method="nuts_whitened")


@pytest.mark.long
def test_items_as_blocks_agree_with_plain_nuts() -> None:
    """Means of 60 slopes and difficulties and of 12 abilities by both; z-tests, Bonferroni at 1e-4."""
    params = simulate_parameters(models.two_pl(), 12, [2] * 60, seed=5)
    responses = simulate_responses(models.two_pl(), params, [2] * 60, seed=6)
    joint = irt.fit(responses, "2pl", method="nuts_whitened", seed=1, chains=2, draws=400)
    plain = irt.fit(responses, "2pl", method="nuts", seed=2, chains=2, warmup=400, draws=400)
    assert joint.max_r_hat < 1.05
    assert joint.min_ess > 200
    for name in ("discrimination", "difficulty", "ability"):
        first, second = (fit.idata.posterior[[name]] for fit in (joint, plain))
        mcse = np.hypot(az.mcse(first)[name], az.mcse(second)[name]).values
        gap = (first.mean(["chain", "draw"]) - second.mean(["chain", "draw"]))[name].values
        assert np.abs(gap / mcse).max() < 4.8, name


@pytest.mark.long
def test_laplace_falls_back_on_items_as_blocks_where_they_are_many() -> None:
    """So few draws have no k-hat, and the draws are those of whitened NUTS, which cannot go on as Laplace's."""
    params = simulate_parameters(models.two_pl(), 12, [2] * 60, seed=5)
    responses = simulate_responses(models.two_pl(), params, [2] * 60, seed=6)
    fit = irt.fit(responses, "2pl", method="laplace", seed=1, draws=20)
    assert fit.pareto_k > 0.7
    assert fit.draws.z.shape == (4, 5, 120)
    assert fit.idata.posterior["ability"].shape == (4, 5, 12)
    with pytest.raises(irt.errors.ConfigError, match="nuts_whitened"):
        fit.extend(draws=10)


def test_a_block_that_leaves_the_density_comes_back() -> None:
    """A density that is no number beyond 5, as one that overflows: Newton's method begins anew and finds the mode."""

    def gradients(own: np.ndarray, shared: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.where(np.abs(own) < 5, 4 * (3 - own), np.nan), shared

    joint = SimpleNamespace(gradients=gradients, blocks=SimpleNamespace(exists=np.ones((3, 1), dtype=bool)))
    normals = NormalBlocks.of(cast(Any, joint), np.zeros(1), np.array([[50.0], [-4.0], [np.nan]]))
    np.testing.assert_allclose(normals.mean, 3, rtol=1e-6)
    np.testing.assert_allclose(normals.factor, 0.5, rtol=1e-6)
    ended = NormalBlocks.of(cast(Any, joint), np.zeros(1), np.full((3, 1), 50.0), steps=1)
    assert np.isfinite(ended.mean).all()
    assert np.isfinite(ended.factor).all()
