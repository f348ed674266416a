"""Many persons take a test together, step by step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from irtbridge.adaptive.pool import Array, Pool
from irtbridge.adaptive.selection.base import Selection
from irtbridge.adaptive.state import NONE, Ints, State, update
from irtbridge.adaptive.stopping import Stopping

Answer = Callable[[Ints, Ints], Ints]
"""Codes of the answers of persons (their places in the state) to items (their places in the pool)."""


def administer(pool: Pool, selection: Selection, stop: Stopping, answer: Answer, persons: int, seed: int) -> State:
    """Give items to persons until each one's test has ended.

    Parameters
    ----------
    pool, selection, stop
        The test.
    answer : callable
        Of persons and items: see `Answer`.
    persons : int
        How many.
    seed : int
        Of what the rule draws.
    """
    state = State.start(pool, persons, seed)
    selection.admit(pool, state)
    while (going := np.flatnonzero(~stop(pool, state))).size:
        places, codes = np.full((2, persons), NONE)
        places[going] = selection.choose(pool, state if going.size == persons else state.rows(going))
        codes[going] = answer(going, places[going])
        update(pool, state, places, codes)
    return state


def answers_of_nodes(pool: Pool, nodes: Ints, seed: int) -> Answer:
    """Answers drawn at the mean item parameters, by persons whose abilities are nodes of the pool, (person,)."""
    rng, below = np.random.default_rng(seed), np.cumsum(np.exp(pool.log_probs), axis=-1)

    def answer(persons: Ints, places: Ints) -> Ints:
        ends = below[nodes[persons], places, :-1]
        return np.asarray((rng.random((len(persons), 1)) > ends).sum(axis=1))

    return answer


def nodes_of_population(pool: Pool, persons: int, seed: int) -> Ints:
    """Places of nodes drawn from the distribution that tests start from, (person,)."""
    prior: Array = np.exp(pool.log_prior)
    return np.asarray(np.random.default_rng(seed).choice(len(prior), persons, p=prior / prior.sum()))
