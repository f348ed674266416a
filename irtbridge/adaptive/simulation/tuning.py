"""The setting of a rule with which no item is given to more than a share of the persons, found by simulation."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection import SELECTIONS, Selection
from irtbridge.adaptive.simulation.answers import TrueAnswers
from irtbridge.adaptive.simulation.lockstep import administer
from irtbridge.adaptive.simulation.metrics import max_exposure, mean_length
from irtbridge.adaptive.stopping import Stopping
from irtbridge.bank.item_bank import ItemBank
from irtbridge.errors import ConfigError
from irtbridge.plugin.options import check_share

Array = NDArray[np.float64]
PERSONS = 2000
STEPS = 8  # values of a scale from one to its double: neighbours are 9 % apart
SCALES = (0.0, *(2.0 ** (np.arange(-10 * STEPS, 10 * STEPS + 1) / STEPS)).tolist())


def tuned(
    pool: Pool, rule: Selection, stop: Stopping, exposure: float, persons: int = PERSONS, seed: int = 1
) -> Selection:
    """A rule whose setting ``evened_by`` is as small as keeps the largest exposure at a target.

    The largest exposure falls as the setting grows, so that halving finds it: eight simulations of the same persons.

    Parameters
    ----------
    pool : Pool
        The items.
    rule : Selection
        With its other settings.
    stop : Stopping
        When sessions end.
    exposure : float
        Largest share of persons that may be given the same item.
    persons : int
        Simulated in each trial.
    seed : int
        Of all trials.

    Raises
    ------
    ConfigError
        The rule has no such setting, or no value of it meets the target; the message says which target could be met.
    """
    check_share("exposure", exposure)
    name = rule.evened_by
    if name is None:
        able = [each for each, kind in SELECTIONS.items() if kind.evened_by is not None]
        raise ConfigError(f"selection {rule.name!r} has no control of exposure; those that have: {', '.join(able)}.")
    values = _values(pool, getattr(rule, name))
    found: dict[float, tuple[float, float]] = {}

    def meets(value: float) -> bool:
        found[value] = _trial(pool, replace(rule, **{name: value}), stop, persons, seed)
        return found[value][0] <= exposure

    place = bisect_left(values, True, key=meets)
    if place == len(values):
        raise ConfigError(_impossible(pool, rule, exposure, values[-1], *found[values[-1]]))
    return replace(rule, **{name: values[place]})


def has_control(rule: Selection) -> bool:
    """Whether a rule can be tuned to a target."""
    return rule.evened_by is not None


def _values(pool: Pool, now: Any) -> Sequence[float]:
    """Those that a setting may have: whole numbers up to the number of items, or a scale."""
    return range(1, pool.n_items + 1) if isinstance(now, int) else SCALES


def _trial(pool: Pool, rule: Selection, stop: Stopping, persons: int, seed: int) -> tuple[float, float]:
    """Largest exposure and mean length of simulated sessions."""
    abilities = population(pool.bank, persons, seed)
    sessions = administer(pool, rule, stop, TrueAnswers(pool.bank.at_mean), abilities, [seed, 2])
    return max_exposure(sessions), mean_length(sessions)


def _impossible(pool: Pool, rule: Selection, exposure: float, value: float, largest: float, length: float) -> str:
    least = length / pool.n_items
    return (
        f"exposure={exposure:g} cannot be met: selection {rule.name!r} reaches {largest:.3g} with "
        f"{rule.evened_by}={value:g}, and tests of {length:.3g} items from a bank of {pool.n_items} expose some item "
        f"to {least:.3g} of the persons at least. Ask for {np.ceil(largest * 100) / 100:g} or more, for shorter tests "
        "or use a larger bank."
    )


def population(bank: ItemBank, persons: int, seed: int) -> Array:
    """Abilities drawn from the distribution that a bank has for them, shape (person, trait)."""
    rng = np.random.default_rng([seed, 0, 0])
    return np.asarray(rng.multivariate_normal(bank.mean, bank.covariance, persons, method="cholesky"))
