"""All sessions of an adaptive test step together: every step is a few operations on arrays over persons."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection import Selection
from irtbridge.adaptive.simulation.answers import Answer
from irtbridge.adaptive.simulation.metrics import GROUPS
from irtbridge.adaptive.simulation.sessions import NONE, Sessions, joined
from irtbridge.adaptive.state import State, update
from irtbridge.adaptive.stopping import Stopping

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
AT_ONCE = 2**22  # person x item: what is kept of so many persons takes some ten megabytes
SHARED = 8  # persons of a cluster, who share what a rule draws of the items: of `bandit` that is the most of its time


def administer(
    pool: Pool, rule: Selection, stop: Stopping, answer: Answer, abilities: Array, seed: int | list[int]
) -> Sessions:
    """Give a test to persons of known ability.

    Parameters
    ----------
    pool : Pool
        The items.
    rule : Selection
        Chooses them.
    stop : Stopping
        Ends sessions.
    answer : callable
        Of abilities (pair, trait), places (pair,) and a generator: codes (pair,).
    abilities : ndarray, shape (person, trait)
    seed : int or list of int
        Of answers and, apart from them, of what the rule draws: two rules of a bank that ask the same get the same
        answers, those of another bank get others.
    """
    size, clusters = max(1, AT_ONCE // pool.n_items), clusters_of(len(abilities))
    places = [slice(start, start + size) for start in range(0, len(abilities), size)]
    # None ends in 0, which NumPy's SeedSequence would take for not being there.
    seeds = [[*np.atleast_1d(seed), _number_of(pool.bank.items), number + 1] for number in range(len(places))]
    with pool.arrays.running():
        blocks = [
            _block(pool, rule, stop, answer, abilities[place], clusters[place], own)
            for place, own in zip(places, seeds, strict=True)
        ]
    return joined(blocks)


def _number_of(items: tuple[str, ...]) -> int:
    """A number that other items do not have."""
    return zlib.crc32("\n".join(items).encode())


def clusters_of(persons: int) -> Ints:
    """A number for each person: eight have the same, fewer where Monte Carlo errors would have too few clusters."""
    return np.arange(persons) // int(np.clip(persons // (2 * GROUPS), 1, SHARED))


def _block(
    pool: Pool, rule: Selection, stop: Stopping, answer: Answer, abilities: Array, clusters: Ints, seed: list[int]
) -> Sessions:
    """Persons who step together, those who are still in the test."""
    rng = np.random.default_rng([*seed, 1])
    state = State.start(pool, len(abilities), np.random.default_rng([*seed, 2]), clusters)
    rule.admit(pool, state)
    track, active = Track(pool, len(abilities)), np.arange(len(abilities))
    while active.size:
        places = rule.choose(pool, state)
        codes = np.full(len(active), NONE)
        asked = np.flatnonzero(places != NONE)
        codes[asked] = answer(abilities[active[asked]], places[asked], rng)
        update(pool, state, places, codes)
        track.step(active, places, codes, state.posterior())
        going = ~stop(pool, state) & (places != NONE)
        if not going.all():
            state, active = state.rows(going), active[going]
    return track.sessions(abilities, clusters)


@dataclass(eq=False)
class Track:
    """What is noted of sessions while they run.

    Attributes
    ----------
    pool : Pool
    persons : int
    """

    pool: Pool
    persons: int
    steps: list[tuple[Ints, Ints, Array]] = field(init=False, default_factory=list)
    known: Array = field(init=False)
    of_node: Array = field(init=False)

    def __post_init__(self) -> None:
        nodes, probs = self.pool.nodes, np.exp(self.pool.log_probs)
        codes = np.arange(probs.shape[2])
        mean_score = (probs @ codes).mean(axis=1)
        # One product gives first and second moments and the score.
        self.of_node = np.column_stack([nodes, nodes**2, mean_score])
        self.known = np.empty((self.persons, self.of_node.shape[1]))

    def step(self, active: Ints, places: Ints, codes: Ints, posterior: Any) -> None:
        """Note an item for those who are in the test, their answers and posteriors (person, node)."""
        given, answers = np.full((2, self.persons), NONE)
        given[active], answers[active] = places, codes
        self.known[active] = self.pool.expected(posterior, self.of_node)
        self.steps.append((given, answers, self.known.copy()))

    def sessions(self, abilities: Array, clusters: Ints) -> Sessions:
        """All that was noted."""
        given, codes, known = (np.stack(parts, axis=1) for parts in zip(*self.steps, strict=True))
        traits = self.pool.n_traits
        means, squares, scores = known[..., :traits], known[..., traits : 2 * traits], known[..., -1]
        sds = np.sqrt(np.maximum(squares - means**2, 0))
        return Sessions(abilities, given, codes, means, sds, scores, self.pool.n_items, cluster=clusters)
