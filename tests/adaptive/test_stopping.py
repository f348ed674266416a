"""A test ends when its condition says so."""

from __future__ import annotations

import numpy as np
import pytest
from banks import drawn_bank, simulated

import irtbridge as irt
from irtbridge.adaptive.lockstep import administer
from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection import build_selection
from irtbridge.adaptive.state import State, update
from irtbridge.adaptive.stopping import Stopping, information, standard_error

BANK = drawn_bank(60)
POOL = Pool.of(BANK)


def given(stop, persons=30):
    ability = np.random.default_rng(0).normal(size=persons)
    return administer(POOL, build_selection("max_info"), Stopping.parse(stop), simulated(BANK, ability), persons, 0)


def test_each_person_stops_when_precise_and_not_before():
    whole = given("items=60")
    state = given("se<.35 or items=40")
    assert len(set(state.n_given)) > 3
    for person, n in enumerate(state.n_given):
        for length in (n - 1, n):
            again = State.start(POOL)
            for place, code in zip(state.given[person, :length], state.codes[person, :length], strict=True):
                update(POOL, again, np.array([place]), np.array([code]))
            precise = standard_error(POOL, again)[0] < 0.35
            assert precise == (length == n) or n == 40
    assert (whole.n_given == 60).all()


def test_information_is_the_sum_over_the_items_given():
    state = given("items=5", persons=3)
    mean = state.posterior() @ POOL.nodes
    of_item = BANK.information(mean[:, 0])[0]
    expected = [of_item[person, row].sum() for person, row in enumerate(state.given)]
    np.testing.assert_allclose(information(POOL, state), expected, rtol=1e-4)


def test_and_binds_closer_than_or():
    both, alone = given("se<.5 and items>=9 or items=12"), given("se<.5")
    assert (alone.n_given < 9).any()
    assert both.n_given.min() == 9
    assert both.n_given.max() <= 12


def test_time_ends_a_session():
    session = irt.AdaptiveTest(BANK, stop="time=60 or items=50").start()
    while item := session.next():
        session.answer(item, 1, seconds=25)
    assert len(session.items) == 3


def test_a_test_ends_when_no_item_is_left():
    state = given("se<.01", persons=3)
    assert (state.n_given == 60).all()


@pytest.mark.parametrize(
    "text", ["", "items", "items=0", "items=2.5", "se=.3", "items<9", "rms<.3", "se<.3 or", "se<x", "se<-1", "se<1e999"]
)
def test_text_that_is_no_condition(text):
    with pytest.raises(irt.IRTBridgeError, match="stop"):
        irt.AdaptiveTest(BANK, stop=text)
