"""Abilities at which curves are drawn: along one trait, the others held."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from irtbridge.assess.posterior import Posterior
from irtbridge.errors import ConfigError, UnknownName

Array = NDArray[np.float64]
POINTS = 81
REACH = 4.0  # standard deviations of the ability that a grid covers on either side of its mean, unless told


@dataclass(frozen=True, eq=False)
class Grid:
    """Abilities along one trait, the others held at their mean over persons and draws.

    Attributes
    ----------
    ability : ndarray, shape (point,)
        Along the trait.
    points : ndarray, shape (point,) or (point, trait)
        All traits, in the shape of the posterior's abilities.
    direction : ndarray, shape (trait,)
        The unit vector of the trait.
    """

    ability: Array
    points: Array
    direction: Array

    @classmethod
    def of(cls, posterior: Posterior, trait: str | None = None, ability: ArrayLike | None = None) -> Grid:
        """Along a trait, the first by default; at abilities of one's own, or 81 over 4 standard deviations each way.

        Raises
        ------
        UnknownName
            No such trait.
        ConfigError
            Abilities that are no finite numbers in a row.
        """
        traits = posterior.traits
        if trait is not None and trait not in traits:
            raise UnknownName("trait", trait, traits)
        place = 0 if trait is None else traits.index(trait)
        line = np.linspace(*span(posterior, place), POINTS) if ability is None else _in_a_row(ability)
        direction = np.eye(len(traits))[place]
        if len(traits) == 1:
            axes = posterior.expected.shape[1:]  # a model of several traits may have one
            return cls(line, line.reshape(-1, *axes), direction)
        mean = np.average(posterior.expected, axis=0, weights=posterior.weights)
        return cls(line, np.where(direction == 1, line[:, None], mean), direction)


def _in_a_row(ability: ArrayLike) -> Array:
    try:
        line = np.asarray(ability, dtype=float)
    except (TypeError, ValueError):
        line = np.empty(0)
    if line.ndim != 1 or not line.size or not np.isfinite(line).all():
        raise ConfigError(f"ability={ability!r} must be finite numbers in a row, as numpy.linspace(-4, 4, 81).")
    return line


def span(posterior: Posterior, trait: int = 0) -> tuple[float, float]:
    """The mean of the abilities' distribution less and plus `REACH` standard deviations, to the half outwards."""
    collapse = posterior.layout.collapse
    if collapse is None:
        abilities = posterior.abilities.reshape(*posterior.abilities.shape[:2], -1)[..., trait]
        centre, half = abilities.mean(), REACH * abilities.std()
    else:
        nodes = posterior.at_mean.nodes()[0][0]
        nodes = nodes.reshape(len(nodes), -1)[:, trait]
        centre, half = (nodes.max() + nodes.min()) / 2, REACH / collapse.half_width * np.ptp(nodes) / 2
    # An end that is a half but for rounding stays where it is.
    return float(np.floor(2 * (centre - half) + 1e-6) / 2), float(np.ceil(2 * (centre + half) - 1e-6) / 2)
