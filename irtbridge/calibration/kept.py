"""States of the sampler that are kept: as far apart as intervals need that shall hold what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from irtbridge.calibration.plain import Plain
from irtbridge.calibration.residual import Sampler
from irtbridge.calibration.states import State
from irtbridge.results.quiet_arviz import az

THIN = 3  # sweeps for each state, at first
ENOUGH = 100.0  # effective draws of the middle one of the items: what Vehtari et al. (2021) ask of a chain
WATCHED = 100  # items
DOUBLINGS = 3  # at most, of the sweeps


def kept(
    model: Sampler | Plain,
    state: State,
    number: int,
    rng: np.random.Generator,
    over: Callable[[], bool] = lambda: False,
) -> list[State]:
    """So many states, twice as far apart as long as items have too few effective draws.

    Parameters
    ----------
    model : Sampler or Plain
        Whose sweeps they are.
    state : State
        To go on from.
    number : int
        How many are kept.
    rng : Generator
        Source of randomness.
    over : callable
        Says that there is no time for more sweeps.
    """
    states, apart = _every(model, state, number, THIN, rng), THIN
    for _ in range(DOUBLINGS):
        if effective(states) >= min(ENOUGH, number / 2) or over():
            break
        states = [*states, *_every(model, states[-1], number, apart, rng)][1::2]
        apart *= 2
    return states


def _every(model: Sampler | Plain, state: State, number: int, apart: int, rng: np.random.Generator) -> list[State]:
    return list(model.sweeps(state, apart * number, rng, adapt=False))[apart - 1 :: apart]


def effective(states: Sequence[State]) -> float:
    """Effective draws (bulk ESS) of the middle one of the items, of their worst coordinate; all where none moves."""
    items = np.stack([state.items for state in states])
    items = items[:, np.ptp(items, axis=0).all(axis=-1)]
    if not items.size or len(items) < 4:  # fewer draws have no ESS
        return float(len(states))
    some = items[:, np.linspace(0, items.shape[1] - 1, min(WATCHED, items.shape[1])).astype(int)]
    ess = az.ess({"items": some[None]}, method="bulk")["items"].to_numpy()
    return float(np.median(ess, axis=0).min())
