"""The methods of the core on densities that are known, and what a fit reports of them."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import irtbridge as irt
from irtbridge import errors
from irtbridge.inference import METHODS, compile_for, make_settings
from irtbridge.inference.chains import inside
from irtbridge.inference.climbing import hessian_at
from irtbridge.inference.intercepts import InterceptProgram
from irtbridge.inference.laplace import LaplaceSettings, fall_back
from irtbridge.inference.map import MapSettings
from irtbridge.inference.nuts import Sampler, StepSize
from irtbridge.model.density import log_density_terms
from irtbridge.plugin.loading import load_backend
from irtbridge.plugin.program import silent
from irtbridge.results.quiet_arviz import az
from irtbridge.testing import maximise_marginal

pytestmark = pytest.mark.usefixtures("compiled_once")

DF = 7.0


def student(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log density and gradient of independent Student t variables: heavier tails than the metric expects."""
    return np.sum(-(DF + 1) / 2 * np.log1p(w**2 / DF), axis=-1), -(DF + 1) * w / (DF + w**2)


def test_numpy_nuts_draws_from_a_student_t() -> None:
    """Thinned draws of 5 coordinates by Kolmogorov-Smirnov; Bonferroni at 1e-4."""
    sampler, step = Sampler(student, np.zeros(5), np.random.default_rng(1), 8), StepSize(0.7, 0.8)
    for _ in range(200):
        step.update(sampler.draw(float(np.exp(step.log_step)))[1]["acceptance_rate"])
    rows = [sampler.draw(float(np.exp(step.log_mean))) for _ in range(4000)]
    draws = np.stack([w for w, _ in rows])[::4]
    for column in draws.T:
        assert stats.kstest(column, stats.t(DF).cdf).pvalue > 1e-4 / 5
    assert np.mean([s["acceptance_rate"] for _, s in rows]) == pytest.approx(0.8, abs=0.1)
    assert not any(s["diverging"] for _, s in rows)
    assert max(s["n_steps"] for _, s in rows) <= 2**8 - 1


def test_numpy_nuts_reports_divergences() -> None:
    def cliff(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.where(w[0] > 0, -1e6, 0.0) - 0.5 * w @ w, -w

    sampler = Sampler(cliff, -np.ones(1), np.random.default_rng(1), 6)
    assert any(sampler.draw(0.5)[1]["diverging"] for _ in range(50))


def test_hessian_by_differences_of_gradients() -> None:
    z = np.array([0.3, -0.7, 1.1])
    second = -(DF + 1) * (DF - z**2) / (DF + z**2) ** 2
    np.testing.assert_allclose(hessian_at(student, z), np.diag(second), atol=1e-5)


FLAT = {"discrimination": "Uniform(0.01, 10)", "difficulty": "Uniform(-20, 20)"}


@cache
def flat_map() -> irt.Fit:
    return irt.fit("lsat7", "2pl", method="map", model_options=FLAT)


@cache
def laplace() -> irt.Fit:
    return irt.fit("lsat7", "2pl", method="laplace", seed=2)


def test_map_under_flat_priors_is_marginal_maximum_likelihood() -> None:
    """Against an optimiser and a quadrature that share no code with the method's; and the published LSAT 7 fit."""
    fit = flat_map()
    expected, log_likelihood = maximise_marginal(irt.two_pl(), irt.load_responses("lsat7"))
    items = fit.items()
    for name in ("discrimination", "difficulty"):
        np.testing.assert_allclose(items[name, "mean"], expected[name], atol=2e-3)
    assert log_likelihood == pytest.approx(-2658.805, abs=5e-4)
    log_prior = -5 * (np.log(10 - 0.01) + np.log(40))
    assert fit.idata.sample_stats.lp.item() - log_prior == pytest.approx(log_likelihood, rel=1e-6)


def test_point_estimates_come_with_standard_errors() -> None:
    """Those published for the 2PL on LSAT 7 by maximum likelihood are about .19 for the first discrimination."""
    fit = flat_map()
    items, persons = fit.items(), fit.persons()
    assert items.loc["item1", ("discrimination", "sd")] == pytest.approx(0.186, abs=0.01)
    assert np.isnan(items["discrimination", "ess_bulk"]).all()
    assert np.isnan(fit.min_ess)
    assert (persons["ability", "sd"] > 0).all()
    assert persons["ability", "mean"].iloc[0] < persons["ability", "mean"].iloc[-1]


def test_the_maximum_is_the_same_without_standard_errors() -> None:
    """Same estimates, the same log density to one part in a million, and NaN where nothing was computed."""
    bare, full = (irt.fit("lsat7", "2pl", method="map", standard_errors=wanted) for wanted in (False, True))
    np.testing.assert_allclose(bare.draws.stats["lp"], full.draws.stats["lp"], rtol=1e-6)
    estimate, expected = bare.items(), full.items()
    np.testing.assert_allclose(estimate["difficulty", "mean"], expected["difficulty", "mean"], atol=5e-3)
    assert bare.draws.standard_errors is not None
    assert all(np.isnan(bare.draws.standard_errors[name]).all() for name in ("discrimination", "difficulty"))
    assert np.isfinite(expected["difficulty", "sd"]).all()


def test_weighted_draws_report_the_effective_size_of_their_weights() -> None:
    fit = laplace()
    assert fit.pareto_k < 0.7
    assert 100 < fit.min_ess < 1000
    items = fit.items()
    np.testing.assert_allclose(items["discrimination", "ess_bulk"], fit.min_ess)
    np.testing.assert_allclose(items["difficulty", "mcse"], items["difficulty", "sd"] / np.sqrt(fit.min_ess))
    assert fit.idata.posterior.ability.sizes == {"chain": 1, "draw": 1000, "person": 1000}


@pytest.mark.parametrize(("draws", "shape"), [(20, (4, 5)), pytest.param(90, (4, 23), marks=pytest.mark.long)])
def test_untrustworthy_weights_fall_back_as_asked(draws: int, shape: tuple[int, int]) -> None:
    """So few draws have no k-hat: whitened NUTS takes over, with as many draws, or not."""
    kept = irt.fit("lsat7", "2pl", method="laplace", fallback="none", seed=1, draws=20)
    assert kept.pareto_k > 0.7
    assert kept.draws.chain_method == "independent"
    settings = LaplaceSettings(draws=draws)
    fallen = fall_back(kept.program, settings, kept.draws, 1, silent, pytest.fail)
    assert fallen.pareto_k == kept.pareto_k
    assert fallen.chain_method == "sequential"
    assert fallen.z.shape[:2] == shape
    assert all(np.shape(value) == shape for value in fallen.stats.values())
    assert fallen.timings.total > kept.timings.total - kept.timings.compile


@pytest.mark.long
def test_chains_that_disagree_in_a_fallback_are_an_error() -> None:
    """A posterior in two parts far from each other, of which each chain sees one."""
    kept = irt.fit("lsat7", "2pl", method="laplace", fallback="none", seed=1)
    assert isinstance(kept.program, InterceptProgram)
    program = Split(kept.program, kept.draws.z[0, :, 0].mean(), 8 * kept.draws.z[0, :, 0].std())
    with pytest.raises(errors.NumericalError, match=r"k-hat .*R-hat .*tighter priors"):
        fall_back(program, LaplaceSettings(draws=40), kept.draws, 1, silent, pytest.fail)


class Split(InterceptProgram):
    """A program whose chains find a ridge across the first coordinate where its mode was."""

    def __init__(self, program: InterceptProgram, centre: float, width: float, height: float = 0.0) -> None:
        super().__init__(program.program, program.intercepts)
        self.centre, self.width, self.height = centre, width, height

    def for_chains(self) -> Split:
        return Split(self, self.centre, self.width, 200.0)

    def value_and_grad(self, z: np.ndarray, *, jacobian: bool = True) -> tuple[np.ndarray, np.ndarray]:
        value, gradient = super().value_and_grad(z, jacobian=jacobian)
        away = (np.asarray(z)[..., 0] - self.centre) / self.width
        gradient = gradient + np.eye(self.dim)[0] * (2 * self.height * (1 - away**2) * 2 * away / self.width)[..., None]
        return value - self.height * (1 - away**2) ** 2, gradient


@pytest.mark.parametrize(("backend", "seed"), [("pyro", 1), ("pyro", 2), ("tfp", 1)])
def test_items_that_tell_little_have_a_posterior(backend: str, seed: int) -> None:
    """Short tests with missing responses under a wide prior of the slopes: no draw five prior deviations away."""
    true = irt.simulate_parameters(irt.two_pl(discrimination="LogNormal(0, 0.3)"), 100, [2] * 8, seed)
    responses = irt.simulate_responses(irt.two_pl(), true, [2] * 8, seed + 100, missing=0.1)
    spec = irt.two_pl(discrimination="LogNormal(0, 2)")
    fit = irt.fit(responses, spec, backend=backend, method="laplace", seed=seed, draws=200)
    slopes = fit.idata.posterior.discrimination.values
    assert np.abs(np.log(slopes)).max() < 5 * 2
    assert (np.median(slopes, axis=(0, 1)) < 10).all()
    assert (fit.items()["difficulty", "sd"] < 4).all()


@pytest.mark.parametrize("backend", ["pyro", pytest.param("tfp", marks=pytest.mark.long)])
@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.long)])
@pytest.mark.parametrize("build", [irt.two_pl, irt.three_pl, irt.graded, irt.generalized_partial_credit])
def test_a_likelihood_of_steep_slopes_is_no_rounding_error(backend: str, dtype: str, build: Any) -> None:
    """The log likelihood of discrete responses is below 0, and the same for every slope that makes a step."""
    spec, data = build(discrimination="LogNormal(0, 2)"), irt.load_responses("lsat7")
    program = compile_for(load_backend(backend), spec, data, make_settings("map"), device="cpu", dtype=dtype)
    at = {name: np.asarray(value) for name, value in program.constrain(np.zeros(program.dim)).items()}
    steep = [at | {"discrimination": np.array([1.0, 1.0, slope, 1.0, 1.0])} for slope in (1e6, 1e12, 1e18)]
    terms = [log_density_terms(program.layout, params, data) for params in steep]
    found = [float(program.log_density(p)) - t["discrimination"] for p, t in zip(steep, terms, strict=True)]
    expected = [sum(t.values()) - t["discrimination"] for t in terms]
    assert max(t["response"] for t in terms) < 0
    np.testing.assert_allclose(found, expected[:1] * 3, rtol=1e-9 if dtype == "float64" else 1e-4)


def test_arviz_does_not_overstate_weighted_draws() -> None:
    """Copies of a draw stand side by side, so their autocorrelation tells: ArviZ finds no more than the weights say.

    Averaged over ten parameters; copies in random order would give about 1,000.
    """
    fit = laplace()
    sizes = az.ess(fit.idata.posterior[["discrimination", "difficulty"]], method="mean").to_array()
    assert 0.5 * fit.min_ess < float(sizes.mean()) < 1.05 * fit.min_ess


def test_chains_begin_where_draws_are() -> None:
    """However far too wide the normal approximation is in a direction, the start's density is one of draws."""
    precision = np.array([1.0, 1.0, 1e6])

    def density(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return -0.5 * np.sum(precision * w**2), -precision * w

    for seed in range(20):
        start = inside(density, np.random.default_rng(seed).standard_normal(3))
        assert density(start)[0] > -1.5 - 5 * np.sqrt(1.5)


@pytest.mark.long
def test_vi_says_how_far_it_is_from_the_posterior() -> None:
    fit = irt.fit("lsat7", "2pl", method="vi", seed=1, steps=1500)
    assert fit.pareto_k > 0.7


@pytest.mark.parametrize("settings", [{"fallback": "nutz"}, {"draws": 0}])
def test_bad_settings_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(errors.ConfigError, match=r"nuts_collapsed|draws=0"):
        LaplaceSettings(**settings)  # type: ignore[arg-type]


def test_quadrature_comes_from_the_settings() -> None:
    assert MapSettings(n_nodes=31).collapse.n_nodes == 31


def test_every_method_has_a_colour_of_its_own() -> None:
    colours = [method.colour for method in METHODS.values()]
    assert len(set(colours)) == len(colours)
    assert all(re.fullmatch("#[0-9A-F]{6}", colour) for colour in colours)


@pytest.mark.parametrize("method", METHODS)
def test_a_first_look_takes_fewer_steps_than_the_defaults(method: str) -> None:
    smaller, defaults = make_settings(method, **METHODS[method].smoke), make_settings(method)
    for name, cap in METHODS[method].smoke.items():
        assert getattr(smaller, name) == cap < getattr(defaults, name)


def test_items_that_all_solved_are_kept_where_the_priors_count() -> None:
    """Named, their parameters those that the prior allows; refused where told so."""
    frame = irt.load_dataset("lsat7").to_frame().head(200).assign(solved=1)
    fit = irt.fit(frame, "1pl", method="map")
    assert any("'solved', only 1, was kept" in note for note in fit.responses.notes)
    difficulty = fit.items()["difficulty", "mean"]
    assert difficulty.idxmin() == "solved"
    assert np.isfinite(fit.items()["difficulty", "sd"]).all()
    with pytest.raises(errors.DataError, match="only one category"):
        irt.fit(frame, "1pl", method="map", data_options={"allow_constant": False})


@pytest.mark.parametrize("method", ["cmle", "jmle"])
def test_items_that_all_solved_are_left_out_where_the_likelihood_is_alone(method: str) -> None:
    """Named, and the others as without them."""
    frame = irt.load_dataset("lsat7").to_frame().head(200)
    fit = irt.fit(frame.assign(solved=1), "1pl", method=method)
    assert any("left out: 'solved' (1)" in note for note in fit.responses.notes)
    pd.testing.assert_frame_equal(fit.items(tidy=True), irt.fit(frame, "1pl", method=method).items(tidy=True))
