"""The likelihood by person is that of the reference density, draw by draw."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import irtbridge as irt
from irtbridge.assess import person_likelihood
from irtbridge.assess.person_likelihood import person_log_likelihood
from irtbridge.assess.posterior import Posterior, layout_of
from irtbridge.errors import StatisticError
from irtbridge.model.density import marginal_log_likelihood
from irtbridge.model.simulate import simulate_parameters_like, simulate_responses_like

Q = np.array([[1, 0], [1, 0], [1, 1], [0, 1], [0, 1]])
APART = np.repeat(np.eye(4, dtype=int), 2, axis=0)
PERSONS = pd.DataFrame({"sex": ["f", "m"] * 40, "age": np.linspace(-1, 1, 80)})


def posterior_of(model: str, options: dict[str, Any], categories: int = 2, items: int = 5) -> Posterior:
    """Four draws from the prior, over data drawn at the first one; 80 persons, some responses missing."""
    spec = irt.build_model(model, **options)
    values = np.arange(80)[:, None] % categories * np.ones((1, items))
    like = irt.load_responses(values, person_data=PERSONS, group="sex")
    params = [simulate_parameters_like(spec, like, seed) for seed in range(4)]
    responses = simulate_responses_like(spec, params[0], like, seed=9, missing=0.1)
    stacked = {name: np.stack([draw[name] for draw in params]) for name in params[0]}
    abilities = stacked.pop(spec.family.ability)
    return Posterior(layout_of(spec, responses), responses, stacked, abilities)


CASES: list[tuple[str, dict[str, Any], int]] = [
    ("2pl", {}, 2),
    ("grm", {}, 4),
    ("m2pl", {"q_matrix": Q, "traits": 2}, 2),
    ("m2pl", {"q_matrix": Q, "traits": 2, "correlated": True}, 2),
    ("bifactor", {"groups": [0, 0, 1, 1, None]}, 2),
    ("2pl", {"invariance": "scalar"}, 2),
    ("2pl", {"ability_on": "sex + age"}, 2),
    ("2pl", {"ability_sd": "HalfNormal(1)"}, 2),
]


@pytest.mark.parametrize(("model", "options", "categories"), CASES)
@pytest.mark.parametrize("cells", [3_000, 2**19])
def test_it_is_the_reference_density(
    model: str, options: dict[str, Any], categories: int, cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(person_likelihood, "CELLS", cells)
    posterior = posterior_of(model, options, categories)
    layout, responses = posterior.layout, posterior.responses
    by_person = person_log_likelihood(posterior)
    for draw, row in enumerate(by_person):
        params = {name: value[draw] for name, value in posterior.params.items()}
        expected = marginal_log_likelihood(layout, params, responses)
        assert row.sum() == pytest.approx(expected.sum(), abs=1e-8)
    one = responses.select([7])
    if not layout.by_person:
        assert by_person[-1, 7] == pytest.approx(marginal_log_likelihood(layout, params, one)[0], abs=1e-9)
    else:
        assert by_person[-1] == pytest.approx(expected, abs=1e-9)


def test_a_person_without_responses_has_likelihood_one() -> None:
    posterior = posterior_of("2pl", {})
    values = posterior.responses.values.copy()
    values[3] = -1
    blank = replace(posterior, responses=replace(posterior.responses, values=values))
    assert person_log_likelihood(blank)[:, 3] == pytest.approx(0.0, abs=1e-12)


def test_without_a_grid_it_says_what_to_ask_instead() -> None:
    posterior = posterior_of("m2pl", {"q_matrix": APART, "traits": 4, "correlated": True}, items=8)
    with pytest.raises(StatisticError, match=r"likelihood by person.*4 traits.*predictive_check"):
        person_log_likelihood(posterior)
