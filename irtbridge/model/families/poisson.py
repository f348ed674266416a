"""Counts: the logarithm of the rate is linear in the ability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import special

from irtbridge.data.kinds import COUNTS
from irtbridge.data.responses import Responses
from irtbridge.model.families.base import Array, ExponentialForm
from irtbridge.model.families.numbers import Numbers

HIGHEST_RATE = 1e18  # NumPy draws from no higher one


@dataclass(frozen=True)
class Poisson(Numbers):
    """Counts without an upper bound (Rasch 1960, chapter 8; with discriminations Myszkowski & Storme 2021).

    With x = slope - shift, ``D a (theta - b)``::

        P(Y = y) = exp(x y - exp(x)) / y!

    The statistics are y and log y!, their natural parameters x and -1.
    """

    name: ClassVar[str] = "poisson"
    kind: ClassVar[str] = COUNTS
    number_of_statistics: ClassVar[int] = 2

    @property
    def linear(self) -> bool:
        return True

    def statistics(self, values: NDArray[Any], exists: NDArray[np.bool_]) -> Array:
        counts = np.maximum(values, 0)
        return np.stack([counts, special.gammaln(counts + 1.0)], axis=-1)

    def form(self, x: Array, **shapes: Array) -> ExponentialForm:
        with np.errstate(over="ignore"):
            return ExponentialForm(np.stack([x, np.full_like(x, -1.0)], axis=-1), -np.exp(x))

    def moments_at(self, x: Array, **shapes: Array) -> tuple[Array, Array]:
        with np.errstate(over="ignore"):
            rate = np.exp(x)
        return rate, rate

    def information_at(self, x: Array, **shapes: Array) -> Array:
        """The rate."""
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(x))

    def draw_at(self, rng: np.random.Generator, x: Array, **shapes: Array) -> NDArray[Any]:
        return rng.poisson(np.exp(np.minimum(x, np.log(HIGHEST_RATE))))

    def steps(self, responses: Responses) -> float:
        """Those of the average person, or half those of the one with the largest sum of counts.

        A person's information on the ability is ``(D a)^2`` times the sum of rates, a response of two categories has
        1/4 at most. For the first the spread of the sums' logarithms stands, as that is what abilities do to them.
        """
        sums = np.where(responses.observed, responses.values, 0).sum(axis=1)
        return float(np.var(np.log(sums + 0.5)) * max(4 * sums.mean(), 2 * sums.max()))
