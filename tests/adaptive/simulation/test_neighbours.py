"""The nearest historical response is the one that a search through all of them finds."""

import numpy as np
import pytest

import irtbridge as irt
from irtbridge.adaptive.simulation.neighbours import Neighbours

ITEMS = [f"q{i}" for i in range(6)]


def history(decimals, seed=1):
    rng = np.random.default_rng(seed)
    codes = np.where(rng.uniform(size=(80, 6)) < 0.4, rng.integers(0, 4, size=(80, 6)), -1)
    return codes, np.round(rng.normal(size=80), decimals)


@pytest.mark.parametrize("decimals", [1, 8], ids=["ties", "no ties"])
def test_it_is_that_of_a_search_through_all(decimals):
    codes, abilities = history(decimals)
    rng = np.random.default_rng(2)
    asked, places = np.round(rng.normal(size=300) * 2, decimals), rng.integers(0, 6, size=300)
    found = Neighbours.of(codes, abilities, ITEMS)(asked[:, None], places, rng)
    for ability, place, code in zip(asked, places, found, strict=True):
        gave = np.flatnonzero(codes[:, place] >= 0)
        gaps = np.abs(abilities[gave] - ability)
        nearest = gave[gaps == gaps.min()]
        lowest = nearest[abilities[nearest] == abilities[nearest].min()]
        assert code in codes[lowest, place]


def test_of_sessions_with_one_ability_each_answers_as_often():
    codes, rng = np.array([[0], [0], [0], [3]]), np.random.default_rng(1)
    found = Neighbours.of(codes, np.zeros(4), ["q"])(np.zeros((4000, 1)), np.zeros(4000, dtype=int), rng)
    assert abs((found == 3).mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 4000)


def test_a_person_of_history_answers_as_then():
    codes, abilities = history(8)
    persons, places = np.nonzero(codes >= 0)
    found = Neighbours.of(codes, abilities, ITEMS)(abilities[persons, None], places, np.random.default_rng(1))
    np.testing.assert_array_equal(found, codes[persons, places])


def test_an_item_that_nobody_was_given_is_named():
    codes, abilities = history(8)
    codes[:, 2] = -1
    with pytest.raises(irt.IRTBridgeError, match="answered q2;"):
        Neighbours.of(codes, abilities, ITEMS)
    with pytest.raises(irt.IRTBridgeError, match="80 finite numbers"):
        Neighbours.of(*history(8)[:1], np.full(80, np.nan), ITEMS)
