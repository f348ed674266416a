"""Many persons take a test together, step by step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection.base import Selection
from irtbridge.adaptive.state import NONE, Ints, State, update
from irtbridge.adaptive.stopping import Stopping

Answer = Callable[[Ints, Ints], Ints]


def administer(pool: Pool, selection: Selection, stop: Stopping, answer: Answer, state: State) -> None:
    """Give items to all persons of a state until each one's test has ended; the state is changed.

    Parameters
    ----------
    pool, selection, stop
        The test.
    answer : callable
        Codes of the answers of persons (their places in the state) to items (their places in the pool).
    state : State
        Persons before their first item, or wherever they stand.
    """
    while (persons := np.flatnonzero(~stop(pool, state))).size:
        everyone = persons.size == state.n_persons
        chosen = selection.choose(pool, state if everyone else state.rows(persons))
        places = np.full(state.n_persons, NONE)
        places[persons] = chosen
        codes = np.full(state.n_persons, NONE)
        codes[persons] = answer(persons, chosen)
        update(pool, state, places, codes)
