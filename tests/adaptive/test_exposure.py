"""No item is given to more than the target's share of persons, within the error of a simulation."""

from __future__ import annotations

import numpy as np
import pytest
from banks import drawn_bank, known_bank, sessions_of

import irtbridge as irt

PERSONS = 3000


def rates(test, seed):
    ability = np.random.default_rng(seed).normal(size=PERSONS)
    return sessions_of(test.pool, test.selection, test.stop, ability, seed).exposure


@pytest.mark.parametrize("selection", ["max_info", "bandit", "randomesque"])
def test_other_persons_than_those_of_the_search_find_the_target_met(selection):
    test = irt.AdaptiveTest(drawn_bank(100), selection, exposure=0.25, stop="items=10")
    largest = rates(test, seed=99).max()
    # Noise of both simulations, the search's of 1,000 persons and this one's, and the largest of some 40 items.
    error = np.sqrt(0.25 * 0.75 * (1 / 1000 / 10 + 1 / PERSONS))
    assert largest < 0.25 + 4 * error
    assert largest > 0.15


def test_a_target_that_is_met_anyway_needs_no_lots():
    assert irt.AdaptiveTest(drawn_bank(60), "random", exposure=0.5, stop="items=6").selection.name == "random"


def test_lots_survive_json():
    test = irt.AdaptiveTest(drawn_bank(60), "max_info", exposure=0.25, stop="items=6")
    session = test.start(seed=3)
    while item := session.next():
        back = test.resume(session.to_json())
        assert (back.state.eligible == session.state.eligible).all()
        session.answer(item, 1)
    assert len({test.start(seed).next() for seed in range(40)}) > 3


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ("max_info", r"Ask for 0\.1 or more, for tests of 5 items or fewer, or have a bank of 200 items"),
        ("bandit", r"Ask for 0\.1 or more, for tests of 5 items"),
    ],
)
def test_a_target_that_the_bank_cannot_keep_is_told(selection, message):
    with pytest.raises(irt.IRTBridgeError, match=message):
        irt.AdaptiveTest(drawn_bank(100), selection, exposure=0.05, stop="items=10")


def test_a_test_of_the_whole_bank_can_keep_no_target():
    with pytest.raises(irt.IRTBridgeError, match=r"to 1 of persons or more\. Ask for tests of 2\.5 items or fewer"):
        irt.AdaptiveTest(drawn_bank(5), exposure=0.5, stop="items=5")


def test_a_content_area_that_is_too_small_for_the_target_is_told():
    bank = known_bank(
        about={"content": ["noun"] * 8 + ["verb"] * 52}, discrimination=np.ones(60), difficulty=np.zeros(60)
    )
    with pytest.raises(irt.IRTBridgeError, match=r"4 of the 8 items of content area 'noun'.*to 0\.5 of persons"):
        irt.AdaptiveTest(bank, content={"noun": 0.5}, exposure=0.3, stop="items=8")


def test_what_the_bandit_cannot_even_out_lots_can():
    with pytest.raises(irt.IRTBridgeError, match=r"cannot be met by bandit.*sympson_hetter"):
        irt.AdaptiveTest(drawn_bank(60), "bandit", exposure=0.12, stop="items=6", lots=False)
    test = irt.AdaptiveTest(drawn_bank(60), "sympson_hetter", rule="bandit", exposure=0.12, stop="items=6")
    assert rates(test, seed=9).max() < 0.12 + 4 * np.sqrt(0.12 * 0.88 * (1 / 1000 / 10 + 1 / PERSONS))


def test_gamma_and_lots_each_bring_the_exposure_down_by_an_equal_factor():
    own = {"exposure": 0.25, "stop": "items=6"}
    rule = irt.AdaptiveTest(drawn_bank(100), "bandit", **own).selection
    alone = irt.AdaptiveTest(drawn_bank(100), "bandit", lots=False, **own).selection
    assert (rule.name, rule.inner.name, alone.name) == ("sympson_hetter", "bandit", "bandit")
    assert 0 < rule.inner.gamma < alone.gamma
    test = irt.AdaptiveTest(drawn_bank(100), rule.inner, stop="items=6")
    assert abs(rates(test, seed=9).max() - 0.5) < 4 * np.sqrt(0.25 * (1 / 1000 + 1 / PERSONS))


@pytest.mark.parametrize("target", [0, 1.2, "a"])
def test_a_target_that_is_no_share(target):
    with pytest.raises(irt.IRTBridgeError, match="exposure"):
        irt.AdaptiveTest(drawn_bank(10), exposure=target)


def test_gamma_and_exposure_say_the_same():
    with pytest.raises(irt.IRTBridgeError, match="gamma and exposure"):
        irt.AdaptiveTest(drawn_bank(10), "bandit", gamma=0.1, exposure=0.5)
