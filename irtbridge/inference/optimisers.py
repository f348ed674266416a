"""Optimisers by name, which climb a function of very many coordinates and keep their traces.

Gradient ascent and Adam move each coordinate by its gradient for one response: a person's ability rests on as many
responses as there are items, an item's difficulty on as many as there are persons, and one rate must serve both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from irtbridge.errors import NumericalError

Array = NDArray[np.float64]
FAR = 1e300  # what L-BFGS sees where a density is not finite: an infinity it would not leave
FIRST, SECOND, SMALL = 0.9, 0.999, 1e-8  # Kingma & Ba 2015, algorithm 1


@dataclass(frozen=True, eq=False)
class Ascent:
    """What is to be climbed.

    Attributes
    ----------
    density : callable
        Value and gradient at a point (dim,).
    responses : ndarray, shape (dim,)
        How many responses each coordinate rests on.
    low, high : ndarray, shape (dim,)
        Bounds.
    settle : callable
        A point with the same value, in the model's convention.
    tolerance : float
        Gradient for one response at which a climb has arrived.
    """

    density: Callable[[Array], tuple[Any, Array]]
    responses: Array
    low: Array
    high: Array
    settle: Callable[[Array], Array]
    tolerance: float

    def slope(self, z: Array, gradient: Array) -> float:
        """Largest gradient for one response, of the coordinates that no bound holds."""
        held = ((z <= self.low) & (gradient < 0)) | ((z >= self.high) & (gradient > 0))
        return float(np.max(np.where(held, 0.0, np.abs(gradient)) / self.responses))


@dataclass(frozen=True, eq=False)
class Climb:
    """Where a climb ended.

    Attributes
    ----------
    z : ndarray, shape (dim,)
        The point.
    trace : ndarray, shape (step,)
        Value after each iteration.
    arrived : bool
        Whether it stopped by itself.
    """

    z: Array
    trace: Array
    arrived: bool


def gradient_descent(ascent: Ascent, start: Array, iterations: int, rate: float) -> Climb:
    """Steps along the gradient; by default 1.5 times the gradient for one response.

    A response's information on a logit is 1/4 at most, and a logit moves with the person and with the item: up to a
    rate of 4 no step overshoots where slopes are 1 (2 / (2 / 4)).
    """
    return _stepping(ascent, start, iterations, lambda gradient, step: (rate or 1.5) * gradient / ascent.responses)


def adam(ascent: Ascent, start: Array, iterations: int, rate: float) -> Climb:
    """Adam (Kingma & Ba 2015), its rate falling to 0 along a cosine; by default from 0.05."""
    first, second = np.zeros_like(start), np.zeros_like(start)

    def move(gradient: Array, step: int) -> Array:
        first[:] = FIRST * first + (1 - FIRST) * gradient
        second[:] = SECOND * second + (1 - SECOND) * gradient**2
        mean, square = first / (1 - FIRST**step), second / (1 - SECOND**step)
        now = (rate or 0.05) * 0.5 * (1 + np.cos(np.pi * step / iterations))
        return np.asarray(now * mean / (np.sqrt(square) + SMALL))

    return _stepping(ascent, start, iterations, move)


def lbfgs(ascent: Ascent, start: Array, iterations: int, rate: float, steepest: float = 0.0) -> Climb:
    """L-BFGS within bounds (Byrd et al. 1995), until the gradient is no steeper than that, or nothing is gained."""
    z = np.clip(ascent.settle(start), ascent.low, ascent.high)
    trace: list[float] = []
    negative = _negative(ascent.density)

    def objective(z: Array) -> tuple[float, Array]:
        value, gradient = negative(z)
        if not trace:
            trace.append(-value)
        return value, gradient

    def note(intermediate_result: Any) -> None:
        trace.append(-float(intermediate_result.fun))

    options: Any = {"maxiter": iterations, "maxfun": 2 * iterations + 20, "maxcor": 30, "ftol": 1e-15, "gtol": steepest}
    found = optimize.minimize(
        objective, z, jac=True, method="L-BFGS-B", bounds=optimize.Bounds(ascent.low, ascent.high),
        callback=note, options=options,
    )  # fmt: skip
    return _ended(ascent.settle(np.asarray(found.x)), trace, len(trace) <= iterations)


OPTIMISERS: dict[str, Callable[[Ascent, Array, int, float], Climb]] = {
    "lbfgs": lbfgs,
    "adam": adam,
    "gradient_descent": gradient_descent,
}


def _stepping(ascent: Ascent, start: Array, iterations: int, move: Callable[[Array, int], Array]) -> Climb:
    """Steps of a rule, each followed by the convention, until the gradient vanishes or they are used up."""
    z, trace = start, []
    for step in range(1, iterations + 1):
        value, gradient = ascent.density(z)
        trace.append(float(value))
        if not np.isfinite(value) or ascent.slope(z, gradient) < ascent.tolerance:
            return _ended(z, trace, True)
        z = ascent.settle(np.clip(z + move(gradient, step), ascent.low, ascent.high))
    value, gradient = ascent.density(z)
    return _ended(z, [*trace, float(value)], ascent.slope(z, gradient) < ascent.tolerance)


def _ended(z: Array, trace: list[float], arrived: bool) -> Climb:
    if not np.isfinite(trace[-1]):
        raise NumericalError("the optimiser left the region where the density is finite; use a smaller learning_rate.")
    return Climb(z, np.array(trace), arrived)


def _negative(density: Callable[[Array], tuple[Any, Array]]) -> Callable[[Array], tuple[float, Array]]:
    def objective(z: Array) -> tuple[float, Array]:
        value, gradient = density(z)
        return (-float(value), -gradient) if np.isfinite(value) else (FAR, np.zeros_like(z))

    return objective
