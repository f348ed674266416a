"""Metrics of sessions equal what their definitions give, and their errors are those that repetitions show."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection import Bandit
from irtbridge.adaptive.simulation import metrics
from irtbridge.adaptive.simulation.answers import TrueAnswers, population
from irtbridge.adaptive.simulation.lockstep import administer
from irtbridge.adaptive.simulation.sessions import Sessions, joined
from irtbridge.adaptive.stopping import Stopping

N_ITEMS = 12


def sessions_of(persons, seed=1, steps=5, retest=True, noise=0.5):
    """Sessions of unequal length whose estimates are truth and noise, items drawn with unequal chances."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(persons, 1))
    keys = rng.gumbel(size=(persons, N_ITEMS)) + np.log(np.arange(1, N_ITEMS + 1))
    lengths = rng.integers(2, steps + 1, size=persons)

    def one():
        given = np.argsort(-keys, axis=1)[:, :steps]
        given = np.where(np.arange(steps) < lengths[:, None], given, -1)
        estimates = truth[:, None] + noise * rng.normal(size=(persons, steps, 1))
        return given, np.where(given < 0, -1, 1), estimates, np.full_like(estimates, noise), estimates[..., 0]

    again = Sessions(truth, *one(), N_ITEMS) if retest else None
    return Sessions(truth, *one(), N_ITEMS, again)


def test_overlap_is_that_of_all_pairs():
    sessions = sessions_of(40)
    sets = [set(row[row >= 0]) for row in sessions.given]
    common = np.mean([len(one & other) for one, other in itertools.combinations(sets, 2)])
    assert metrics.overlap(sessions) == pytest.approx(common / np.mean([len(each) for each in sets]))


def test_chi_square_of_even_exposure_is_0_and_of_one_form_the_rest_of_the_bank():
    even = sessions_of(N_ITEMS)
    even = Sessions(*[getattr(even, n) for n in ("truth",)], (np.arange(N_ITEMS)[:, None] + np.arange(3)) % N_ITEMS,
                    even.codes[:, :3], even.estimates, even.sds, even.scores, N_ITEMS)  # fmt: skip
    assert metrics.chi_square(even) == pytest.approx(0)
    assert metrics.overlap(even) < metrics.max_exposure(even) == pytest.approx(3 / N_ITEMS)
    form = Sessions(even.truth, np.tile([0, 1, 2], (N_ITEMS, 1)), even.codes, even.estimates, even.sds, even.scores,
                    N_ITEMS)  # fmt: skip
    # Three rates of 1 and nine of 0 about 1/4: (3 (3/4)^2 + 9 (1/4)^2) / (1/4).
    assert metrics.chi_square(form) == pytest.approx(9)
    assert metrics.overlap(form) == metrics.max_exposure(form) == 1
    assert metrics.max_share(form) == pytest.approx(1 / 3)
    assert metrics.never_given(form) == pytest.approx(9 / 12)


def test_of_parallel_estimates_reliability_and_standard_error_are_those_of_theory():
    sessions = sessions_of(20_000, noise=0.5)
    table = metrics.summary(sessions, ["ability"])
    expected = {"RR": 1 / 1.25, "SE": 0.5, "RMSE": 0.5, "bias": 0.0, "correlation": np.sqrt(1 / 1.25), "SD": 0.5}
    for name, value in expected.items():
        found = table.loc[name, "ability"]
        assert abs(found["value"] - value) <= 4 * found["MCSE"] + 1e-12, name


def test_monte_carlo_errors_are_those_of_repetitions():
    names = [(m.name, "ability" if m.by_trait else "") for m in metrics.METRICS if m.name != "SD"]
    tables = [metrics.summary(sessions_of(400, seed=seed), ["ability"]).loc[names] for seed in range(60)]
    spread = np.std([table["value"] for table in tables], axis=0, ddof=1)
    stated = np.mean([table["MCSE"] for table in tables], axis=0)
    ratio = {name: s / r for (name, _), s, r in zip(names, stated, spread, strict=True) if r > 0}
    # A spread of 60 repetitions is itself off by 9 %; 4 of its errors.
    assert {name: value for name, value in ratio.items() if not 0.64 < value < 1.45} == {}


def test_bands_part_the_persons_and_conditional_errors_add_up():
    sessions = sessions_of(3000, retest=False)
    table = metrics.by_ability(sessions, metrics.BANDS)
    assert table["persons"].sum() == 3000
    np.testing.assert_allclose(table["RMSE"] ** 2, table["bias"] ** 2 + table["SE"] ** 2)
    assert np.average(table["RMSE"] ** 2, weights=table["persons"]) == pytest.approx(metrics.rmse(sessions) ** 2)
    assert "RR" not in metrics.summary(sessions, ["ability"]).index.get_level_values("metric")


def test_sessions_cut_short_and_joined_are_the_same_persons():
    sessions = sessions_of(30)
    parts = joined([sessions.of(slice(0, 12)).after(5), sessions.of(slice(12, 30))])
    np.testing.assert_array_equal(parts.given, sessions.given)
    np.testing.assert_array_equal(parts.retest.estimates, sessions.retest.estimates)
    short = joined([sessions.after(3), sessions])
    assert (short.given[:30, 3:] == -1).all()
    np.testing.assert_array_equal(short.estimate[:30], sessions.estimates[:, 2])
    assert list(metrics.by_length(sessions)["items"]) == [1, 2, 3, 4, 5]


def test_exposure_counts_persons():
    sessions = sessions_of(50)
    table = metrics.item_exposure(sessions, [f"q{i}" for i in range(N_ITEMS)])
    assert table["given"].sum() == sessions.lengths.sum()
    assert table["exposure"].max() == metrics.max_exposure(sessions)


def test_persons_who_share_draws_are_in_one_group():
    sessions = replace(sessions_of(100), cluster=np.arange(100) // 3)
    member, number = metrics.in_groups(sessions)
    assert number == 17
    assert np.bincount(member).min() > 0
    assert all(len(set(member[sessions.cluster == cluster])) == 1 for cluster in range(34))
    # Each person three times over tells what he tells once: a third of the persons that there seem to be.
    one = sessions_of(200)
    thrice = replace(one.of(np.repeat(np.arange(200), 3)), cluster=np.repeat(np.arange(200), 3))
    for name in ("RMSE", "bias"):
        found = [metrics.summary(each, ["ability"]).loc[(name, "ability"), "MCSE"] for each in (one, thrice)]
        assert found[0] == pytest.approx(found[1])


@pytest.mark.long
def test_errors_of_the_bandit_are_those_of_repetitions(bank_of):
    """Persons of a cluster share the rule's draws, and the stated errors know it.

    Of 100 repetitions, variances of a normal metric are within the bounds but once in 2,000 times each.
    """
    pool, rule, repetitions = Pool.of(bank_of("2pl", [2] * 40)), Bandit(gamma=0.5), 100
    stop, answer = Stopping.parse("items=6"), TrueAnswers(pool.bank.at_mean)
    tables = []
    for seed in range(repetitions):
        abilities = population(pool.bank, 600, seed)
        tables.append(metrics.summary(administer(pool, rule, stop, answer, abilities, seed), ["ability"]))
    names = [("RMSE", "ability"), *((name, "") for name in ("max exposure", "max share", "chi-square", "overlap"))]
    spread = np.var([table.loc[names, "value"] for table in tables], axis=0, ddof=1)
    stated = np.mean([table.loc[names, "MCSE"] ** 2 for table in tables], axis=0)
    low, high = stats.chi2.ppf([0.00025, 0.99975], repetitions - 1) / (repetitions - 1)
    ratio = dict(zip(names, spread / stated, strict=True))
    assert {name: value for name, value in ratio.items() if not low < value < high} == {}
