"""No item worn out: rules set such that no item is given to more than a share of persons."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from irtbridge.adaptive.lockstep import administer, answers_of_nodes, nodes_of_population
from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection import Bandit, Selection, SympsonHetter
from irtbridge.adaptive.state import NONE
from irtbridge.adaptive.stopping import Stopping
from irtbridge.errors import ConfigError
from irtbridge.plugin.options import check_share

Array = NDArray[np.float64]
PRECISION = 0.1  # standard error of a simulated exposure, as a share of the target
FEWEST, MOST = 1000, 20_000  # simulated persons
ROUNDS, WHOLE = 30, 10  # of simulations, and how many of them come before the steps shrink
NOISE = 4.0  # standard errors by which the largest of many simulated exposures may exceed the target
GAMMAS = np.geomspace(1e-3, 30.0, 2**7)  # scales that a search tries


@dataclass(frozen=True, eq=False)
class Simulated:
    """Exposures of a test's items in a simulation of the population that the test starts from.

    Attributes
    ----------
    rates : ndarray, shape (item,)
        Share of persons that each item was given to.
    length : float
        Mean number of items of a test.
    """

    rates: Array
    length: float

    @classmethod
    def of(cls, pool: Pool, rule: Selection, stop: Stopping, persons: int, seed: int) -> Simulated:
        """By a simulation; the same seed gives the same persons, who answer at the mean item parameters."""
        nodes = nodes_of_population(pool, persons, seed)
        given = administer(pool, rule, stop, answers_of_nodes(pool, nodes, seed + 1), persons, seed + 2).given
        counts = np.bincount(given[given != NONE], minlength=pool.n_items)
        return cls(counts / persons, float(counts.sum() / persons))


def controlled(pool: Pool, rule: Selection, stop: Stopping, target: float, seed: int = 0) -> Selection:
    """A rule that gives no item to more than a share of persons: found by simulation.

    Of ``bandit`` the scale gamma is found; any other rule stands behind Sympson and Hetter's lots, whose probabilities
    are found; ``sympson_hetter`` asks for lots whatever its rule.

    Parameters
    ----------
    pool, rule, stop
        The test.
    target : float
        The largest share, between 0 and 1.
    seed : int
        Of the simulation. So many persons are simulated that an exposure at the target has a standard error of a
        tenth of it, 1,000 to 20,000.

    Raises
    ------
    ConfigError
        A share that this bank cannot keep; says which it could.
    """
    check_share("exposure", target)
    lots, rule = isinstance(rule, SympsonHetter), rule.inner if isinstance(rule, SympsonHetter) else rule
    rule.check(pool)
    persons = int(np.clip((1 - target) / target / PRECISION**2, FEWEST, MOST))
    free = Simulated.of(pool, rule, stop, persons, seed)
    _check_possible(pool, free.length, target)
    if isinstance(rule, Bandit) and not lots:
        return _scaled(pool, rule, stop, target, persons, seed)
    return _barred(pool, rule, stop, target, persons, seed, free)


def _check_possible(pool: Pool, length: float, target: float) -> None:
    least = length / pool.n_items
    if target < least:
        raise ConfigError(
            f"exposure={target:g} cannot be met: tests of {length:.3g} items from a bank of {pool.n_items} give some "
            f"item to {least:.3g} of persons or more. Ask for {least:.3g} or more, for tests of "
            f"{target * pool.n_items:.3g} items or fewer, or have a bank of {np.ceil(length / target):.0f} items."
        )


def _scaled(pool: Pool, rule: Bandit, stop: Stopping, target: float, persons: int, seed: int) -> Bandit:
    """The smallest gamma of `GAMMAS` that keeps the target, by bisection: exposure falls with it."""
    low, high = 0, len(GAMMAS)
    reached = np.inf
    while low < high:
        middle = (low + high) // 2
        largest = Simulated.of(pool, replace(rule, gamma=float(GAMMAS[middle])), stop, persons, seed).rates.max()
        reached = min(reached, largest)
        low, high = (low, middle) if largest <= target else (middle + 1, high)
    if low == len(GAMMAS):
        raise ConfigError(
            f"exposure={target:g} cannot be met by bandit with this bank: the least it reached is {reached:.3g}. Ask "
            "for more, or use selection='max_info', whose exposure is held by lots."
        )
    return replace(rule, gamma=float(GAMMAS[low]))


def _barred(
    pool: Pool, rule: Selection, stop: Stopping, target: float, persons: int, seed: int, free: Simulated
) -> Selection:
    """Lots whose probabilities bring the exposure of each item that is chosen too often to the target.

    An item's exposure is its probability times the share of persons for whom it is chosen, so probabilities are
    multiplied by target over exposure (Sympson & Hetter 1985), after `WHOLE` rounds by ever smaller powers of it, so
    that the noise of simulations averages out (Robbins & Monro 1951).
    """
    if free.rates.max() <= target:
        return rule
    probs, now = np.ones(pool.n_items), free
    for number in range(ROUNDS):
        step = 1 / max(1, number - WHOLE + 1)
        ratio = target / np.maximum(now.rates, 1 / persons)
        probs = np.minimum(probs * ratio**step, 1.0)
        now = Simulated.of(pool, _with_lots(rule, probs), stop, persons, seed + 3 * (number + 1))
    error = np.sqrt(target * (1 - target) / persons)
    if now.rates.max() > target + NOISE * error or now.length < 0.99 * free.length:
        raise ConfigError(
            f"exposure={target:g} cannot be met: lots reached {now.rates.max():.3g} with tests of {now.length:.3g} "
            f"items, without lots {free.length:.3g}. Ask for more, for shorter tests, or have a larger bank."
        )
    return _with_lots(rule, probs)


def _with_lots(rule: Selection, probs: Array) -> SympsonHetter:
    return SympsonHetter(rule, tuple(probs.tolist()))
