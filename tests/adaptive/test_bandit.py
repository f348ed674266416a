"""BanditCAT V1 is the paper's algorithm, draw for draw; its pieces are what they are called."""

from __future__ import annotations

import numpy as np
import pytest
from banks import drawn_bank, known_bank
from scipy.integrate import quad

import irtbridge as irt
from irtbridge.adaptive.kernels import Kernels
from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection import Bandit
from irtbridge.adaptive.selection.abilities import drawn_nodes
from irtbridge.adaptive.state import State, update

GAMMA, K, ROUNDS = 0.2, 3, 6
GRID = np.linspace(-4, 4, 33)


def transcription(bank, reward, shapes, rng, answers):
    """Sharpnack et al. (2024), BanditCAT V1: one person, one item after the other, nothing at once.

    reward(item, drawn parameter, ability) and the gamma's mean of each item are the family's.
    """
    a, b = bank.params["discrimination"][0], bank.params["difficulty"][0]
    c = bank.params["lower"][0] if "lower" in bank.params else np.zeros(len(a))
    posterior = np.exp(-(GRID**2) / 2)
    posterior[[0, -1]] /= 2
    given, scores = [], []
    for answer in answers:
        posterior = posterior / posterior.sum()
        below = np.cumsum(posterior)
        abilities = [GRID[np.searchsorted(below, u, side="right")] for u in rng.random(K)]
        drawn = [GAMMA * rng.standard_gamma(np.float32(shapes[j] / GAMMA), dtype=np.float32) for j in range(len(a))]
        rewards = [np.mean([reward(j, drawn[j], theta) for theta in abilities]) for j in range(len(a))]
        item = max((j for j in range(len(a)) if j not in given), key=lambda j: rewards[j])
        p = c[item] + (1 - c[item]) / (1 + np.exp(-a[item] * (GRID - b[item])))
        posterior = posterior * (p if answer else 1 - p)
        given.append(item)
        scores.append(GRID @ posterior / posterior.sum())
    return given, scores


def ours(bank, rng, answers):
    pool, rule = Pool.of(bank, GRID), Bandit(gamma=GAMMA, draws=K)
    state, scores = State.start(pool, 1, rng), []
    for answer in answers:
        update(pool, state, rule.choose(pool, state), np.array([answer]))
        scores.append((state.posterior() @ GRID)[0])
    return state.given[0].tolist(), scores


@pytest.mark.parametrize("seed", range(5))
def test_draw_for_draw_the_papers_algorithm_for_the_2pl(seed):
    bank, answers = drawn_bank(12, seed), np.random.default_rng(seed).integers(2, size=ROUNDS)
    b = bank.params["difficulty"][0]

    def information(j, slope, theta):
        p = 1 / (1 + np.exp(-slope * (theta - b[j])))
        return slope**2 * p * (1 - p)

    plain = transcription(bank, information, bank.params["discrimination"][0], np.random.default_rng(7), answers)
    given, scores = ours(bank, np.random.default_rng(7), answers)
    assert given == plain[0]
    np.testing.assert_allclose(scores, plain[1], atol=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_draw_for_draw_the_papers_algorithm_for_the_3pl(seed):
    bank, answers = drawn_bank(12, seed, guessing=0.2), np.random.default_rng(seed).integers(2, size=ROUNDS)
    mass, mean, variance = np.transpose([by_quadrature(bank, j) for j in range(12)])
    height = mass / np.sqrt(2 * np.pi * variance)

    def kernel(j, drawn, theta):
        return drawn * np.exp(-((theta - mean[j]) ** 2) / (2 * variance[j]))

    # Heights in single precision, as the shapes of the draws are.
    shapes = Kernels.of(bank).height
    np.testing.assert_allclose(shapes, height, rtol=1e-6)
    plain = transcription(bank, kernel, shapes, np.random.default_rng(7), answers)
    given, scores = ours(bank, np.random.default_rng(7), answers)
    assert given == plain[0]
    np.testing.assert_allclose(scores, plain[1], atol=1e-10)


def by_quadrature(bank, item):
    """Integral, mean and variance of the formula of a 3PL's information (../shared/autoirt.md), by SciPy."""
    a, b, c = (bank.params[name][0, item] for name in ("discrimination", "difficulty", "lower"))

    def information(theta):
        p2, q2 = 1 / (1 + np.exp(-a * (theta - b))), 1 / (1 + np.exp(a * (theta - b)))
        p, q = c + (1 - c) * p2, (1 - c) * q2
        return (a * (1 - c) * p2 * q2) ** 2 / (p * q)

    low, high = b - 40 / a, b + 40 / a
    mass, first, second = (
        quad(lambda t, k=k: t**k * information(t), low, high, points=[b], limit=200)[0] for k in (0, 1, 2)
    )
    return mass, first / mass, second / mass - (first / mass) ** 2


def test_moments_of_steep_flat_and_distant_items():
    a, b = np.meshgrid([0.3, 1.0, 5.0], [-5.0, 0.0, 5.0])
    bank = known_bank("3pl", discrimination=a.ravel(), difficulty=b.ravel(), lower=np.full(9, 0.25))
    kernels = Kernels.of(bank)
    mass, mean, variance = np.transpose([by_quadrature(bank, j) for j in range(9)])
    np.testing.assert_allclose(kernels.centre, mean, atol=1e-4)
    np.testing.assert_allclose(kernels.width, np.sqrt(variance), rtol=1e-4)
    np.testing.assert_allclose(kernels.height, mass / np.sqrt(2 * np.pi * variance), rtol=1e-4)


def test_abilities_are_drawn_from_the_posterior():
    pool = Pool.of(drawn_bank(5), 11)
    nodes = drawn_nodes(State.start(pool, 3, seed=1), 20_000)
    rates = np.bincount(nodes.ravel(), minlength=11) / nodes.size
    error = np.sqrt(np.exp(pool.log_prior) / nodes.size)
    assert (np.abs(rates - np.exp(pool.log_prior)) <= 4 * error + 1e-4).all()


def test_what_persons_in_lockstep_share_leaves_each_ones_distribution_as_it_is():
    """Shares of first items among many persons at once and among persons alone agree within 4 standard errors."""
    bank = drawn_bank(8, seed=2)
    pool, rule, n = Pool.of(bank, GRID), Bandit(gamma=0.3, draws=1), 4000
    rng = np.random.default_rng(3)
    together = np.bincount(rule.choose(pool, State.start(pool, n, rng, np.arange(n) // 8)), minlength=8)
    alone = np.bincount([rule.choose(pool, State.start(pool, 1, rng))[0] for _ in range(n)], minlength=8)
    # Eight persons share a row: their choices have at most eight times the variance of as many apart.
    error = np.sqrt((8 + 1) * (alone / n) * (1 - alone / n) / n)
    assert (np.abs(together - alone) / n <= 4 * error + 1e-3).all()


def test_without_gamma_the_ability_alone_is_drawn():
    bank = known_bank("2pl", discrimination=[1.0, 2.0], difficulty=[0.0, 0.0])
    pool = Pool.of(bank)
    places = Bandit(gamma=0.0).choose(pool, State.start(pool, 200))
    assert set(places) == {0, 1}
    near = Bandit(gamma=0.0).choose(Pool.of(bank, [-0.1, 0.1]), State.start(Pool.of(bank, [-0.1, 0.1]), 50))
    assert set(near) == {1}


@pytest.mark.parametrize("settings", [{"gamma": -1.0}, {"gamma": "x"}, {"draws": 0}, {"draws": 1.5}, {"lots": 1}])
def test_settings_that_cannot_be(settings):
    with pytest.raises(irt.IRTBridgeError, match=next(iter(settings))):
        irt.AdaptiveTest(drawn_bank(5), "bandit", **settings)
