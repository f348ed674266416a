"""No test breaks its constraints, whatever the rule; and what cannot be kept is refused."""

from __future__ import annotations

import numpy as np
import pytest
from banks import drawn_bank, sessions_of

import irtbridge as irt
from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection import build_selection

AREAS = np.array(["algebra", "geometry", "numbers"])
N, LENGTH = 45, 12


def about():
    """Areas in turn; each item is an enemy of the one after the next, said of one of them only."""
    enemies = [f"i{i + 3}" if i % 5 == 0 and i + 3 <= N else "" for i in range(N)]
    return {"content": AREAS[np.arange(N) % 3], "enemies": enemies}


CONTENT = {"algebra": 5, "geometry": (2, 4), "numbers": (0, 4)}


@pytest.mark.parametrize("name", ["random", "max_info", "bandit", "randomesque", "a_stratified", "shadow"])
def test_content_and_enemies_are_kept(name):
    bank = drawn_bank(N, about=about())
    pool = Pool.of(bank, content=CONTENT, length=LENGTH)
    ability = np.random.default_rng(0).normal(size=15)
    given = sessions_of(pool, build_selection(name), f"items={LENGTH}", ability).given
    assert given.shape == (15, LENGTH)
    for row in given:
        counts = {area: int(sum(row % 3 == k)) for k, area in enumerate(AREAS)}
        assert counts["algebra"] == 5
        assert 2 <= counts["geometry"] <= 4
        assert counts["numbers"] <= 4
        assert len(set(row)) == LENGTH
        assert not any(i % 5 == 0 and i + 2 in row for i in row)


def test_a_shadow_test_keeps_what_the_best_item_would_have_spoilt():
    """The best item of an area of three is the enemy of its two others, and two of them are asked for."""
    content = ["a", "a", "a", *["b"] * 6]
    enemies = ["i2 i3", *[""] * 8]
    bank = drawn_bank(9, about={"content": content, "enemies": enemies})
    bank.params["discrimination"][0, 0] = 9.0
    bank.params["difficulty"][0, 0] = 0.0
    session = irt.AdaptiveTest(bank, "shadow", stop="items=4", content={"a": 2}).start()
    while item := session.next():
        session.answer(item, 1)
    assert {"i2", "i3"} < {*session.items}


def test_without_constraints_shadow_gives_the_best_item():
    bank = drawn_bank(30)
    ability = np.random.default_rng(0).normal(size=4)
    pool = Pool.of(bank, length=5)
    rules = (build_selection(name) for name in ("shadow", "max_info"))
    one, other = (sessions_of(pool, rule, "items=5", ability).given for rule in rules)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("content", "stop", "message"),
    [
        ({"calculus": 2}, "items=12", "algebra"),
        ({"algebra": 20}, "items=30", "the bank has 15"),
        ({"algebra": 5, "geometry": 8}, "items=12", "ask for 13 items"),
        ({"algebra": (0, 1), "geometry": (0, 1), "numbers": (0, 1)}, "items=12", "at most 3"),
        ({"algebra": (3, 1)}, "items=12", "least and the most"),
        ({"algebra": "many"}, "items=12", "least and the most"),
        ({"algebra": 2.5}, "items=12", "share of 2.5"),
        ({"algebra": 0.7, "geometry": 0.5}, "items=12", "add up to 1.2"),
        ({"algebra": 2}, "se<.3", "length"),
    ],
)
def test_content_that_cannot_be(content, stop, message):
    with pytest.raises(irt.IRTBridgeError, match=message):
        irt.AdaptiveTest(drawn_bank(N, about=about()), stop=stop, content=content)


@pytest.mark.parametrize("name", ["random", "max_info", "bandit"])
def test_a_lot_says_of_which_area_each_item_is(name):
    """Numbers of items are binomial whatever the rule; what shares leave of 1 is that of all other areas."""
    content, persons = {"algebra": 0.5, "geometry": 0.2}, 1500
    pool = Pool.of(drawn_bank(60, about={"content": AREAS[np.arange(60) % 3]}), content=content, length=6)
    ability = np.random.default_rng(0).normal(size=persons)
    given = sessions_of(pool, build_selection(name), "items=6", ability).given
    for place, share in enumerate([0.5, 0.2, 0.3]):
        own = (given % 3 == place).sum(axis=1)
        variance = 6 * share * (1 - share)
        assert abs(own.mean() - 6 * share) < 4 * np.sqrt(variance / persons)
        assert abs(own.var() / variance - 1) < 4 * np.sqrt(2 / persons)


def test_an_area_that_is_used_up_leaves_the_lot_to_the_others():
    bank = drawn_bank(9, about={"content": ["a"] * 2 + ["b"] * 3 + ["c"] * 4})
    pool = Pool.of(bank, content={"a": 0.5, "b": 0.5})
    given = sessions_of(pool, build_selection("max_info"), "items=9", np.zeros(20)).given
    assert all(sorted(row) == list(range(9)) for row in given)
    assert (given[:, :5] < 5).all()


def test_lots_of_areas_survive_json():
    test = irt.AdaptiveTest(drawn_bank(N, about=about()), stop="items=8", content={"algebra": 0.5})
    session = test.start(seed=4)
    while item := session.next():
        assert test.resume(session.to_json().replace(f'"asked": "{item}"', '"asked": null')).next() == item
        session.answer(item, 1)


def test_bounds_and_lots_together_and_a_plan_of_neither():
    content = {"algebra": 3, "geometry": 0.5}
    pool = Pool.of(drawn_bank(N, about=about()), content=content, length=6)
    given = sessions_of(pool, build_selection("max_info"), "items=6", np.zeros(30)).given
    assert ((given % 3 == 0).sum(axis=1) == 3).all()
    with pytest.raises(irt.IRTBridgeError, match="shadow plans a whole test"):
        irt.AdaptiveTest(drawn_bank(N, about=about()), "shadow", content=content, stop="items=6")


def test_enemies_that_leave_no_shadow_test_are_told():
    bank = drawn_bank(4, about={"enemies": ["i2 i3 i4", "i3 i4", "i4", ""]})
    with pytest.raises(irt.IRTBridgeError, match="no test of this length"):
        irt.AdaptiveTest(bank, "shadow", stop="items=2")


def test_an_enemy_that_is_no_item_is_named():
    with pytest.raises(irt.IRTBridgeError, match="i77"):
        irt.AdaptiveTest(drawn_bank(4, about={"enemies": ["i77", "", "", ""]}))
