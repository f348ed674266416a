"""Bifactor and testlet models fitted: the maximum that R's mirt finds, and parameters recovered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import irtbridge as irt
from irtbridge.data.responses import Responses
from irtbridge.model.density import marginal_log_likelihood
from irtbridge.model.layout import Layout
from irtbridge.model.quadrature import Quadrature

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
needs_reference = pytest.mark.skipif(
    not REFERENCE.exists(), reason=f"{REFERENCE} has the numbers of R's mirt 1.45.1; it is not there"
)
FLAT = {"discrimination": "Normal(0, 1000)", "difficulty": "Normal(0, 1000)"}


def of_mirt(nodes: int) -> tuple[float, dict[str, NDArray[np.float64]]]:
    """Log likelihood and estimates of ``bfactor(d, rep(1:3, each=5), quadpts=nodes)``: 1,000 persons, 15 items."""
    table = pd.read_csv(REFERENCE / "mirt_multidim_bfactor.csv")
    values = table[table.model == f"bfactor quadpts={nodes}"].set_index("quantity").value
    slopes = np.stack([values[f"par.unrotated.a{trait}"].to_numpy() for trait in range(1, 5)], axis=1)
    return values["logLik"], {"discrimination": slopes, "difficulty": -values["par.unrotated.d"].to_numpy()}


def bifactor_data() -> Responses:
    return irt.load_responses(REFERENCE / "data" / "sim_bifactor_1000x15.csv")


@needs_reference
@pytest.mark.parametrize("nodes", [21, 61])
def test_the_log_likelihood_is_that_of_mirt_at_its_maximum(nodes: int) -> None:
    expected, params = of_mirt(nodes)
    data = bifactor_data()
    layout = Layout.of(irt.bifactor(groups=np.repeat([1, 2, 3], 5)), data, Quadrature(nodes))
    assert marginal_log_likelihood(layout, params, data).sum() == pytest.approx(expected, abs=1e-4)


@needs_reference
@pytest.mark.parametrize("backend", ["pyro", "tfp"])
def test_map_under_flat_priors_finds_the_maximum_of_mirt(backend: str) -> None:
    spec, (expected, params) = irt.bifactor(groups=np.repeat([1, 2, 3], 5), **FLAT), of_mirt(21)
    fit = irt.fit(bifactor_data(), spec, backend=backend, method="map", n_nodes=21, standard_errors=False, seed=1)
    found = {name: value[0, 0] for name, value in fit.program.constrain(fit.draws.z).items()}
    assert marginal_log_likelihood(fit.program.layout, found, fit.responses).sum() == pytest.approx(expected, abs=1e-3)
    for name, value in params.items():
        np.testing.assert_allclose(np.abs(found[name]), np.abs(value), atol=2e-3, err_msg=name)


@pytest.mark.long
def test_the_spread_of_testlet_effects_is_recovered() -> None:
    """Known standard deviations lie among 400 draws of their posteriors, which are narrow."""
    spec, truth = irt.testlet(groups=np.repeat(["a", "b", "c"], 5)), np.array([1.0, 0.3, 0.8, 1.5])
    rng = np.random.default_rng(7)
    params = {
        "trait_sd": truth,
        "ability": truth * rng.standard_normal((1000, 4)),
        "discrimination": np.array(spec["discrimination"].free) * rng.uniform(0.8, 2.0, (15, 1)),
        "difficulty": rng.normal(size=15),
    }
    responses = irt.simulate_responses(spec, params, [2] * 15, seed=8)
    posterior = irt.fit(
        responses, spec, backend="pyro", method="laplace", draws=400, n_nodes=25, seed=1
    ).idata.posterior
    draws = posterior.trait_sd.values[0]
    assert (draws[:, 0] == 1).all()
    low, high = np.quantile(draws[:, 1:], [0, 1], axis=0)
    assert ((low < truth[1:]) & (truth[1:] < high)).all(), (low, high)
    assert draws[:, 1:].std(axis=0).max() < 0.2
    slopes = posterior.discrimination.values[0]
    np.testing.assert_array_equal(slopes[:, :5, 0], slopes[:, :5, 1])
    effects = posterior.ability.values[0].mean(axis=0)
    assert np.corrcoef(effects[:, 3], params["ability"][:, 3])[0, 1] > 0.6
