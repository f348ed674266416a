"""Few persons and many items: the approximation of the abilities, the items integrated out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, special, stats

import irtbridge as irt
from irtbridge.inference.items_integrated import ItemsIntegrated, serves
from irtbridge.inference.nodes_that_count import NodesThatCount
from irtbridge.model.layout import Layout
from irtbridge.model.quadrature import Quadrature

ABILITIES = np.array([-0.7, 0.2, 1.1])


def three_persons(missing: bool) -> irt.Responses:
    values = np.array([[0, 1, 1, 0], [1, 1, 0, 0], [1, 0, 1, 0]])
    values[1, 2] = -1 if missing else 0
    return irt.Responses.from_codes(values, n_categories=[2] * 4)


def integrated(responses: irt.Responses, spec: irt.ModelSpec) -> ItemsIntegrated:
    layout = Layout.of(spec, responses, Quadrature())
    density = ItemsIntegrated.of(layout, responses, ABILITIES)
    assert density is not None
    return density


@pytest.mark.parametrize("missing", [False, True])
def test_the_density_is_the_integral_over_each_items_parameters(missing: bool) -> None:
    responses = three_persons(missing)
    a, b = (
        line.reshape(shape)
        for line, shape in ((np.linspace(1e-3, 9, 1801), (-1, 1)), (np.linspace(-12, 12, 1201), (1, -1)))
    )
    prior = stats.lognorm(0.5).pdf(a) * stats.norm(0, 2).pdf(b)
    right = [1 / (1 + np.exp(-a * (ability - b))) for ability in ABILITIES]
    expected = -0.5 * np.sum(ABILITIES**2)
    for item in responses.values.T:
        each = [p if y == 1 else 1 - p for p, y in zip(right, item, strict=True) if y >= 0]
        joint = prior * np.prod(each, axis=0)
        expected += np.log(integrate.simpson(integrate.simpson(joint, x=b[0]), x=a[:, 0]))
    whole = integrated(responses, irt.two_pl())
    value, _ = NodesThatCount.near(whole, ABILITIES).value_and_grad(ABILITIES)
    assert value == pytest.approx(expected, abs=4e-3)  # an item's probability by a thousandth


@pytest.mark.parametrize("spec", [irt.two_pl(), irt.one_pl(), irt.two_pl(parameterization="intercept", scaling=1.7)])
def test_the_gradient_is_that_of_the_value(spec: irt.ModelSpec) -> None:
    density = NodesThatCount.near(integrated(three_persons(True), spec), ABILITIES)
    _, gradient = density.value_and_grad(ABILITIES)
    steps = 1e-5 * np.eye(3)
    ends = [(density.value_and_grad(ABILITIES + s)[0], density.value_and_grad(ABILITIES - s)[0]) for s in steps]
    np.testing.assert_allclose(gradient, [(up - down) / 2e-5 for up, down in ends], atol=1e-6)


def test_nodes_that_count_near_the_abilities_give_the_density_where_draws_of_them_lie() -> None:
    """As all nodes do: of the value, and of the draws' values, in single precision and on grids shifted anew."""
    params = irt.simulate_parameters(irt.two_pl(), 20, [2] * 60, seed=3)
    responses = irt.simulate_responses(irt.two_pl(), params, [2] * 60, seed=4, missing=0.1)
    whole = ItemsIntegrated.of(Layout.of(irt.two_pl(), responses, Quadrature()), responses, params["ability"])
    assert whole is not None
    few, rng = NodesThatCount.near(whole, params["ability"]), np.random.default_rng(1)
    assert len(few.lines[0].node) < 0.4 * len(whole.nodes) * 60
    for away in 0.3 * rng.standard_normal((5, 20)):
        abilities = params["ability"] + away
        by_item = special.logsumexp(whole.by_node(abilities, whole.nodes), axis=1)
        expected = by_item.sum() + whole.log_prior(abilities)[0]
        assert few.value_and_grad(abilities)[0] == pytest.approx(expected, abs=60e-3 / 4)
        assert few.draw(abilities, rng)[0] == pytest.approx(expected, abs=60e-3 / 4)


def test_items_are_drawn_from_their_posterior_given_the_abilities() -> None:
    """Means and standard deviations of 4,000 draws, against sums over all nodes."""
    responses, rng = three_persons(True), np.random.default_rng(2)
    whole = integrated(responses, irt.two_pl())
    few, weights = NodesThatCount.near(whole, ABILITIES), special.softmax(whole.by_node(ABILITIES, whole.nodes), axis=1)
    drawn = np.array([few.draw(ABILITIES, rng)[1] for _ in range(4000)])
    mean = weights @ whole.nodes
    sd = np.sqrt(weights @ whole.nodes**2 - mean**2)
    assert np.abs((drawn.mean(axis=0) - mean) / (sd / 4000**0.5)).max() < 4
    np.testing.assert_allclose(drawn.std(axis=0), sd, rtol=0.05)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (irt.three_pl(), "curves with asymptotes"),
        (irt.two_pl(discrimination="Normal(1, 1)"), "slopes whose sign is open"),
        (irt.m2pl(), "several traits"),
    ],
)
def test_models_that_no_grid_of_items_holds_are_left_to_others(spec: irt.ModelSpec, reason: str) -> None:
    responses = three_persons(False)
    assert not serves(Layout.of(spec, responses), responses), reason


def test_where_parameters_are_more_than_draws_the_abilities_are_approximated() -> None:
    spec = irt.two_pl()
    params = irt.simulate_parameters(spec, 15, [2] * 110, seed=1)
    responses = irt.simulate_responses(spec, params, [2] * 110, seed=2)
    fit = irt.fit(responses, spec, method="laplace", draws=200)
    assert fit.draws.chain_method == "independent"
    assert fit.pareto_k < 0.7
    assert fit.verdict.trusted or fit.min_ess < 400
    more = fit.extend(draws=100)
    assert more.draws.z.shape[1] == 300
    standard = (fit.persons()["ability", "mean"].to_numpy() - params["ability"]) / fit.persons()["ability", "sd"]
    assert stats.kstest(standard, "norm").pvalue > 0.001


@pytest.mark.long
def test_draws_are_those_of_nuts() -> None:
    spec = irt.two_pl()
    params = irt.simulate_parameters(spec, 20, [2] * 60, seed=3)
    responses = irt.simulate_responses(spec, params, [2] * 60, seed=4)
    ours = irt.fit(responses, spec, method="laplace", draws=119)
    chains = irt.fit(responses, spec, method="nuts_whitened", draws=250, chains=4)
    for name in ("discrimination", "difficulty"):
        a, b = ours.items()[name], chains.items()[name]
        z = (a["mean"] - b["mean"]) / np.hypot(a["mcse"], b["mcse"])
        assert np.abs(z).max() < 4.5  # of 60, by chance once in 2,500 runs
        # Slopes are skewed: of 119 draws an SD has a standard error of a tenth, the mean over items one of .015.
        ratios = np.log(a["sd"] / b["sd"])
        assert abs(ratios.mean()) < 0.06
        assert np.abs(ratios).max() < 0.5
