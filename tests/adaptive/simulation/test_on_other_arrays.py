"""Adaptive tests on the arrays of another library are those on NumPy's: the same items, abilities to rounding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

import irtbridge as irt
from irtbridge.adaptive.selection import Bandit, MaxInfo, Selection
from irtbridge.adaptive.simulate import simulate_adaptive
from irtbridge.adaptive.simulation import lockstep
from irtbridge.plugin.arrays import Arrays, DeviceArrays
from irtbridge.plugin.loading import backend_class

N = 40


def same(bank, selection: Any, backend: str = "pyro", **how: Any) -> Any:
    """Sessions on the arrays of both, the device's checked against NumPy's; those of NumPy."""
    pytest.importorskip("torch")
    runs = [simulate_adaptive(bank, selection, backend=engine, **how).sessions for engine in (None, backend)]
    for name in ("given", "codes"):
        np.testing.assert_array_equal(*(getattr(each, name) for each in runs))
    for name in ("estimates", "sds", "scores"):
        np.testing.assert_allclose(*(getattr(each, name) for each in runs), atol=1e-9)
    return runs[0]


@pytest.mark.parametrize("selection", [MaxInfo(), Bandit(), Bandit(gamma=0)], ids=str)
def test_of_several_categories_until_all_have_ended(bank_of, selection):
    """The bandit's reward is a kernel here; sessions are of several lengths."""
    sessions = same(bank_of("grm", [4] * N), selection, persons=40, stop="se<.45 or items=9", retest=True)
    assert len(set(sessions.lengths)) > 1


@pytest.mark.parametrize("stop", ["items=5", "information>4 or items=8", "se<.7 and items=3 or items=6"])
@pytest.mark.parametrize("criterion", ["D", "A"])
@pytest.mark.parametrize("rule", ["max_info", "mpwi"])
def test_of_several_traits(bank_of, rule, criterion, stop):
    same(bank_of("m2pl", [2] * N, traits=2), rule, criterion=criterion, persons=20, stop=stop, nodes=11)


def test_areas_by_number_and_by_lot_and_enemies(bank):
    about = bank.about.assign(
        content=np.where(np.arange(60) % 3, "noun", "verb"),
        enemies=["" if k % 4 else bank.items[k + 1] for k in range(60)],
    )
    kept = replace(bank, about=about)
    for content in ({"noun": (1, 3), "verb": 4}, {"noun": 0.3}):
        for rule in ("max_info", "bandit"):
            same(kept, rule, persons=30, stop="items=7", content=content)
    # Items run out: enemies of what was given are barred, and nobody is given one.
    few = replace(kept.select(kept.items[:8]), about=about.iloc[:8])
    assert (same(few, "random", persons=20, stop="items=8").lengths < 8).all()


def test_exposure_is_found_on_them(bank):
    for rule in ("max_info", "bandit"):
        assert same(bank, rule, persons=300, stop="items=5", exposure=0.4).exposure.max() < 0.55


def test_of_items_that_are_known_by_draws(bank):
    noise = np.random.default_rng(4).normal(size=(20, 60))
    drawn = replace(bank, params={name: value + 0.1 * noise for name, value in bank.params.items()})
    for rule, items in (("mpwi", "draws"), ("thompson", "draws"), ("thompson", "mean")):
        same(drawn, rule, items=items, persons=20, stop="items=5")


def test_in_blocks(bank, monkeypatch):
    monkeypatch.setattr(lockstep, "AT_ONCE", 60 * 7)
    same(bank, "bandit", persons=30, stop="items=4")


@dataclass(frozen=True)
class Own(Selection):
    """Of a user, in NumPy."""

    name: ClassVar[str] = "own"

    def scores(self, pool, state):
        return -np.abs(state.posterior() @ pool.nodes[:, 0, None])


@pytest.mark.parametrize("selection", ["shadow", "kl", "randomesque", Own()], ids=str)
def test_a_rule_that_needs_numpy_is_refused_before_anything_is_computed(bank, selection, monkeypatch):
    monkeypatch.setattr("irtbridge.adaptive.simulate.AdaptiveTest", None)
    with pytest.raises(irt.errors.Unsupported, match=r"bandit, max_info, mpwi, random.*NumPy"):
        simulate_adaptive(bank, selection, backend="pyro", stop="items=4")


def test_a_rule_behind_lots_is_refused_too(bank):
    with pytest.raises(irt.errors.Unsupported, match="kl"):
        simulate_adaptive(bank, "sympson_hetter", rule="kl", exposure=0.4, backend="pyro", stop="items=4")


@pytest.mark.skipif("jags" not in irt.backend_names(), reason="irtbridge-jags is not installed")
def test_who_has_arrays_is_named():
    with pytest.raises(irt.errors.Unsupported, match=r"jags.*pyro"):
        backend_class("jags")().arrays()


@pytest.mark.parametrize(
    "how", [{"device": "cuda"}, {"dtype": "float32"}, {"backend_options": {"threads": 2}}], ids=str
)
def test_numpy_has_no_device_and_no_other_precision(bank, how):
    with pytest.raises(irt.errors.ConfigError, match="backend="):
        simulate_adaptive(bank, persons=5, stop="items=4", **how)


def test_what_a_library_inherits_is_what_numpy_has():
    rng, numpy, inherited = np.random.default_rng(3), Arrays("float64"), DeviceArrays("float64")
    weights, uniform = rng.random((200, 11)) * (rng.random((200, 11)) < 0.7) + 1e-9, rng.random((200, 6))
    np.testing.assert_array_equal(inherited.draw(weights, uniform), numpy.draw(weights, uniform))
    allowed = rng.random((200, 11)) < 0.2
    assert not allowed.any(axis=1).all()
    scores = rng.integers(3, size=(200, 11)).astype(np.float32)
    np.testing.assert_array_equal(inherited.best(scores, allowed), numpy.best(scores, allowed))
    rows, columns = rng.integers(200, size=90), rng.integers(11, size=90)
    left = inherited.cleared(allowed, rows, columns)
    assert allowed[rows, columns].any()
    np.testing.assert_array_equal(left, numpy.cleared(allowed.copy(), rows, columns))
    for places in (slice(2, 9), rows, allowed[:, 0]):
        np.testing.assert_array_equal(inherited.rows(weights, places), weights[places])
