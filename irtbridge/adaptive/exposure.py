"""No item worn out: rules set such that no item is given to more than a share of persons."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection import Selection, SympsonHetter
from irtbridge.adaptive.simulation.answers import TrueAnswers, population
from irtbridge.adaptive.simulation.lockstep import administer
from irtbridge.adaptive.simulation.metrics import mean_length
from irtbridge.adaptive.simulation.sessions import Sessions
from irtbridge.adaptive.stopping import Stopping
from irtbridge.errors import ExposureNotMet
from irtbridge.plugin.options import check_share

Array = NDArray[np.float64]
PRECISION = 0.1  # standard error of a simulated exposure, as a share of the target
FEWEST, MOST = 1000, 20_000  # simulated persons
ROUNDS, WHOLE = 30, 10  # of simulations, and how many of them come before the steps shrink
SCALES = (0.0, *np.geomspace(1e-3, 32.0, 2**7 - 1).tolist())  # neighbours are 9 % apart
MARGIN = 3.0  # standard errors of a mean over settled simulations: so far may the largest exposure lie above the aim
ROUNDING = 1e-9  # by which an area may ask for more than the target leaves of it
NOISE = 4.0  # standard errors of a simulation by which the largest of many exposures may exceed the target


def controlled(pool: Pool, rule: Selection, stop: Stopping, target: float, seed: int = 1) -> Selection:
    """A rule that gives no item to more than a share of persons: found by simulation.

    Of a rule that has a scale for it (`Selection.evened_by`: gamma of ``bandit``) the least one is found that brings
    the largest exposure to what the rule leaves to it (`Selection.evened_to`). Where that is above the target, as with
    any other rule, the rule then stands behind Sympson and Hetter's lots, whose probabilities are found;
    ``sympson_hetter`` asks for lots alone, whatever its rule.

    Parameters
    ----------
    pool, rule, stop
        The test.
    target : float
        The largest share, between 0 and 1.
    seed : int
        Of the simulation. So many persons are simulated that an exposure at the target has a standard error of a tenth
        of it, 1,000 to 20,000.

    Raises
    ------
    ExposureNotMet
        A share that this bank cannot keep; says which it could.
    """
    check_share("exposure", target)
    lots, rule = isinstance(rule, SympsonHetter), rule.inner if isinstance(rule, SympsonHetter) else rule
    rule.check(pool)
    persons = int(np.clip((1 - target) / target / PRECISION**2, FEWEST, MOST))
    free = _simulated(pool, rule, stop, persons, seed)
    _check_possible(pool, mean_length(free), target)
    if rule.evened_by is not None and not lots:
        rule = _evened(pool, rule, rule.evened_by, stop, target, persons, seed)
        free = _simulated(pool, rule, stop, persons, seed)
    return _behind_lots(pool, rule, stop, target, free, seed)


def _simulated(pool: Pool, rule: Selection, stop: Stopping, persons: int, seed: int) -> Sessions:
    """Sessions of persons of the population that the test starts from."""
    answers, abilities = TrueAnswers(pool.bank.at_mean), population(pool.bank, persons, seed)
    return administer(pool, rule, stop, answers, abilities, seed)


def _check_possible(pool: Pool, length: float, target: float) -> None:
    least = length / pool.n_items
    _check_areas(pool, length, target)
    if target < least:
        could = f"{least:.3g} or more, for " if least < 1 else ""
        raise ExposureNotMet(
            f"exposure={target:g} cannot be met: tests of {length:.3g} items from a bank of {pool.n_items} give some "
            f"item to {least:.3g} of persons or more. Ask for {could}tests of "
            f"{target * pool.n_items:.3g} items or fewer, or have a bank of {np.ceil(length / target):.0f} items."
        )


def _check_areas(pool: Pool, length: float, target: float) -> None:
    """Raise `ExposureNotMet` where an area's items are too few for what the test asks of them."""
    own = pool.constraints
    for name, low, share, have in zip(own.areas, own.least, own.shares, own.counts, strict=True):
        asked = max(float(low), share * length)
        if asked > target * have * (1 + ROUNDING):
            raise ExposureNotMet(
                f"exposure={target:g} cannot be met: tests have {asked:.3g} of the {have} items of content area "
                f"{name!r}, so that some item is given to {asked / have:.3g} of persons or more. Ask for that, for "
                "fewer items of the area, or have more of them in the bank."
            )


def _evened(
    pool: Pool, rule: Selection, name: str, stop: Stopping, target: float, persons: int, seed: int
) -> Selection:
    """With the smallest of `SCALES` that does its part: exposure falls as the scale grows."""
    part = rule.evened_to(target)
    reached: list[float] = []

    def keeps(scale: float) -> bool:
        sessions = _simulated(pool, replace(rule, **{name: scale}), stop, persons, seed)
        reached.append(float(sessions.exposure.max()))
        return reached[-1] <= part

    place = bisect_left(SCALES, True, key=keeps)
    if place == len(SCALES):
        raise ExposureNotMet(
            f"exposure={target:g} cannot be met by {rule.name} with this bank: {name} was to bring it to {part:.3g}, "
            f"and the least it reached is {min(reached):.3g}. Ask for more, or for selection='sympson_hetter' with "
            f"rule={rule.name!r}, which holds exposure by lots alone."
        )
    return replace(rule, **{name: SCALES[place]})


def _behind_lots(pool: Pool, rule: Selection, stop: Stopping, target: float, free: Sessions, seed: int) -> Selection:
    """Lots whose probabilities bring the exposure of each item that is chosen too often to the target.

    An item's exposure is its probability times the share of persons for whom it is chosen, so probabilities are
    multiplied by what is aimed at over exposure (Sympson & Hetter 1985), after `WHOLE` rounds by ever smaller powers of
    it, so that the noise of simulations averages out (Robbins & Monro 1951). What was reached is the mean over these
    rounds. As each item's probability has an error, lots aim a little below the target, as far as the bank has room.
    """
    if free.exposure.max() <= target:
        return rule
    error = np.sqrt(target * (1 - target) / free.n_persons)
    least = mean_length(free) / pool.n_items
    aim = max(target - MARGIN * error / np.sqrt(ROUNDS - WHOLE), (least + target) / 2)
    probs, now, settled = np.ones(pool.n_items), free, []
    for number in range(ROUNDS):
        step = 1 / max(1, number - WHOLE + 1)
        ratio = aim / np.maximum(now.exposure, 1 / now.n_persons)
        probs = np.minimum(probs * ratio**step, 1.0)
        now = _simulated(pool, _with_lots(rule, probs), stop, free.n_persons, seed + number + 1)
        settled += [now.exposure] if number >= WHOLE else []
    largest = np.mean(settled, axis=0).max()
    if largest > target + NOISE * error or mean_length(now) < 0.99 * mean_length(free):
        raise ExposureNotMet(
            f"exposure={target:g} cannot be met: lots reached {largest:.3g} with tests of {mean_length(now):.3g} "
            f"items, without lots {mean_length(free):.3g}. Ask for more, for shorter tests, or have a larger bank."
        )
    return _with_lots(rule, probs)


def _with_lots(rule: Selection, probs: Array) -> SympsonHetter:
    return SympsonHetter(rule, tuple(probs.tolist()))
