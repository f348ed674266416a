"""Monte Carlo EM around the grader: abilities drawn, grader fitted, curves projected, until it predicts no better."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from irtbridge.calibration.answers import Answers
from irtbridge.calibration.cross_fitting import CrossFitted, held_out
from irtbridge.calibration.curves import Curves
from irtbridge.calibration.kept import effective, kept
from irtbridge.calibration.plain import Plain
from irtbridge.calibration.projection import project
from irtbridge.calibration.residual import Sampler
from irtbridge.calibration.states import State
from irtbridge.plugin.program import Progress

Array = NDArray[np.float64]
ASIDE = 0.1  # of the answers, on which the likelihood is watched
MOST_ROUNDS = 6
RISE = 1e-4  # of the mean log probability of an answer
PROJECTED = 2.5  # standard deviations of ability on either side: 99 % of the persons
NODES = 31  # of the projection
# Sweeps of the sampler: before any feature counts, of a round until its states are kept, of those kept, between two
# members of the ensemble, and before the draws.
FIRST, SETTLE, KEEP, BETWEEN, BURN = 150, 50, 30, 15, 100


@dataclass(frozen=True, eq=False)
class Loop:
    """The settings of one calibration.

    Attributes
    ----------
    grades : CrossFitted
        The grader over the items' features.
    curves : Curves
        The family that its curves are projected on.
    residual : bool
        Whether items have posteriors about their predictions, or are what the projection says.
    members : int
        Graders that together are the ensemble.
    draws : int
        States that are kept in the end.
    seconds : float
        That all may take.
    known : ndarray, shape (person,), optional
        Abilities that are taken as known.
    """

    grades: CrossFitted
    curves: Curves
    residual: bool
    members: int
    draws: int
    seconds: float
    known: Array | None = None

    def run(self, answers: Answers, seed: int, progress: Progress) -> Calibrated:
        """Rounds with some answers set aside until these are predicted no better, then the ensemble with all."""
        rng, clock = np.random.default_rng(seed), Clock(self.seconds, MOST_ROUNDS + self.members)
        kept, aside = held_out(answers, ASIDE, rng)
        sampler = Sampler(kept, self.curves, np.ones((answers.n_items, 1)), self.known)
        state, first = self._settled(sampler, sampler.begin(), FIRST, aside, rng)
        history = [first]
        rounds = MOST_ROUNDS if self.known is None else 1
        for number in range(rounds):
            projection = self._projection(kept, state, clock, rng)
            round_ = self._model(kept, projection)
            state, reached = self._settled(round_, round_.begin(state), SETTLE, aside, rng)
            history.append(reached)
            progress("rounds", number + 1, rounds)
            if clock.over or (number > 0 and reached < max(history[1:-1]) + RISE):
                break
        return self._ensemble(answers, state, history, clock, rng, progress)

    def _ensemble(
        self, answers: Answers, state: State, history: list[float], clock: Clock, rng: np.random.Generator,
        progress: Progress,
    ) -> Calibrated:  # fmt: skip
        """Projections of several graders, and draws about their mean."""
        projections = []
        for member in range(self.members):
            projections.append(self._projection(answers, state, clock, rng))
            model = self._model(answers, np.mean(projections, axis=0))
            state = _last(model.sweeps(model.begin(state), BETWEEN, rng, adapt=True))
            progress("ensemble", member + 1, self.members)
            if clock.over:
                break
        state = _last(model.sweeps(state, BURN, rng, adapt=True))
        states = kept(model, state, self.draws, rng, lambda: clock.over)
        return Calibrated(self.curves, model, states, np.stack(projections), history, clock.spent)

    def _settled(
        self, model: Sampler | Plain, state: State, sweeps: int, aside: Answers, rng: np.random.Generator
    ) -> tuple[State, float]:
        """A state after some sweeps, and the mean log probability of the answers set aside over those that follow."""
        settled = _last(model.sweeps(state, sweeps, rng, adapt=True))
        states = list(model.sweeps(settled, KEEP, rng, adapt=False))
        each = [self.curves.log_probs_of(s.items, s.ability[aside.person], aside.item, aside.code) for s in states]
        return states[-1], float(np.mean(np.log(np.mean(np.exp(each), axis=0))))

    def _projection(self, answers: Answers, state: State, clock: Clock, rng: np.random.Generator) -> Array:
        """Coordinates of the items whose curves are nearest to those of a grader over one draw of the abilities."""
        nodes = state.ability.mean() + state.ability.std() * np.linspace(-PROJECTED, PROJECTED, NODES)
        return project(self.grades.curves(answers, state.ability, nodes, clock.share, rng), nodes, self.curves)

    def _model(self, answers: Answers, projection: Array) -> Sampler | Plain:
        if not self.residual:
            return Plain(answers, self.curves, projection, self.known)
        seen = answers.per_item > 0
        centre, spread = projection[seen].mean(axis=0), projection[seen].std(axis=0)
        columns = (projection - centre) / np.where(spread > 0, spread, 1.0)
        return Sampler(answers, self.curves, np.column_stack([np.ones(len(projection)), columns]), self.known)


@dataclass(frozen=True, eq=False)
class Calibrated:
    """What the loop has found.

    Attributes
    ----------
    curves : Curves
        The family.
    model : Sampler or Plain
        Of the states.
    states : list of State
        Draws from the posterior.
    projections : ndarray, shape (member, item, coordinate)
        Of each grader of the ensemble.
    history : list of float
        Mean log probability of the answers set aside: of the model without features, then of each round.
    seconds : float
        That it took.
    """

    curves: Curves
    model: Sampler | Plain
    states: list[State]
    projections: Array
    history: list[float]
    seconds: float

    @property
    def population(self) -> tuple[float, float]:
        """Mean and variance of the distribution of abilities."""
        if self.model.known is not None:
            return float(self.model.known.mean()), float(self.model.known.var())
        return 0.0, float(np.mean([state.sd**2 for state in self.states]))

    @property
    def ess(self) -> float | None:
        """Effective draws of the middle one of the items that have answers; None without posteriors."""
        return None if isinstance(self.model, Plain) else effective(self.states)

    def draws(self, own: bool, rng: np.random.Generator) -> Array:
        """Draws of the items' coordinates, (draw, item, coordinate).

        Parameters
        ----------
        own : bool
            From the items' posteriors where they have answers; else from what features alone say.
        rng : Generator
            Source of randomness.
        """
        if isinstance(self.model, Plain):
            return self.projections
        predicted = self.curves.clipped(self.model.predicted(self.states, rng))
        seen = self.model.answers.per_item > 0
        posterior = np.stack([state.items for state in self.states])
        return np.where(seen[:, None], posterior, predicted) if own else predicted


class Clock:
    """How long each fit of a grader may take so that all end in time.

    Parameters
    ----------
    seconds : float
        That all may take.
    fits : int
        How many there may be.
    """

    def __init__(self, seconds: float, fits: int) -> None:
        self.seconds, self.left, self.start = seconds, fits, time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.start

    @property
    def over(self) -> bool:
        """Whether no time is left."""
        return self.spent > self.seconds

    @property
    def share(self) -> float:
        """Seconds for the next fit."""
        share = max(self.seconds - self.spent, 0.0) / max(self.left, 1)
        self.left -= 1
        return share


def _last(states: Iterable[State]) -> State:
    *_, state = states
    return state
