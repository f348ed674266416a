"""The methods of the core on densities that are known, and what a fit reports of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import irtbridge as irt
from irtbridge import errors
from irtbridge.inference.collapsed import LaplaceSettings, MapSettings
from irtbridge.inference.modes import hessian_at
from irtbridge.inference.whitened_nuts import Sampler, StepSize
from irtbridge.testing import maximise_marginal

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


def test_map_under_flat_priors_is_marginal_maximum_likelihood() -> None:
    """Against an optimiser and a quadrature that share no code with the method's; and the published LSAT 7 fit."""
    fit = irt.fit("lsat7", "2pl", method="map", model_options=FLAT)
    expected, log_likelihood = maximise_marginal(irt.two_pl(), irt.load_responses("lsat7"))
    items = fit.items()
    for name in ("discrimination", "difficulty"):
        np.testing.assert_allclose(items[name, "mean"], expected[name], atol=2e-3)
    assert log_likelihood == pytest.approx(-2658.805, abs=5e-4)
    log_prior = -5 * (np.log(10 - 0.01) + np.log(40))
    assert fit.idata.sample_stats.lp.item() - log_prior == pytest.approx(log_likelihood, rel=1e-6)


def test_point_estimates_come_with_standard_errors() -> None:
    """Those published for the 2PL on LSAT 7 by maximum likelihood are about .19 for the first discrimination."""
    fit = irt.fit("lsat7", "2pl", method="map", model_options=FLAT)
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
    fit = irt.fit("lsat7", "2pl", method="laplace", seed=2)
    assert fit.pareto_k < 0.7
    assert 100 < fit.min_ess < 1000
    items = fit.items()
    np.testing.assert_allclose(items["discrimination", "ess_bulk"], fit.min_ess)
    np.testing.assert_allclose(items["difficulty", "mcse"], items["difficulty", "sd"] / np.sqrt(fit.min_ess))
    assert fit.idata.posterior.ability.sizes == {"chain": 1, "draw": 1000, "person": 1000}


def test_untrustworthy_weights_fall_back_as_asked() -> None:
    """Six persons: the posterior is far from normal, k-hat exceeds 0.7, and whitened NUTS takes over, or not."""
    data = irt.load_responses("lsat7").to_frame().iloc[[0, 40, 200, 300, 500, 999, 120, 77]]
    options = {"data_options": {"allow_empty": True}, "model_options": {"discrimination": "LogNormal(0, 2)"}}
    kept = irt.fit(data, "2pl", method="laplace", fallback="none", seed=1, **options)
    fallen = irt.fit(data, "2pl", method="laplace", seed=1, **options)
    assert kept.pareto_k > 0.7
    assert kept.draws.chain_method == "independent"
    assert fallen.pareto_k == pytest.approx(kept.pareto_k)
    assert fallen.draws.chain_method == "sequential"
    assert fallen.draws.z.shape[0] == 4


def test_vi_says_how_far_it_is_from_the_posterior() -> None:
    fit = irt.fit("lsat7", "2pl", method="vi", seed=1, steps=1500)
    assert fit.pareto_k > 0.7


@pytest.mark.parametrize("settings", [{"fallback": "nutz"}, {"draws": 0}])
def test_bad_settings_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(errors.ConfigError, match=r"nuts_collapsed|draws=0"):
        LaplaceSettings(**settings)  # type: ignore[arg-type]


def test_quadrature_comes_from_the_settings() -> None:
    assert MapSettings(n_nodes=31).collapse.n_nodes == 31
