"""What the features leave of each item: a normal distribution about their prediction, and the items' posterior in it.

With z the predictors of an item (1 and what the projection of the grader's curves says) and phi its coordinates::

    theta_p ~ Normal(0, 1),    phi_i ~ Normal(B' z_i, Sigma),    answer of p to i ~ P(. | theta_p; phi_i)

The posterior is drawn from: abilities on the grid given items, items given abilities by Metropolis and Hastings, B and
Sigma given items, each conjugate given the other (Gelman et al. 2013, section 3.6; Huang & Wand 2013). Nothing is
plugged in: with twenty answers an item, modes of a thousand items would be taken for the truth by the persons'
abilities, and slopes run away. An item with many answers is where they put it, one with few between them and its
features, one with none at the prediction, with Sigma about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import invwishart

from irtbridge.calibration.abilities import Grid
from irtbridge.calibration.answers import Answers
from irtbridge.calibration.curves import Curves, weighted_sum
from irtbridge.calibration.states import Spread, State
from irtbridge.calibration.together import FREEDOM, Together, largest, weakness

Array = NDArray[np.float64]
STEPS = 1  # of each item in a sweep


@dataclass(frozen=True, eq=False)
class Sampler:
    """Sweeps through the posterior.

    Attributes
    ----------
    answers : Answers
        The data.
    curves : Curves
        The family.
    predictors : ndarray, shape (item, column)
        z, the column of ones first, the others standardised.
    known : ndarray, shape (person,), optional
        Abilities that are taken as known.
    """

    answers: Answers
    curves: Curves
    predictors: Array
    known: Array | None = None

    def begin(self, state: State | None = None) -> State:
        """A state to begin from: one of other predictors, or a typical one."""
        columns, (mean, sd) = self.predictors.shape[1], self.curves.typical()
        if state is None:
            items = np.tile(mean, (len(self.predictors), 1))
            state = State(np.zeros(self.answers.n_persons), items, np.zeros((1, len(mean))), np.diag(sd**2))
        if self.known is not None:
            state = replace(state, ability=self.known)
        weight = np.zeros((columns, len(mean)))
        weight[0] = state.items[self._seen].mean(axis=0)
        return replace(state, weight=weight)

    def sweeps(self, state: State, number: int, rng: np.random.Generator, adapt: bool) -> Iterator[State]:
        """So many states; the items' steps are fit for the first, or adapt to each (for states that are not kept)."""
        spread, all_items = self._spread(state), Together(self.answers, self.curves, self.predictors)
        for _ in range(number):
            if self.known is None:
                state = self._persons(state, rng)
            if adapt:
                spread = self._spread(state)
            for _ in range(STEPS):
                state = self._items(state, spread.factor, rng)
            state = all_items(state, spread.information, rng)
            if self.known is None and self.curves.slopes:
                state = all_items.rescaled(state, rng)
            state = self._hyper(state, rng)
            yield state

    @property
    def _seen(self) -> NDArray[np.bool_]:
        return np.asarray(self.answers.per_item > 0)

    def _persons(self, state: State, rng: np.random.Generator) -> State:
        """Abilities given items; without discriminations their spread too, of a prior 1 / sd^2 ~ Gamma(1, 1)."""
        grid = Grid.normal(0.0, state.sd)
        weights = grid.posterior(self.answers, self.curves.log_probs(state.items, grid.nodes[:, None]))
        state = self._moved(replace(state, ability=grid.draw(weights, rng)), rng)
        if self.curves.slopes:
            return state
        ability = state.ability
        precision = rng.gamma(1 + len(ability) / 2, 1 / (1 + np.sum(ability**2) / 2))
        return replace(state, ability=ability, sd=float(precision**-0.5))

    def _moved(self, state: State, rng: np.random.Generator) -> State:
        """All abilities and difficulties moved by one number, which no answer tells (Liu & Sabatti 2000)."""
        n = len(state.ability)
        shift = rng.normal(-state.ability.mean(), state.sd / np.sqrt(n))
        along = shift * np.array([name == "difficulty" for name in self.curves.names])
        weight = state.weight.copy()
        weight[0] += along
        return replace(
            state, ability=state.ability + shift, items=self.curves.clipped(state.items + along), weight=weight
        )

    def predicted(self, states: Sequence[State], rng: np.random.Generator) -> Array:
        """What the predictors say of items without regard to their answers, (state, item, coordinate).

        The residuals of an item's draws have mean 0, so that the mean of the draws is that of the predictions.
        """
        standard = rng.standard_normal((len(states), *states[0].items.shape))
        standard -= standard.mean(axis=0)
        drawn = zip(states, standard, strict=True)
        return np.stack([self.predictors @ s.weight + e @ np.linalg.cholesky(s.residual).T for s, e in drawn])

    def _items(self, state: State, factor: Array, rng: np.random.Generator) -> State:
        """A step of every item to about where Newton's would lead, with acceptance of its own (Qi & Minka 2002).

        Were an item's posterior normal with the covariance that the factor gives, it would be drawn from.
        """
        before, gradient = self._log_density(state.items, state)
        standard = rng.standard_normal(state.items.shape)
        trial = _newton(state.items, gradient, factor) + np.einsum("ikl,il->ik", factor, standard)
        within = (trial == self.curves.clipped(trial)).all(axis=1)
        trial = np.where(within[:, None], trial, state.items)
        after, gradient = self._log_density(trial, state)
        way_back = np.linalg.solve(factor, (state.items - _newton(trial, gradient, factor))[..., None])[..., 0]
        change = after - before + (standard**2 - way_back**2).sum(axis=1) / 2
        taken = within & (np.log(rng.uniform(size=len(change))) < change) & self._seen
        return replace(state, items=np.where(taken[:, None], trial, state.items))

    def _log_density(self, at: Array, state: State) -> tuple[Array, Array]:
        """Log density of each item, (item,), given the abilities, and its gradient (item, coordinate)."""
        answers, off = self.answers, at - self.predictors @ state.weight
        log, scores = self.curves.with_scores_of(at, state.ability[answers.person], answers.item, answers.code)
        pull = off @ np.linalg.inv(state.residual)
        gradient = np.stack([self._by_item(scores[:, k]) for k in range(at.shape[1])], axis=-1)
        return self._by_item(log) - np.sum(pull * off, axis=1) / 2, gradient - pull

    def _by_item(self, each: Array) -> Array:
        """Sums over the answers to each item."""
        return np.asarray(np.bincount(self.answers.item, each, minlength=self.answers.n_items), dtype=float)

    def _spread(self, state: State) -> Spread:
        """How far each item may be from where it is, given all else, by its information."""
        answers, size = self.answers, state.items.shape[1]
        log_probs, scores = self.curves.with_scores(state.items, state.ability[answers.person][None], answers.item)
        weighted, information = np.exp(log_probs[0])[..., None] * scores[0], np.empty((answers.n_items, size, size))
        for k, m in np.ndindex(size, size):
            information[:, k, m] = self._by_item(weighted_sum(weighted[..., k], scores[0, ..., m]))
        covariance = np.linalg.inv(information + np.linalg.inv(state.residual))
        factor = np.asarray(np.linalg.cholesky(covariance), dtype=float)
        return Spread(factor, np.einsum("ikk->k", information))

    def _hyper(self, state: State, rng: np.random.Generator) -> State:
        """B and Sigma given the items that have answers; the others move to their prediction."""
        z, phi = self.predictors[self._seen], state.items[self._seen]
        off = phi - z @ state.weight
        rate = FREEDOM * np.diag(np.linalg.inv(state.residual)) + largest(self.curves) ** -2
        inverse_scale = rng.gamma((FREEDOM + len(rate)) / 2, 1 / rate)
        scale = 2 * FREEDOM * np.diag(inverse_scale) + off.T @ off
        residual = np.atleast_2d(invwishart.rvs(FREEDOM + len(rate) - 1 + len(z), scale, random_state=rng))
        weight = self._weight(z, phi, residual, rng)
        items = np.where(self._seen[:, None], state.items, self.curves.clipped(self.predictors @ weight))
        return replace(state, items=items, weight=weight, residual=residual)

    def _weight(self, z: Array, phi: Array, residual: Array, rng: np.random.Generator) -> Array:
        """B given Sigma and the items, row after row as one normal vector."""
        prior, inverse = weakness(self.curves), np.linalg.inv(residual)
        pull = z.T @ phi @ inverse
        pull[0] += prior * self.curves.typical()[0]
        precision = np.kron(z.T @ z, inverse) + np.diag(np.tile(prior, z.shape[1]))
        root = np.linalg.cholesky(precision)
        standard = np.linalg.solve(root, pull.ravel()) + rng.standard_normal(pull.size)
        return np.asarray(np.linalg.solve(root.T, standard).reshape(pull.shape))


def _newton(at: Array, gradient: Array, factor: Array) -> Array:
    """Where a Newton step leads, the covariance being that of the factor."""
    return np.asarray(at + np.einsum("ikl,iml,im->ik", factor, factor, gradient))
