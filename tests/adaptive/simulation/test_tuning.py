"""Tuned rules keep their target, with the smallest setting that does; what cannot be met is said."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

import irtbridge as irt
from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection import Random, Selection, build_selection
from irtbridge.adaptive.simulate import simulate_adaptive
from irtbridge.adaptive.simulation.tuning import tuned
from irtbridge.adaptive.stopping import Stopping
from irtbridge.adaptive.test import AdaptiveTest


@dataclass(frozen=True)
class Blurred(Selection):
    """Information with noise of some scale."""

    scale: float = 0.0
    name: ClassVar[str] = "blurred"
    evened_by: ClassVar[str | None] = "scale"

    def scores(self, pool, state):
        information = pool.information_at(state.posterior() @ pool.nodes)
        return information + self.scale * state.rng.gumbel(size=information.shape)


@dataclass(frozen=True)
class OneOf(Selection):
    """One of the best, at random."""

    number: int = 1
    name: ClassVar[str] = "one_of"
    evened_by: ClassVar[str | None] = "number"

    def scores(self, pool, state):
        information = np.where(state.eligible, pool.information_at(state.posterior() @ pool.nodes), -1)
        ranks = np.argsort(np.argsort(-information, axis=1), axis=1)
        return np.where(ranks < self.number, state.rng.uniform(size=ranks.shape), -1)


def largest(bank, rule, seed):
    table = simulate_adaptive(bank, rule, persons=4000, stop="items=6", seed=seed).table()
    return table.loc["max exposure"].iloc[0]


@pytest.mark.parametrize(("rule", "setting"), [(Blurred(), "scale"), (OneOf(), "number")], ids=["scale", "number"])
def test_other_persons_are_exposed_as_was_asked(bank, rule, setting):
    test = AdaptiveTest(bank, rule, stop="items=6")
    own = tuned(test.pool, rule, test.stop, 0.3)
    assert getattr(own, setting) > getattr(rule, setting)
    found = largest(bank, own, seed=5)
    # The trials' own error besides: a target met by 2,000 persons is met within three of its binomial errors.
    assert found["value"] <= 0.3 + 3 * np.hypot(found["MCSE"], np.sqrt(0.3 * 0.7 / 2000))
    less = replace(own, **{setting: type(getattr(own, setting))(getattr(own, setting) / 1.5)})
    assert largest(bank, less, seed=5)["value"] > found["value"]


@dataclass(frozen=True)
class Even(Random):
    """At random, whatever the scale."""

    scale: float = 9.0
    evened_by: ClassVar[str | None] = "scale"


def test_a_target_that_is_met_anyway_needs_no_setting(bank):
    assert simulate_adaptive(bank, Even(), exposure=0.5, stop="items=3").test.selection.scale == 0


def test_what_cannot_be_met_says_what_can(bank):
    with pytest.raises(irt.IRTBridgeError, match=r"exposure=0.05 cannot be met.* 0.1 of the persons") as said:
        simulate_adaptive(bank, Blurred(), exposure=0.05, stop="items=6")
    possible = float(re.search(r"Ask for ([\d.]+)", str(said.value))[1])
    assert (
        0.1
        <= simulate_adaptive(bank, Blurred(), exposure=possible, stop="items=6")
        .table()
        .loc["max exposure", "value"]
        .iloc[0]
        <= possible + 0.03
    )


@pytest.mark.parametrize("exposure", [0.0, 1.5, -0.1])
def test_an_exposure_is_a_share(bank, exposure):
    with pytest.raises(irt.IRTBridgeError, match="between 0 and 1"):
        simulate_adaptive(bank, Blurred(), exposure=exposure)


def test_a_rule_without_control_is_named(bank):
    with pytest.raises(irt.IRTBridgeError, match="'random' has no control"):
        tuned(Pool.of(bank), build_selection("random"), Stopping.parse("items=20"), 0.2)
