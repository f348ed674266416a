"""The contract of a selection rule: it scores items for persons, and the best of those that may come next is given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.state import Ints, State
from irtbridge.errors import ConfigError, UnknownName

AT_ONCE = 2**18  # scores held at once: a megabyte of single precision, which stays in a processor's cache


@dataclass(frozen=True)
class Selection(ABC):
    """A rule that says which item a person is given next; its settings are its fields.

    Attributes
    ----------
    name : str
        By which users ask for it: a subclass that has one is registered in `SELECTIONS`.
    evened_by : str or None
        The scale that evens out how often items are given as it grows; None where a rule has none.
    portable : bool
        Whether it computes with the functions of `Pool.arrays`, those of whatever library, and not with NumPy's alone.
    """

    name: ClassVar[str]
    evened_by: ClassVar[str | None] = None
    portable: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in cls.__dict__:
            SELECTIONS[cls.name] = cls

    @abstractmethod
    def scores(self, pool: Pool, state: State) -> Any:
        """How good each item would be for each person, (person, item); of whatever items, given ones too."""

    def evened_to(self, target: float) -> float:
        """The largest exposure to which `evened_by` brings a test with this target; the rest is left to lots."""
        return target

    def check(self, pool: Pool) -> None:  # noqa: B027
        """Raise `ConfigError` where the rule cannot serve these items or a test of this length."""

    def admit(self, pool: Pool, state: State) -> None:  # noqa: B027
        """Before the first item: bars items for persons, by `State.eligible`, where a rule does."""

    def choose(self, pool: Pool, state: State) -> Ints:
        """Place of the next item of each person; -1 where none is left.

        Parameters
        ----------
        pool : Pool
            The items.
        state : State
            Persons, who all get an item.
        """
        drawn = (part.after_lots(pool) for part in in_parts(pool, state))
        parts = [self.best(pool, part, self.scores(pool, part)) for part in drawn]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    def best(self, pool: Pool, state: State, scores: Any) -> Ints:
        """The candidate with the largest score, the first of equals; -1 where there is no candidate."""
        return pool.arrays.best(scores, state.candidates(pool))


SELECTIONS: dict[str, type[Selection]] = {}


def in_parts(pool: Pool, state: State) -> Iterator[State]:
    """Persons, so many at a time that their scores stay in the cache."""
    size = max(1, AT_ONCE // pool.n_items)
    for start in range(0, state.n_persons, size):
        yield state.rows(slice(start, start + size))


def build_selection(selection: str | Selection, **settings: Any) -> Selection:
    """A rule by its name and settings; a finished rule is returned as it is.

    Raises
    ------
    UnknownName
        No such rule, or no such setting of it.
    ConfigError
        Settings for a finished rule.
    """
    if isinstance(selection, Selection):
        if settings:
            raise ConfigError(f"{selection} is a finished rule; settings {sorted(settings)} cannot change it.")
        return selection
    if not isinstance(selection, str) or selection not in SELECTIONS:
        raise UnknownName("selection", selection, SELECTIONS)
    rule = SELECTIONS[selection]
    valid = [field.name for field in fields(rule)]
    for name in settings:
        if name not in valid:
            raise UnknownName(f"setting of selection {selection!r}", name, valid)
    return rule(**settings)
