"""Scattered nodes: more traits than a grid serves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import irtbridge as irt
from irtbridge.errors import SpecError
from irtbridge.inference import compile_for, make_settings, run_method
from irtbridge.model.density import marginal_log_likelihood
from irtbridge.model.layout import Layout
from irtbridge.model.priors import Normal
from irtbridge.model.quadrature import Quadrature, ScatteredNodes
from irtbridge.plugin.loading import load_backend
from irtbridge.results.draws import Draws
from irtbridge.results.inference_data import reported

pytestmark = pytest.mark.usefixtures("compiled_once")
TRAITS, ITEMS, PERSONS = 4, 12, 100
MEMBERSHIP = np.repeat(np.arange(TRAITS), ITEMS // TRAITS)
SPEC = irt.m2pl(traits=TRAITS, q_matrix=np.eye(TRAITS, dtype=int)[MEMBERSHIP], correlated=True)
PARAMS = {**irt.simulate_parameters(SPEC, PERSONS, [2] * ITEMS, seed=1), "trait_cholesky": np.eye(TRAITS)}
RESPONSES = irt.simulate_responses(SPEC, PARAMS, [2] * ITEMS, seed=2, missing=0.1)


def of_trait(trait: int) -> tuple[irt.Responses, dict[str, np.ndarray]]:
    """The items of one trait, as a 2PL: ``a (theta - b)`` for ``a theta - b``."""
    mine = np.flatnonzero(trait == MEMBERSHIP)
    slopes = PARAMS["discrimination"][mine, trait]
    return RESPONSES.select_items(mine), {"discrimination": slopes, "difficulty": PARAMS["difficulty"][mine] / slopes}


def log_likelihood(nodes: ScatteredNodes) -> float:
    layout = Layout.of(SPEC, RESPONSES, nodes)
    return float(marginal_log_likelihood(layout, PARAMS, RESPONSES).sum())


def test_log_likelihood_is_that_of_each_trait_alone() -> None:
    """Traits without correlation that share no item, each on a grid of its own; the error falls with the nodes."""
    exact = 0.0
    for trait in range(TRAITS):
        some, params = of_trait(trait)
        layout = Layout.of(irt.two_pl(), some, Quadrature(81))
        exact += float(marginal_log_likelihood(layout, params, some).sum())
    few, many = (abs(log_likelihood(ScatteredNodes(n)) - exact) for n in (2**7, 2**14))
    assert many < 0.05
    assert many < few / 5


def test_more_nodes_have_the_fewer_among_them_and_corners_tell_what_is_linear() -> None:
    nodes = ScatteredNodes(256)
    standard = nodes.standard_nodes(TRAITS)
    np.testing.assert_array_equal(ScatteredNodes(512).standard_nodes(TRAITS)[:256], standard)
    few, weights = nodes.corners(TRAITS)
    np.testing.assert_allclose(weights @ standard[few], standard, atol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_allclose(np.exp(nodes.log_weights(TRAITS)), 1 / 256)
    np.testing.assert_allclose(np.cov(standard.T), np.eye(TRAITS), atol=0.05)


def test_who_scatters_has_a_grid_of_few_traits() -> None:
    scatters = Quadrature(scatters=True)
    assert scatters.chosen(3, 20).size(3) == Quadrature().chosen(3, 20).size(3)
    assert scatters.chosen(5, 20) == ScatteredNodes(2**13)
    assert replace(scatters, n_nodes=1000).chosen(5, 20).size(5) == 1024
    assert replace(scatters, n_nodes=1500).chosen(3, 20) == ScatteredNodes(2048)
    assert replace(scatters, n_nodes=1500).chosen(2, 20).size(2) == 1500**2


@pytest.mark.long
def test_three_traits_are_off_by_what_scattered_nodes_say() -> None:
    """Beside the grid: correlated traits, five items each; every parameter by less than a tenth of a standard error."""
    q_matrix = np.kron(np.eye(3, dtype=int), np.ones((5, 1), dtype=int))
    spec = irt.m2pl(q_matrix=q_matrix.tolist(), correlated=True)
    data = irt.simulate_responses(spec, irt.simulate_parameters(spec, 300, [2] * 15, seed=1), [2] * 15, seed=2)
    grid, scattered = (irt.fit(data, spec, method="map", seed=1, n_nodes=n) for n in (0, 4096))
    here, there = (reported(f.program.layout, f.program.constrain(f.draws.z[0, 0])) for f in (grid, scattered))
    assert grid.draws.standard_errors is not None
    off = [
        np.abs(there[k][1] - here[k][1])[e > 0] / e[e > 0] for k, e in grid.draws.standard_errors.items() if k in here
    ]
    assert max(map(np.max, off)) < 0.1
    assert scattered.quadrature_error < 0.1


def compiled(spec: irt.ModelSpec, responses: irt.Responses, method: str, nodes: int) -> irt.Program:
    how = {"device": "cpu", "dtype": "float64"}
    return compile_for(load_backend("pyro"), spec, responses, make_settings(method, n_nodes=nodes), **how)


def run(program: irt.Program, method: str) -> Draws:
    return run_method(load_backend("pyro"), program, method, make_settings(method), seed=1)


@pytest.mark.long
def test_map_is_that_of_a_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three correlated traits, which both serve: parameters to a fifth of a standard error, their errors to 5 %."""
    q_matrix = np.eye(3, dtype=int)[np.repeat(np.arange(3), 4)]
    spec = irt.m2pl(traits=3, q_matrix=q_matrix, correlated=True)
    responses = irt.simulate_responses(spec, irt.simulate_parameters(spec, 150, [2] * 12, seed=3), [2] * 12, seed=4)
    grid = compiled(spec, responses, "map", 11)
    monkeypatch.setattr("irtbridge.model.quadrature.MAX_TRAITS", 1)
    scattered = compiled(spec, responses, "map", 2048)
    assert isinstance(scattered.layout.collapse, ScatteredNodes)
    of_grid, of_scattered = run(grid, "map"), run(scattered, "map")
    known, found = (program.constrain(draws.z[0, 0]) for program, draws in ((grid, of_grid), (scattered, of_scattered)))
    assert of_grid.standard_errors is not None
    assert of_scattered.standard_errors is not None
    for name in ("discrimination", "difficulty"):
        errors = of_grid.standard_errors[name]
        free = errors > 0
        assert np.abs((found[name] - known[name])[free] / errors[free]).max() < 0.2
        np.testing.assert_allclose(of_scattered.standard_errors[name][free], errors[free], rtol=0.1)


def test_em_and_abilities_of_four_traits() -> None:
    """EM ends where `map` does; expected abilities follow the simulated ones as far as three items tell."""
    fits = [irt.fit(RESPONSES, SPEC, method=m, n_nodes=512, standard_errors=False, seed=1) for m in ("map", "em")]
    values = [float(fit.draws.stats["lp"].squeeze()) for fit in fits]
    assert values[1] == pytest.approx(values[0], abs=1e-5)
    abilities = fits[0].idata.posterior["ability"].values[0, 0]
    found = [np.corrcoef(abilities[:, trait], PARAMS["ability"][:, trait])[0, 1] for trait in range(TRAITS)]
    assert min(found) > 0.4
    assert np.isfinite(fits[0].quadrature_error)


def test_draws_of_abilities_need_a_grid() -> None:
    with pytest.raises(SpecError, match=r"4 traits; a grid serves at most 3.*method=map"):
        compiled(SPEC, RESPONSES, "laplace", 0)


def test_groups_need_a_grid() -> None:
    """Whose abilities differ in mean and spread."""
    site = np.repeat(["a", "b"], PERSONS // 2)
    frame = RESPONSES.to_frame().assign(site=site)
    variables = [
        irt.Variable("mean", ("group", "trait"), Normal(0, 1)),
        *(replace(v, prior=Normal("mean", 1)) if v.name == "ability" else v for v in SPEC.variables[1:]),
    ]
    spec = replace(SPEC, variables=tuple(variables))
    with pytest.raises(SpecError, match="by group or by covariates, of 3 traits at most"):
        compiled(spec, irt.load_responses(frame, group="site"), "map", 0)
