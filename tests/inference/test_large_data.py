"""Blocks of persons: the same density, gradient and fit as all persons at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import irtbridge as irt
from irtbridge import errors
from irtbridge.data.responses import Responses
from irtbridge.inference import large_data, make_settings
from irtbridge.inference.intercepts import InterceptProgram
from irtbridge.inference.large_data import StreamedProgram, automatic_block, blocks_of, compile_collapsed
from irtbridge.model.patterns import Patterns
from irtbridge.model.quadrature import Quadrature
from irtbridge.plugin.backend import Backend

pytestmark = pytest.mark.usefixtures("compiled_once")

EXAMPLE = Path(__file__).parents[2] / "examples" / "numpy_backend"
QUADRATURE = Quadrature(15)


@pytest.fixture(params=["pyro", "tfp", "numpy"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    if request.param != "numpy":
        return irt.load_backend(request.param)
    monkeypatch.syspath_prepend(str(EXAMPLE))
    from irtbridge_numpy import NumpyBackend

    return NumpyBackend()


def responses(n_persons: int, missing: float = 0.0, items: int = 5, seed: int = 1) -> Responses:
    counts = [2, 3, 4, 3, 2, 3, 3][:items]
    params = irt.simulate_parameters(irt.graded(), n_persons, counts, seed=seed)
    return irt.simulate_responses(irt.graded(), params, counts, seed=seed, missing=missing)


def assert_same(streamed: irt.Program, whole: irt.Program) -> None:
    """Values and gradients at random points, to 1e-12 of the sum that they are; one point, and several at once.

    The example backend's gradients are finite differences, which magnify rounding a hundred thousand times.
    """
    z = np.random.default_rng(2).uniform(-0.7, 0.7, (3, whole.dim))
    rounding = 1e-12 * (1e5 if type(whole).__name__ == "NumpyProgram" else 1)
    value, gradient = whole.value_and_grad(z)
    streamed_value, streamed_gradient = streamed.value_and_grad(z)
    np.testing.assert_allclose(streamed_value, value, rtol=1e-12)
    np.testing.assert_allclose(streamed_gradient, gradient, rtol=1e-12, atol=rounding * np.abs(value).max())


CASES = {
    "complete": (60, 0.0, 5, 20),
    "missing, last block shorter": (61, 0.2, 5, 20),
    "few patterns": (200, 0.0, 2, 80),
}


# The sum is the core's; where programs must follow the data, the libraries' have to as well.
SUMS = [
    *(("numpy", case) for case in CASES),
    *(pytest.param(name, list(CASES)[1], marks=pytest.mark.long) for name in ("pyro", "tfp")),
]


@pytest.mark.parametrize(("backend", "case"), SUMS, indirect=["backend"])
def test_blocks_add_up(backend: Backend, case: str) -> None:
    n_persons, missing, items, block = CASES[case]
    data = responses(n_persons, missing, items)
    streamed = compile_collapsed(backend, irt.graded(), data, QUADRATURE, block, dtype="float64")
    assert isinstance(streamed, StreamedProgram)
    assert sum(len(b.responses.values) for b in streamed.blocks) == n_persons
    assert_same(streamed, backend.compile(irt.graded(), data, dtype="float64", collapse=QUADRATURE))


@pytest.mark.long
def test_bound_blocks_add_up(backend: Backend) -> None:
    """Also where the new data are the first with missing responses."""
    first, other = responses(61), responses(61, missing=0.2, seed=9)
    bound = compile_collapsed(backend, irt.graded(), first, QUADRATURE, 20).bind(other)
    assert_same(bound, backend.compile(irt.graded(), other, collapse=QUADRATURE))
    with pytest.raises(errors.DataError, match="compiled for 61 persons"):
        bound.bind(responses(60))


@pytest.mark.parametrize("backend", ["numpy", "tfp", pytest.param("pyro", marks=pytest.mark.long)], indirect=True)
def test_blocks_with_ever_more_patterns(backend: Backend) -> None:
    """The first block has one pattern, the last as many as persons."""
    values = responses(120, items=5).values.copy()
    values[:40], values[40:80:2] = values[0], values[40]
    data = Responses.from_codes(values, [2, 3, 4, 3, 2])
    streamed = compile_collapsed(backend, irt.graded(), data, QUADRATURE, 40)
    assert_same(streamed, backend.compile(irt.graded(), data, collapse=QUADRATURE))


@pytest.mark.parametrize("backend", ["numpy", "pyro", pytest.param("tfp", marks=pytest.mark.long)], indirect=True)
def test_all_a_program_does(backend: Backend) -> None:
    """Two correlated traits: densities without the Jacobian, at one point and at parameters; coordinates."""
    spec = irt.m2pl(q_matrix=[[1, 0], [1, 0], [0, 1], [0, 1]], correlated=True)
    data = irt.simulate_responses(spec, irt.simulate_parameters(spec, 50, [2] * 4, seed=1), [2] * 4, seed=2)
    streamed = compile_collapsed(backend, spec, data, Quadrature(9), 20)
    whole = backend.compile(spec, data, collapse=Quadrature(9))
    assert_same(streamed, whole)
    z = np.random.default_rng(2).uniform(-0.7, 0.7, (3, whole.dim))
    params = whole.constrain(z)
    np.testing.assert_allclose(streamed.log_density(params), whole.log_density(params), rtol=1e-12)
    np.testing.assert_allclose(streamed.value(z), whole.value(z), rtol=1e-12)
    np.testing.assert_allclose(streamed.unconstrain(streamed.constrain(z)), z, rtol=1e-9)
    value, gradient = streamed.value_and_grad(z[0], jacobian=False)
    assert (value.shape, gradient.shape) == ((), z[0].shape)
    np.testing.assert_allclose(value, streamed.log_density(streamed.constrain(z[0])), rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "method"),
    [
        *(pytest.param(*one, marks=pytest.mark.long) for one in (("pyro", "map"), ("tfp", "laplace"))),
        ("pyro", "nuts_collapsed"),
    ],
)
def test_a_streamed_fit_is_the_fit(name: str, method: str) -> None:
    few = {"nuts_collapsed": {"chains": 1, "warmup": 10, "draws": 10}, "laplace": {"draws": 50, "fallback": "none"}}
    how = {"backend": name, "method": method, "seed": 3, "n_nodes": 21, **few.get(method, {})}
    whole, streamed = (irt.fit(responses(100, 0.1), "grm", block=block, **how) for block in (0, 30))
    assert isinstance(streamed.program, InterceptProgram)
    assert isinstance(streamed.program.program, StreamedProgram)
    np.testing.assert_allclose(streamed.draws.z, whole.draws.z, rtol=1e-5, atol=1e-6)
    assert streamed.items().shape == whole.items().shape


@pytest.mark.long
@pytest.mark.parametrize("method", ["map", "laplace"])
def test_abilities_of_blocks_of_persons(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expected abilities are the same; draws have the same distribution, and differ from block to block."""
    data = Responses.from_codes(np.tile(responses(50, 0.1).values, (4, 1)), [2, 3, 4, 3, 2])
    how = {"backend": "pyro", "method": method, "seed": 3, "n_nodes": 21}
    whole = irt.fit(data, "grm", **how).idata.posterior.ability.values
    for name, value in {"LARGEST_WHOLE": 21, "CELLS": 21 * 50, "SMALLEST": 1}.items():
        monkeypatch.setattr(large_data, name, value)
    fit = irt.fit(data, "grm", **how)
    blocks = fit.idata.posterior.ability.values
    assert blocks.shape == whole.shape
    if method == "map":
        np.testing.assert_allclose(blocks, whole, rtol=1e-6, atol=1e-7)
        assert fit.persons()["ability", "sd"].between(0.1, 1).all()
    else:
        standard_error = np.hypot(blocks.std(axis=1), whole.std(axis=1)) / np.sqrt(fit.min_ess)
        assert np.abs((blocks.mean(axis=1) - whole.mean(axis=1)) / standard_error).max() < 4.9
        assert not np.isclose(blocks[..., :50], blocks[..., 50:100]).any()


def test_equal_blocks() -> None:
    assert blocks_of(100, 30) == [slice(0, 25), slice(25, 50), slice(50, 75), slice(75, 100)]
    assert blocks_of(7, 3) == [slice(0, 3), slice(3, 6), slice(6, 7)]
    assert blocks_of(5, 9) == [slice(0, 5)]


def test_only_large_data_are_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule looks at persons times nodes, and at patterns where there are few."""
    monkeypatch.setattr(large_data, "LARGEST_WHOLE", 15 * 100)
    monkeypatch.setattr(large_data, "CELLS", 15 * 40)
    monkeypatch.setattr(large_data, "SMALLEST", 1)
    sizes = [(100, 7), (101, 7), (400, 2)]
    chosen = [automatic_block(irt.graded(), responses(n, items=items), QUADRATURE) for n, items in sizes]
    assert chosen == [100, 40, 400]


def test_patterns_are_those_of_numpy() -> None:
    rng = np.random.default_rng(3)
    values = rng.integers(-1, 3, (30, 90))[rng.integers(0, 30, 500)]
    data = Responses.from_codes(values, 3)
    patterns = Patterns.of(data)
    codes, counts = np.unique(values, axis=0, return_counts=True)
    found = np.column_stack([patterns.values, patterns.counts])[: Patterns.number(data)]
    np.testing.assert_array_equal(np.unique(found, axis=0), np.column_stack([codes, counts]))


@pytest.mark.parametrize("block", [-1, 2.5, True])
def test_impossible_blocks_are_refused(block: object) -> None:
    with pytest.raises(errors.ConfigError, match=f"block={block}"):
        make_settings("map", block=block)
