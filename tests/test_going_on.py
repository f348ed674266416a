"""Fits that go on: old draws stay, the join is seamless, conditions are met, a loaded fit goes on as the original."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import irtbridge as irt
from irtbridge.errors import ConfigError, IRTBridgeWarning, Unsupported
from irtbridge.fitting import fitter
from irtbridge.plugin.program import Program
from irtbridge.results.diagnostics import geweke_z

pytestmark = [
    pytest.mark.usefixtures("compiled_once"),
    pytest.mark.filterwarnings("ignore::irtbridge.errors.IRTBridgeWarning"),
]

CHAINS = {"chains": 2, "warmup": 60, "draws": 40, "max_tree_depth": 5}
METHODS: dict[str, dict[str, Any]] = {
    "nuts": CHAINS,
    "nuts_collapsed": CHAINS,
    "nuts_whitened": CHAINS,
    "laplace": {"draws": 40},
    "metropolis": {"chains": 2, "warmup": 60, "draws": 40},
    "vi": {"steps": 100, "draws": 40},
    "vi_newton": {"steps": 30, "draws": 40},
    "vi_collapsed": {"draws": 40},
}
SHORT = {("pyro", method) for method in ("nuts", "laplace", "vi_collapsed")}
EVERY = [
    pytest.param(backend, method, marks=[pytest.mark.long] * ((backend, method) not in SHORT))
    for backend, methods in (("pyro", METHODS), ("tfp", ("nuts", "nuts_collapsed", "vi")))
    for method in methods
]


@pytest.fixture(scope="module")
def tiny() -> irt.Responses:
    spec = irt.one_pl()
    return irt.simulate_responses(spec, irt.simulate_parameters(spec, 40, [2] * 4, seed=1), [2] * 4, seed=2)


FITTED: dict[Any, irt.Fit] = {}


def fitted(tiny: irt.Responses, backend: str, method: str, **settings: Any) -> irt.Fit:
    """A fit, the same one whenever it is asked for."""
    key = (backend, method, *settings.items())
    if key not in FITTED:
        FITTED[key] = irt.fit(tiny, "1pl", backend=backend, method=method, seed=3, **METHODS[method] | settings)
    return FITTED[key]


@pytest.mark.parametrize(("backend", "method"), EVERY)
def test_the_old_draws_stay_and_a_loaded_fit_goes_on_likewise(
    backend: str, method: str, tiny: irt.Responses, tmp_path: Path
) -> None:
    fit = fitted(tiny, backend, method)
    more = fit.extend(30)
    chains, before, _ = fit.draws.z.shape
    assert more.draws.z.shape == (chains, before + 30, fit.draws.z.shape[2])
    np.testing.assert_array_equal(more.draws.z[:, :before], fit.draws.z)
    assert not np.array_equal(more.draws.z[:, before : before + 30], fit.draws.z[:, :30])
    for name, values in fit.idata.posterior.items():
        np.testing.assert_array_equal(more.idata.posterior[name].values[:, :before], values.values)
        np.testing.assert_array_equal(more.idata.posterior[name].draw, np.arange(before + 30))
    for name, values in fit.draws.stats.items():
        np.testing.assert_array_equal(more.draws.stats[name][:, :before], values)
        np.testing.assert_array_equal(more.idata.sample_stats[name], more.draws.stats[name])
    assert more.provenance["extended"] == [30]
    assert more.provenance["sampling_seconds"] > fit.provenance["sampling_seconds"]
    assert len(more.items()) == 4
    loaded = irt.load_fit(fit.save(tmp_path / "fit.nc")).extend(30)
    np.testing.assert_array_equal(loaded.draws.z, more.draws.z)
    pd.testing.assert_frame_equal(loaded.items(), more.items())
    again = irt.load_fit(more.save(tmp_path / "more.nc"))
    assert again.verdict == more.verdict
    np.testing.assert_array_equal(again.extend(5).draws.z, more.extend(5).draws.z)


@pytest.mark.parametrize(("backend", "method"), [case for case in EVERY if "nuts" in str(case.values[1])])
def test_chains_go_on_with_what_they_have_adapted_to(backend: str, method: str, tiny: irt.Responses) -> None:
    fit = fitted(tiny, backend, method)
    more, before = fit.extend(20), fit.draws.z.shape[1]
    steps = np.asarray(more.draws.stats["step_size"])
    np.testing.assert_allclose(steps[:, before:], steps[:, before - 1 : before].repeat(20, axis=1), rtol=1e-12)
    accepted = np.asarray(more.draws.stats["acceptance_rate"])[:, before:]
    assert 0.5 < accepted.mean() <= 1
    for name, value in (fit.draws.adaptation or {}).items():
        if name not in ("last", "step_size"):
            np.testing.assert_allclose((more.draws.adaptation or {})[name], value, rtol=1e-12)
    # The next move begins where the last one ended: NUTS seldom stays within a hundredth of a step, never jumps far.
    moves = np.linalg.norm(np.diff(more.draws.z, axis=1), axis=2)
    assert moves[:, before - 1].max() < 2 * moves.max(initial=0, where=np.arange(moves.shape[1]) != before - 1)


def seam_z(more: irt.Fit, before: int) -> np.ndarray[Any, Any]:
    """Means before and after the join, their difference in its standard error, for every coordinate of the items."""
    draws = np.concatenate([v.values.reshape(*v.shape[:2], -1) for v in (more.idata.posterior.difficulty,)], axis=2)
    after = draws[:, before:]
    assert after.shape[1] >= 4
    # The first tenth against the last half, both of one length about the join: `geweke_z` cuts them itself.
    fifth = before // 5
    return geweke_z(np.concatenate([draws[:, before - fifth : before], after[:, : 9 * fifth]], axis=1))


@pytest.mark.parametrize(
    ("backend", "method"),
    [
        ("pyro", "nuts_collapsed"),
        pytest.param("pyro", "nuts", marks=pytest.mark.long),
        pytest.param("tfp", "nuts", marks=pytest.mark.long),
    ],
)
def test_the_join_is_seamless(backend: str, method: str, tiny: irt.Responses) -> None:
    """Means before and after differ by four standard errors in one of 16,000 right extensions of four difficulties."""
    more = fitted(tiny, backend, method, warmup=150, draws=200).extend(400)
    assert np.abs(seam_z(more, 200)).max() < 4.2
    assert more.max_r_hat < 1.05


def test_rounds_go_on_until_the_conditions_are_met(tiny: irt.Responses) -> None:
    fit = fitted(tiny, "pyro", "nuts_collapsed")
    done = fit.extend(until="rhat<1.02, ess>300, psrf<1.10")
    assert done.max_r_hat < 1.02
    assert done.min_ess > 300
    assert done.draws.z.shape[1] > fit.draws.z.shape[1]
    assert done.extend(until="psrf<1.10") is done
    rounds = fit.extend(25, until="ess>300").provenance["extended"]
    assert set(rounds[:-1]) == {25}


def test_native_nuts_goes_on_until_psrf_is_small(tiny: irt.Responses) -> None:
    done = fitted(tiny, "pyro", "nuts", draws=10).extend(until="psrf<1.10", max_draws=640)
    assert done.check().parameters["psrf"].max() < 1.10


def test_what_is_not_reached_is_said(tiny: irt.Responses) -> None:
    with pytest.warns(IRTBridgeWarning, match="ess is .* max_draws=50|max_draws=50: ess is"):
        done = fitted(tiny, "pyro", "nuts_collapsed").extend(until="ess>100000", max_draws=50)
    assert done.draws.z.shape[1] == 50


def test_laplace_goes_on_with_weights_of_its_own(tiny: irt.Responses) -> None:
    fit = fitted(tiny, "pyro", "laplace", draws=500)
    more = fit.extend(until="ess>900")
    assert fit.draws.ess is not None
    assert more.draws.ess is not None
    assert more.draws.ess > 900
    with pytest.raises(ConfigError, match="ess"):
        fit.extend(until="rhat<1.01")


def test_chains_that_replaced_laplace_go_on_one_of_as_many_draws_kept(
    tiny: irt.Responses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitter, "needs_fallback", lambda *_: True)
    fallen = irt.fit(tiny, "1pl", method="laplace", seed=3, draws=40)
    more = fallen.extend(5)
    assert (fallen.draws.z.shape[:2], more.draws.z.shape[:2]) == ((4, 10), (4, 15))
    assert more.draws.pareto_k == fallen.draws.pareto_k
    assert more.verdict.flags == ("ESS",) or more.max_r_hat > 1.01


@pytest.mark.long
def test_a_new_process_goes_on_to_the_same_draws(tiny: irt.Responses, tmp_path: Path) -> None:
    fit = fitted(tiny, "pyro", "nuts_collapsed")
    code = (
        f"import irtbridge as irt; fit = irt.load_fit({str(fit.save(tmp_path / 'fit.nc'))!r})\n"
        f"fit.extend(20).save({str(tmp_path / 'more.nc')!r})"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=environment, check=True)
    np.testing.assert_array_equal(irt.load_fit(tmp_path / "more.nc").draws.z, fit.extend(20).draws.z)


@pytest.mark.long
def test_further_draws_have_the_traits_in_the_order_of_the_old_ones() -> None:
    spec = irt.m2pl(traits=2)
    responses = irt.simulate_responses(spec, irt.simulate_parameters(spec, 80, [2] * 5, seed=1), [2] * 5, seed=2)
    fit = irt.fit(responses, spec, method="nuts_collapsed", seed=1, n_nodes=11, **CHAINS)
    more = fit.extend(40)
    np.testing.assert_array_equal(more.draws.z[:, :40], fit.draws.z)
    slopes = more.idata.posterior.discrimination
    pivot = slopes.values[:, :40].mean(axis=(0, 1))
    agreement = np.einsum("it,cdiu->cdtu", pivot, slopes.values[:, 40:])
    straight, crossed = np.trace(agreement, axis1=2, axis2=3), agreement[..., 0, 1] + agreement[..., 1, 0]
    assert (straight >= crossed).all()


def test_a_point_and_a_number_that_is_none_are_refused(tiny: irt.Responses) -> None:
    with pytest.raises(ConfigError, match="nuts"):
        irt.fit(tiny, "1pl", method="map").extend(10)
    fit = fitted(tiny, "pyro", "vi_newton")
    for draws in (0, -1, 2.5, True):
        with pytest.raises(ConfigError, match="whole number"):
            fit.extend(draws)  # type: ignore[arg-type]


def test_a_backend_that_keeps_nothing_says_so(tiny: irt.Responses, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = fitted(tiny, "pyro", "nuts")
    monkeypatch.setattr(type(fit.program), "resume_nuts", Program.resume_nuts)
    with pytest.raises(Unsupported, match="going on"):
        fit.extend(10)


# Check


def test_a_check_names_what_fails_and_what_cures_it(tiny: irt.Responses) -> None:
    check = fitted(tiny, "pyro", "nuts_collapsed").check()
    text = str(check)
    assert not check.converged
    assert text.startswith("Not converged (nuts_collapsed, 2 chains of 40 draws).")
    worst = check.parameters["ess_bulk"].idxmin()
    assert text.index(f": {worst} ") > text.index("the smallest ESS")
    for part in ("What usually cures it", 'fit.extend(until="rhat<1.01, ess>400")', "E-BFMI", "psrf", "Geweke"):
        assert part in text
    long = fitted(tiny, "pyro", "nuts_collapsed", draws=600).check()
    assert str(long).startswith("Converged (")
    assert long.verdict.trusted


@pytest.mark.parametrize(
    ("method", "headline", "number"),
    [
        ("laplace", "The approximation holds (laplace, 40 draws).", "k-hat"),
        ("vi_newton", "The approximation ", "k-hat"),
        ("map", "The mode was found (map, a point).", "quadrature error"),
        ("em", "The mode was found (em, a point).", "quadrature error"),
        ("cmle", "The mode was found (cmle, a point).", "quadrature error"),
    ],
)
def test_other_methods_are_checked_by_their_own_certificates(
    method: str, headline: str, number: str, tiny: irt.Responses
) -> None:
    fit = irt.fit(tiny, "1pl", method=method, seed=3, **METHODS.get(method, {}))
    check = fit.check()
    assert str(check).startswith(headline)
    assert any(number in name for name in check.numbers.index)
    assert check.converged == fit.verdict.trusted
    assert "R-hat" not in str(check)
