"""What simulated sessions leave behind: which items were given, and what was known of each person after each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Places = NDArray[np.int64]
NONE = -1
OF_PERSONS = ("truth", "given", "codes", "estimates", "sds", "scores", "cluster")  # what each person has


@dataclass(frozen=True, eq=False)
class Sessions:
    """Sessions of many persons, one each.

    Attributes
    ----------
    truth : ndarray, shape (person, trait)
        True abilities; of replayed sessions the proxies that stand for them.
    given, codes : ndarray of int, shape (person, step)
        Places of the items in the bank, in the order given, and the responses; -1 after a session has ended.
    estimates, sds : ndarray, shape (person, step, trait)
        Posterior mean and standard deviation of the ability after each item; those of the last one after the end.
    scores : ndarray, shape (person, step)
        Posterior mean of the mean score on all items of the bank, likewise; categories count as their codes.
    n_items : int
        Items of the bank.
    retest : Sessions, optional
        Second sessions of the same persons.
    cluster : ndarray of int, shape (person,)
        Persons of the same number may have shared what the rule drew, as `State.cluster`; by default each is alone.
    """

    truth: Array
    given: Places
    codes: Places
    estimates: Array
    sds: Array
    scores: Array
    n_items: int
    retest: Sessions | None = None
    cluster: Places = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def __post_init__(self) -> None:
        if not len(self.cluster):
            object.__setattr__(self, "cluster", np.arange(len(self.truth)))

    @property
    def n_persons(self) -> int:
        """Number of persons."""
        return len(self.truth)

    @cached_property
    def lengths(self) -> Places:
        """Items that each person was given, shape (person,)."""
        return np.asarray((self.given != NONE).sum(axis=1))

    @cached_property
    def counts(self) -> Places:
        """Persons that were given each item, shape (item,)."""
        return np.bincount(self.given[self.given != NONE], minlength=self.n_items)

    @property
    def exposure(self) -> Array:
        """Share of persons that were given each item, shape (item,)."""
        return np.asarray(self.counts / self.n_persons)

    @property
    def estimate(self) -> Array:
        """At the end of each session, shape (person, trait)."""
        return np.asarray(self.estimates[:, -1])

    @property
    def sd(self) -> Array:
        """At the end of each session, shape (person, trait)."""
        return np.asarray(self.sds[:, -1])

    def of(self, persons: NDArray[np.bool_] | Places | slice) -> Sessions:
        """The sessions of some persons."""
        again = None if self.retest is None else self.retest.of(persons)
        return replace(self, **{name: getattr(self, name)[persons] for name in OF_PERSONS}, retest=again)

    def with_retest(self, retest: Sessions) -> Sessions:
        """And second sessions of the same persons."""
        return replace(self, retest=retest)

    def after(self, items: int) -> Sessions:
        """As if no session had gone on after so many items."""
        again = None if self.retest is None else self.retest.after(items)
        steps = ("given", "codes", "estimates", "sds", "scores")
        return replace(self, **{name: getattr(self, name)[:, :items] for name in steps}, retest=again)

    @property
    def at_end(self) -> Sessions:
        """With what was known at the end alone, and all that was given."""
        again = None if self.retest is None else self.retest.at_end
        last: dict[str, Any] = {name: getattr(self, name)[:, -1:] for name in ("estimates", "sds", "scores")}
        return replace(self, **last, retest=again)

    def trait(self, place: int) -> Sessions:
        """With one trait alone."""
        again = None if self.retest is None else self.retest.trait(place)
        own: dict[str, Any] = {
            name: getattr(self, name)[..., place : place + 1] for name in ("truth", "estimates", "sds")
        }
        return replace(self, **own, retest=again)


def joined(parts: list[Sessions]) -> Sessions:
    """The sessions of several groups of persons as one."""
    if len(parts) == 1:
        return parts[0]
    again = [part.retest for part in parts if part.retest is not None]
    longest = max(part.given.shape[1] for part in parts)
    padded = [_padded(part, longest) for part in parts]
    arrays: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in padded]) for name in OF_PERSONS}
    return replace(parts[0], **arrays, retest=joined(again) if again else None)


def _padded(sessions: Sessions, steps: int) -> Sessions:
    """With so many steps: nothing is given in those that are new, and what is known stays."""
    more = steps - sessions.given.shape[1]
    if not more:
        return sessions
    empty: dict[str, Any] = {
        name: np.pad(getattr(sessions, name), ((0, 0), (0, more)), constant_values=NONE) for name in ("given", "codes")
    }
    kept: dict[str, Any] = {
        name: np.concatenate([values, np.repeat(values[:, -1:], more, axis=1)], axis=1)
        for name in ("estimates", "sds", "scores")
        if (values := getattr(sessions, name)) is not None
    }
    return replace(sessions, **empty, **kept)
