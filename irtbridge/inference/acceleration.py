"""Fixed-point iterations that go up, faster: after two steps a leap along them, taken back where it leads down.

Near its end an iteration goes along one direction by a constant factor, which two steps tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Step = Callable[[Array], tuple[float, Array]]
PAIRS = 2  # of steps in a row that must say so, before it ends: a leap along one direction may uncover another
FARTHEST = 6.0  # last steps that one of Ramsay's leaps leads, as in R mirt


@dataclass(frozen=True, eq=False)
class Ascent:
    """Where an iteration ended.

    Attributes
    ----------
    z : ndarray, shape (dim,)
    trace : ndarray, shape (step,)
        The objective wherever a step began.
    complete : bool
        Whether the steps to come would have added less than the tolerance.
    """

    z: Array
    trace: Array
    complete: bool


def squarem(first: Array, second: Array, third: Array) -> Array:
    """Squared extrapolation with the step length S3 (Varadhan & Roland 2008, equations 6 and 9)."""
    step, turn = second - first, third - 2 * second + first
    length = max(1.0, _ratio(step, turn))
    return np.asarray(first + 2 * length * step + length**2 * turn)


def ramsay(first: Array, second: Array, third: Array) -> Array:
    """The last step, lengthened by the ratio of its size to its change (Ramsay 1975)."""
    length = np.clip(_ratio(third - second, third - 2 * second + first), 1.0, FARTHEST)
    return np.asarray(second + length * (third - second))


def plain(first: Array, second: Array, third: Array) -> Array:
    """No leap."""
    return third


ACCELERATIONS = {"squarem": squarem, "ramsay": ramsay, "none": plain}


def ascend(step: Step, z: Array, leap: Callable[[Array, Array, Array], Array], most: int, tolerance: float) -> Ascent:
    """Steps two by two, each pair followed by a leap.

    Parameters
    ----------
    step : callable
        Of coordinates (dim,): the objective there, and coordinates where it is no lower.
    z : ndarray, shape (dim,)
        Where to begin.
    leap : callable
        Of three points in a row: one of `ACCELERATIONS`.
    most : int
        Steps at most.
    tolerance : float
        How much the steps to come may still add, were the last two to go on as they do.
    """
    value, second = step(z)
    trace, settled = [value], 0
    while len(trace) + 1 < most:
        middle, third = step(second)
        remaining = (middle - value) * max(1.0, _ratio(second - z, third - 2 * second + z))
        trace.append(middle)
        settled = settled + 1 if abs(remaining) < tolerance else 0
        if settled == PAIRS:
            return Ascent(second, np.array(trace), True)
        place = leap(z, second, third)
        value, after = step(place)
        if not value >= middle:
            place = third
            value, after = step(place)
        trace.append(value)
        z, second = place, after
    return Ascent(z, np.array(trace), False)


def _ratio(a: Array, b: Array) -> float:
    """Ratio of the lengths of two vectors."""
    return float(np.linalg.norm(a) / max(float(np.linalg.norm(b)), np.finfo(float).tiny))
