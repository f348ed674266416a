"""When a test ends: conditions on what is known of a person, said as text."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import spatial

from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.state import NONE, State, moments
from irtbridge.errors import ConfigError, IRTBridgeWarning

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
# Of the distance of two nodes: at such a posterior standard deviation the trapezoid rule is off by 2 exp(-2 pi^2 / 4),
# 1 % (Trefethen & Weideman 2014, section 5), and soon by all of it below.
RESOLVED = 0.5
CLAUSE = re.compile(r"\s*(\w+)\s*(<=|>=|<|>|=)\s*([0-9.eE+-]+)\s*")


def standard_error(pool: Pool, state: State) -> Array:
    """Posterior standard deviation of the ability, of several traits the largest, (person,)."""
    _, covariance = moments(pool, state.posterior())
    return np.asarray(np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2).max(axis=1), 0)))


def information(pool: Pool, state: State) -> Array:
    """Fisher information of the items given, at the posterior mean, of several traits the smallest, (person,)."""
    mean = pool.expected(state.posterior(), pool.nodes)
    at_mean = pool.arrays.get(pool.information_at(mean))
    of_item = np.take_along_axis(at_mean, np.maximum(state.given, 0), axis=1)
    along = pool.directions[state.given] ** 2
    of_trait = (np.where(state.given != NONE, of_item, 0.0)[..., None] * along).sum(axis=1)
    return np.asarray(of_trait.min(axis=1), dtype=float)


# By word: what is compared, and whether a test ends when it is small.
MEASURES: dict[str, tuple[Callable[[Pool, State], NDArray[Any]], bool]] = {
    "se": (standard_error, True),
    "items": (lambda pool, state: state.n_given, False),
    "time": (lambda pool, state: state.seconds, False),
    "information": (information, False),
}


@dataclass(frozen=True)
class Clause:
    """One condition, as ``se<.3``."""

    word: str
    limit: float

    @classmethod
    def parse(cls, text: str) -> Clause:
        """From text."""
        found = CLAUSE.fullmatch(text)
        words = "se<.3, items=18, time=600 (seconds) and information>10"
        if found is None or found[1] not in MEASURES:
            raise ConfigError(f"stop: {text.strip()!r} is no condition; there are {words}, joined by 'or' and 'and'.")
        word, sign, number = found.groups()
        small = MEASURES[word][1]
        # Of a count more than 18 is 19; what is continuous is never just at its limit.
        counted = ("=", ">=") if word == "items" else ("=", ">", ">=")
        if sign not in (("<", "<=") if small else counted):
            raise ConfigError(f"stop: {text.strip()!r} has a sign that {word} cannot have; there are {words}.")
        try:
            limit = float(number)
        except ValueError:
            limit = 0.0
        if not 0 < limit < np.inf or (word == "items" and not limit.is_integer()):
            kind = "whole number above 0" if word == "items" else "number above 0"
            raise ConfigError(f"stop: {text.strip()!r} needs a {kind}.")
        return cls(word, limit)

    def __call__(self, pool: Pool, state: State) -> Bools:
        measure, small = MEASURES[self.word]
        value = measure(pool, state)
        return np.asarray(value < self.limit if small else value >= self.limit)


@dataclass(frozen=True)
class Stopping:
    """Conditions of which one ends a test; each is of clauses that must all hold.

    Attributes
    ----------
    any_of : tuple of tuple of Clause
    """

    any_of: tuple[tuple[Clause, ...], ...]

    @classmethod
    def parse(cls, text: str) -> Stopping:
        """From text, as ``se<.3 or items=18``: words se, items, time (seconds) and information; 'and' binds closer.

        Raises
        ------
        ConfigError
            Text that is no such condition.
        """
        if not isinstance(text, str):
            raise ConfigError(f"stop={text!r} must be text, as 'se<.3 or items=18'.")
        return cls(
            tuple(
                tuple(Clause.parse(clause) for clause in re.split(r"\band\b", part))
                for part in re.split(r"\bor\b", text)
            )
        )

    @property
    def most_items(self) -> int | None:
        """Items of a test at most; None where only other conditions end it."""
        alone = [int(part[0].limit) for part in self.any_of if len(part) == 1 and part[0].word == "items"]
        return min(alone, default=None)

    def check(self, pool: Pool) -> None:
        """Raise `ConfigError` where a test would end before its first item, or by what the grid's nodes cannot tell.

        Warns of nodes too far apart for what the items can tell.
        """
        if self(pool, State.start(pool))[0]:
            raise ConfigError("stop: a test would end before its first item, so much is known then; ask for more.")
        limits = [clause.limit for part in self.any_of for clause in part if clause.word == "se"]
        nodes = np.unique(pool.nodes, axis=0)  # with items="draws" each is there many times
        distances, _ = spatial.KDTree(nodes).query(nodes, k=[2])
        apart = float(np.median(distances))
        if limits and min(limits) < RESOLVED * apart:
            raise ConfigError(
                f"stop: se<{min(limits):g} is less than nodes that lie {apart:.2g} apart can tell; ask for "
                f"{RESOLVED * apart:.2g} or more, or for more nodes=, {RESOLVED * apart / min(limits):.2g} times as "
                "many of each trait."
            )
        best = max(self._least_sd(pool), *limits, 0.0)
        if best < RESOLVED * apart:
            warnings.warn(
                f"nodes lie {apart:.2g} apart, and items can tell abilities to {best:.2g}: means, SDs and intervals "
                f"will be wrong; ask for more nodes=, {RESOLVED * apart / best:.2g} times as many of each trait.",
                IRTBridgeWarning,
                stacklevel=4,
            )

    def _least_sd(self, pool: Pool) -> float:
        """Of a person of mean ability who is given the items that tell most, as much of each trait."""
        spread = np.linalg.eigvalsh(pool.bank.covariance)[0]
        at = np.linalg.norm(pool.nodes - pool.bank.mean, axis=1).argmin()
        told = np.sort(pool.information[at].astype(float))[::-1][: self.most_items].sum()
        return float((1 / spread + told / pool.n_traits) ** -0.5)

    def __call__(self, pool: Pool, state: State) -> Bools:
        """Whose test ends, (person,): where a condition holds or no item is left."""
        ended = ~pool.arrays.get(pool.arrays.xp.any(state.candidates(pool), axis=1))
        for part in self.any_of:
            ended |= np.all([clause(pool, state) for clause in part], axis=0)
        return np.asarray(ended)
