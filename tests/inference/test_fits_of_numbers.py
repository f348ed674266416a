"""Fits of fractions and counts: truths come back, intervals cover them, tables and draws have the numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irtbridge as irt
from benchmarks.coverage import DEFAULTS, study
from irtbridge.errors import DataError
from irtbridge.inference.abilities import draw_abilities, expected_abilities

ITEMS = [1] * 6
OPTIONS: dict[str, dict[str, Any]] = {
    "poisson": {"item_discrimination": True, "discrimination": "LogNormal(-0.5, 0.3)", "difficulty": "Normal(-1, 1)"},
    "beta": {},
    "ordered_beta": {},
}


@pytest.mark.parametrize(("model", "backend"), [("poisson", "pyro"), ("beta", "tfp"), ("ordered_beta", "pyro")])
def test_simulated_parameters_come_back(model: str, backend: str) -> None:
    """Under `laplace`: no posterior mean is 4.5 standard deviations from the truth, as one in 500 fits is."""
    spec = irt.build_model(model, **OPTIONS[model])
    truth = irt.simulate_parameters(spec, 300, ITEMS, seed=3)
    data = irt.simulate_responses(spec, truth, ITEMS, seed=4, missing=0.1)
    result = irt.fit(data, spec, backend=backend, method="laplace", seed=1)
    posterior = result.idata.posterior
    for name, value in truth.items():
        mean, sd = posterior[name].mean(("chain", "draw")).values, posterior[name].std(("chain", "draw")).values
        assert np.abs((mean - value) / sd).max() < 4.5, name
    ability = posterior["ability"].mean(("chain", "draw")).values
    assert np.corrcoef(ability, truth["ability"])[0, 1] > 0.7
    observed = result.idata.observed_data["response"].values
    np.testing.assert_array_equal(np.where(data.observed, observed, -1), data.values)
    parameters = set(truth) - {"ability", "cutpoint"}
    assert parameters == set(result.items().columns.get_level_values("parameter"))


def test_intervals_cover_the_truth() -> None:
    """Of 12 small data sets: each share within 4 standard errors of 95 %, those of independent intervals."""
    shares = study({**DEFAULTS, "sets": 12, "persons": 60, "items": 4, "nodes": 81})
    assert set(shares.index) == {"ability", "discrimination", "difficulty", "precision"}
    for name, count in {"ability": 12 * 60, "discrimination": 48, "difficulty": 48, "precision": 48}.items():
        assert abs(shares.covered[name] - 0.95) < 4 * np.sqrt(0.95 * 0.05 / count), name


@pytest.mark.parametrize("model", ["poisson", "beta", "ordered_beta"])
def test_drawn_abilities_have_the_expected_means(model: str) -> None:
    spec = irt.build_model(model, **OPTIONS[model])
    truth = irt.simulate_parameters(spec, 30, ITEMS, seed=5)
    data = irt.simulate_responses(spec, truth, ITEMS, seed=6, missing=0.2)
    result = irt.fit(data, spec, backend="pyro", method="map", seed=1)
    layout = result.program.layout
    params = {name: value[0, 0] for name, value in result.program.constrain(result.draws.z).items()}
    mean, sd = expected_abilities(layout, params, data)
    repeated = {name: np.broadcast_to(value, (1, 2000, *value.shape)) for name, value in params.items()}
    drawn = draw_abilities(layout, repeated, data, seed=7)[0]
    assert np.abs((drawn.mean(axis=0) - mean) / (sd / np.sqrt(2000))).max() < 4.9
    np.testing.assert_allclose(drawn.std(axis=0), sd, rtol=0.1)


def test_a_table_of_fractions_is_fitted_as_it_is() -> None:
    """What the family wants is what is read; whole numbers where fractions should be say so."""
    spec = irt.beta_irt()
    truth = irt.simulate_parameters(spec, 40, ITEMS, seed=8)
    table = irt.simulate_responses(spec, truth, ITEMS, seed=9).to_frame()
    result = irt.fit(table, "beta", backend="pyro", method="map", seed=1)
    np.testing.assert_array_equal(result.responses.values, table.to_numpy())
    with pytest.raises(DataError, match="in \\[0, 1\\]"):
        irt.fit(100 * table, "beta", backend="pyro", method="map")
    table.iloc[3, 2] = 1.0
    with pytest.raises(DataError, match="ordered_beta"):
        irt.fit(table, "beta", backend="pyro", method="map")
