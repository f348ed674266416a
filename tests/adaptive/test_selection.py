"""Each rule gives what its definition says, by formulas written out here."""

from __future__ import annotations

import numpy as np
import pytest
from banks import drawn_bank, known_bank, sessions_of
from scipy.stats import norm

import irtbridge as irt
from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection import SELECTIONS, build_selection
from irtbridge.adaptive.state import State, update
from irtbridge.bank.item_bank import ItemBank

GRID = np.linspace(-5, 5, 101)


def p2(bank, theta, row=0):
    a, b = bank.params["discrimination"][row], bank.params["difficulty"][row]
    return 1 / (1 + np.exp(-a * (np.asarray(theta)[..., None] - b)))


def information(bank, theta, row=0):
    p = p2(bank, theta, row)
    return bank.params["discrimination"][row] ** 2 * p * (1 - p)


@pytest.fixture
def answered():
    """A pool of 40 items and three persons who answered four of them; their posteriors by hand."""
    bank = drawn_bank(40, seed=3)
    pool, rng = Pool.of(bank, GRID), np.random.default_rng(5)
    state, posterior = State.start(pool, 3, seed=1), np.tile(norm.pdf(GRID), (3, 1))
    posterior[:, [0, -1]] /= 2
    for _ in range(4):
        places = np.array([rng.choice(np.flatnonzero(row)) for row in state.eligible])
        codes = rng.integers(2, size=3)
        p = p2(bank, GRID)[:, places].T
        posterior *= np.where(codes[:, None] == 1, p, 1 - p)
        update(pool, state, places, codes)
    return pool, state, posterior / posterior.sum(axis=1, keepdims=True)


def check(answered, rule, expected, rtol=1e-4):
    pool, state, _ = answered
    np.testing.assert_allclose(rule.scores(pool, state), expected, rtol=rtol, atol=1e-6)
    best = np.where(state.eligible, expected, -np.inf).argmax(axis=1)
    np.testing.assert_array_equal(rule.choose(pool, state), best)


def test_max_info_is_at_the_posterior_mean(answered):
    pool, _, posterior = answered
    check(answered, build_selection("max_info"), information(pool.bank, posterior @ GRID))


def test_mpwi_is_the_mean_over_the_posterior(answered):
    pool, _, posterior = answered
    check(answered, build_selection("mpwi"), posterior @ information(pool.bank, GRID))


def kl_index(bank, at, theta):
    """KL(at, theta) of each item, (theta, item)."""
    p, q = p2(bank, np.array([at]))[0], p2(bank, theta)
    return p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))


def test_kl_is_weighted_by_the_posterior(answered):
    pool, _, posterior = answered
    expected = [row @ kl_index(pool.bank, row @ GRID, GRID) for row in posterior]
    check(answered, build_selection("kl"), np.array(expected))


def test_kl_over_an_interval_is_its_integral(answered):
    pool, _, posterior = answered
    expected = []
    for row in posterior:
        fine = np.linspace(row @ GRID - 1.5, row @ GRID + 1.5, 2001)  # 3 / sqrt(4 items)
        expected.append(kl_index(pool.bank, row @ GRID, fine).mean(axis=0))
    scores = build_selection("kl", weights="interval").scores(*answered[:2])
    np.testing.assert_allclose(scores, expected, rtol=0.02, atol=1e-3)


def test_randomesque_gives_each_of_the_best_with_the_same_probability(answered):
    pool, state, posterior = answered
    best = np.argsort(np.where(state.eligible, -information(pool.bank, posterior @ GRID), np.inf), axis=1)[:, :4]
    rule = build_selection("randomesque", size=4)
    drawn = np.array([rule.choose(pool, state) for _ in range(800)])
    for person in range(3):
        counts = np.array([(drawn[:, person] == place).sum() for place in best[person]])
        assert counts.sum() == 800
        assert ((counts - 200) ** 2 / 200).sum() < 16.3  # 0.1 % of a chi-square of 3


def test_randomesque_has_fewer_to_choose_from_at_the_end():
    pool = Pool.of(drawn_bank(6))
    rule = build_selection("randomesque", size=10)
    given = sessions_of(pool, rule, "items=9", np.zeros(5)).given
    np.testing.assert_array_equal(np.sort(given, axis=1), np.tile(np.arange(6), (5, 1)))


def test_a_stratified_takes_strata_in_the_order_of_discrimination_and_the_closest_location():
    bank = drawn_bank(80, seed=2)
    pool, rule = Pool.of(bank, GRID, length=8), build_selection("a_stratified", strata=4)
    a, b = bank.params["discrimination"][0], bank.params["difficulty"][0]
    order = np.argsort(a)
    state = State.start(pool, 4)
    for step in range(8):
        mean = state.posterior() @ GRID
        places = rule.choose(pool, state)
        stratum = order[20 * (step // 2) : 20 * (step // 2 + 1)]
        for person in range(4):
            left = [j for j in stratum if j not in state.given[person]]
            assert places[person] == min(left, key=lambda j: abs(b[j] - mean[person]))
        update(pool, state, places, np.array([0, 1, step % 2, 1]))


def test_blocked_strata_have_like_locations():
    pool = Pool.of(drawn_bank(400, seed=2), length=8)
    stratum = build_selection("a_stratified", blocked=True).stratum(pool)
    b = pool.bank.params["difficulty"][0]
    means = [b[stratum == k].mean() for k in range(4)]
    assert np.bincount(stratum).tolist() == [100] * 4
    assert np.ptp(means) < 0.03
    a = [pool.bank.params["discrimination"][0][stratum == k].mean() for k in range(4)]
    assert a == sorted(a)


def test_thompson_draws_item_parameters_from_the_bank():
    """Two draws of the parameters that say the opposite: either item is given about half of the time."""
    one = known_bank("2pl", discrimination=[1.0, 2.0], difficulty=[0.0, 0.0])
    params = {name: np.concatenate([value, value[:, ::-1]]) for name, value in one.params.items()}
    bank = ItemBank(one.spec, one.items, one.categories, params, one.about, one.mean, one.covariance)
    places = build_selection("thompson").choose(Pool.of(bank), State.start(Pool.of(bank), 400, seed=1))
    assert abs(places.mean() - 0.5) < 4 * 0.5 / 20
    assert set(build_selection("max_info").choose(Pool.of(one), State.start(Pool.of(one), 5))) == {1}


def test_thompson_with_many_abilities_is_mpwi_for_known_parameters(answered):
    pool, state, posterior = answered
    scores = build_selection("thompson", draws=4000).scores(pool, state)
    np.testing.assert_allclose(scores, posterior @ information(pool.bank, GRID), rtol=0.1, atol=0.02)


@pytest.mark.parametrize("criterion", ["D", "A"])
def test_several_traits_by_determinants_and_traces_of_matrices(criterion):
    rng = np.random.default_rng(1)
    a, b = np.exp(rng.normal(0, 0.4, (20, 2))), rng.normal(size=20)
    bank = known_bank("m2pl", discrimination=a, difficulty=b)
    pool = Pool.of(bank)
    state = State.start(pool, 2)
    for place, codes in ((3, [1, 0]), (8, [0, 1])):
        update(pool, state, np.array([place, place]), np.array(codes))
    places = build_selection("max_info", criterion=criterion).choose(pool, state)
    posterior = np.exp(state.log_posterior - state.log_posterior.max(axis=1, keepdims=True))
    for person, weights in enumerate(posterior):
        mean = weights @ pool.nodes / weights.sum()
        covariance = np.cov(pool.nodes.T, aweights=weights / weights.sum(), ddof=0)
        p = 1 / (1 + np.exp(-(a @ mean - b)))
        after = [np.linalg.inv(np.linalg.inv(covariance) + p[j] * (1 - p[j]) * np.outer(a[j], a[j])) for j in range(20)]
        size = [np.linalg.det(m) if criterion == "D" else np.trace(m) for m in after]
        assert places[person] == min((j for j in range(20) if j not in (3, 8)), key=lambda j: size[j])


def test_four_traits_have_scattered_nodes():
    rng = np.random.default_rng(1)
    bank = known_bank("m2pl", discrimination=np.exp(rng.normal(0, 0.4, (15, 4))), difficulty=rng.normal(size=15))
    session = irt.AdaptiveTest(bank, "thompson", stop="items=6").start(seed=2)
    while item := session.next():
        session.answer(item, 1)
    assert (session.ability.mean > 0).all()
    assert session.ability.interval().shape == (4, 2)
    assert set(session.ability.to_dict()) == set(bank.traits)


@pytest.mark.parametrize("name", sorted({*SELECTIONS} - {"sympson_hetter"}))
@pytest.mark.parametrize("model", ["3pl", "grm"])
def test_every_rule_serves_other_families_and_never_repeats_an_item(name, model):
    if model == "3pl":
        bank = drawn_bank(30, guessing=0.2)
    else:
        rng = np.random.default_rng(0)
        steps = np.sort(rng.normal(size=(30, 3)), axis=1)
        bank = known_bank("grm", discrimination=np.exp(rng.normal(0, 0.3, 30)), threshold=steps)
    pool = Pool.of(bank, length=10)
    ability = np.random.default_rng(2).normal(size=12)
    rule = build_selection(name)
    sessions = sessions_of(pool, rule, "items=10", ability)
    assert sessions.given.shape == (12, 10)
    assert all(len(set(row)) == 10 for row in sessions.given)
    assert np.corrcoef(sessions.estimate[:, 0], ability)[0, 1] > 0.5


@pytest.mark.parametrize(
    ("selection", "settings", "message"),
    [
        ("bandti", {}, "valid: bandit"),
        ("bandit", {"gama": 1}, "valid: gamma"),
        ("kl", {"weights": "flat"}, "posterior"),
        ("max_info", {"criterion": "E"}, "criterion"),
        ("randomesque", {"rule": "best"}, "selection called 'best'"),
        ("randomesque", {"size": 0}, "size"),
        ("sympson_hetter", {}, r"exposure=\.2"),
        ("a_stratified", {"stop": "se<.3"}, "items=20"),
        ("shadow", {"stop": "se<.3"}, "items=20"),
    ],
)
def test_rules_and_settings_that_do_not_exist(selection, settings, message):
    with pytest.raises(irt.IRTBridgeError, match=message):
        irt.AdaptiveTest(drawn_bank(10), selection, **settings)


@pytest.mark.parametrize(("selection", "way_out"), [("bandit", "thompson"), ("a_stratified", "mpwi")])
def test_rules_of_one_trait_say_which_serve_several(selection, way_out):
    bank = known_bank("m2pl", discrimination=np.ones((5, 2)), difficulty=np.zeros(5))
    with pytest.raises(irt.IRTBridgeError, match=way_out):
        irt.AdaptiveTest(bank, selection)


def test_lots_leave_the_choice_to_the_rule_behind_them():
    """Where all items pass, lots change nothing: randomesque draws among the best."""
    pool = Pool.of(drawn_bank(20), length=5)
    state = State.start(pool, 50, seed=1)
    passing = (1.0,) * pool.n_items
    lots = build_selection("sympson_hetter", rule=build_selection("randomesque"), pass_probs=passing)
    assert len(set(lots.choose(pool, state))) > 1
    for name in ("randomesque", "shadow"):
        rule = build_selection(name, rule=build_selection("randomesque"))
        with pytest.raises(irt.errors.ConfigError, match="chooses otherwise"):
            rule.check(pool)


def test_lots_of_a_session_tell_nothing_of_what_its_first_step_draws():
    """A hard item with a lot of one half and an easy one: the better at half of the drawn abilities, it comes first in
    a quarter of sessions. Off by more than 4 standard errors with a probability of 1 in 10,000."""
    bank = known_bank("2pl", discrimination=[1.5, 1.5], difficulty=[2.0, -2.0])
    rule = build_selection("sympson_hetter", rule=build_selection("thompson", draws=1), pass_probs=(0.5, 1.0))
    test = irt.AdaptiveTest(bank, rule, stop="items=1")
    first = np.mean([test.start(seed).next() == "i1" for seed in range(300)])
    assert abs(first - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 300)
