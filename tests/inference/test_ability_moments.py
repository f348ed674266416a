"""Abilities of very many persons: moments in place of draws, and the same on other libraries' arrays."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import irtbridge as irt
from irtbridge.data.responses import Responses
from irtbridge.inference import ability_moments as module
from irtbridge.inference.abilities import draw_abilities
from irtbridge.inference.ability_moments import ability_moments
from irtbridge.model.layout import Layout
from irtbridge.model.quadrature import Quadrature
from irtbridge.plugin.arrays import Arrays

Case = tuple[Layout, dict[str, NDArray[np.float64]], Responses]
MODELS = {
    "2pl": (irt.two_pl(), [2] * 12),
    "graded": (irt.graded(), [4, 3, 4, 5, 4, 4]),
    "two traits": (
        irt.m2pl(q_matrix=[[1, 0], [1, 0], [1, 0], [0, 1], [0, 1], [0, 1], [1, 1]], correlated=True),
        [2] * 7,
    ),
    "bifactor": (irt.bifactor(groups=[0, 0, 0, 1, 1, 1]), [2] * 6),
}


def case_of(name: str, draws: int, spread: float = 0.1, missing: bool = False) -> Case:
    """A model over 50 persons, and draws of its item parameters around the true ones."""
    model, categories = MODELS[name]
    params = irt.simulate_parameters(model, 50, categories, seed=1)
    responses = irt.simulate_responses(model, params, categories, seed=2)
    if missing:
        values = np.where(np.random.default_rng(3).uniform(size=responses.values.shape) < 0.2, -1, responses.values)
        responses = Responses.from_codes(values, categories)
    layout = Layout.of(model, responses, Quadrature())
    moved = {name: _moved(layout.spec.dims[name], params[name], draws, spread) for name in layout.slots}
    return layout, {name: value[None] for name, value in layout.complete(moved).items()}, responses


def _moved(dims: tuple[str, ...], value: NDArray[np.float64], draws: int, spread: float) -> NDArray[np.float64]:
    """Draws of what belongs to items, by a factor of each item, which keeps thresholds in order."""
    size = len(value) if dims[:1] == ("item",) else 0
    factor = np.exp(spread * np.random.default_rng(4).standard_normal((draws, size, *[1] * (value.ndim - 1))))
    return value * factor if size else np.broadcast_to(value, (draws, *value.shape))


@pytest.mark.parametrize("name", MODELS)
def test_moments_are_those_of_draws(name: str) -> None:
    layout, params, responses = case_of(name, 1500)
    moments = ability_moments(layout, params, responses, seed=1, arrays=Arrays())
    drawn = draw_abilities(layout, params, responses, seed=2)[0]
    sd = drawn.std(axis=0)
    assert np.abs((moments.mean - drawn.mean(axis=0)) / sd).max() < 5 / np.sqrt(len(drawn))
    assert np.abs(moments.sd / sd - 1).max() < 0.12
    share = np.mean(drawn[:, None] < moments.quantile([0.05, 0.5, 0.95]), axis=0)
    assert np.abs(share.reshape(3, -1).T - [0.05, 0.5, 0.95]).max() < 0.05
    assert moments.plausible.shape == (module.PLAUSIBLE, *sd.shape)
