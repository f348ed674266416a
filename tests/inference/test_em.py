"""The EM algorithm: it ends where `map` ends, by a road that only goes up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from small_data import beside, simulated

import irtbridge as irt
from irtbridge.errors import ConfigError, UnknownName
from irtbridge.inference import compile_for, make_settings, run_method
from irtbridge.inference.acceleration import ascend, plain, squarem
from irtbridge.inference.expectation import Data
from irtbridge.inference.maximisation import Maximisation, positive
from irtbridge.model.density import log_prior, log_prior_by_item
from irtbridge.plugin.loading import load_backend
from irtbridge.results.draws import Draws

pytestmark = pytest.mark.usefixtures("compiled_once")
CYCLES = 70  # of an accelerated climb on small data


def weighted() -> irt.Responses:
    patterns = irt.load_dataset("lsat6").to_frame().astype(int).value_counts().rename("count").reset_index()
    return irt.load_responses(patterns, weights="count")


FLAT = irt.two_pl(discrimination="HalfNormal(100)", difficulty="Normal(0, 100)")
TWO_TRAITS = irt.m2pl(traits=2, q_matrix=[[1, 0]] * 3 + [[0, 1]] * 3, correlated=True)
BIFACTOR = irt.bifactor(groups=[1, 1, 1, 2, 2, 2])
CASES: dict[str, Callable[[], tuple[irt.ModelSpec, irt.Responses]]] = {
    "2pl, missing": lambda: (irt.two_pl(), simulated(irt.two_pl(), 200, [2] * 8, missing=0.1)),
    "2pl, flat priors": lambda: (FLAT, irt.load_dataset("lsat7")),
    "graded, unequal categories": lambda: (irt.graded(), simulated(irt.graded(), 200, [2, 3, 4, 3], missing=0.1)),
    "one slope for all": lambda: (irt.one_pl(common_discrimination=True), irt.load_dataset("lsat7")),
    "rating scale": lambda: (irt.rating_scale(), simulated(irt.rating_scale(), 200, [4] * 5)),
    "guessing, weights": lambda: (irt.three_pl(), weighted()),
    "counts": lambda: (irt.poisson_counts(), simulated(irt.poisson_counts(), 100, [10] * 5)),
    "groups": lambda: (irt.build_model("2pl", invariance="scalar"), beside(200)),
    "latent regression": lambda: (irt.build_model("2pl", ability_on="age", ability_sd="HalfNormal(1)"), beside(200)),
    "two traits": lambda: (TWO_TRAITS, simulated(TWO_TRAITS, 150, [2] * 6)),
    "bifactor": lambda: (BIFACTOR, simulated(BIFACTOR, 200, [2] * 6)),
}
LONG = ("rating scale", "two traits", "counts", "bifactor", "latent regression")


def compiled(spec: irt.ModelSpec, responses: irt.Responses) -> irt.Program:
    return compile_for(load_backend("pyro"), spec, responses, make_settings("map"), device="cpu", dtype="float64")


def run(program: irt.Program, method: str, **settings: object) -> Draws:
    return run_method(load_backend("pyro"), program, method, make_settings(method, **settings), seed=1)


def highest(draws: Draws) -> float:
    return float(draws.stats["lp"].squeeze())


@pytest.mark.parametrize("case", [pytest.param(c, marks=pytest.mark.long) if c in LONG else c for c in CASES])
def test_it_ends_where_map_does(case: str) -> None:
    """Log density to 1e-6, parameters and standard errors to a few 1e-5 of a standard error."""
    program = compiled(*CASES[case]())
    known, found = run(program, "map"), run(program, "em")
    assert highest(found) == pytest.approx(highest(known), abs=1e-6)
    assert found.objective is not None
    assert found.objective[-1] == pytest.approx(highest(known), abs=1e-6)
    assert np.diff(found.objective).min() > -1e-8
    assert len(found.objective) < CYCLES
    assert found.optimum is not None
    assert found.optimum.converged
    assert known.standard_errors is not None
    assert found.standard_errors is not None
    there, here = (program.constrain(draws.z[0, 0]) for draws in (known, found))
    for name, error in known.standard_errors.items():
        estimated = np.nan_to_num(error) > 1e-6
        np.testing.assert_allclose(found.standard_errors[name][estimated], error[estimated], rtol=1e-3)
        if name in there:
            away = (here[name] - there[name])[estimated] / error[estimated]
            assert np.abs(away).max(initial=0.0) < 1e-3


@pytest.mark.parametrize("case", ["graded, unequal categories", "groups", "one slope for all", "guessing, weights"])
def test_the_gradient_of_q_is_that_of_the_log_density(case: str) -> None:
    """Fisher's identity: at the point of the E-step, along every direction."""
    program = compiled(*CASES[case]())
    z = np.random.default_rng(2).uniform(-0.5, 0.5, program.dim)
    params = program.constrain(z)
    expected = Data.of(program.layout, program.responses).expected(params)
    maximisation = Maximisation.of(program)
    slopes = maximisation._derivatives(z, expected)[1].sum(axis=1)
    value, gradient = program.value_and_grad(z, jacobian=False)
    np.testing.assert_allclose(slopes, maximisation.blocks.directions @ gradient, rtol=1e-6, atol=1e-4)
    prior = log_prior_by_item(program.layout, params)
    assert expected.log_likelihood + prior.sum() == pytest.approx(value, rel=1e-12)
    higher = maximisation.step(z, expected)
    assert maximisation.parts(higher[None], expected).sum() > maximisation.parts(z[None], expected).sum()


@pytest.mark.parametrize("case", ["graded, unequal categories", "groups", "one slope for all", "two traits"])
def test_log_priors_of_several_points_at_once_are_those_of_each(case: str) -> None:
    """By item, and the log priors of all variables in all."""
    program = compiled(*CASES[case]())
    batch = program.constrain(np.random.default_rng(2).uniform(-0.5, 0.5, (3, program.dim)))
    layout = program.layout
    for row, sums in zip(layout.rows(batch), log_prior_by_item(layout, batch), strict=True):
        np.testing.assert_allclose(sums, log_prior_by_item(layout, row), rtol=1e-12)
        assert sums.sum() == pytest.approx(sum(log_prior(layout, name, row) for name in layout.slots))


def test_expected_responses_are_those_of_the_data() -> None:
    """Summed over the nodes, whatever the parameters: right answers, and answers."""
    spec, responses = CASES["2pl, missing"]()
    layout = compiled(spec, responses).layout
    expected = Data.of(layout, responses).expected(irt.simulate_parameters(spec, 200, [2] * 8, seed=8))
    np.testing.assert_allclose(expected.statistics[..., 0].sum(axis=0), (responses.values == 1).sum(axis=0))
    np.testing.assert_allclose(expected.statistics[..., 1].sum(axis=0), responses.observed.sum(axis=0))


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for case in ("groups", "2pl, missing"):
        program = compiled(*CASES[case]())
        params = program.constrain(np.zeros(program.dim))
        whole = Data.of(program.layout, program.responses).expected(params)
        monkeypatch.setattr("irtbridge.inference.expectation.CELLS", 1000)
        parts = Data.of(program.layout, program.responses).expected(params)
        np.testing.assert_allclose(parts.statistics, whole.statistics, atol=1e-10)
        assert parts.log_likelihood == pytest.approx(whole.log_likelihood)
        monkeypatch.undo()


@pytest.mark.parametrize("acceleration", ["squarem", "ramsay"])
def test_leaps_spare_steps(acceleration: str) -> None:
    program = compiled(*CASES["2pl, flat priors"]())
    slow, fast = (run(program, "em", acceleration=a, standard_errors=False) for a in ("none", acceleration))
    assert slow.objective is not None
    assert fast.objective is not None
    assert highest(fast) == pytest.approx(highest(slow), abs=1e-6)
    assert len(fast.objective) < 0.7 * len(slow.objective)
    assert np.diff(fast.objective).min() > -1e-8


def test_a_leap_that_leads_down_is_not_taken() -> None:
    """A leap that is always wrong: the climb is that without one, and no value is lower than the one before."""

    def step(z: np.ndarray) -> tuple[float, np.ndarray]:
        return float(-z @ z), z / 2

    wrong = ascend(step, np.ones(2), lambda *_: np.full(2, 100.0), 100, 1e-9)
    plainly = ascend(step, np.ones(2), plain, 100, 1e-9)
    np.testing.assert_array_equal(wrong.trace, plainly.trace)
    assert wrong.complete


def test_squarem_ends_a_linear_iteration_at_once() -> None:
    """Of one factor, 0.9: the leap is exact."""
    points = [np.array([1.0, -2.0]) * 0.9**k for k in range(3)]
    np.testing.assert_allclose(squarem(*points), 0.0, atol=1e-12)


def test_directions_that_bend_upwards_are_turned() -> None:
    turned = positive(np.array([np.diag([-2.0, 3.0]), np.diag([0.0, 1.0])]))
    np.testing.assert_allclose(turned[0], np.diag([2.0, 3.0]))
    assert (np.linalg.eigvalsh(turned[1]) > 0).all()


def test_too_few_steps_are_told() -> None:
    program = compiled(*CASES["2pl, flat priors"]())
    short = run(program, "em", max_iterations=5, standard_errors=False)
    assert short.optimum is not None
    assert not short.optimum.converged


def test_what_em_does_not_serve_is_refused() -> None:
    with pytest.raises(UnknownName, match="squarem"):
        make_settings("em", acceleration="aitken")
    spec = irt.one_pl()
    summed = [replace(v, zero_sum=v.name == "difficulty") for v in spec.variables]
    spec = replace(spec, variables=tuple(summed))
    responses = simulated(irt.one_pl(), 60, [2] * 20)
    with pytest.raises(ConfigError, match="method=map"):
        run(compiled(spec, responses), "em")
