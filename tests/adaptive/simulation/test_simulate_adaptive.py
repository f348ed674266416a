"""Sessions in lockstep are sessions taken one by one."""

import numpy as np
import pytest

import irtbridge as irt
from irtbridge.adaptive.simulate import simulate_adaptive
from irtbridge.adaptive.simulation import lockstep
from irtbridge.adaptive.test import AdaptiveTest

STOPS = ["items=8", "se<.45 or items=15"]


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize(("model", "categories"), [("2pl", 2), ("grm", 4)])
def test_items_and_estimates_are_those_of_single_sessions(bank_of, model, categories, stop):
    bank = bank_of(model, [categories] * 40)
    sessions = simulate_adaptive(bank, persons=25, stop=stop, seed=3).sessions
    assert len(set(sessions.lengths)) > 1 or "se" not in stop
    for person in range(25):
        session = AdaptiveTest(bank, stop=stop).start(seed=0)
        for step in range(sessions.lengths[person]):
            item, code = sessions.given[person, step], sessions.codes[person, step]
            assert session.next() == bank.items[item]
            session.answer(bank.items[item], code)
            assert session.ability.mean == pytest.approx(sessions.estimates[person, step, 0])
        assert session.finished
        assert session.ability.sd == pytest.approx(sessions.sd[person, 0])
        curve = bank.moments(session.ability.nodes)[0][0].mean(axis=1)
        assert session.ability.probabilities @ curve == pytest.approx(sessions.scores[person, -1])


def test_in_blocks_everybody_is_there(bank, monkeypatch):
    monkeypatch.setattr(lockstep, "AT_ONCE", 60 * 7)
    simulation = simulate_adaptive(bank, "random", persons=30, stop="se<.6 or items=6", retest=True)
    sessions = simulation.sessions
    assert sessions.given.shape[0] == 30
    assert np.all([len(set(row[row >= 0])) == np.sum(row >= 0) for row in sessions.given])
    assert not np.array_equal(sessions.codes, sessions.retest.codes)
    assert simulation.exposure()["given"].sum() == sessions.lengths.sum()


def test_a_test_without_items_left_ends(bank):
    short = bank.select(bank.items[:5])
    sessions = simulate_adaptive(short, persons=10, stop="se<.1").sessions
    assert np.all(sessions.lengths == 5)


def test_two_rules_are_taken_by_the_same_persons(bank):
    one, other = (simulate_adaptive(bank, rule, persons=50, seed=4).sessions for rule in ("random", "max_info"))
    np.testing.assert_array_equal(one.truth, other.truth)


def test_where_the_bank_is_true_estimates_are_as_exact_as_the_test_says(bank):
    table = simulate_adaptive(bank, persons=3000, stop="items=10", retest=True).table()["value"].droplevel("trait")
    # The posterior mean's error is what the posterior says; the two sessions' errors are independent.
    assert table["RMSE"] == pytest.approx(table["SD"], rel=0.05)
    assert table["RR"] == pytest.approx(table["correlation"] ** 2, abs=0.02)


def test_an_informative_item_tells_more_than_a_random_one(bank):
    rules = "max_info", "random"
    best, random = (simulate_adaptive(bank, rule, persons=1500, stop="items=8").table() for rule in rules)
    assert best.loc["RMSE", "value"].iloc[0] < 0.9 * random.loc["RMSE", "value"].iloc[0]
    assert random.loc["max exposure", "value"].iloc[0] == pytest.approx(8 / 60, abs=0.04)


def test_history_that_answers_as_the_model_does_gives_its_accuracy(bank):
    rng = np.random.default_rng(5)
    ability = rng.normal(size=4000)
    probs = np.exp(bank.log_probs(ability)[0, ..., 1])
    history = (rng.uniform(size=probs.shape) < probs).astype(float)
    replayed = simulate_adaptive(bank, history=history, abilities=ability, stop="items=10")
    drawn = simulate_adaptive(bank, persons=4000, stop="items=10", seed=6)
    tables = [each.table().loc["RMSE"].iloc[0] for each in (replayed, drawn)]
    error = np.hypot(*(table["MCSE"] for table in tables))
    assert abs(tables[0]["value"] - tables[1]["value"]) < 4 * error
    first = replayed.sessions.given[:, 0]
    np.testing.assert_array_equal(replayed.sessions.codes[:, 0], history[np.arange(4000), first])


def test_history_is_no_retest(bank):
    with pytest.raises(irt.errors.ConfigError, match="retest"):
        simulate_adaptive(bank, history=np.eye(60), abilities=np.arange(60.0), stop="items=5", retest=True)


def test_history_recoded_by_value(bank):
    history = np.where(np.arange(60) % 2 == 0, 1.0, 0.0) * np.ones((8, 1))
    sessions = simulate_adaptive(bank, "random", history=history, abilities=np.arange(8.0), stop="items=5").sessions
    np.testing.assert_array_equal(sessions.codes, (sessions.given + 1) % 2)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"persons": 1}, "persons=1"),
        ({"selection": "max_inf"}, "max_info"),
        ({"seed": -1}, "seed=-1"),
        ({"abilities": [0.0, np.nan]}, "finite numbers"),
        ({"abilities": np.zeros((5, 2))}, "1 traits"),
        ({"abilities": []}, "finite numbers of two or more"),
        ({"history": np.zeros((5, 60))}, "history needs abilities"),
        ({"history": np.full((5, 60), 2.0), "abilities": np.zeros(5)}, "coded otherwise"),
        ({"stop": "items<3"}, "items"),
    ],
    ids=str,
)
def test_bad_input_is_explained(bank, how, said):
    with pytest.raises(irt.IRTBridgeError, match=said):
        simulate_adaptive(bank, **how)


def test_truth_of_other_items_is_refused(bank):
    with pytest.raises(irt.IRTBridgeError, match="same items"):
        simulate_adaptive(bank, truth=bank.select(bank.items[:10]))
