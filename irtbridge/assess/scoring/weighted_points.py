"""A distribution of each person's ability as weighted points: mean, standard deviation, shortest interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.interpolate import CubicSpline

Array = NDArray[np.float64]
FINER = 4  # points for each of an even grid's, where an interval is looked for
TAILS = 11  # shares left below that are tried; between them the width is taken for a parabola


class WeightedPoints(NamedTuple):
    """Points of one trait.

    Attributes
    ----------
    x : ndarray, shape (point, person) or (point, 1)
        Where they are; ascending where they are the same for all persons.
    weight : ndarray, shape (point, person)
        Sum to 1 over the points.
    """

    x: Array
    weight: Array

    @classmethod
    def of(cls, x: Array, weight: Array) -> WeightedPoints:
        """From points (point,) in any order, the same for all persons; equal ones become one."""
        order = x.argsort(kind="stable")
        first = np.flatnonzero(np.diff(x[order], prepend=-np.inf))
        same = len(first) == len(x)
        return cls(x[order][first, None], weight[order] if same else np.add.reduceat(weight[order], first, axis=0))

    @classmethod
    def mixed(cls, parts: Sequence[WeightedPoints]) -> WeightedPoints:
        """The mixture of several in equal shares, as of draws of the item parameters."""
        if len(parts) == 1:
            return parts[0]
        x, weight = (np.concatenate(part) for part in zip(*parts, strict=True))
        return cls(x, weight / len(parts)) if x.shape[1] > 1 else cls.of(x[:, 0], weight / len(parts))

    @property
    def even(self) -> bool:
        """Whether they are an even grid, the same for all persons."""
        steps = np.diff(self.x[:, 0])
        return self.x.shape[1] == 1 and len(steps) > 2 and bool(np.allclose(steps, steps[0]))

    def moments(self) -> tuple[Array, Array]:
        """Mean and standard deviation, shape (person,)."""
        mean = np.sum(self.x * self.weight, axis=0)
        return mean, np.sqrt(np.sum((self.x - mean) ** 2 * self.weight, axis=0))

    def interval(self, probability: float) -> tuple[Array, Array]:
        """Ends (person,) of the shortest interval with this probability (HDI, of one mode).

        Of an even grid by search; of scattered points, whose tails are too few to search in, from their mean, standard
        deviation s and skewness g: ``mean + s (g (z^2 - 3) / 6 -+ z)``, where the density is equal at both ends and the
        probability right to first order in g (Edgeworth's expansion).
        """
        if self.even:
            return self._searched(probability)
        mean, sd = self.moments()
        skewness = np.sum((self.x - mean) ** 3 * self.weight, axis=0) / np.maximum(sd, 1e-300) ** 3
        z = special.ndtri(0.5 + probability / 2)
        middle = mean + sd * skewness * (z**2 - 3) / 6
        return middle - z * sd, middle + z * sd

    def quantile(self, share: Array | float) -> Array:
        """Where the cumulative share of each person reaches a value, shape (person,): on an even grid, refined."""
        x, weight = self._refined() if self.even else self
        return _quantile(x, np.cumsum(weight, axis=0) - weight / 2, share)

    def _searched(self, probability: float) -> tuple[Array, Array]:
        x, weight = self._refined()
        below = np.cumsum(weight, axis=0) - weight / 2
        tails = np.linspace(0, 1 - probability, TAILS)
        width = np.stack([_quantile(x, below, t + probability) - _quantile(x, below, t) for t in tails])
        best = np.clip(width.argmin(axis=0), 1, TAILS - 2)
        left, middle, right = (np.take_along_axis(width, best[None] + k, axis=0)[0] for k in (-1, 0, 1))
        bend = left - 2 * middle + right
        shift = np.where(bend > 0, (left - right) / np.where(bend > 0, 2 * bend, 1), 0.0)
        tail = np.clip((best + np.clip(shift, -1, 1)) * tails[1], 0, tails[-1])
        return _quantile(x, below, tail), _quantile(x, below, tail + probability)

    def _refined(self) -> WeightedPoints:
        """On an even grid with more points, the logarithms of the weights interpolated by a cubic spline."""
        x = self.x[:, 0]
        fine = np.linspace(x[0], x[-1], FINER * (len(x) - 1) + 1)
        with np.errstate(divide="ignore"):
            logs = np.maximum(np.log(self.weight), -700.0)
        # The spline is linear in what it goes through: of many persons a matrix takes less time.
        few = logs.shape[1] < len(x)
        weight = np.exp(CubicSpline(x, logs)(fine) if few else CubicSpline(x, np.eye(len(x)))(fine) @ logs)
        return WeightedPoints(fine[:, None], weight / weight.sum(axis=0))


def _quantile(x: Array, below: Array, share: Array | float) -> Array:
    """Where the cumulative share of each person reaches a value, linear between points."""
    after = np.clip(np.sum(below < share, axis=0), 1, len(below) - 1)[None]
    low, high = np.take_along_axis(below, after - 1, axis=0)[0], np.take_along_axis(below, after, axis=0)[0]
    wide = np.broadcast_to(x, below.shape)
    start, end = np.take_along_axis(wide, after - 1, axis=0)[0], np.take_along_axis(wide, after, axis=0)[0]
    part = np.clip((share - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    return np.asarray(start + part * (end - start))
