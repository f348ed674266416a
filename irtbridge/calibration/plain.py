"""AutoIRT without a residual: items are what the projection of the grader's curves says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from irtbridge.calibration.abilities import Grid
from irtbridge.calibration.answers import Answers
from irtbridge.calibration.curves import Curves
from irtbridge.calibration.states import State

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Plain:
    """Draws of abilities given items that are known; the same face as `Sampler`'s.

    Attributes
    ----------
    answers : Answers
        The data.
    curves : Curves
        The family.
    projection : ndarray, shape (item, coordinate)
        The items.
    known : ndarray, shape (person,), optional
        Abilities that are taken as known.
    """

    answers: Answers
    curves: Curves
    projection: Array
    known: Array | None = None

    def begin(self, state: State) -> State:
        """The state with these items."""
        return replace(state, items=self.projection)

    def sweeps(self, state: State, number: int, rng: np.random.Generator, adapt: bool) -> Iterator[State]:
        """So many states, each with abilities of its own."""
        grid = Grid.normal(0.0, state.sd)
        if self.known is None:
            weights = grid.posterior(self.answers, self.curves.log_probs(self.projection, grid.nodes[:, None]))
        for _ in range(number):
            yield state if self.known is not None else replace(state, ability=grid.draw(weights, rng))
