"""Where persons stand in an adaptive test, many in lockstep: their posteriors, and what they were given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.adaptive.pool import Pool
from irtbridge.plugin.arrays import Arrays

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
NONE = -1  # in place of an item that was not given
OF_NUMPY = ("given", "codes", "seconds", "cluster")  # what a person has that is small


@dataclass(eq=False)
class State:
    """Persons in an adaptive test.

    Attributes
    ----------
    arrays : Arrays
        Whose the arrays `log_posterior` and `eligible` are, as `Pool.arrays`; all others are NumPy's.
    log_posterior : array, shape (person, node)
        Log probability of each node of the pool, up to a constant for each person.
    given, codes : ndarray of int, shape (person, step)
        Places of the items given and codes of the answers, in order; -1 where there is none. Columns are added as
        tests grow.
    eligible : array of bool, shape (person, item)
        Items not given, and no enemies of those given.
    seconds : ndarray, shape (person,)
        Time used.
    rng : numpy.random.Generator
        Of whatever a rule draws.
    cluster : ndarray of int, shape (person,)
        Persons of the same number may share what a rule draws of the items; others never do.
    """

    arrays: Arrays
    log_posterior: Any
    given: Ints
    codes: Ints
    eligible: Any
    seconds: Array
    rng: np.random.Generator
    cluster: Ints

    @classmethod
    def start(
        cls, pool: Pool, persons: int = 1, seed: int | np.random.Generator = 0, cluster: Ints | None = None
    ) -> State:
        """Persons before the first item, each with draws alone unless clusters are given."""
        return cls(
            pool.arrays,
            pool.arrays.put(np.tile(pool.log_prior, (persons, 1))),
            np.full((persons, 0), NONE),
            np.full((persons, 0), NONE),
            pool.arrays.put(np.ones((persons, pool.n_items), dtype=bool), "bool"),
            np.zeros(persons),
            np.random.default_rng(seed),
            np.arange(persons) if cluster is None else cluster,
        )

    @property
    def n_persons(self) -> int:
        """Number of persons."""
        return len(self.given)

    @property
    def n_given(self) -> Ints:
        """Number of items that each person was given."""
        return np.asarray((self.given != NONE).sum(axis=1))

    def rows(self, which: slice | NDArray[Any]) -> State:
        """Some of the persons: of a slice, views on the same arrays; the generator is the same."""
        parts = {name: self.arrays.rows(getattr(self, name), which) for name in ("log_posterior", "eligible")}
        return replace(self, **parts, **{name: getattr(self, name)[which] for name in OF_NUMPY})

    def posterior(self) -> Any:
        """Probability of each node, (person, node)."""
        xp, log_weights = self.arrays.xp, self.log_posterior
        weights = self.arrays.exp(log_weights - xp.amax(log_weights, axis=1, keepdims=True))
        weights /= xp.sum(weights, axis=1, keepdims=True)
        return weights

    def candidates(self, pool: Pool) -> Any:
        """Items that may come next, (person, item): eligible, and of areas that their bounds leave open now."""
        if not pool.constraints.areas:
            return self.eligible
        return self.eligible & self.arrays.put(pool.constraints.allowed(self.given), "bool")

    def after_lots(self, pool: Pool) -> State:
        """Each person with the items of one area alone, where lots are drawn for it: for the choice of one item."""
        if not pool.constraints.shares.any():
            return self
        drawn = pool.constraints.by_lot(self.arrays.get(self.candidates(pool)), self.rng)
        return replace(self, eligible=self.arrays.put(drawn, "bool"))


def moments(pool: Pool, posterior: Any) -> tuple[Array, Array]:
    """Posterior means (person, trait) and covariances (person, trait, trait)."""
    mean = pool.expected(posterior, pool.nodes)
    square = pool.nodes[:, :, None] * pool.nodes[:, None, :]
    second = pool.expected(posterior, square.reshape(len(pool.nodes), -1)).reshape(-1, *square.shape[1:])
    return mean, np.asarray(second - mean[:, :, None] * mean[:, None, :])


def update(pool: Pool, state: State, places: Ints, codes: Ints, seconds: float | Array = 0.0) -> None:
    """Persons answer: posteriors are multiplied by the likelihood.

    Parameters
    ----------
    pool : Pool
        The items.
    state : State
        Changed.
    places, codes : ndarray of int, shape (person,)
        Item and category of the answer; -1 where a person was given none, for whom nothing changes.
    seconds : float or ndarray, shape (person,)
        Time that the answers took.
    """
    rows = np.flatnonzero(places != NONE)
    state.log_posterior += pool.log_likelihood(places, codes)
    state.eligible = state.arrays.cleared(state.eligible, rows, places[rows])
    enemies = pool.constraints.enemies
    if enemies is not None:
        of_row, others = enemies[places[rows]].nonzero()
        state.eligible = state.arrays.cleared(state.eligible, rows[of_row], others)
    state.given = _appended(state.given, places)
    state.codes = _appended(state.codes, np.where(places != NONE, codes, NONE))
    state.seconds = state.seconds + np.where(places != NONE, seconds, 0.0)


def replay(pool: Pool, state: State, places: Ints, codes: Ints, seconds: float) -> None:
    """One person's answers of before, all at once: the state is as after an `update` for each.

    Parameters
    ----------
    pool : Pool
        The items.
    state : State
        Of one person, before the first item; changed.
    places, codes : ndarray of int, shape (step,)
        Items and categories, in order.
    seconds : float
        Time that all of them took.
    """
    # Along the outer axis NumPy adds row after row, as updates do: the same to the last digit.
    state.log_posterior = np.concatenate([state.log_posterior, pool.log_probs[:, places, codes].T]).sum(axis=0)[None]
    state.eligible[0, places] = False
    if pool.constraints.enemies is not None:
        state.eligible[0, pool.constraints.enemies[places].nonzero()[1]] = False
    state.given, state.codes = places[None], codes[None]
    state.seconds = state.seconds + seconds


def _appended(before: Ints, new: Ints) -> Ints:
    """With one more entry in each row, behind those that it has."""
    out = np.full((len(new), before.shape[1] + 1), NONE)
    out[:, :-1] = before
    out[np.arange(len(new)), (before != NONE).sum(axis=1)] = new
    return np.asarray(out if (out[:, -1] != NONE).any() else out[:, :-1], dtype=np.int64)
