"""A test that adapts to the person who takes it, and its sessions."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from irtbridge.adaptive.ability import Ability
from irtbridge.adaptive.constraints import Bounds
from irtbridge.adaptive.exposure import controlled
from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection import Selection, build_selection
from irtbridge.adaptive.state import NONE, State, replay, update
from irtbridge.adaptive.stopping import Stopping
from irtbridge.bank.item_bank import ItemBank
from irtbridge.data.labels import few
from irtbridge.errors import ConfigError, DataError
from irtbridge.plugin.arrays import Arrays
from irtbridge.plugin.options import check_seed

SEED_BITS = 53  # an integer that JSON's other readers keep too


class AdaptiveTest:
    """Items given one by one, each chosen by what the answers so far tell.

    Parameters
    ----------
    bank : ItemBank
        The items.
    selection : str or Selection
        A rule's name, as in `irtbridge.adaptive.selection.SELECTIONS`, or a finished rule.
    stop : str or Stopping
        When a test ends, as ``"se<.3 or items=18"``.
    nodes, content, items
        As in `Pool.of`: the grid, content areas, and whether posteriors are averaged over draws of item parameters.
    exposure : float, optional
        The largest share of persons that any item is given to: see `irtbridge.adaptive.exposure.controlled`.
    arrays : Arrays, optional
        Those of a library on whose device `exposure` is found, as `Backend.arrays` gives them, for a rule that is
        `portable`. Sessions are NumPy's.
    **settings
        Of the rule.

    Raises
    ------
    UnknownName
        No such rule or setting.
    ConfigError
        A condition that is none, or constraints or an exposure that no test of this bank can keep.
    """

    def __init__(
        self,
        bank: ItemBank,
        selection: str | Selection = "max_info",
        *,
        stop: str | Stopping = "se<.3 or items=30",
        nodes: int | ArrayLike | None = None,
        content: Mapping[str, Bounds] | None = None,
        items: str = "mean",
        exposure: float | None = None,
        arrays: Arrays | None = None,
        **settings: Any,
    ) -> None:
        if not isinstance(bank, ItemBank):
            raise ConfigError(f"bank={bank!r} must be an ItemBank: fit.bank(), or irtbridge.ItemBank.load(...).")
        self.stop = stop if isinstance(stop, Stopping) else Stopping.parse(stop)
        self.pool = Pool.of(bank, nodes, content, self.stop.most_items, items)
        rule = build_selection(selection, **settings)
        self.stop.check(self.pool)
        if exposure is not None and "gamma" in settings:
            raise ConfigError("gamma and exposure: one says the other; leave one out.")
        self.selection = rule if exposure is None else controlled(self.pool.on(arrays), rule, self.stop, exposure)
        self.selection.check(self.pool)
        self.place = {label: i for i, label in enumerate(bank.items)}
        # What the rule tabulates is tabulated now: the first person shall not wait for it.
        self.start(0).next()

    def __repr__(self) -> str:
        return f"AdaptiveTest({self.bank!r}, {self.selection.name})"

    @property
    def bank(self) -> ItemBank:
        """The items."""
        return self.pool.bank

    @cached_property
    def fingerprint(self) -> str:
        """Says which test a session is of: its items as they count at their mean, its rule, when it ends."""
        numbers = {name: np.char.mod("%.9g", value).tolist() for name, value in self.bank.at_mean.params.items()}
        said = [
            self.bank.spec.hash,
            self.bank.items,
            self.bank.categories,
            numbers,
            self.selection.name,
            str(self.stop),
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]

    def start(self, seed: int | None = None) -> Session:
        """A session of one person; what a rule draws follows from the seed, by default a random one.

        Raises
        ------
        ConfigError
            A seed that is no integer, 0 or greater.
        """
        check_seed(0 if seed is None else seed)
        return Session(self, secrets.randbits(SEED_BITS) if seed is None else int(seed))

    def resume(self, text: str) -> Session:
        """A session from what `Session.to_json` gave, which anyone can change: `serve-test` signs it.

        Raises
        ------
        DataError
            Text that is no session of this test.
        """
        try:
            said = json.loads(text)
            if said["test"] != self.fingerprint:
                raise ValueError("it is of another bank, rule or end of the test")
            session = Session(self, int(said["seed"]))
            session._replay(said["items"], said["answers"], said["seconds"])
            if said["asked"] is not None:
                session._give(said["asked"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"this is no session of this test: {error}") from error
        return session


@dataclass(eq=False)
class Session:
    """One person in an adaptive test.

    Attributes
    ----------
    test : AdaptiveTest
        The test.
    seed : int
        What the rule draws follows from it and from the number of items given.
    state : State
        Of one person.
    seconds : list of float
        Time of each answer.
    asked : str or None
        The item that waits for an answer.
    """

    test: AdaptiveTest
    seed: int
    state: State = field(init=False)
    seconds: list[float] = field(init=False, default_factory=list)
    asked: str | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        # [seed, 0] is that of the first step, and NumPy's SeedSequence takes [seed] for the same.
        self.state = State.start(self.test.pool, 1, np.random.default_rng([self.seed, 0, 1]))
        self.test.selection.admit(self.test.pool, self.state)

    def __repr__(self) -> str:
        return f"Session({int(self.state.n_given[0])} answers, {self.ability!r}{', finished' * self.finished})"

    def next(self) -> str | None:
        """The item to give now; the same until it is answered, None when the test has ended."""
        if self.asked is None and not self.finished:
            # A generator of its own for each step: a session is its seed and its answers.
            self.state.rng = np.random.default_rng([self.seed, int(self.state.n_given[0])])
            place = int(self.test.selection.choose(self.test.pool, self.state)[0])
            self.asked = None if place == NONE else self.test.bank.items[place]
        return self.asked

    def answer(self, item: str, value: float, seconds: float = 0.0) -> None:
        """Take the answer to the item that was asked.

        Parameters
        ----------
        item : str
            As `next` gave it.
        value : float
            One of the item's categories.
        seconds : float
            Time that it took.

        Raises
        ------
        DataError
            The test has ended, another item was asked, the item has no such category, or no time.
        """
        if self.asked is None:
            why = "the test has ended" if self.finished else "no item was asked; call next() first"
            raise DataError(f"answer to {item!r}: {why}.")
        if item != self.asked:
            raise DataError(f"answer to {item!r}, but the item asked is {self.asked!r}.")
        place, code, took = self.test.place[item], self._code(item, value), _seconds(seconds)
        update(self.test.pool, self.state, np.array([place]), np.array([code]), took)
        self.seconds.append(took)
        self.asked = None

    def _code(self, item: str, value: float) -> int:
        """Place of an answer among the item's categories."""
        valid = self.test.bank.categories[self.test.place[item]]
        if value not in valid:
            raise DataError(f"answer {value!r} to {item!r}: its categories are {few(f'{v:g}' for v in valid)}.")
        return valid.index(value)

    def _replay(self, items: list[str], answers: list[float], seconds: list[float]) -> None:
        """Take the answers of a session of before, which has none yet."""
        places, codes = [], []
        for item, value, _ in zip(items, answers, seconds, strict=True):
            self._give(item)
            places.append(self.test.place[item])
            codes.append(self._code(item, value))
            self.state.eligible[0, places[-1]] = False
        self.seconds, self.asked = [_seconds(took) for took in seconds], None
        if items:
            replay(self.test.pool, self.state, np.array(places), np.array(codes), sum(self.seconds))

    def _give(self, item: str) -> None:
        """Ask an item as it was asked before."""
        if item not in self.test.place or not self.state.eligible[0, self.test.place[item]]:
            raise DataError(f"item {item!r} cannot be asked.")
        self.asked = item

    @property
    def finished(self) -> bool:
        """Whether the test has ended."""
        return self.asked is None and bool(self.test.stop(self.test.pool, self.state)[0])

    @property
    def items(self) -> tuple[str, ...]:
        """Items answered, in order."""
        return tuple(self.test.bank.items[place] for place in self.state.given[0])

    @property
    def answers(self) -> tuple[float, ...]:
        """Answers, in order."""
        pairs = zip(self.state.given[0], self.state.codes[0], strict=True)
        return tuple(self.test.bank.categories[place][code] for place, code in pairs)

    @property
    def ability(self) -> Ability:
        """What is known of the ability."""
        return Ability(self.test.bank.traits, self.test.pool.nodes, self.state.posterior()[0])

    def to_json(self) -> str:
        """All there is to know of a session, for `AdaptiveTest.resume`."""
        said = {
            "test": self.test.fingerprint,
            "items": self.items,
            "answers": self.answers,
            "seconds": self.seconds,
            "asked": self.asked,
            "seed": self.seed,
        }
        return json.dumps(said)


def _seconds(given: object) -> float:
    """Time of an answer."""
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 <= given < np.inf:
        raise DataError(f"seconds={given!r} must be a number, 0 or greater.")
    return float(given)
