"""Response curves of one trait and two categories, in coordinates in which a normal distribution makes sense."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

Array = NDArray[np.float64]

LOG_SLOPE = (np.log(0.05), np.log(10.0))  # a curve flatter or steeper is none that an item of a test has
DIFFICULTY = (-12.0, 12.0)  # standard deviations of the ability: nobody is so far out
LOGIT_LOWER = (-7.0, 0.0)  # a lower asymptote of .001 to .5


@dataclass(frozen=True)
class Curves:
    """``P = c + (1 - c) sigma(a (theta - b))`` by coordinates (log a, b, logit c), those of them that are free.

    Parameters
    ----------
    slopes : bool
        Whether each item has a discrimination; else all have one slope.
    lower : float or None
        The lower asymptote of all items; None leaves it free.
    slope : float
        Where items have no discriminations, a of all of them: D.
    """

    slopes: bool = True
    lower: float | None = 0.0
    slope: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        """The coordinates that are free."""
        return (*(["log_slope"] if self.slopes else []), "difficulty", *(["logit_lower"] if self.lower is None else []))

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Lowest and highest value of each coordinate."""
        each = {"log_slope": LOG_SLOPE, "difficulty": DIFFICULTY, "logit_lower": LOGIT_LOWER}
        low, high = np.array([each[name] for name in self.names]).T
        return low, high

    def clipped(self, at: Array) -> Array:
        """Coordinates (..., coordinate) within their bounds."""
        return np.clip(at, *self.bounds)

    def typical(self) -> tuple[Array, Array]:
        """Mean and standard deviation of each coordinate in a bank of which nothing is known.

        Those of the catalogue's priors, LogNormal(0, .5), Normal(0, 2); of the asymptote logit(.2), .5.
        """
        each = {"log_slope": (0.0, 0.5), "difficulty": (0.0, 2.0), "logit_lower": (float(logit(0.2)), 0.5)}
        mean, sd = np.array([each[name] for name in self.names]).T
        return mean, sd

    def natural(self, at: Array) -> tuple[Array, Array, Array]:
        """Discriminations, difficulties and lower asymptotes, each (...,), of coordinates (..., coordinate)."""
        place = {name: at[..., k] for k, name in enumerate(self.names)}
        b = place["difficulty"]
        a = np.exp(place["log_slope"]) if self.slopes else np.full_like(b, self.slope)
        c = np.full_like(b, self.lower) if self.lower is not None else expit(place["logit_lower"])
        return a, b, c

    def probs(self, at: Array, nodes: Array) -> Array:
        """Probability of the upper category, (item, node)."""
        return self.probs_of(at[:, None], nodes)

    def probs_of(self, at: Array, ability: Array) -> Array:
        """Probability of the upper category for pairs of an item and an ability, (pair,)."""
        a, b, c = self.natural(at)
        return np.asarray(c + (1 - c) * expit(a * (ability - b)))

    def with_slopes(self, at: Array, nodes: Array) -> tuple[Array, Array]:
        """Probabilities (item, node) and their derivatives (item, node, coordinate)."""
        a, b, c = (value[:, None] for value in self.natural(at))
        x = a * (nodes - b)
        above = expit(x)
        change = (1 - c) * above * expit(-x)
        each = {"log_slope": change * x, "difficulty": -change * a, "logit_lower": c * (1 - c) * (1 - above)}
        return c + (1 - c) * above, np.stack([each[name] for name in self.names], axis=-1)
