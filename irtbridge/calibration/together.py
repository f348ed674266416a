"""Steps of all items at once, together with the distribution that they come from."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from irtbridge.calibration.answers import Answers
from irtbridge.calibration.curves import Curves
from irtbridge.calibration.states import State

Array = NDArray[np.float64]
COLUMNS = 3  # of the predictors that are moved along at a time, drawn at random where there are more
FAR = 2.0  # standard deviations of a step of all items together: taken about every second time
WEAK = 10.0  # of the normal prior of B: its SDs are so many times the scales of the residual SDs
FREEDOM = 2.0  # of the half-t priors of the residual SDs: correlations are then uniform (Huang & Wand 2013)


@dataclass(frozen=True, eq=False)
class Together:
    """Metropolis steps of B and Sigma in which the items follow; attributes as `Sampler` has them."""

    answers: Answers
    curves: Curves
    predictors: Array

    def __call__(self, state: State, information: Array, rng: np.random.Generator) -> State:
        """All items moved at once with what they come from, their standardised residuals held.

        First their residuals and Sigma are stretched along each coordinate, then B is moved along each. Where answers
        tell little of each item, B and Sigma would else hardly move, given the items (Yu & Meng 2011).
        """
        size, now = len(information), self._log_likelihood(state.items, state.ability)
        for column, coordinate in itertools.product(self._columns(rng), range(size)):
            unit = np.eye(size)[coordinate]
            known = information[coordinate]
            if column is None:
                step = self._width(state, known, coordinate) * rng.standard_normal()
                trial, change = self._stretched(state, step, unit)
                change += _there_and_back(step, *(self._width(each, known, coordinate) for each in (state, trial)))
            else:
                step = FAR / np.sqrt(known + 1) * rng.standard_normal()
                trial, change = self._shifted(state, step, column, unit)
            then = self._log_likelihood(trial.items, state.ability)
            if np.log(rng.uniform()) < then - now + change and self._within(trial.items):
                state, now = trial, then
        return state

    def rescaled(self, state: State, rng: np.random.Generator) -> State:
        """All abilities, locations and slopes on another scale, which no answer tells: only the priors do.

        B and Sigma follow, so that the standardised residuals are held. Abilities given slopes, and slopes given
        abilities, would else hardly move their common scale (Liu & Sabatti 2000).
        """
        trial, change = self.on_scale(state, FAR / np.sqrt(2 * len(state.ability)) * rng.standard_normal())
        return trial if np.log(rng.uniform()) < change and self._within(trial.items) else state

    def on_scale(self, state: State, log_factor: float) -> tuple[State, float]:
        """Abilities multiplied by a factor and all else with them; what priors and the change of measure add."""
        stretch, step = self.curves.on_scale(log_factor)
        ability, weight = state.ability * np.exp(log_factor), state.weight * stretch
        weight[0] += step
        residual = state.residual * np.outer(stretch, stretch)
        # The density of the items about their prediction falls by as much as their measure grows.
        change = len(ability) * log_factor + (len(weight) + len(stretch) + 1) * np.log(stretch).sum()
        change += self._log_prior(residual) - self._log_prior(state.residual)
        change += self._log_prior_of(weight) - self._log_prior_of(state.weight)
        change += np.sum(state.ability**2 - ability**2) / 2
        items = state.items * stretch + step
        return replace(state, ability=ability, items=items, weight=weight, residual=residual), float(change)

    def _width(self, state: State, known: float, coordinate: int) -> float:
        """Standard deviation of the logarithm that residuals are stretched by."""
        return float(FAR / np.sqrt(known * state.residual[coordinate, coordinate] + 1))

    def _columns(self, rng: np.random.Generator) -> list[int | None]:
        """None for a stretch, and the columns to move along."""
        number = self.predictors.shape[1]
        return [None, *(range(number) if number <= COLUMNS else rng.permutation(number)[:COLUMNS].tolist())]

    def _stretched(self, state: State, log_factor: float, unit: Array) -> tuple[State, float]:
        """Residuals and Sigma stretched along a coordinate, and what the prior and the change of measure add."""
        stretch = np.exp(log_factor * unit)
        prior = self.predictors @ state.weight
        residual = state.residual * np.outer(stretch, stretch)
        trial = replace(state, items=prior + (state.items - prior) * stretch, residual=residual)
        change = self._log_prior(residual) - self._log_prior(state.residual) + (len(unit) + 1) * log_factor
        return trial, change

    def _shifted(self, state: State, step: float, column: int, unit: Array) -> tuple[State, float]:
        """Items and B moved along a coordinate in proportion to a predictor, and what the prior of B adds."""
        weight = state.weight.copy()
        weight[column] += step * unit
        items = state.items + step * self.predictors[:, column, None] * unit
        change = self._log_prior_of(weight) - self._log_prior_of(state.weight)
        return replace(state, items=items, weight=weight), change

    def _log_prior_of(self, weight: Array) -> float:
        """Of B, without its constant."""
        off = weight.copy()
        off[0] -= self.curves.typical()[0]
        return -float(np.sum(weakness(self.curves) * off**2)) / 2

    def _log_prior(self, residual: Array) -> float:
        """Of Sigma, without its constant (Huang & Wand 2013, equation 2 with the scales integrated out)."""
        size = len(residual)
        rate = FREEDOM * np.diag(np.linalg.inv(residual)) + largest(self.curves) ** -2
        log_det = np.linalg.slogdet(residual)[1]
        return float(-(FREEDOM + 2 * size) / 2 * log_det - (FREEDOM + size) / 2 * np.log(rate).sum())

    def _log_likelihood(self, items: Array, ability: Array) -> float:
        answers = self.answers
        return float(self.curves.log_probs_of(items, ability[answers.person], answers.item, answers.code).sum())

    def _within(self, items: Array) -> bool:
        return bool(np.all((items == self.curves.clipped(items))[self.answers.per_item > 0]))


def _there_and_back(step: float, width: float, back: float) -> float:
    """Log density of a normal step back over that of the step there, of which the widths differ (Hastings 1970)."""
    return float(np.log(width / back) - step**2 / 2 * (back**-2 - width**-2))


def weakness(curves: Curves) -> Array:
    """Prior precisions of the rows of B, (coordinate,)."""
    return np.asarray((WEAK * largest(curves)) ** -2)


def largest(curves: Curves) -> Array:
    """Scales of the half-t priors of the residual SDs, (coordinate,): SDs of items that are not explained at all."""
    return curves.typical()[1]
