"""Modes: begun where the model's convention puts them, found from several starts, and refused where these disagree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irtbridge as irt
from irtbridge.errors import IRTBridgeWarning, NumericalError
from irtbridge.fitting import Fitter
from irtbridge.inference import compile_for, make_settings
from irtbridge.inference.climbing import Climber
from irtbridge.inference.intercepts import InterceptProgram
from irtbridge.inference.modes import find_maximum, find_mode
from irtbridge.plugin.loading import load_backend
from irtbridge.plugin.program import silent
from irtbridge.plugin.starts import in_convention, starting_point

pytestmark = pytest.mark.usefixtures("compiled_once")

EITHER_SIGN = {"discrimination": "Normal(1, 0.5)"}
# Posterior modes and means under that prior, from the best of many starts.
LSAT7_SLOPES = [1.03, 1.07, 1.51, 0.79, 0.78]
BACKENDS = ("pyro", pytest.param("tfp", marks=pytest.mark.long))


def compiled(spec: irt.ModelSpec, responses: irt.Responses, backend: str = "pyro") -> irt.Program:
    return compile_for(load_backend(backend), spec, responses, make_settings("map"), device="cpu", dtype="float64")


def mixed_keys(n_persons: int = 400) -> tuple[np.ndarray, irt.Responses]:
    """Eight items, three of them keyed the other way round."""
    slopes = np.array([1.5, -1.2, 1.0, 1.8, -1.6, 1.1, -0.9, 1.4])
    rng = np.random.default_rng(11)
    params = {"ability": rng.normal(size=n_persons), "discrimination": slopes, "difficulty": rng.normal(size=8)}
    return slopes, irt.simulate_responses(irt.two_pl(discrimination="Normal(0, 1)"), params, [2] * 8, seed=12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("method", ["map", "laplace", "vi_collapsed"])
def test_slopes_of_either_sign_are_found_positive_on_every_seed(backend: str, method: str) -> None:
    spec, engine, settings = irt.two_pl(**EITHER_SIGN), load_backend(backend), make_settings(method)
    fitter = Fitter(spec, method, settings, engine, device="cpu", dtype="float64")
    for seed in (1, 2, 3):
        fit = fitter.fit(irt.load_responses("lsat7"), seed)
        np.testing.assert_allclose(fit.items()["discrimination", "mean"], LSAT7_SLOPES, atol=0.1)
        assert fit.verdict.trusted


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("prior", ["Normal(1, 0.5)", "Uniform(-4, 4)", "TruncatedNormal(0, 1, -2, 5)"])
def test_every_method_begins_with_positive_slopes(backend: str, prior: str) -> None:
    """Of chains, guides and climbs alike; with positive priors the point is the random one itself."""
    responses = irt.load_responses("lsat7")
    either, positive = (compiled(irt.two_pl(discrimination=d), responses, backend) for d in (prior, "LogNormal(0, 1)"))
    for seed in range(10):
        z = starting_point(either, np.random.default_rng(seed), 0.5)
        start = either.constrain(z)
        assert (start["discrimination"] > 0.2).all()
        share = 1 / (1 + np.exp(start["discrimination"] * start["difficulty"]))
        np.testing.assert_allclose(share, responses.values.mean(axis=0), atol=0.01)
    assert (either.constrain(in_convention(either, np.zeros(either.dim)))["discrimination"] > 0.2).all()
    z = starting_point(positive, np.random.default_rng(1), 0.5)
    np.testing.assert_array_equal(z, np.random.default_rng(1).uniform(-0.5, 0.5, positive.dim))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_items_keyed_the_other_way_round_are_told_from_the_data(seed: int) -> None:
    """Slopes of either sign under a prior centred at 0: one mode on every seed, the trait's sign by the stated rule."""
    slopes, responses = mixed_keys()
    mode = find_mode(compiled(irt.two_pl(discrimination="Normal(0, 1)"), responses), jacobian=True, seed=seed)
    found = mode.z[: len(slopes)]
    assert found.sum() > 0
    np.testing.assert_array_equal(np.sign(found), np.sign(slopes))
    assert np.corrcoef(found, slopes)[0, 1] > 0.95
    assert mode.optimum is not None
    assert mode.optimum.agreeing > 1


def test_the_mode_is_the_highest_that_many_starts_find() -> None:
    _, responses = mixed_keys()
    program = compiled(irt.two_pl(discrimination="Normal(0.5, 1)"), responses)
    best = find_mode(program, jacobian=True, seed=1).value
    rng = np.random.default_rng(5)
    others = [Climber(program, True, 500).climb(rng.normal(0, 1.5, program.dim)).value for _ in range(10)]
    assert best > max(others) - 0.05


class Bumpy(InterceptProgram):
    """A program whose density has a mode at every few tenths, none as high as another."""

    def value_and_grad(self, z: np.ndarray, *, jacobian: bool = True) -> tuple[np.ndarray, np.ndarray]:
        value, gradient = super().value_and_grad(z, jacobian=jacobian)
        return value + 100 * np.cos(9 * z).sum(axis=-1), gradient - 900 * np.sin(9 * z)


@pytest.mark.parametrize("find", [find_mode, find_maximum])
def test_starts_that_disagree_are_an_error(find: Any) -> None:
    smooth = compiled(irt.two_pl(), irt.load_responses("lsat7"))
    assert isinstance(smooth, InterceptProgram)
    program = Bumpy(smooth.program, smooth.intercepts)
    with pytest.raises(NumericalError, match=r"9 starts ended in different modes.*tighter priors.*method=nuts"):
        find(program, jacobian=True, seed=1)


@pytest.mark.parametrize("find", [find_mode, find_maximum])
def test_a_direction_without_information_is_no_disagreement(find: Any) -> None:
    """A category that nobody chose: without the Jacobian the width of its interval is free towards 0."""
    counts, spec = [2, 3, 3, 4], irt.graded()
    params = irt.simulate_parameters(spec, 40, counts, seed=0)
    responses = irt.simulate_responses(spec, params, counts, seed=0, missing=0.1)
    codes = np.where(responses.values == np.array([9, 1, 9, 9]), 0, responses.values)
    optimum = find(compiled(spec, irt.Responses.from_codes(codes, counts)), jacobian=False, seed=0)
    optimum = optimum.optimum if find is find_mode else optimum[2]
    assert optimum.agreeing == optimum.starts == 3


@pytest.mark.parametrize("standard_errors", [True, False])
def test_an_optimiser_that_stops_early_is_told(standard_errors: bool) -> None:
    how: dict[str, Any] = {"method": "map", "max_iterations": 2, "standard_errors": standard_errors}
    with pytest.warns(IRTBridgeWarning, match=r"before it reached a mode.*max_iterations"):
        fit = irt.fit("lsat7", "2pl", **how)
    assert fit.verdict.flags == ("optimiser",)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("method", ["map", "laplace", "vi_collapsed"])
def test_single_precision_finds_the_same_mode(backend: str, method: str) -> None:
    """Within a tenth of a posterior standard deviation, and standard errors within 3 %, on clean data."""
    single, double = (
        irt.fit("lsat7", "2pl", backend=backend, method=method, seed=1, dtype=dtype).items()
        for dtype in ("float32", "float64")
    )
    for name in ("discrimination", "difficulty"):
        distance = (single[name, "mean"] - double[name, "mean"]) / double[name, "sd"]
        assert np.abs(distance).max() < (0.02 if method == "map" else 0.15)
        if method == "map":
            np.testing.assert_allclose(single[name, "sd"], double[name, "sd"], rtol=0.03)


def test_a_climb_that_begins_with_em_ends_where_one_without_does_and_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graded items, some responses missing: the same mode from near and from far, in half as many gradients."""
    spec, counts = irt.build_model("grm"), [4] * 20
    data = irt.simulate_responses(spec, irt.simulate_parameters(spec, 400, counts, seed=1), counts, seed=2, missing=0.1)
    program = compiled(spec, data)
    plain = Climber(program, jacobian=False, max_iterations=1000)
    monkeypatch.setattr("irtbridge.inference.rising.FEWEST", 0)
    rising = Climber(program, jacobian=False, max_iterations=1000)
    assert plain.rise is None
    assert rising.rise is not None
    for radius in (0.1, 1.0):
        start = starting_point(program, np.random.default_rng(1), radius)
        one, other = plain.climb(start), rising.climb(start)
        assert other.value == pytest.approx(one.value, abs=1e-4)
        assert other.evaluations < one.evaluations / 2
    assert plain.distance(rising.measured(other, silent)) < 1e-3
