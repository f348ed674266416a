"""Diagnostics by parameter, against definitions, ArviZ and their distributions; conditions to go on until."""

from __future__ import annotations

import arviz as az
import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from irtbridge.errors import ConfigError, UnknownName
from irtbridge.results.diagnostics import COLUMNS, diagnostics, e_bfmi, geweke_z, potential_scale_reduction
from irtbridge.results.goal import Goal
from irtbridge.results.tables import summarise

Array = NDArray[np.float64]


def autoregressive(rho: float, shape: tuple[int, ...], seed: int) -> Array:
    """Stationary chains (chain, draw, element) of unit variance."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    for t in range(1, shape[1]):
        x[:, t] = rho * x[:, t - 1] + np.sqrt(1 - rho**2) * x[:, t]
    return x


def posterior(draws: Array) -> xr.Dataset:
    return xr.Dataset(
        {"a": (("chain", "draw", "item"), draws), "b": (("chain", "draw", "person"), draws)},
        coords={"item": [f"i{j}" for j in range(draws.shape[2])]},
    )


def test_psrf_of_long_chains_is_arvizs_classic_r_hat() -> None:
    """They differ by B / (m n W) and by the correction for degrees of freedom, both below 0.001 here."""
    draws = autoregressive(0.5, (4, 5000, 6), seed=1)
    classic = az.rhat(xr.Dataset({"x": (("chain", "draw", "i"), draws)}), method="identity").x.values
    psrf, upper = potential_scale_reduction(draws)
    np.testing.assert_allclose(psrf, classic, atol=1e-3)
    assert (upper > psrf).all()


def test_psrf_by_the_formulas_written_out_for_one_parameter() -> None:
    x = autoregressive(0.3, (3, 50, 1), seed=2)[..., 0] + np.array([[0.0], [0.1], [-0.2]])
    m, n = x.shape
    s2, means = [float(np.var(c, ddof=1)) for c in x], [float(np.mean(c)) for c in x]
    w, b = sum(s2) / m, n * float(np.var(means, ddof=1))
    v = (n - 1) / n * w + (1 + 1 / m) * b / n
    cov = float(np.cov(s2, np.square(means))[0, 1]) - 2 * float(np.mean(means)) * float(np.cov(s2, means)[0, 1])
    var_v = (
        ((n - 1) / n) ** 2 / m * float(np.var(s2, ddof=1))
        + ((m + 1) / (m * n)) ** 2 * 2 / (m - 1) * b**2
        + 2 * (m + 1) * (n - 1) / (m * n**2) * n / m * cov
    )
    d = 2 * v**2 / var_v
    upper = (
        (d + 3)
        / (d + 1)
        * ((n - 1) / n + (m + 1) / (m * n) * b / w * stats.f.ppf(0.975, m - 1, 2 * w**2 / (np.var(s2, ddof=1) / m)))
    )
    found = potential_scale_reduction(x[..., None])
    assert found[0][0] == pytest.approx(np.sqrt((d + 3) / (d + 1) * v / w))
    assert found[1][0] == pytest.approx(np.sqrt(upper))


def test_one_chain_has_no_psrf() -> None:
    assert all(np.isnan(part).all() for part in potential_scale_reduction(np.zeros((1, 50, 2))))


def test_geweke_z_is_standard_normal_for_stationary_chains_and_large_for_a_drift() -> None:
    """400 parameters: the share beyond 1.96 is binomial about 0.05, below 0.10 but for one in 10,000."""
    draws = autoregressive(0.5, (4, 500, 400), seed=3)
    z = geweke_z(draws)
    assert 0.02 < np.mean(np.abs(z) > 1.96) < 0.10
    assert abs(z.mean()) < 4 / 20
    drifting = draws + np.linspace(2, 0, 500)[:, None]
    assert np.mean(np.abs(geweke_z(drifting)) > 1.96) > 0.99
    assert np.isnan(geweke_z(draws[:, :20])).all()


def test_the_table_has_what_arviz_has_and_no_persons() -> None:
    draws = autoregressive(0.9, (4, 2000, 3), seed=4)
    data = posterior(draws)
    table = diagnostics(data, summarise(data), chains=True)
    assert table.columns.tolist() == list(COLUMNS)
    assert table.index.tolist() == ["a[i0]", "a[i1]", "a[i2]"]
    summary = az.summary(data, var_names="a", hdi_prob=0.95, round_to="none")
    for column in ("mean", "sd", "ess_bulk", "ess_tail", "r_hat", "hdi_2.5%"):
        np.testing.assert_allclose(table[column], summary[column])
    np.testing.assert_allclose(table["mcse_percent"], 100 * summary["mcse_mean"] / summary["sd"])
    np.testing.assert_allclose(table["median"], np.median(draws, axis=(0, 1)))
    assert (abs(table["autocorr_10"] - 0.9**10) < 0.15).all()


def test_independent_draws_have_no_order_and_constants_are_left_out() -> None:
    draws = autoregressive(0.0, (1, 100, 3), seed=5)
    draws[..., 1], draws[..., 2] = 1.0, np.nan
    data = posterior(draws)
    table = diagnostics(data, summarise(data), chains=False)
    assert table.index.tolist() == ["a[i0]"]
    assert table[["psrf", "geweke", "autocorr_10", "r_hat"]].isna().all(axis=None)


def test_e_bfmi_is_that_of_the_worst_chain() -> None:
    energy = autoregressive(0.95, (2, 500, 1), seed=6)[..., 0]
    energy[0] = np.random.default_rng(0).standard_normal(500)
    assert e_bfmi(energy) == pytest.approx(az.bfmi(energy).min())
    assert e_bfmi(energy) < 0.3
    assert np.isnan(e_bfmi(None))


# Conditions


def test_a_goal_is_met_when_the_worst_parameter_meets_it() -> None:
    data = posterior(autoregressive(0.5, (4, 1000, 3), seed=7))
    table = diagnostics(data, summarise(data), chains=True)
    assert Goal.of("rhat<1.05, ess>400,psrf < 1.10 ").met(table)
    strict = Goal.of(f"ess>{table['ess_bulk'].min() + 1}, psrf<1.10")
    assert not strict.met(table)
    assert strict.lacking(table).startswith("ess is")
    assert "psrf" not in strict.lacking(table)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["rhat<1.01"]),
        ("rhat", ["'rhat'", "ess>400"]),
        ("rhat>1.01", ["rhat<1.01"]),
        ("ess<400", ["ess>400"]),
        ("ess>4-4", ["4-4"]),
    ],
)
def test_a_goal_that_cannot_be_is_refused(text: str, parts: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        Goal.of(text)
    assert all(part in str(caught.value) for part in parts)


def test_an_unknown_measure_names_the_known_ones_and_one_that_is_not_there_too() -> None:
    with pytest.raises(UnknownName, match="rhat"):
        Goal.of("r_hat<1.01")
    data = posterior(autoregressive(0.5, (1, 100, 3), seed=8))
    table = diagnostics(data, summarise(data), chains=True)
    with pytest.raises(ConfigError, match="ess"):
        Goal.of("rhat<1.01").met(table)
