"""Variational methods of the core: on a normal they are exact, on a posterior k-hat says what they are worth."""

from __future__ import annotations

import numpy as np
import pytest

import irtbridge as irt
from irtbridge.inference.climbing import Mode
from irtbridge.inference.curvature import WholeCurvature
from irtbridge.inference.vi_collapsed import fit_guide
from irtbridge.inference.vi_newton import NewtonViSettings, fit_mean_field
from irtbridge.plugin.program import silent

pytestmark = pytest.mark.usefixtures("compiled_once")

CENTRE = np.array([0.4, -1.2, 0.7])
COVARIANCE = np.array([[1.0, 0.6, 0.0], [0.6, 2.0, 0.3], [0.0, 0.3, 0.5]])


class Normal:
    """A program whose posterior is normal."""

    dim, spec = 3, irt.two_pl()
    precision = np.linalg.inv(COVARIANCE)

    def value_and_grad(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        away = z - CENTRE
        return -0.5 * np.sum(away @ self.precision * away, axis=-1), -away @ self.precision


def test_collapsed_vi_is_exact_for_a_normal() -> None:
    """Wherever it starts: the guide's family has this posterior, and its ELBO is then the evidence, draw by draw."""
    mode = Mode(np.zeros(3), 0.0, WholeCurvature(Normal.precision), 0)
    half = np.random.default_rng(1).standard_normal((32, 3))
    half /= np.sqrt(np.mean(half**2, axis=0))
    guide, elbo = fit_guide(Normal(), mode, np.concatenate([half, -half]))  # type: ignore[arg-type]
    np.testing.assert_allclose(guide.centre, CENTRE, atol=1e-4)
    spread = guide.factor * guide.scale
    np.testing.assert_allclose(spread @ spread.T, COVARIANCE, rtol=1e-3, atol=1e-3)
    evidence = 0.5 * np.linalg.slogdet(2 * np.pi * COVARIANCE)[1]
    assert elbo[-1] == pytest.approx(evidence, abs=1e-3)


def test_newton_vi_finds_the_best_mean_field_normal() -> None:
    """Its precisions are the diagonal of the posterior's precision (Bishop 2006, section 10.1.2)."""
    settings = NewtonViSettings(steps=400, particles=40)
    mean, scale, elbo = fit_mean_field(Normal(), settings, np.random.default_rng(1), silent)  # type: ignore[arg-type]
    np.testing.assert_allclose(mean, CENTRE, atol=0.03)
    np.testing.assert_allclose(scale**-2, np.diag(Normal.precision), rtol=0.15)
    assert elbo[-20:].mean() > elbo[:5].mean()


@pytest.mark.long
def test_guides_with_covariance_are_closer_to_the_posterior() -> None:
    """Standard deviations against NUTS on the collapsed program; mean-field ones are too small, and k-hat tells."""
    exact, collapsed, mean_field = (
        irt.fit("lsat7", "2pl", method=method, seed=1) for method in ("nuts_collapsed", "vi_collapsed", "vi_newton")
    )
    sd = {fit: fit.items()["discrimination", "sd"] for fit in (exact, collapsed, mean_field)}
    assert np.all(np.abs(sd[collapsed] / sd[exact] - 1) < 0.25)
    assert np.all(sd[mean_field] < 0.75 * sd[exact])
    assert mean_field.pareto_k > 0.7 > exact.max_r_hat - 0.5
    assert collapsed.pareto_k < mean_field.pareto_k
    means = [fit.items()["discrimination", "mean"] for fit in (exact, collapsed, mean_field)]
    assert np.all(np.abs(means[1] - means[0]) < 0.3 * sd[exact])
    assert np.all(np.abs(means[2] - means[0]) < 1.0 * sd[exact])


@pytest.mark.long
def test_newton_vi_reaches_the_elbo_of_adam() -> None:
    settings = {"data": "lsat7", "model": "2pl", "seed": 1}
    newton, adam = irt.fit(**settings, method="vi_newton"), irt.fit(**settings, method="vi", steps=2000)
    assert newton.draws.elbo is not None
    assert adam.draws.elbo is not None
    assert newton.draws.elbo[-50:].mean() > adam.draws.elbo[-200:].mean() - 5


@pytest.mark.parametrize("method", ["vi_collapsed", "vi_newton"])
def test_odd_particles_are_refused(method: str) -> None:
    with pytest.raises(irt.errors.ConfigError, match="even"):
        irt.fit("lsat7", "2pl", method=method, particles=3)
