"""A session: Bayes by hand, the same after a round trip, and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
from banks import drawn_bank
from scipy.stats import norm

import irtbridge as irt


@pytest.fixture(scope="module")
def bank():
    return drawn_bank(30)


def test_posterior_is_bayes_by_hand(bank):
    test = irt.AdaptiveTest(bank, "max_info", stop="items=3", nodes=np.linspace(-4, 4, 33))
    session = test.start()
    grid, by_hand = np.linspace(-4, 4, 33), norm.pdf(np.linspace(-4, 4, 33))
    by_hand[[0, -1]] /= 2  # the trapezoid rule
    for value in (1, 0, 1):
        item = session.next()
        place = bank.items.index(item)
        p = 1 / (1 + np.exp(-bank.params["discrimination"][0, place] * (grid - bank.params["difficulty"][0, place])))
        by_hand *= p if value else 1 - p
        session.answer(item, value)
    by_hand /= by_hand.sum()
    assert session.ability.mean == pytest.approx(grid @ by_hand)
    assert session.ability.sd == pytest.approx(np.sqrt(grid**2 @ by_hand - (grid @ by_hand) ** 2))
    low, high = session.ability.interval(0.9)
    assert norm.cdf((high - low) / 2 / session.ability.sd) == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("nodes", 2),
        ("nodes", 0),
        ("nodes", "many"),
        ("nodes", [[0, 1], [1, 2]]),
        ("nodes", [1.0, 0.0]),
        ("nodes", [0.0, np.nan]),
        ("content", ["algebra"]),
        ("stop", 18),
        ("selection", ["bandit"]),
        ("selection", None),
    ],
)
def test_arguments_that_cannot_be_are_named(bank, argument, value):
    with pytest.raises(irt.IRTBridgeError, match=argument):
        irt.AdaptiveTest(bank, **{argument: value})


def test_a_path_is_no_bank():
    with pytest.raises(irt.IRTBridgeError, match=r"ItemBank\.load"):
        irt.AdaptiveTest("bank.csv")


@pytest.mark.parametrize(("nodes", "error"), [(61, 0.005), (31, 0.015), (np.linspace(-5, 5, 61), 0.005)])
def test_an_interval_has_its_probability_of_the_posterior(bank, nodes, error):
    session = irt.AdaptiveTest(bank, stop="items=30", nodes=nodes).start(seed=1)
    fine = np.linspace(-6, 6, 4001)
    density = norm.pdf(fine)
    while item := session.next():
        value = len(session.items) % 3 > 0
        density = density * np.exp(bank.log_probs(fine)[0, :, bank.items.index(item), int(value)])
        session.answer(item, int(value))
    below = np.cumsum(density) / density.sum()
    for prob in (0.5, 0.9, 0.95):
        assert np.diff(np.interp(session.ability.interval(prob), fine, below))[0] == pytest.approx(prob, abs=error)


def test_nodes_too_far_apart_for_the_items_are_said(bank):
    with pytest.warns(irt.IRTBridgeWarning, match=r"nodes lie 1 apart.*times as many"):
        irt.AdaptiveTest(bank, stop="items=30", nodes=11)


@pytest.mark.parametrize("selection", ["max_info", "random"])
def test_a_session_comes_back_from_json_and_goes_on_the_same(bank, selection):
    test = irt.AdaptiveTest(bank, selection, stop="items=8")
    session = test.start(seed=4)
    for step in range(8):
        back = test.resume(session.to_json())
        assert back.next() == session.next()
        assert test.resume(session.to_json()).asked == session.asked
        session.answer(session.next(), step % 2, seconds=1.5)
    back = test.resume(session.to_json())
    assert back.finished
    assert back.next() is None
    assert back.ability.mean == session.ability.mean
    assert (back.items, back.answers, back.seconds) == (session.items, session.answers, [1.5] * 8)


def test_what_a_session_refuses(bank):
    with pytest.raises(irt.IRTBridgeError, match="seed=-1"):
        irt.AdaptiveTest(bank).start(seed=-1)
    session = irt.AdaptiveTest(bank, stop="items=1").start()
    with pytest.raises(irt.IRTBridgeError, match=r"call next\(\)"):
        session.answer("i1", 1)
    item = session.next()
    other = next(label for label in bank.items if label != item)
    with pytest.raises(irt.IRTBridgeError, match=f"asked is '{item}'"):
        session.answer(other, 1)
    with pytest.raises(irt.IRTBridgeError, match="categories are 0, 1"):
        session.answer(item, 2)
    with pytest.raises(irt.IRTBridgeError, match="seconds=-1"):
        session.answer(item, 1, seconds=-1)
    session.answer(item, 1)
    with pytest.raises(irt.IRTBridgeError, match="has ended"):
        session.answer(item, 1)


@pytest.mark.parametrize("text", ["{}", "no json", "[1]"])
def test_text_that_is_no_session_is_refused(bank, text):
    with pytest.raises(irt.IRTBridgeError, match="no session"):
        irt.AdaptiveTest(bank).resume(text)


def test_a_session_of_another_test_is_refused(bank):
    text = irt.AdaptiveTest(bank, stop="items=9").start(1).to_json()
    others = [
        (drawn_bank(30, seed=1), "max_info", "items=9"),
        (bank, "random", "items=9"),
        (bank, "max_info", "items=8"),
    ]
    for other, rule, stop in others:
        with pytest.raises(irt.IRTBridgeError, match="another bank, rule or end"):
            irt.AdaptiveTest(other, rule, stop=stop).resume(text)


def test_an_item_in_json_that_the_bank_does_not_have_is_refused(bank):
    test = irt.AdaptiveTest(bank, stop="items=9")
    said = json.loads(test.start(1).to_json()) | {"items": ["i99"], "answers": [1], "seconds": [0]}
    with pytest.raises(irt.IRTBridgeError, match="i99"):
        test.resume(json.dumps(said))


def test_a_repeated_item_in_json_is_refused(bank):
    test = irt.AdaptiveTest(bank, stop="items=9")
    session = test.start(1)
    session.answer(session.next(), 1)
    said = json.loads(session.to_json())
    twice = {**said, **{name: said[name] * 2 for name in ("items", "answers", "seconds")}}
    with pytest.raises(irt.IRTBridgeError, match="cannot be asked"):
        test.resume(json.dumps(twice))


def test_what_a_test_a_session_and_a_simulation_say_of_themselves_is_a_line(bank):
    test = irt.AdaptiveTest(bank, stop="items=2")
    session = test.start()
    session.answer(session.next(), 1)
    assert "1 answers, trait" in repr(session)
    for one in (test, session, irt.simulate_adaptive(bank, persons=50, stop="items=2")):
        assert repr(one).startswith(f"{type(one).__name__}(")
        assert "\n" not in repr(one)
        assert len(repr(one)) < 200
