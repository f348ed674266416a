"""What is known of a person's ability: a posterior on a grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.assess.scoring.weighted_points import WeightedPoints
from irtbridge.plugin.options import check_share

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ability:
    """The posterior of one person's ability.

    Attributes
    ----------
    traits : tuple of str
        Labels.
    nodes : ndarray, shape (node, trait)
        Abilities.
    probabilities : ndarray, shape (node,)
        Of the nodes.
    """

    traits: tuple[str, ...]
    nodes: Array
    probabilities: Array

    @property
    def mean(self) -> Any:
        """Posterior mean: a number, of several traits shape (trait,)."""
        return self._shown(self.probabilities @ self.nodes)

    @property
    def sd(self) -> Any:
        """Posterior standard deviation, in the shape of `mean`."""
        centre = self.probabilities @ self.nodes
        return self._shown(np.sqrt(self.probabilities @ (self.nodes - centre) ** 2))

    def interval(self, prob: float = 0.95) -> Any:
        """Central interval: its lower and upper end, of several traits shape (trait, 2).

        Between nodes of an even grid the logarithm of the density is interpolated, else the distribution function.
        """
        check_share("prob", prob)
        ends = np.array([(1 - prob) / 2, (1 + prob) / 2])
        return self._shown(np.array([self._quantiles(trait, ends) for trait in self.nodes.T]))

    def to_dict(self, prob: float = 0.95) -> dict[str, dict[str, float]]:
        """Mean, SD and the ends of an interval by trait, as plain data."""
        rows = np.c_[np.atleast_1d(self.mean), np.atleast_1d(self.sd), np.reshape(self.interval(prob), (-1, 2))]
        named = [dict(zip(("mean", "sd", "lower", "upper"), row.tolist(), strict=True)) for row in rows]
        return dict(zip(self.traits, named, strict=True))

    def _quantiles(self, trait: Array, ends: Array) -> Array:
        points = WeightedPoints.of(trait, self.probabilities[:, None])
        return np.concatenate([points.quantile(end) for end in ends])

    def _shown(self, values: Array) -> Any:
        return values if len(self.traits) > 1 else values[0].tolist()

    def __repr__(self) -> str:
        parts = [
            f"{name} {row['mean']:.2f} (SD {row['sd']:.2f}, 95 % {row['lower']:.2f} to {row['upper']:.2f})"
            for name, row in self.to_dict().items()
        ]
        return "; ".join(parts)
