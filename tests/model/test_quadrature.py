"""Abilities integrated out: quadrature, patterns, and abilities drawn back."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import irtbridge as irt
from irtbridge.data.load import load_responses
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError, SpecError
from irtbridge.inference.abilities import draw_abilities, expected_abilities, grid_for_draws
from irtbridge.inference.node_posterior import log_posterior_at, of_persons
from irtbridge.model import catalogue as models
from irtbridge.model.density import log_likelihood, marginal_log_likelihood
from irtbridge.model.layout import Layout
from irtbridge.model.noncentred import ability_at
from irtbridge.model.patterns import Patterns
from irtbridge.model.quadrature import Quadrature
from irtbridge.model.simulate import draw_from_prior, simulate_parameters, simulate_responses
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.arrays import Arrays

ONE_TRAIT = {
    "2pl": (models.two_pl, [2] * 30),
    "grm": (models.graded, [4] * 15),
    "gpcm": (models.generalized_partial_credit, [3, 4, 5] * 5),
}
DEFAULTS = {name: (*case, 1, 300) for name, case in ONE_TRAIT.items()} | {
    "2pl with 5 items": (models.two_pl, [2] * 5, 1, 300),
    "2pl with 400 items": (models.two_pl, [2] * 400, 1, 100),
    "gpcm with 40 items": (models.generalized_partial_credit, [5] * 40, 1, 100),
    "m2pl with 2 traits and 100 items": (lambda: models.m2pl(traits=2), [2] * 100, 2, 50),
    "m2pl with 2 traits": (lambda: models.m2pl(traits=2), [2] * 30, 2, 100),
    "m2pl with 3 traits": (lambda: models.m2pl(traits=3), [2] * 30, 3, 20),
}


def data(spec: ModelSpec, counts: list[int], n_persons: int = 300) -> tuple[dict[str, np.ndarray], Responses]:
    params = simulate_parameters(spec, n_persons, counts, seed=3)
    return params, simulate_responses(spec, params, counts, seed=4, missing=0.05)


@pytest.mark.parametrize("name", DEFAULTS)
def test_twice_the_nodes_change_nothing(name: str) -> None:
    """Doubling the nodes that are chosen moves the log likelihood by less than 1e-6 relative."""
    build, counts, n_traits, n_persons = DEFAULTS[name]
    params, responses = data(build(), counts, n_persons)
    chosen = Quadrature().chosen(n_traits, float(np.sum(responses.n_categories - 1))).n_nodes
    values = [
        marginal_log_likelihood(Layout.of(build(), responses, Quadrature(n)), params, responses).sum()
        for n in (0, chosen, 2 * chosen)
    ]
    assert values[0] == values[1]
    assert abs(values[2] / values[0] - 1) < 1e-6


def test_two_traits_factor_into_one_and_one() -> None:
    """Items that load on one trait each: the joint marginal likelihood is the product of the two."""
    q_matrix = [[1, 0]] * 4 + [[0, 1]] * 4
    spec = models.m2pl(q_matrix=q_matrix)
    params, responses = data(spec, [2] * 8)
    whole = marginal_log_likelihood(Layout.of(spec, responses, Quadrature(41)), params, responses).sum()
    parts = 0.0
    for trait, items in enumerate((slice(0, 4), slice(4, 8))):
        part = Responses.from_codes(responses.values[:, items], n_categories=[2] * 4)
        single = models.m2pl(traits=["only"], q_matrix=[[1]] * 4)
        loadings = params["discrimination"][items, trait : trait + 1]
        chosen = {"discrimination": loadings, "difficulty": params["difficulty"][items]}
        parts += marginal_log_likelihood(Layout.of(single, part, Quadrature(41)), chosen, part).sum()
    assert whole == pytest.approx(parts, rel=1e-10)


def test_patterns_count_everybody_once() -> None:
    lsat = load_responses("lsat7")
    patterns = Patterns.of(lsat)
    assert len(patterns.values) == 32
    assert patterns.counts.sum() == 1000
    statistics = patterns.statistics(Layout.of(models.two_pl(), lsat), missing=True)
    np.testing.assert_array_equal(patterns.counts @ statistics, [*(lsat.values == 1).sum(axis=0), *[0] * 5])


def test_rows_that_fill_up_count_nothing() -> None:
    lsat = load_responses("lsat7")
    roomy = Patterns.of(lsat, rows=50)
    assert len(roomy.values) == 50
    statistics = roomy.statistics(Layout.of(models.two_pl(), lsat), missing=True)
    assert roomy.counts[32:].sum() == statistics[32:].sum() == 0


def test_correlated_nodes_have_the_prior_covariance() -> None:
    spec = models.m2pl(q_matrix=[[1, 0], [0, 1]], correlated=True)
    _, responses = data(spec, [2, 2], n_persons=5)
    layout = Layout.of(spec, responses, Quadrature(41))
    params = {"trait_cholesky": np.array([[1, 0], [0.6, 0.8]])}
    nodes = ability_at(layout, Quadrature(41).standard_nodes(2), params)
    weights = np.exp(Quadrature(41).log_weights(2))
    np.testing.assert_allclose((nodes.T * weights) @ nodes, [[1, 0.6], [0.6, 1]], atol=1e-6)


@pytest.mark.parametrize("name", ["2pl", "grm"])
def test_abilities_drawn_back_have_their_conditional_distribution(name: str) -> None:
    """Kolmogorov-Smirnov for 6 persons against the conditional density by fine numerical integration.

    Bonferroni at 1e-4: one right sampler in 10,000 would fail. Moments agree with the expected abilities.
    """
    build, counts = ONE_TRAIT[name]
    params, responses = data(build(), counts, n_persons=6)
    layout = Layout.of(build(), responses, Quadrature(31))
    item_params = {k: v for k, v in params.items() if k != "ability"}
    n_draws = 4000
    repeated = {k: np.broadcast_to(v, (1, n_draws, *v.shape)) for k, v in item_params.items()}
    draws = draw_abilities(layout, repeated, responses, seed=1)[0]
    fine = np.linspace(-6, 6, 4001)
    for person in range(6):
        codes = responses.values[[person] * len(fine)]
        row = Responses.from_codes(codes, n_categories=responses.n_categories)
        full = Layout.of(build(), row)
        density = log_likelihood(full, {**item_params, "ability": fine}, row).sum(axis=1) - fine**2 / 2
        cumulative = np.cumsum(np.exp(density - density.max()))
        uniform = np.interp(draws[:, person], fine, cumulative / cumulative[-1])
        assert stats.kstest(uniform, "uniform").pvalue > 1e-4 / 6
    mean, sd = expected_abilities(layout, item_params, responses)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=5 * sd.max() / np.sqrt(n_draws))
    np.testing.assert_allclose(draws.std(axis=0), sd, rtol=0.06)


@pytest.mark.parametrize("slope", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("n_items", [3, 20, 100])
def test_the_grid_for_draws_is_coarse_and_fine_enough(n_items: int, slope: float) -> None:
    """Wherever a coarse grid starts, its sum is the same for every person: the draws are those of the density."""
    spec, counts = models.two_pl(), [2] * n_items
    params, responses = data(spec, counts, n_persons=50)
    item_params = {k: v[None] for k, v in params.items() if k != "ability"}
    item_params["discrimination"] = slope * item_params["discrimination"]
    layout = Layout.of(spec, responses, Quadrature(0))
    patterns = of_persons(layout, responses, np.float64)
    grid = grid_for_draws(layout, item_params, patterns)
    assert layout.collapse is not None
    if slope > 1 and grid == layout.collapse:
        return
    assert grid.n_nodes < 0.7 * layout.collapse.n_nodes
    shifts = grid.step * np.linspace(-0.5, 0.5, 8, endpoint=False)[:, None, None]
    repeated = {k: np.repeat(v, 8, axis=0) for k, v in item_params.items()}
    coarse = replace(layout, collapse=grid)
    _, log_posterior = log_posterior_at(coarse, repeated, patterns, grid.standard_nodes(1) + shifts)
    sums = np.exp(log_posterior - log_posterior.max(axis=(0, 1))).sum(axis=1)
    np.testing.assert_allclose(sums / sums.mean(axis=0), 1, atol=2e-3)


def test_draws_differ_from_the_grid() -> None:
    """The shift of the grid makes the draws continuous: no two draws of a person coincide."""
    build, counts = ONE_TRAIT["2pl"]
    params, responses = data(build(), counts, n_persons=3)
    layout = Layout.of(build(), responses, Quadrature(31))
    repeated = {k: np.broadcast_to(v, (1, 50, *v.shape)) for k, v in params.items() if k != "ability"}
    assert len(np.unique(draw_abilities(layout, repeated, responses, seed=1)[0, :, 0])) == 50


REFUSED = {
    "four traits": (lambda: models.m2pl(traits=4), "4 traits"),
    "uniform ability": (lambda: models.two_pl(ability="Uniform(-3, 3)"), "Normal or multivariate normal"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_integrated_out_names_another_method(case: str) -> None:
    build, message = REFUSED[case]
    responses = Responses.from_codes(np.array([[0, 1], [1, 0]]))
    with pytest.raises(SpecError, match=f"{message}.*method=nuts|method=nuts") as caught:
        Layout.of(build(), responses, Quadrature())
    assert message in str(caught.value)


DRAWING = ("laplace", "nuts_collapsed", "vi_collapsed")  # the modes of four traits come by scattered nodes


@pytest.mark.parametrize(("method", "case"), [*itertools.product(DRAWING, REFUSED), ("map", "uniform ability")])
def test_a_fit_of_what_cannot_be_integrated_out_is_refused(method: str, case: str) -> None:
    build, message = REFUSED[case]
    responses = Responses.from_codes(np.array([[0, 1] * 4, [1, 0] * 4]))
    with pytest.raises(SpecError, match=message):
        irt.fit(responses, build(), backend="pyro", method=method)


@pytest.mark.parametrize("settings", [{"n_nodes": 2}, {"n_nodes": 3.5}, {"half_width": 0}])
def test_impossible_quadratures_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=str(next(iter(settings.values())))):
        Quadrature(**settings)  # type: ignore[arg-type]


def test_layout_without_abilities_has_the_other_variables() -> None:
    spec = models.two_pl()
    responses = Responses.from_codes(np.array([[0, 1], [1, 0]]))
    layout = Layout.of(spec, responses, Quadrature())
    assert list(layout.slots) == ["discrimination", "difficulty"]
    assert layout.dim == 4
    assert set(draw_from_prior(layout, np.random.default_rng(0))) == {"discrimination", "difficulty"}


@pytest.mark.parametrize("uniform", [2.0**-53, 2.0**-25, 0.5, 1 - 2.0**-25, 1.0])
def test_no_ability_is_drawn_where_its_weight_is_nil(uniform: float) -> None:
    """At both ends of the uniform numbers too, and whatever rounding does to the sums."""
    weights = np.random.default_rng(1).uniform(size=(3, 301, 500)).astype(np.float32)
    weights[:, :100] = weights[:, 200:] = 0
    chosen = Arrays().choose(weights, np.full((3, 500), uniform))
    assert np.take_along_axis(weights, chosen[:, None].astype(int), axis=1).min() > 0
    reached = uniform * weights.sum(axis=1, dtype=float)[:, None]
    expected = (np.cumsum(weights, axis=1, dtype=float) < reached).sum(axis=1)
    if uniform == 0.5:  # at the ends single precision is off by several nodes of small weight
        assert np.abs(chosen.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("n_traits", [1, 2, 3])
def test_corners_interpolate_what_is_linear(n_traits: int) -> None:
    quadrature, rng = Quadrature(7), np.random.default_rng(3)
    nodes = quadrature.standard_nodes(n_traits)
    plane = rng.normal() + nodes @ rng.normal(size=n_traits)
    corners, weights = quadrature.corners(n_traits)
    assert corners.shape == (n_traits + 1,)
    np.testing.assert_allclose(weights @ plane[corners], plane, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
