"""The likelihood as a function of one number, tabulated."""

from __future__ import annotations

import numpy as np
import pytest

from irtbridge.model import catalogue as models
from irtbridge.model import cumulants
from irtbridge.model.cumulants import CumulantTable
from irtbridge.model.layout import Layout
from irtbridge.model.quadrature import Quadrature
from irtbridge.model.simulate import simulate_parameters, simulate_responses
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin import recent
from irtbridge.plugin.loading import load_backend

TESTS = {
    "2pl, 5 items of 6 categories": (models.generalized_partial_credit, [6] * 5, 400),
    "2pl, 100 items": (models.two_pl, [2] * 100, 900),
    "unequal categories": (models.generalized_partial_credit, [2, 3, 5] * 4, 300),
    "negative slopes": (lambda: models.two_pl(discrimination="Normal(0, 1)"), [2] * 20, 300),
    "scaled by 1.702": (lambda: models.two_pl(scaling=1.702), [2] * 20, 300),
}


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Constants of tables are changed, which functions that were compiled before do not see."""
    monkeypatch.setattr(recent, "MOST", 0)


def test_polynomial_of_degree_seven_is_met_exactly() -> None:
    polynomial = np.polynomial.Polynomial(np.random.default_rng(1).normal(size=8))
    ends = [polynomial.deriv(order)(end) if order else polynomial(end) for end in (0.0, 1.0) for order in range(4)]
    np.testing.assert_allclose(CumulantTable.hermite() @ ends, polynomial.coef, rtol=1e-9)


@pytest.mark.parametrize("backend", ["pyro", "tfp"])
@pytest.mark.parametrize("test", TESTS)
def test_table_is_as_good_as_the_sum_over_nodes(test: str, backend: str) -> None:
    """Values are tabulated; gradients of so few persons, and the values that come with them, are not."""
    build, counts, n_persons = TESTS[test]
    params = simulate_parameters(build(), n_persons, counts, seed=3)
    responses = simulate_responses(build(), params, counts, seed=4)
    program = load_backend(backend).compile(build(), responses, device="cpu", collapse=Quadrature())
    assert CumulantTable.for_values(program.layout, program.data[0].shape)  # type: ignore[attr-defined]
    z = np.random.default_rng(5).uniform(-1, 1, (8, program.dim))
    np.testing.assert_allclose(program.value(z), program.value_and_grad(z)[0], rtol=1e-9)


@pytest.mark.parametrize("slope", [1, 3, 5])
def test_table_errs_far_less_than_the_quadrature_does(slope: float) -> None:
    """At steep slopes too: by how much four times the nodes move the log density is a thousand times more."""
    spec, counts = models.generalized_partial_credit(), [4] * 20
    params = simulate_parameters(spec, 2000, counts, seed=1)
    params["discrimination"] = slope * np.random.default_rng(2).lognormal(0, 0.5, 20)
    responses = simulate_responses(spec, params, counts, seed=2)
    nodes = Quadrature().chosen(1, float(np.sum(responses.n_categories - 1))).n_nodes
    program, finer = (load_backend("pyro").compile(spec, responses, collapse=Quadrature(n)) for n in (nodes, 4 * nodes))
    assert CumulantTable.for_values(program.layout, program.data[0].shape)  # type: ignore[attr-defined]
    z = np.tile(program.unconstrain({name: params[name] for name in program.layout.slots}), (2, 1))
    there, here = finer.value_and_grad(z)[0], program.value_and_grad(z)[0]
    assert np.all(np.abs(program.value(z) - here) < 1e-3 * np.abs(there - here))


@pytest.mark.long
@pytest.mark.parametrize("backend", ["pyro", "tfp"])
def test_gradients_of_large_data_are_tabulated_too(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, counts = models.generalized_partial_credit(), [2, 3, 5] * 4
    params = simulate_parameters(spec, 300, counts, seed=3)
    responses = simulate_responses(spec, params, counts, seed=4)
    z, results = np.random.default_rng(5).uniform(-1, 1, (3, 2 * 12 + 12 + 4 * 3)), []
    for enough in (cumulants.GRADIENT_ROWS, 1):
        monkeypatch.setattr(cumulants, "GRADIENT_ROWS", enough)
        program = load_backend(backend).compile(spec, responses, device="cpu", collapse=Quadrature())
        results.append([program.value_and_grad(points) for points in (z[:, : program.dim], z[0, : program.dim])])
    for (value, gradient), (expected, slope) in zip(*results, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-10)
        np.testing.assert_allclose(gradient, slope, rtol=1e-8, atol=1e-8 * np.abs(slope).max())
        assert not np.array_equal(gradient, slope)


def test_error_falls_with_the_eighth_power(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few cells, so that the table's error is far above rounding: twice as many divide it by some 2^8."""
    monkeypatch.setattr(cumulants, "FEWEST_CELLS", 1)
    params = simulate_parameters(models.two_pl(), 600, [2] * 20, seed=3)
    responses = simulate_responses(models.two_pl(), params, [2] * 20, seed=4)
    errors = []
    for cells in (10, 20):
        monkeypatch.setattr(cumulants, "CELLS_PER_STEP", cells / 20)
        program = load_backend("pyro").compile(models.two_pl(), responses, device="cpu", collapse=Quadrature())
        z = np.tile(program.unconstrain({k: params[k] for k in program.layout.slots}), (2, 1))
        errors.append(abs(program.value(z)[0] - program.value_and_grad(z)[0][0]))
    assert 2**5 < errors[0] / errors[1] < 2**11


@pytest.mark.parametrize(
    ("spec", "counts", "shape", "cells"),
    [
        (models.two_pl(), [2] * 20, (500, 20), 40),
        (models.two_pl(), [2] * 5, (500, 5), cumulants.FEWEST_CELLS),
        (models.two_pl(), [2] * 20, (100, 20), 0),
        (models.two_pl(), [2] * 20, (500, 40), 0),
        (models.three_pl(), [2] * 20, (500, 20), 0),
        (models.graded(), [3] * 20, (500, 40), 0),
        (models.m2pl(), [2] * 20, (500, 20), 0),
    ],
    ids=["2pl", "short test", "few persons", "missing responses", "3pl", "grm", "two traits"],
)
def test_tables_where_they_serve_and_pay(
    spec: ModelSpec, counts: list[int], shape: tuple[int, int], cells: int
) -> None:
    responses = simulate_responses(spec, simulate_parameters(spec, 10, counts, seed=1), counts, seed=2)
    table = CumulantTable.for_values(Layout.of(spec, responses, Quadrature()), shape)
    assert (table.cells if table else 0) == cells
