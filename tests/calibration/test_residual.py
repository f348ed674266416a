"""The sampler's posterior is that of the model, by outside means where these are to be had."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from vocabularies import simulated

from irtbridge.calibration.answers import Answers
from irtbridge.calibration.curves import Curves
from irtbridge.calibration.residual import Sampler
from irtbridge.calibration.states import State
from irtbridge.calibration.together import FREEDOM, WEAK, Together, largest
from irtbridge.model.families import Graded, PartialCredit

CURVES = Curves()


def states(sampler: Sampler, number: int, seed: int = 0) -> list:
    rng = np.random.default_rng(seed)
    *_, settled = sampler.sweeps(sampler.begin(), 150, rng, adapt=True)
    return list(sampler.sweeps(settled, number, rng, adapt=False))


@pytest.fixture(scope="module")
def truth():
    return simulated(40, per_item=50, seed=3)


def sampler_of(truth, known=None) -> Sampler:
    items = tuple(truth.features.index)
    return Sampler(Answers.of(truth.responses, items), CURVES, np.ones((len(items), 1)), known)


def test_an_items_posterior_given_abilities_is_that_of_a_grid(truth):
    """With B and Sigma held, the random walk has the mean and spread of the posterior summed up over a grid."""
    sampler, rng = sampler_of(truth, truth.ability), np.random.default_rng(0)
    state = replace(states(sampler, 1)[0], residual=np.diag([0.1, 1.0]))  # which the grid resolves
    factor, kept = sampler._spread(state).factor, []
    for _ in range(4000):
        state = sampler._items(state, factor, rng)
        kept.append(state.items[0])
    grid = np.stack(np.meshgrid(np.linspace(-2.5, 2.5, 121), np.linspace(-5, 5, 201), indexing="ij"), -1).reshape(-1, 2)
    own = sampler.answers.item == 0
    of_person, code = (
        CURVES.log_probs(grid, truth.ability[sampler.answers.person[own], None]),
        sampler.answers.code[own],
    )
    off = grid - state.weight[0]
    log = of_person[np.arange(len(code)), :, code].sum(axis=0)
    log -= 0.5 * np.einsum("gk,kl,gl->g", off, np.linalg.inv(state.residual), off)
    weights = np.exp(log - log.max())
    weights /= weights.sum()
    mean = weights @ grid
    sd = np.sqrt(weights @ (grid - mean) ** 2)
    np.testing.assert_allclose(np.mean(kept, axis=0), mean, atol=0.15 * sd.max())
    np.testing.assert_allclose(np.std(kept, axis=0), sd, rtol=0.15)


def test_items_with_answers_are_found_and_their_intervals_hold(truth):
    """Of 40 items at 95 %, fewer than 33 are covered with a probability below 1 in 1,000."""
    drawn = np.stack([state.items for state in states(sampler_of(truth), 300)])[:, :, 1]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    assert np.corrcoef(drawn.mean(axis=0), truth.difficulty)[0, 1] > 0.9
    assert np.sum((low < truth.difficulty) & (truth.difficulty < high)) >= 33


def test_nobody_gains_by_the_order_of_answers(truth):
    """Answers in another order are the same data: the same draws, to rounding."""
    sampler = sampler_of(truth)
    order = np.random.default_rng(5).permutation(len(sampler.answers))
    answers = sampler.answers
    shuffled = Answers(answers.person[order], answers.item[order], answers.code[order], answers.n_persons, 40)
    other = Sampler(shuffled, CURVES, sampler.predictors)
    rng = np.random.default_rng(1), np.random.default_rng(1)
    one, two = (next(iter(s.sweeps(s.begin(), 1, r, adapt=True))) for s, r in zip((sampler, other), rng, strict=True))
    np.testing.assert_allclose(one.items, two.items, atol=1e-9)


def test_where_predictors_tell_everything_the_residual_is_small():
    truth = simulated(60, per_item=60, seed=4, residual=0.0)
    z = np.column_stack([np.ones(60), (truth.difficulty - truth.difficulty.mean()) / truth.difficulty.std()])
    sampler = Sampler(Answers.of(truth.responses, tuple(truth.features.index)), CURVES, z)
    with_them = np.mean([state.residual[1, 1] for state in states(sampler, 200)])
    without = np.mean([s.residual[1, 1] for s in states(Sampler(sampler.answers, CURVES, np.ones((60, 1))), 200)])
    assert with_them < 0.2 * without


def test_what_the_items_come_from_keeps_its_prior_where_no_answer_tells():
    """Drawn from the prior and moved by the sampler's steps, without a likelihood, B and Sigma are still of the prior.

    Residual SDs are half-t (Huang & Wand 2013, property 2), so that half of 200 draws lie below its median; so do the
    distances of B from its mean. One of eight is off by more than 3.5 standard errors with a probability of 1 in 250.
    """
    rng, scale, draws, z = np.random.default_rng(2), largest(CURVES), 200, np.ones((4, 3))
    z[:, 1:] = rng.standard_normal((4, 2))
    none, first = np.empty(0, dtype=np.intp), np.zeros(4, dtype=np.intp)
    flat = Together(Answers(none, none, none, 1, 4), CURVES, z)
    sampler, centre = Sampler(Answers(first, np.arange(4), first + 1, 1, 4), CURVES, z), np.zeros((3, 2))
    centre[0] = CURVES.typical()[0]
    below = np.zeros((4, 2))
    for _ in range(draws):
        scales = 2 * FREEDOM * np.diag(rng.gamma(0.5, scale**2))
        residual = stats.invwishart.rvs(FREEDOM + 1, scales, random_state=rng)
        weight = centre + WEAK * scale * rng.standard_normal((3, 2))
        items = z @ weight + rng.multivariate_normal(np.zeros(2), residual, 4)
        state = State(np.zeros(1), items, weight, residual)
        for _ in range(6):
            state = sampler._hyper(flat(state, np.array([5.0, 2.0]), rng), rng)
        below[0] += np.sqrt(np.diag(state.residual)) < scale * stats.t.ppf(0.75, FREEDOM)
        below[1:] += np.abs(state.weight - centre) < WEAK * scale * stats.norm.ppf(0.75)
    assert np.all(np.abs(below - draws / 2) < 3.5 * np.sqrt(draws / 4))


SEVERAL = {
    "two categories": CURVES,
    "graded": Curves(family=Graded(), n_categories=4),
    "partial credit": Curves(family=PartialCredit(), n_categories=3),
}


@pytest.mark.parametrize("curves", SEVERAL.values(), ids=SEVERAL)
def test_another_scale_changes_no_answer_and_counts_as_the_densities_and_the_measure_say(curves):
    """The measure by a numerical Jacobian of all that moves."""
    rng, size, z = np.random.default_rng(4), len(curves.names), np.ones((5, 2))
    z[:, 1] = rng.standard_normal(5)
    person, item = np.divmod(np.arange(15), 5)
    answers = Answers(person, item, rng.integers(curves.n_categories, size=15), 3, 5, curves.n_categories)
    together, root = Together(answers, curves, z), np.tril_indices(size)
    residual = stats.invwishart.rvs(size + 2, np.eye(size), random_state=rng)
    weight = 0.3 * rng.standard_normal((2, size))
    items = z @ weight + 0.3 * rng.standard_normal((5, size))
    state = State(rng.standard_normal(3), items, weight, residual)

    def flat(s: State) -> np.ndarray:
        return np.concatenate([s.ability, s.items.ravel(), s.weight.ravel(), s.residual[root]])

    def back(x: np.ndarray) -> State:
        ability, own, of_weight, lower = np.split(x, np.cumsum([3, 5 * size, 2 * size]))
        covariance = np.zeros((size, size))
        covariance[root] = lower
        covariance += np.tril(covariance, -1).T
        return State(ability, own.reshape(5, size), of_weight.reshape(2, size), covariance)

    def log_joint(s: State) -> float:
        off = s.items - z @ s.weight
        of_items = stats.multivariate_normal(np.zeros(size), s.residual).logpdf(off).sum()
        centre, sd = np.zeros((2, size)), WEAK * largest(curves)
        centre[0] = curves.typical()[0]
        known = stats.norm.logpdf(s.ability).sum() + stats.norm.logpdf(s.weight, centre, sd).sum()
        return float(of_items + known + together._log_prior(s.residual))

    trial, change = together.on_scale(state, 0.2)
    before, after = (curves.log_probs_of(s.items, s.ability[person], item, answers.code) for s in (state, trial))
    np.testing.assert_allclose(after, before, atol=1e-12)
    here, step = flat(state), 1e-6 * np.eye(len(flat(state)))
    moved = [flat(together.on_scale(back(here + sign * row), 0.2)[0]) for row in step for sign in (1, -1)]
    jacobian = (np.array(moved[::2]) - np.array(moved[1::2])) / 2e-6
    expected = log_joint(trial) - log_joint(state) + np.linalg.slogdet(jacobian)[1]
    assert change == pytest.approx(expected, abs=1e-6)
