"""A test ends when its condition says so."""

from __future__ import annotations

import numpy as np
import pytest
from banks import drawn_bank, sessions_of

import irtbridge as irt
from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection import build_selection
from irtbridge.adaptive.state import State, update
from irtbridge.adaptive.stopping import information, standard_error

BANK = drawn_bank(60)
POOL = Pool.of(BANK)


def given(stop, persons=30):
    ability = np.random.default_rng(0).normal(size=persons)
    return sessions_of(POOL, build_selection("max_info"), stop, ability)


def state_after(sessions, person, length):
    """One person's state after so many items."""
    state = State.start(POOL)
    for place, code in zip(sessions.given[person, :length], sessions.codes[person, :length], strict=True):
        update(POOL, state, np.array([place]), np.array([code]))
    return state


def test_each_person_stops_when_precise_and_not_before():
    sessions = given("se<.35 or items=40")
    assert len(set(sessions.lengths)) > 3
    for person, n in enumerate(sessions.lengths):
        before, after = (standard_error(POOL, state_after(sessions, person, length))[0] for length in (n - 1, n))
        assert before >= 0.35
        assert after < 0.35 or n == 40


def test_information_is_the_sum_over_the_items_given():
    state = state_after(given("items=5", persons=3), 1, 5)
    of_item = BANK.information((state.posterior() @ POOL.nodes)[:, 0])[0, 0]
    np.testing.assert_allclose(information(POOL, state), [of_item[state.given[0]].sum()], rtol=1e-4)


def test_and_binds_closer_than_or():
    both, alone = given("se<.5 and items>=9 or items=12"), given("se<.5")
    assert (alone.lengths < 9).any()
    assert both.lengths.min() == 9
    assert both.lengths.max() <= 12


def test_time_ends_a_session():
    session = irt.AdaptiveTest(BANK, stop="time=60 or items=50").start()
    while item := session.next():
        session.answer(item, 1, seconds=25)
    assert len(session.items) == 3


def test_a_test_ends_when_no_item_is_left():
    sessions = given("se<.01", persons=3)
    assert (sessions.lengths == 60).all()


@pytest.mark.parametrize(
    "text", ["", "items", "items=0", "items=2.5", "se=.3", "items<9", "rms<.3", "se<.3 or", "se<x", "se<-1", "se<1e999"]
)
def test_text_that_is_no_condition(text):
    with pytest.raises(irt.IRTBridgeError, match="stop"):
        irt.AdaptiveTest(BANK, stop=text)


def test_what_holds_before_the_first_item_is_no_end_of_a_test():
    with pytest.raises(irt.errors.ConfigError, match="before its first item"):
        irt.AdaptiveTest(BANK, stop="se<1.5 or items=10")


def test_more_than_a_number_of_items_is_not_that_number():
    with pytest.raises(irt.errors.ConfigError, match="sign"):
        irt.AdaptiveTest(BANK, stop="items>18")


def test_a_standard_error_that_the_grid_cannot_tell_is_refused():
    """At the least that is allowed a normal posterior has its own standard deviation within 10 %, wherever it lies."""
    with pytest.raises(irt.errors.ConfigError, match="nodes"):
        irt.AdaptiveTest(BANK, stop="se<.05 or items=50")
    irt.AdaptiveTest(BANK, stop="se<.05 or items=50", nodes=121)
    least = 0.5 * float(np.diff(POOL.nodes[:2, 0])[0])
    for centre in np.linspace(0, 2 * least, 5):
        weights = np.exp(-0.5 * ((POOL.nodes[:, 0] - centre) / least) ** 2)
        mean = weights @ POOL.nodes[:, 0] / weights.sum()
        sd = np.sqrt(weights @ (POOL.nodes[:, 0] - mean) ** 2 / weights.sum())
        assert abs(sd / least - 1) < 0.1
