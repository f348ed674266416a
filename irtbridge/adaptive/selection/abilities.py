"""Abilities drawn from their posterior on the grid, as Thompson sampling does."""

from __future__ import annotations

from typing import Any

from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.state import Ints, State


def drawn_nodes(state: State, draws: int) -> Ints:
    """Places of nodes drawn from each person's posterior, (person, draw), by the inverse distribution function."""
    return state.arrays.draw(state.posterior(), state.rng.random((state.n_persons, draws)))


def mean_of_rows(pool: Pool, table: Any, places: Ints) -> Any:
    """Mean (person, column) of rows of a table of `Pool.arrays`, by their places (person, draw)."""
    total = pool.arrays.rows(table, places[:, 0])
    for place in places.T[1:]:
        total += pool.arrays.rows(table, place)
    return total / places.shape[1]
