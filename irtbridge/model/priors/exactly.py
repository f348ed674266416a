"""No prior: the value itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from irtbridge.model.priors.base import Argument, Array, Prior


@dataclass(frozen=True)
class Exactly(Prior):
    """The variable is `value`: a linear predictor, another variable, or numbers. Nothing of it is estimated.

    With a linear predictor for difficulties it is the linear logistic test model (Fischer 1973).
    """

    value: Argument = 0.0
    support: ClassVar[str] = "real"

    def free(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        return np.zeros(shape, dtype=bool)

    def log_density(self, x: Array, **arguments: Array) -> Array:
        return np.zeros(np.shape(x))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], **arguments: Array) -> Array:
        return np.broadcast_to(arguments["value"], shape).copy()
