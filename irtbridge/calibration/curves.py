"""Response curves of one trait and ordered categories, in coordinates in which a normal distribution makes sense.

With discrimination a and locations b_1, ..., b_{K-1} the categories have the probabilities that a family gives to
``u_k = a (theta - b_k)``: two categories those of the 1PL, 2PL or 3PL, more of them those of the GRM or (G)PCM. The
coordinates are ``log a``, the mean of the locations, the gaps between neighbours, of a family that orders them their
logarithms, and of the 3PL the logit of the lower asymptote.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from irtbridge.calibration.steps import by_step
from irtbridge.model.families import Binary, Categories, Graded

Array = NDArray[np.float64]
Places = NDArray[np.intp]


class Coordinate(NamedTuple):
    """What a coordinate may be, and its mean and standard deviation in a bank of which nothing is known."""

    low: float
    high: float
    mean: float
    sd: float


# Means and SDs are those of the catalogue's priors, LogNormal(0, .5) and Normal(0, 2); the others are ours. A curve
# flatter or steeper than the bounds is none that an item of a test has, and nobody is 12 standard deviations out.
COORDINATES = {
    "log_slope": Coordinate(float(np.log(0.05)), float(np.log(10.0)), 0.0, 0.5),
    "difficulty": Coordinate(-12.0, 12.0, 0.0, 2.0),
    "log_gap": Coordinate(float(np.log(0.01)), float(np.log(12.0)), 0.0, 0.5),
    "gap": Coordinate(-12.0, 12.0, 0.0, 2.0),
    "logit_lower": Coordinate(-7.0, 0.0, float(logit(0.2)), 0.5),
}


@dataclass(frozen=True)
class Curves:
    """Curves of ordered categories by their coordinates, those of them that are free.

    Parameters
    ----------
    slopes : bool
        Whether each item has a discrimination; else all have one slope.
    lower : float or None
        The lower asymptote of all items, of two categories alone; None leaves it free.
    slope : float
        Where items have no discriminations, a of all of them: D.
    family : Categories
        What gives the categories their probabilities.
    n_categories : int
        Of every item.
    """

    slopes: bool = True
    lower: float | None = 0.0
    slope: float = 1.0
    family: Categories = field(default_factory=Binary)
    n_categories: int = 2

    @property
    def names(self) -> tuple[str, ...]:
        """The coordinates that are free."""
        gap = "log_gap" if self._ordered else "gap"
        return (
            *(["log_slope"] if self.slopes else []),
            "difficulty",
            *[gap] * (self.n_categories - 2),
            *(["logit_lower"] if self.lower is None else []),
        )

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Lowest and highest value of each coordinate."""
        low, high, _, _ = self._each
        return low, high

    def clipped(self, at: Array) -> Array:
        """Coordinates (..., coordinate) within their bounds."""
        return np.clip(at, *self.bounds)

    def typical(self) -> tuple[Array, Array]:
        """Mean and standard deviation of each coordinate in a bank of which nothing is known."""
        _, _, mean, sd = self._each
        return mean, sd

    def on_scale(self, log_factor: float) -> tuple[Array, Array]:
        """What each coordinate is multiplied by, and what is then added, where abilities are multiplied by a factor."""
        stretched = np.array([name in ("difficulty", "gap") for name in self.names])
        signs = np.array([{"log_slope": -1.0, "log_gap": 1.0}.get(name, 0.0) for name in self.names])
        return np.exp(log_factor * stretched), log_factor * signs

    def natural(self, at: Array) -> tuple[Array, Array, Array]:
        """Discriminations (...,), locations (..., category - 1) and lower asymptotes (...,) of coordinates."""
        names = self.names
        middle = at[..., names.index("difficulty")]
        a = np.exp(at[..., 0]) if self.slopes else np.full_like(middle, self.slope)
        c = np.full_like(middle, self.lower) if self.lower is not None else expit(at[..., -1])
        return a, middle[..., None] + self._gaps(at) @ self._contrasts, c

    def located(self, location: Array) -> Array:
        """Coordinates (item, coordinate) of typical discriminations and these locations (item, category - 1)."""
        at = np.tile(self.typical()[0], (len(location), 1))
        gaps, first = np.diff(location, axis=1), self.names.index("difficulty")
        at[:, first] = location.mean(axis=1)
        at[:, self._of_gaps] = np.log(np.maximum(gaps, np.exp(COORDINATES["log_gap"].low))) if self._ordered else gaps
        return self.clipped(at)

    def log_probs(self, at: Array, ability: Array, place: Places | None = None) -> Array:
        """Log probability of each category, (person, item, category).

        Parameters
        ----------
        at : ndarray, shape (item, coordinate)
        ability : ndarray, shape (person, item) or (person, 1)
        place : ndarray of int, shape (pair,), optional
            The items that stand for those of `at`, some perhaps several times.
        """
        slope, shift, shapes = self._predictor(*self._placed(at, place), ability)
        return self.family.categories(slope, shift, self._exists, **shapes)

    def log_probs_of(self, at: Array, ability: Array, place: Places, codes: Places) -> Array:
        """Log probability of a category for pairs of an item, by its place, and an ability, (pair,)."""
        return _of_codes(self.log_probs(at, ability[None], place)[0], codes)

    def with_scores(self, at: Array, ability: Array, place: Places | None = None) -> tuple[Array, Array]:
        """Log probabilities as `log_probs` and their derivatives (person, item, category, coordinate)."""
        a, b, c = self._placed(at, place)
        slope, shift, shapes = self._predictor(a, b, c, ability)
        u, log_probs = slope - shift, self.family.categories(slope, shift, self._exists, **shapes)
        steps = by_step(self.family, u, log_probs, **shapes)
        parts = [weighted_sum(steps, u[..., None, :])] if self.slopes else []
        # The columns say what difficulty and gaps add to each location, times what a gap is of its coordinate.
        columns = np.vstack([np.ones(self.n_categories - 1), self._contrasts])
        parts += [-a[:, None] * weighted_sum(steps, column) for column in columns]
        if self._ordered:
            for gap, stretch in enumerate(np.diff(b, axis=-1).T):
                parts[gap - len(columns) + 1] *= stretch[:, None]
        if self.lower is None:
            parts.append(_by_lower(c, log_probs, u))
        return log_probs, np.stack(parts, axis=-1)

    def with_scores_of(self, at: Array, ability: Array, place: Places, codes: Places) -> tuple[Array, Array]:
        """As `log_probs_of`, and derivatives (pair, coordinate)."""
        log_probs, scores = self.with_scores(at, ability[None], place)
        return _of_codes(log_probs[0], codes), _of_codes(scores[0], codes)

    def at_least(self, at: Array, nodes: Array) -> Array:
        """Probability of each category above the lowest or a higher one, (item, node, category - 1)."""
        return _from_above(np.exp(self.log_probs(at, nodes[:, None])).swapaxes(0, 1), 2)

    def with_slopes(self, at: Array, nodes: Array) -> tuple[Array, Array]:
        """`at_least` and its derivatives, (item, node, category - 1, coordinate)."""
        log_probs, scores = self.with_scores(at, nodes[:, None])
        probs = np.exp(log_probs).swapaxes(0, 1)
        return _from_above(probs, 2), _from_above(probs[..., None] * scores.swapaxes(0, 1), 2)

    @property
    def _each(self) -> Array:
        """Lowest and highest value, mean and SD of each coordinate, (4, coordinate)."""
        return np.array([COORDINATES[name] for name in self.names]).T

    @property
    def _ordered(self) -> bool:
        return isinstance(self.family, Graded)

    @property
    def _of_gaps(self) -> slice:
        first = self.names.index("difficulty") + 1
        return slice(first, first + self.n_categories - 2)

    @property
    def _contrasts(self) -> Array:
        """What each gap adds to each location, (gap, category - 1): nothing to their mean."""
        above = np.tri(self.n_categories - 1, self.n_categories - 2, -1).T
        return np.asarray(above - above.mean(axis=1, keepdims=True))

    @property
    def _exists(self) -> NDArray[np.bool_]:
        return np.ones((1, self.n_categories), dtype=bool)

    def _gaps(self, at: Array) -> Array:
        gaps = at[..., self._of_gaps]
        return np.exp(gaps) if self._ordered else gaps

    def _placed(self, at: Array, place: Places | None) -> tuple[Array, Array, Array]:
        """`natural` of the items at these places."""
        each = self.natural(at)
        return each if place is None else (each[0][place], each[1][place], each[2][place])

    def _predictor(self, a: Array, b: Array, c: Array, ability: Array) -> tuple[Array, Array, dict[str, Any]]:
        """What `Categories.categories` takes: slopes, shifts, and the lower asymptote where there may be one."""
        return (a * ability)[..., None], a[:, None] * b, {} if self.lower == 0 else {"lower": c}


def _of_codes(each: Array, codes: Places) -> Array:
    return np.asarray(each[np.arange(len(codes)), codes])


def weighted_sum(steps: Array, weights: Array) -> Array:
    """Sum over the last axis."""
    # Step by step: sums along so short an axis are several times slower.
    return np.asarray(sum(steps[..., k] * weights[..., k] for k in range(steps.shape[-1])))


def _from_above(each: Array, axis: int) -> Array:
    """Sums over each category above the lowest and those that are higher."""
    return np.asarray(np.flip(np.cumsum(np.flip(each, axis), axis=axis), axis)[:, :, 1:])


def _by_lower(lower: Array, log_probs: Array, u: Array) -> Array:
    """Derivatives of a 3PL's log probabilities by the logit of the lower asymptote, (person, item, category)."""
    right = lower * (1 - lower) * expit(-u[..., 0]) * np.exp(-log_probs[..., 1])
    return np.stack([np.broadcast_to(-lower, right.shape), right], axis=-1)
