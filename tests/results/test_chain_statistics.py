"""Statistics of many parameters at once are those that ArviZ gives of each."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import xarray as xr

from irtbridge.results import chain_statistics as module
from irtbridge.results.chain_statistics import chain_statistics, effective_size, shortest_interval
from irtbridge.results.quiet_arviz import az


def draws(chains: int, length: int, elements: int = 40) -> np.ndarray:
    """Autoregressive chains, from alternating to hardly moving, some of them apart, rounded, constant or not finite."""
    rng = np.random.default_rng(chains * length)
    noise, out = rng.normal(size=(elements, chains, length)), np.zeros((elements, chains, length))
    memory = np.linspace(-0.9, 0.99, elements)[:, None]
    for place in range(length):
        out[..., place] = memory * out[..., place - 1] + noise[..., place]
    out[::5] += 3 * rng.normal(size=(len(out[::5]), chains, 1))
    out[1::5] = np.round(out[1::5])
    out[7], out[8, 0, 1] = 1.5, np.nan
    return out


def by_arviz(values: np.ndarray) -> dict[str, np.ndarray]:
    data = xr.Dataset({"x": (("element", "chain", "draw"), values)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {
            "mcse": az.mcse(data, method="mean"),
            "ess_bulk": az.ess(data),
            "ess_tail": az.ess(data, method="tail"),
        }
        r_hat = az.rhat(data).x if values.shape[1] > 1 else np.full(len(values), np.nan)
    return {name: each.x.values for name, each in found.items()} | {"r_hat": np.asarray(r_hat)}


@pytest.mark.parametrize(("chains", "length"), [(4, 250), (1, 200), (2, 51), (3, 8), (2, 4), (2, 5), (2, 3), (4, 17)])
def test_they_are_those_of_arviz(chains: int, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CELLS", 3000)  # several blocks
    values = draws(chains, length)
    found, expected = chain_statistics(values), by_arviz(values)
    for name, numbers in expected.items():
        np.testing.assert_allclose(found[name], numbers, rtol=1e-8, err_msg=name)


def test_intervals_are_those_of_arviz() -> None:
    values = draws(4, 250)
    expected = az.hdi(xr.Dataset({"x": (("element", "chain", "draw"), values)}), hdi_prob=0.95)
    np.testing.assert_array_equal(np.stack(shortest_interval(values.reshape(40, -1)), axis=1), expected.x.values)


def test_independent_draws_are_worth_their_number() -> None:
    sizes = effective_size(np.random.default_rng(1).normal(size=(500, 4, 400)))
    assert sizes.mean() == pytest.approx(1600, rel=0.03)
