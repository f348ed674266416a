"""Abilities drawn from their posterior on the grid, as Thompson sampling does."""

from __future__ import annotations

import numpy as np

from irtbridge.adaptive.state import Ints, State


def drawn_nodes(state: State, draws: int) -> Ints:
    """Places of nodes drawn from each person's posterior, (person, draw), by the inverse distribution function."""
    below = np.cumsum(state.posterior(), axis=1)
    below /= below[:, -1:]
    uniform = state.rng.random((state.n_persons, draws))
    # All persons in one search: each one's distribution function is raised by his row.
    row = np.arange(state.n_persons)[:, None]
    found = np.searchsorted((below + row).ravel(), (uniform + row).ravel(), side="right")
    return np.asarray(np.minimum(found.reshape(uniform.shape) - row * below.shape[1], below.shape[1] - 1))
