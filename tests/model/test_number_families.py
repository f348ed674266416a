"""Families of fractions and counts against SciPy, direct formulas and one another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, special, stats

from irtbridge.data.responses import Responses
from irtbridge.errors import DataError, SpecError
from irtbridge.model import catalogue as models
from irtbridge.model.density import exponential_form, log_likelihood, marginal_log_likelihood
from irtbridge.model.families import Beta, Numbers, OrderedBeta, Poisson, family_from_dict
from irtbridge.model.layout import Layout
from irtbridge.model.quadrature import Quadrature
from irtbridge.model.simulate import draw_from_prior, simulate_parameters, simulate_responses
from irtbridge.model.spec import ModelSpec
from irtbridge.testing.cases import CASES, N_PERSONS, Case

Array = NDArray[np.float64]
ALPHA = 1e-4
# Those of several traits are in test_reduction.py.
OF_NUMBERS = [c for c in CASES if isinstance(c.spec.family, Numbers) and len(c.spec.traits) == 1]
every_case = pytest.mark.parametrize("case", OF_NUMBERS, ids=[case.name for case in OF_NUMBERS])

THETA = np.linspace(-3, 3, 7)
A = np.array([0.5, 1.3, 2.0])
B = np.array([-1.0, 0.2, 1.5])
PHI = np.array([0.7, 5.0, 80.0])
CUTS = np.array([-1.0, 2.0])
X = A * (THETA[:, None] - B)
Y = np.random.default_rng(1).uniform(0.01, 0.99, X.shape)


def log_density(spec: ModelSpec, values: Array, **params: Any) -> Array:
    """Log density of each response, shape (person, item)."""
    responses = Responses.from_numbers(values, spec.family.kind)
    arrays = {name: np.asarray(value, dtype=float) for name, value in {"ability": THETA, **params}.items()}
    return log_likelihood(Layout.of(spec, responses), arrays, responses)


def one_item(spec: ModelSpec, y: float, **params: Any) -> float:
    """Density of one response by a person of ability 0.3 to one item."""
    return float(np.exp(log_density(spec, np.array([[y]]), ability=[0.3], **params)[0, 0]))


# Against formulas written out


def test_poisson_is_scipys() -> None:
    counts = np.random.default_rng(2).poisson(3.0, X.shape)
    found = log_density(models.poisson_counts(item_discrimination=True), counts, discrimination=A, difficulty=B)
    np.testing.assert_allclose(found, stats.poisson.logpmf(counts, np.exp(X)), rtol=1e-12)


@pytest.mark.parametrize("precision", [PHI, 7.0])
def test_beta_is_scipys(precision: Any) -> None:
    spec = models.beta_irt(common_precision=np.ndim(precision) == 0)
    found = log_density(spec, Y, discrimination=A, difficulty=B, precision=precision)
    mean = special.expit(X)
    expected = stats.beta.logpdf(Y, mean * precision, (1 - mean) * precision)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("cuts", [CUTS, CUTS + np.array([[0.0], [0.5], [-2.0]])], ids=["common", "by item"])
def test_ordered_beta_by_hand(cuts: Array) -> None:
    values = Y.copy()
    values[:2], values[3] = 0, 1
    spec = models.ordered_beta(common_cutpoints=cuts.ndim == 1)
    found = log_density(spec, values, discrimination=A, difficulty=B, cutpoint=cuts, precision=PHI)
    zero, one = 1 - special.expit(X - cuts[..., 0]), special.expit(X - cuts[..., 1])
    mean = special.expit(X)
    between = (1 - zero - one) * stats.beta.pdf(Y, mean * PHI, (1 - mean) * PHI)
    expected = np.where(values == 0, zero, np.where(values == 1, one, between))
    np.testing.assert_allclose(np.exp(found), expected, rtol=1e-9)


@pytest.mark.parametrize("phi", [2.5, 30.0])
def test_densities_integrate_to_one(phi: float) -> None:
    item = {"discrimination": [1.2], "difficulty": [-0.4], "precision": [phi]}
    beta, ordered = models.beta_irt(), models.ordered_beta()
    inside = integrate.quad(lambda y: one_item(beta, y, **item), 0, 1)[0]
    assert inside == pytest.approx(1, abs=1e-6)
    with_ends = {**item, "cutpoint": CUTS}
    inside = integrate.quad(lambda y: one_item(ordered, y, **with_ends), 0, 1)[0]
    assert inside + one_item(ordered, 0, **with_ends) + one_item(ordered, 1, **with_ends) == pytest.approx(1, abs=1e-6)
    counts = [one_item(models.poisson_counts(), k, difficulty=[-1.0]) for k in range(60)]
    assert sum(counts) == pytest.approx(1, abs=1e-12)


def test_ordered_beta_without_ends_is_beta() -> None:
    same = {"discrimination": A, "difficulty": B, "precision": PHI}
    far = log_density(models.ordered_beta(), Y, cutpoint=[-60.0, 60.0], **same)
    np.testing.assert_allclose(far, log_density(models.beta_irt(), Y, **same), rtol=1e-9)


@every_case
def test_the_form_is_the_density(case: Case) -> None:
    """Statistics times natural parameters, and the base, of each response; leading axes as draws have them."""
    responses = case.responses()
    layout, family = Layout.of(case.spec, responses), case.spec.family
    draws = [draw_from_prior(layout, np.random.default_rng(seed)) for seed in range(3)]
    together = {name: np.stack([draw[name] for draw in draws]) for name in draws[0]}
    natural, base = exponential_form(layout, together)
    assert natural.shape == (*base.shape, family.n_statistics(layout.exists))
    statistics = family.statistics(responses.values, layout.exists)
    assert (statistics[~responses.observed] == 0).all()
    found = (statistics * natural).sum(axis=-1) + base
    expected = [log_likelihood(layout, draw, responses) for draw in draws]
    np.testing.assert_allclose(np.where(responses.observed, found, 0), expected, rtol=1e-9, atol=1e-12)


@every_case
@pytest.mark.parametrize("theta", [-30.0, 30.0])
def test_extreme_abilities_keep_densities_finite(case: Case, theta: float) -> None:
    responses = case.responses()
    layout = Layout.of(case.spec, responses)
    params = draw_from_prior(layout, np.random.default_rng(0))
    params["ability"] = np.full_like(params["ability"], theta)
    assert np.isfinite(log_likelihood(layout, params, responses)).all()


@every_case
def test_the_marginal_is_an_integral_over_the_ability(case: Case) -> None:
    """Of one person, by adaptive quadrature."""
    responses = case.responses().select([0])
    layout = Layout.of(case.spec, responses, Quadrature(401, 8.0))
    params = simulate_parameters(case.spec, N_PERSONS, case.n_categories, 1)  # those that the data are from
    whole = Layout.of(case.spec, responses)

    def integrand(theta: float) -> float:
        terms = log_likelihood(whole, {**params, "ability": np.array([theta])}, responses)
        return float(np.exp(terms.sum() + 40) * stats.norm.pdf(theta))

    expected = np.log(integrate.quad(integrand, -8, 8, epsabs=0, limit=500, points=np.linspace(-4, 4, 9))[0]) - 40
    assert marginal_log_likelihood(layout, params, responses).sum() == pytest.approx(expected, rel=1e-6)


# Simulation


def test_simulated_numbers_have_their_distributions() -> None:
    everybody = {"ability": np.full(4000, 0.4), "discrimination": A[1:2], "difficulty": B[1:2], "precision": PHI[1:2]}
    x = A[1] * (0.4 - B[1])
    mean, phi = special.expit(x), PHI[1]
    fractions = simulate_responses(models.beta_irt(), everybody, [1], 1).values[:, 0]
    assert stats.kstest(fractions, stats.beta(mean * phi, (1 - mean) * phi).cdf).pvalue > ALPHA
    ordered = simulate_responses(models.ordered_beta(), {**everybody, "cutpoint": CUTS}, [1], 2).values[:, 0]
    ends = 1 - special.expit(x - CUTS[0]), special.expit(x - CUTS[1])
    seen = [np.sum(ordered == 0), np.sum(ordered == 1)]
    assert stats.chisquare([*seen, 4000 - sum(seen)], 4000 * np.array([*ends, 1 - sum(ends)])).pvalue > ALPHA
    inside = ordered[(ordered > 0) & (ordered < 1)]
    assert stats.kstest(inside, stats.beta(mean * phi, (1 - mean) * phi).cdf).pvalue > ALPHA
    counts = simulate_responses(models.poisson_counts(), {**everybody, "difficulty": [-0.5]}, [1], 3).values[:, 0]
    expected = stats.poisson(np.exp(0.9)).pmf(np.arange(7))
    observed = np.bincount(np.minimum(counts, 7), minlength=8)
    assert stats.chisquare(observed, 4000 * np.r_[expected, 1 - expected.sum()]).pvalue > ALPHA


@every_case
def test_numbers_round_trip(case: Case) -> None:
    responses = case.responses()
    assert responses.kind == case.spec.family.kind
    assert (responses.values[~responses.observed] == -1).all()
    assert Responses.from_dict(responses.to_dict()).fingerprint == responses.fingerprint
    assert ModelSpec.from_dict(case.spec.to_dict()) == case.spec


# The length of a test


@pytest.mark.parametrize("phi", [0.3, 3.0, 60.0])
def test_no_fraction_tells_more_than_its_steps(phi: float) -> None:
    """Fisher information on x of a beta response, at most (phi + 4) / 4: as much as phi + 4 responses 0 or 1."""
    mean = special.expit(np.linspace(-12, 12, 201))
    trigamma = special.polygamma(1, mean * phi) + special.polygamma(1, (1 - mean) * phi)
    information = (phi * mean * (1 - mean)) ** 2 * trigamma
    assert information.max() <= (phi + 4) / 4


def test_steps_follow_the_data() -> None:
    spec = models.beta_irt()
    params = simulate_parameters(spec, 400, [1] * 10, 3)
    params["discrimination"] = np.full(10, 0.5)
    steps = []
    for phi in (3.0, 100.0):
        data = simulate_responses(spec, {**params, "precision": np.full(10, phi)}, [1] * 10, 4)
        steps.append(spec.family.steps(data) / 10 - 4)
    assert steps[0] == pytest.approx(3, rel=0.3)
    assert 30 < steps[1] < 130
    counts = Responses.from_numbers([[1, 2], [7, -1], [3, 2]], "counts")
    assert Poisson(discrimination=None).steps(counts) == pytest.approx(np.var(np.log([3.5, 7.5, 5.5])) * 4 * 5)
    counts = Responses.from_numbers([[1]] * 5 + [[99]], "counts")
    assert Poisson(discrimination=None).steps(counts) == pytest.approx(np.var(np.log([1.5] * 5 + [99.5])) * 2 * 99)


@pytest.mark.parametrize("case", OF_NUMBERS, ids=[case.name for case in OF_NUMBERS])
def test_twice_the_nodes_change_nothing(case: Case) -> None:
    """Of 15 items and slopes of 1: the log likelihood by a few hundredths at most."""
    counts = case.n_categories * 3
    params = simulate_parameters(case.spec, 60, counts, 8)
    params |= {name: np.ones_like(value) for name, value in params.items() if name == "discrimination"}
    responses = simulate_responses(case.spec, params, counts, 9)
    layout = Layout.of(case.spec, responses, Quadrature())
    assert layout.collapse is not None
    finer = Layout.of(case.spec, responses, Quadrature(2 * layout.collapse.n_nodes))
    here, there = (marginal_log_likelihood(one, params, responses).sum() for one in (layout, finer))
    assert here == pytest.approx(there, abs=0.05)


# What is refused


def test_ends_are_refused_by_beta_which_names_the_way_out() -> None:
    data = Responses.from_numbers([[0.2, 1.0], [0.3, 0.0]], "fractions", items=["speed", "skill"])
    with pytest.raises(DataError, match=r"'skill' has the response 1 .*2 responses.* ordered_beta"):
        Layout.of(models.beta_irt(), data)
    Layout.of(models.ordered_beta(), data)


@pytest.mark.parametrize("build", [models.beta_irt, models.ordered_beta])
def test_priors_that_allow_no_precision_or_cutpoint_are_refused(build: Any) -> None:
    with pytest.raises(SpecError, match=r"precision is positive; use a LogNormal"):
        build(precision="Normal(0, 1)")
    with pytest.raises(SpecError, match=r"cutpoints increase; use an OrderedNormal"):
        models.ordered_beta(cutpoint="Normal(0, 1)")


def test_slopes_of_counts_are_common_or_by_item() -> None:
    with pytest.raises(SpecError, match="take one"):
        models.poisson_counts(common_discrimination=True, item_discrimination=True)


@pytest.mark.parametrize("family", [Beta(precision="phi"), OrderedBeta(cutpoint="c"), Poisson(scaling=1.7)])
def test_a_family_reads_back_from_its_data(family: Any) -> None:
    assert family_from_dict(family.to_dict()) == family
