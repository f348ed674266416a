"""Shadow tests: before each item the best whole test that keeps all constraints, and from it the best item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection.wrapping import Wrapping
from irtbridge.adaptive.state import NONE, Ints, State
from irtbridge.errors import ConfigError


@dataclass(frozen=True)
class Shadow(Wrapping):
    """The best item of a shadow test (van der Linden & Reese 1998; van der Linden 2000).

    A shadow test has the items given and those that add most to the other rule's scores, such that it is of the test's
    length and keeps the bounds of content areas and the sets of enemies: an integer program, solved by
    `scipy.optimize.milp` for each person and item. So the areas' least numbers are met whatever the enemies.

    Parameters
    ----------
    rule : str or Selection
        That scores items, not below 0, as information.
    """

    name: ClassVar[str] = "shadow"

    def check(self, pool: Pool) -> None:
        super().check(pool)
        pool.constraints.need_length("shadow")
        if pool.constraints.shares.any():
            raise ConfigError("shadow plans a whole test: give content areas numbers of items, not shares by lot.")

    def best(self, pool: Pool, state: State, scores: NDArray[Any]) -> Ints:
        length = pool.constraints.need_length("shadow")
        limits = [
            LinearConstraint(np.ones((1, pool.n_items)), length, length),
            *_of_areas(pool),
            *_of_enemies(pool),
        ]
        each = (state.rows(slice(row, row + 1)) for row in range(state.n_persons))
        return np.array([_next(one, score, limits) for one, score in zip(each, scores, strict=True)])


def _next(state: State, scores: NDArray[Any], limits: list[LinearConstraint]) -> int:
    """The best item of one person's shadow test that was not given."""
    given = np.zeros(len(scores), dtype=bool)
    given[state.given[0][state.given[0] != NONE]] = True
    bounds = Bounds(given.astype(float), (given | state.eligible[0]).astype(float))
    found = milp(-scores.astype(float), integrality=np.ones(len(scores), dtype=int), bounds=bounds, constraints=limits)
    if found.x is None:
        raise ConfigError(
            "no test of this length keeps all bounds of content areas and sets of enemies; widen the bounds, shorten "
            "the test, or add items."
        )
    return int(np.where((found.x > 0.5) & ~given, scores, -np.inf).argmax())


def _of_areas(pool: Pool) -> list[LinearConstraint]:
    own = pool.constraints
    members = own.area == np.arange(len(own.areas))[:, None]
    return [LinearConstraint(sparse.csr_array(members.astype(float)), own.least, own.most)] if own.areas else []


def _of_enemies(pool: Pool) -> list[LinearConstraint]:
    """Of each pair of enemies one item at most."""
    if pool.constraints.enemies is None:
        return []
    one, other = sparse.triu(pool.constraints.enemies, k=1).nonzero()
    rows = np.tile(np.arange(len(one)), 2)
    pairs = sparse.csr_array((np.ones(len(rows)), (rows, np.r_[one, other])), shape=(len(one), pool.n_items))
    return [LinearConstraint(pairs, 0, 1)]
