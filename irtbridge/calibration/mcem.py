"""Monte Carlo EM around the grader: abilities drawn, grader fitted, curves projected, until it predicts no better."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from irtbridge.calibration.abilities import Grid
from irtbridge.calibration.answers import Answers
from irtbridge.calibration.cross_fitting import CrossFitted, held_out
from irtbridge.calibration.curves import Curves
from irtbridge.calibration.projection import project
from irtbridge.calibration.residual import Items, fit_items
from irtbridge.plugin.program import Progress

Array = NDArray[np.float64]
ASIDE = 0.1  # of the answers, on which the marginal likelihood is watched
MOST_ROUNDS = 6
RISE = 1e-4  # of the mean log probability of an answer
PROJECTED = 2.5  # standard deviations of ability on either side: 99 % of the persons
GRID = 31  # nodes of the projection


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
        Rounds after the last, with all answers, which together are the ensemble.
    seconds : float
        That all may take.
    known : ndarray, shape (person,), optional
        Abilities that are taken as known.
    """

    grades: CrossFitted
    curves: Curves
    residual: bool = True
    members: int = 4
    seconds: float = 300.0
    known: Array | None = None

    def run(self, answers: Answers, seed: int, progress: Progress) -> Calibrated:
        """Rounds with some answers set aside until these are predicted no better, then the ensemble with all."""
        rng, clock = np.random.default_rng(seed), _Clock(self.seconds, MOST_ROUNDS + self.members)
        grid = Grid.normal() if self.known is None else Grid.normal(float(self.known.mean()), float(self.known.std()))
        kept, aside = held_out(answers, ASIDE, rng)
        ones = np.ones((answers.n_items, 1))
        items = fit_items(kept, self.curves, ones, grid, known=self.known)
        history = [self._predictive(items, aside)]
        for number in range(MOST_ROUNDS if self.known is None else 0):
            _, items = self._round(kept, items, clock, rng)
            progress("rounds", number + 1, MOST_ROUNDS)
            history.append(self._predictive(items, aside))
            if number > 0 and history[-1] < max(history[1:-1]) + RISE or clock.over:
                break
        projections = []
        for member in range(self.members):
            projection, _ = self._round(answers, items, clock, rng, final=False)
            projections.append(projection)
            progress("ensemble", member + 1, self.members)
            if clock.over:
                break
        mean = np.mean(projections, axis=0)
        items = self._items(answers, mean, items)
        return Calibrated(self.curves, items, np.stack(projections), self.residual, history, clock.spent)

    def _round(
        self, answers: Answers, items: Items, clock: _Clock, rng: np.random.Generator, final: bool = True
    ) -> tuple[Array, Items]:
        """Projected coordinates of each item, and the items with them."""
        abilities = items.grid.draw(items.weights, rng) if self.known is None else self.known
        middle, spread = items.grid.moments(items.weights)
        nodes = middle + spread * np.linspace(-PROJECTED, PROJECTED, GRID)
        p_hat = self.grades.curves(answers, abilities, nodes, clock.share, rng)
        projection = project(p_hat, nodes, self.curves)
        return projection, self._items(answers, projection, items) if final else items

    def _items(self, answers: Answers, projection: Array, start: Items) -> Items:
        if self.residual:
            seen = answers.per_item > 0
            centre, spread = projection[seen].mean(axis=0), projection[seen].std(axis=0)
            predictors = np.column_stack([np.ones(len(projection)), (projection - centre) / np.where(spread > 0, spread, 1)])
            return fit_items(answers, self.curves, predictors, start.grid, start, self.known)
        weights = start.weights
        if self.known is None:
            weights = start.grid.posterior(answers, self.curves.probs(projection, start.grid.nodes))
        return replace(start, mode=projection, prior=projection, weights=weights)

    def _predictive(self, items: Items, aside: Answers) -> float:
        return items.grid.predictive(items.weights, aside, self.curves.probs(items.mode, items.grid.nodes))


@dataclass(frozen=True, eq=False)
class Calibrated:
    """What the loop has found.

    Attributes
    ----------
    curves : Curves
        The family.
    items : Items
        Posteriors and predictions of the items.
    projections : ndarray, shape (member, item, coordinate)
        Of each member of the ensemble.
    residual : bool
        Whether items have posteriors about their predictions.
    history : list of float
        Mean log probability of the answers set aside: of the model without features, then of each round.
    seconds : float
        That it took.
    """

    curves: Curves
    items: Items
    projections: Array
    residual: bool
    history: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def draws(self, own: bool, n_draws: int, rng: np.random.Generator) -> Array:
        """Draws of the items' coordinates, (draw, item, coordinate).

        Parameters
        ----------
        own : bool
            From the items' posteriors; else from what features alone say.
        n_draws : int
            How many; without a residual there is one of each member of the ensemble.
        rng : Generator
            Source of randomness.
        """
        if not self.residual:
            return self.projections
        centre = self.items.mode if own else self.items.prior
        covariance = self.items.covariance if own else self.items.prior_covariance
        factor = np.linalg.cholesky(covariance)
        standard = rng.standard_normal((n_draws, *centre.shape))
        return self.curves.clipped(centre + np.einsum("ikl,sil->sik", factor, standard))


class _Clock:
    """How long each fit of a grader may take so that all end in time."""

    def __init__(self, seconds: float, fits: int) -> None:
        self.seconds, self.left, self.start = seconds, fits, time.monotonic()

    @property
    def spent(self) -> float:
        return time.monotonic() - self.start

    @property
    def over(self) -> bool:
        return self.spent > self.seconds

    @property
    def share(self) -> float:
        """Seconds for the next fit."""
        share = max(self.seconds - self.spent, 0.0) / max(self.left, 1)
        self.left -= 1
        return share


