"""What is not known of item parameters counts: sessions whose posterior is averaged over their draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from banks import drawn_bank, known_bank, sessions_of
from scipy.integrate import quad
from scipy.stats import norm

import irtbridge as irt
from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection import SELECTIONS, build_selection
from irtbridge.adaptive.simulation.answers import TrueAnswers


def uncertain(bank, spread, draws, seed=0):
    """A bank with draws about its parameters: difficulties and thresholds moved, discriminations multiplied."""
    rng, params = np.random.default_rng(seed), {}
    for name, value in bank.params.items():
        noise = spread * rng.normal(size=(draws, *value.shape[1:2], *[1] * (value.ndim - 2)))
        params[name] = value * np.exp(noise) if name == "discrimination" else value + noise
    return replace(bank, params=params)


def graded():
    thresholds = np.sort(np.random.default_rng(5).normal(size=(6, 3)), axis=1)
    return known_bank("grm", discrimination=np.linspace(0.8, 1.8, 6), threshold=thresholds)


def by_quadrature(bank, session):
    """Mean and SD of the ability given the answers, the likelihood averaged over the bank's draws, by SciPy."""
    places = [bank.items.index(item) for item in session.items]
    codes = [bank.categories[place].index(value) for place, value in zip(places, session.answers, strict=True)]

    def density(theta):
        log = bank.log_probs([theta])[:, 0, places, codes].sum(axis=1)
        return np.exp(log).mean() * norm.pdf(theta)

    mass, first, second = (quad(lambda t, k=k: t**k * density(t), -8, 8, limit=200)[0] for k in (0, 1, 2))
    return first / mass, np.sqrt(second / mass - (first / mass) ** 2)


@pytest.mark.parametrize("bank", [drawn_bank(6), graded()], ids=["2pl", "grm"])
def test_equal_to_integration_over_abilities_and_draws(bank):
    bank = uncertain(bank, 0.5, 7)
    session = irt.AdaptiveTest(bank, stop="items=5", items="draws").start(seed=2)
    for answer in (1, 0, 1, 1, 0):
        session.answer(session.next(), answer)
    np.testing.assert_allclose((session.ability.mean, session.ability.sd), by_quadrature(bank, session), atol=1e-4)


@pytest.mark.parametrize("name", sorted({*SELECTIONS} - {"sympson_hetter"}))
def test_draws_that_are_all_the_same_are_parameters_that_are_known(name):
    bank = drawn_bank(12)
    same = replace(bank, params={key: np.repeat(value, 3, axis=0) for key, value in bank.params.items()})
    pools = Pool.of(bank, length=5), Pool.of(same, length=5, items="draws")
    ability, rule = np.linspace(-2, 2, 6), build_selection(name)
    one, other = (sessions_of(pool, rule, "items=5", ability) for pool in pools)
    if name not in ("bandit", "thompson"):  # a uniform number is another node of a longer grid, of the same ability
        np.testing.assert_array_equal(one.given, other.given)
        np.testing.assert_allclose(one.sds, other.sds, atol=1e-10)
    assert one.given.shape == other.given.shape


def test_the_stated_error_is_the_one_that_is_made():
    """Persons who answer at other parameters than the bank's mean: the posterior SD covers their errors with draws."""
    bank, errors, stated = uncertain(drawn_bank(40), 0.6, 60), [], []
    pool, rule = Pool.of(bank, length=12, items="draws"), build_selection("mpwi")
    ability = np.random.default_rng(3).normal(size=300)
    for row in range(0, 60, 3):
        own = sessions_of(pool, rule, "items=12", ability, row, TrueAnswers(bank.draw(row)))
        errors.append(np.mean((own.estimate[:, 0] - ability) ** 2))
        stated.append(np.mean(own.sd[:, 0] ** 2))
    error = np.std(np.subtract(errors, stated)) / np.sqrt(len(errors))
    assert abs(np.mean(errors) - np.mean(stated)) < 4 * error
    known = sessions_of(Pool.of(bank, length=12), rule, "items=12", ability, 1)
    assert np.mean(known.sd[:, 0] ** 2) < np.mean(stated) - 4 * error


def test_a_session_over_draws_survives_json():
    test = irt.AdaptiveTest(uncertain(drawn_bank(10), 0.3, 20), "thompson", stop="items=4", items="draws")
    session = test.start(seed=1)
    while item := session.next():
        assert test.resume(session.to_json()).ability.sd == session.ability.sd
        session.answer(item, 1)


@pytest.mark.parametrize(("items", "message"), [("draws", "takes them as known"), ("all", "mean")])
def test_items_that_cannot_be(items, message):
    with pytest.raises(irt.IRTBridgeError, match=message):
        irt.AdaptiveTest(drawn_bank(5), items=items)
