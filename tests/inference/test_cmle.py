"""Conditional maximum likelihood: against enumeration, invariances, recovery, and what it refuses."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize, special, stats

import irtbridge as irt
from irtbridge import errors
from irtbridge.inference.cmle import conditioned
from irtbridge.inference.conditional import CategoryWeights, maximise
from irtbridge.model.density import marginal_log_likelihood
from irtbridge.model.layout import Layout
from irtbridge.model.quadrature import Quadrature

pytestmark = pytest.mark.usefixtures("compiled_once")
Array = NDArray[np.float64]


@cache
def lsat(backend: str = "pyro", **options: Any) -> irt.Fit:
    return irt.fit("lsat7", "1pl", method="cmle", backend=backend, model_options=options)


def estimates(fit: irt.Fit, parameter: str = "difficulty", statistic: str = "mean") -> Array:
    return fit.items()[parameter, statistic].to_numpy(dtype=float)


def enumerated(values: NDArray[np.int64], difficulty: Array) -> float:
    """Conditional log likelihood of complete responses of two categories, over all patterns of each sum."""
    patterns = np.array([*itertools.product([0, 1], repeat=values.shape[1])])
    log_product, sums = -patterns @ difficulty, patterns.sum(axis=1)
    log_gamma = np.array([special.logsumexp(log_product[sums == r]) for r in range(values.shape[1] + 1)])
    return float((-values @ difficulty - log_gamma[values.sum(axis=1)]).sum())


def test_against_another_optimiser_over_all_patterns() -> None:
    """Estimates, log likelihood and standard errors of LSAT 7."""
    values, fit, basis = irt.load_responses("lsat7").values, lsat(), special_basis(5)
    found = optimize.minimize(lambda u: -enumerated(values, basis @ u), np.zeros(4), method="BFGS", tol=1e-9)
    np.testing.assert_allclose(estimates(fit), basis @ found.x, atol=1e-5)
    assert fit.idata.sample_stats.lp.item() == pytest.approx(-found.fun, abs=1e-7)
    step = 1e-3 * np.eye(4)
    at = lambda u: enumerated(values, basis @ (found.x + u))  # noqa: E731
    curvature = [[(at(a + b) - at(a - b) - at(b - a) + at(-a - b)) / 4e-6 for a in step] for b in step]
    covariance = basis @ np.linalg.inv(-np.array(curvature)) @ basis.T
    np.testing.assert_allclose(estimates(fit, statistic="sd"), np.sqrt(np.diag(covariance)), rtol=1e-4)


def special_basis(n: int) -> Array:
    """Vectors that sum to zero."""
    return np.vstack([np.eye(n - 1), -np.ones(n - 1)])


def test_difficulties_sum_to_zero() -> None:
    assert estimates(lsat()).sum() == pytest.approx(0, abs=1e-9)


@pytest.mark.long
def test_backends_agree() -> None:
    pyro, tfp = lsat(), lsat("tfp")
    np.testing.assert_allclose(estimates(tfp), estimates(pyro), atol=1e-12)
    np.testing.assert_allclose(tfp.persons(), pyro.persons(), atol=1e-9)


def test_the_same_in_intercepts_and_in_another_metric() -> None:
    intercepts, ogive = lsat(parameterization="intercept"), lsat(scaling=1.702)
    np.testing.assert_allclose(estimates(intercepts, "intercept"), -estimates(lsat()), atol=1e-9)
    np.testing.assert_allclose(1.702 * estimates(ogive), estimates(lsat()), atol=1e-9)
    assert 1.702 * ogive.shared().loc["ability_sd", "mean"] == pytest.approx(
        lsat().shared().loc["ability_sd", "mean"], abs=1e-4
    )


def test_a_known_item_moves_all_items_alike() -> None:
    known = irt.fit("lsat7", "1pl", method="cmle", fixed={"difficulty": {"item1": -2.0}})
    moved = estimates(known) - estimates(lsat())
    np.testing.assert_allclose(moved, moved[0], atol=1e-7)
    assert estimates(known)[0] == -2
    assert known.idata.sample_stats.lp.item() == pytest.approx(lsat().idata.sample_stats.lp.item(), abs=1e-8)


def test_mean_and_sd_of_the_abilities_maximise_the_marginal_likelihood() -> None:
    """Given the items, by the reference density: lower a hundredth away on every side."""
    fit, responses = lsat(), irt.load_responses("lsat7")
    layout = Layout.of(fit.spec, responses, Quadrature())
    params = {name: value[0, 0] for name, value in fit.program.constrain(fit.draws.z).items()}
    best = marginal_log_likelihood(layout, params, responses).sum()
    for name, step in itertools.product(("ability_mean", "ability_sd"), (-0.01, 0.01)):
        moved = params | {name: params[name] + step}
        assert marginal_log_likelihood(layout, moved, responses).sum() < best
    shared = fit.shared()
    assert (shared["sd"] > 0.02).all()


def simulated(model: str, persons: int, categories: list[int], seed: int) -> tuple[irt.Responses, dict[str, Array]]:
    """Responses of persons with skewed abilities, a tenth of them missing."""
    rng, spec = np.random.default_rng([seed, 1]), irt.build_model(model)
    params = irt.simulate_parameters(spec, persons, categories, seed=seed)
    params["ability"] = stats.gamma(2).rvs(persons, random_state=rng) - 2
    responses = irt.simulate_responses(spec, params, categories, seed=seed)
    holes = rng.uniform(size=responses.values.shape) < 0.1
    return responses.with_values(np.where(holes, -1, responses.values)), params


def weights_over(model: str, responses: irt.Responses) -> CategoryWeights:
    return CategoryWeights.of(Layout.of(conditioned(irt.build_model(model)), responses))


@pytest.mark.parametrize(("model", "categories"), [("1pl", [2] * 12), ("pcm", [2, 3, 4, 3, 2, 3]), ("rsm", [4] * 6)])
def test_items_are_recovered_whatever_the_distribution_of_abilities(model: str, categories: list[int]) -> None:
    """Squared distance in standard errors is chi-squared, at 1e-3."""
    responses, params = simulated(model, 2000, categories, seed=7)
    weights = weights_over(model, responses)
    found = maximise(weights, responses.values, responses.weights_or_ones)
    truth = np.concatenate([_site(weights, model, params, responses)])
    away = np.linalg.lstsq(found.factor, found.parameters - weights.basis @ weights.basis.T @ truth)[0]
    assert found.optimum.converged
    assert stats.chi2.sf(away @ away, weights.n_free) > 1e-3


def _site(weights: CategoryWeights, model: str, params: dict[str, Array], responses: irt.Responses) -> Array:
    """True parameters as `full_arrays` has them, moved so that their mean location is zero."""
    layout = Layout.of(irt.build_model(model), responses)
    truth = np.concatenate(
        [slot.to_site(params[name]).ravel() for name, slot in layout.slots.items() if name != "ability"]
    )
    along = np.linalg.lstsq(weights.design.reshape(-1, len(truth)), _points(weights).ravel())[0]
    mean = weights.locations.mean(axis=0)
    return truth - along * (mean @ truth) / (mean @ along)


def _points(weights: CategoryWeights) -> Array:
    there = np.isfinite(weights.offset)
    return np.where(there, np.arange(1, there.shape[1] + 1), 0)


def test_rows_with_weights_are_that_many_persons_and_the_uninformative_do_not_count() -> None:
    responses, _ = simulated("pcm", 300, [2, 3, 4, 3], seed=3)
    weights, values = weights_over("pcm", responses), responses.values
    counts = np.random.default_rng(1).integers(1, 4, len(values))
    weighted = maximise(weights, values, counts.astype(float))
    repeated = np.repeat(values, counts, axis=0)
    extremes = np.array([[0, 0, 0, 0], [1, 2, 3, 2], [-1, 1, -1, -1], [-1, -1, -1, -1]])
    padded = np.concatenate([repeated, np.tile(extremes, (50, 1))])
    for rows in (repeated, padded):
        found = maximise(weights, rows, np.ones(len(rows)))
        np.testing.assert_allclose(found.parameters, weighted.parameters, atol=1e-6)
        np.testing.assert_allclose(found.factor @ found.factor.T, weighted.factor @ weighted.factor.T, atol=1e-6)
        assert found.log_likelihood == pytest.approx(weighted.log_likelihood)


def test_a_person_with_one_answer_is_legal_and_said() -> None:
    frame = irt.load_responses("lsat7").select(slice(0, 1000, 5)).to_frame().astype(float)
    frame.iloc[0, 1:] = np.nan
    with pytest.warns(errors.IRTBridgeWarning, match="1 of 200 persons answered one item only"):
        fit = irt.fit(frame, "1pl", method="cmle")
    np.testing.assert_allclose(estimates(fit), estimates(irt.fit(frame.iloc[1:], "1pl", method="cmle")), atol=1e-7)
    assert np.isfinite(fit.persons()["ability", "mean"]).all()


REFUSED: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("2pl", {}, ("'2pl'", "sufficient", "1pl, pcm and rsm", "method=map")),
    ("3pl", {}, ("sufficient",)),
    ("grm", {}, ("sufficient",)),
    ("m2pl", {}, ("sufficient",)),
    ("beta", {}, ("sufficient",)),
    ("1pl", {"common_discrimination": True}, ("same model", "leave out common_discrimination")),
    ("1pl", {"invariance": "scalar"}, ("ability_mean", "leave out groups")),
    ("1pl", {"difficulty": "Normal(0, 2)", "difficulty_on": "x"}, ("difficulty_sd", "method=map")),
]


@pytest.mark.parametrize(("model", "options", "parts"), REFUSED)
def test_models_without_sufficient_scores_are_refused(
    model: str, options: dict[str, Any], parts: tuple[str, ...]
) -> None:
    with pytest.raises(errors.SpecError) as refused:
        irt.fit("lsat7", model, method="cmle", model_options=options)
    assert [part for part in parts if part not in str(refused.value)] == []


def test_the_model_as_it_is_fitted_is_fitted_again_as_it_is() -> None:
    once = conditioned(irt.one_pl())
    assert conditioned(once) is once
    assert once["ability"].prior.references() == {"loc": "ability_mean", "scale": "ability_sd"}


def test_items_without_a_finite_estimate_are_named() -> None:
    """An item that everybody solves but a person without points; two parts of a test that nobody links."""
    rng = np.random.default_rng(1)
    values = rng.integers(0, 2, (60, 5)).astype(float)
    values[:, 3] = 1
    values[0] = 0
    with pytest.raises(errors.NumericalError, match=r"'item4' are not finite.*drop=\['item4'\].*method=map"):
        irt.fit(values, "1pl", method="cmle")
    apart = rng.integers(0, 2, (60, 5)).astype(float)
    apart[:30, :2] = np.nan
    apart[30:, 2:] = np.nan
    with pytest.raises(errors.NumericalError, match="'item1', 'item2' are not finite"):
        irt.fit(apart, "1pl", method="cmle")


def test_a_category_of_extreme_persons_only_is_named() -> None:
    values = np.random.default_rng(2).integers(0, 2, (80, 4)).astype(float)
    values[:40, 0] = 2
    values[0] = [3, 1, 1, 1]
    with pytest.raises(errors.NumericalError, match=r"'item1' are not finite: a category.*drop=\['item1'\]"):
        irt.fit(values, "pcm", method="cmle")


def test_nobody_tells_anything() -> None:
    with pytest.raises(errors.NumericalError, match="nobody's responses"):
        irt.fit([[0, 0], [1, 1], [1, 1]], "1pl", method="cmle")


def test_known_items_leave_the_population_alone() -> None:
    """With every item known, the mean and SD are those of the marginal likelihood given the items."""
    bank = irt.fit("lsat7", "1pl", method="map")
    found, same = (irt.fit("lsat7", "1pl", method=method, fixed=bank) for method in ("cmle", "map"))
    np.testing.assert_array_equal(found.items()["difficulty"]["mean"], bank.items()["difficulty"]["mean"])
    # The priors of mean and SD under `map` move them by a fiftieth of a standard error.
    np.testing.assert_allclose(found.shared()["mean"], same.shared()["mean"], atol=0.02 * same.shared()["sd"].max())
