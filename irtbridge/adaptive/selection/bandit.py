"""BanditCAT: Thompson sampling of abilities and of how much items tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from irtbridge.adaptive.pool import Pool, Single
from irtbridge.adaptive.selection.abilities import drawn_nodes, mean_of_rows
from irtbridge.adaptive.selection.base import Selection
from irtbridge.adaptive.state import State
from irtbridge.errors import ConfigError
from irtbridge.plugin.options import check_number


@dataclass(frozen=True)
class Bandit(Selection):
    """Largest mean reward over abilities drawn from the posterior, with drawn item parameters (Sharpnack et al. 2024).

    For each person ``draws`` abilities are drawn from the posterior on the grid, and for each item one parameter:

    - of a logistic curve (1PL, 2PL) a discrimination with mean a and scale gamma, ``Gamma(a / gamma, gamma)``; the
      reward is the information of the curve that has it;
    - of any other item the height of ``h exp(-(theta - mu)^2 / (2 nu^2))``, which matches the moments of the item's
      information, ``Gamma(h / gamma, gamma)``; the reward is that kernel.

    Simulated persons of one cluster (`State.cluster`) share these draws: each one's have the distribution above.

    Parameters
    ----------
    gamma : float
        Scale of the gamma distribution: the larger, the less items are exposed; 0 draws abilities alone.
    draws : int
        Abilities drawn at each step.
    lots : bool
        Of a test with a target of exposure: gamma, which uses the whole bank and costs precision, and Sympson and
        Hetter's lots, which hold back the few items most in demand and cost little, bring the largest exposure from 1
        to the target by an equal factor each. False: gamma alone, as published.
    """

    name: ClassVar[str] = "bandit"
    portable: ClassVar[bool] = True
    evened_by: ClassVar[str | None] = "gamma"
    gamma: float = 0.1
    draws: int = 4
    lots: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.gamma, bool) or not isinstance(self.gamma, (int, float)) or not 0 <= self.gamma < np.inf:
            raise ConfigError(f"gamma={self.gamma!r} must be a number, 0 or greater.")
        check_number("draws", self.draws)
        if not isinstance(self.lots, bool):
            raise ConfigError(f"lots={self.lots!r} must be True or False.")

    def evened_to(self, target: float) -> float:
        return target**0.5 if self.lots else target

    def check(self, pool: Pool) -> None:
        if pool.n_traits > 1:
            raise ConfigError("bandit is for one trait; use selection='thompson', which has D- and A-optimality.")

    def scores(self, pool: Pool, state: State) -> Any:
        nodes = drawn_nodes(state, self.draws)
        curves = pool.curves
        if curves is None:
            return self._drawn(pool, pool.kernels.height, state) * mean_of_rows(pool, pool.kernel_shapes, nodes)
        slopes = self._drawn(pool, curves.slope, state)
        return logistic_information(pool, slopes, curves.location, pool.nodes[:, 0].astype(np.float32)[nodes])

    def _drawn(self, pool: Pool, mean: Single, state: State) -> Any:
        """Gamma draws (person, item) of these means (item,)."""
        if self.gamma == 0:
            return pool.arrays.xp.broadcast_to(pool.held(mean), (state.n_persons, len(mean)))
        clusters, row = np.unique(state.cluster, return_inverse=True)
        scale = np.float32(self.gamma)
        drawn = scale * state.rng.standard_gamma(mean / scale, (len(clusters), len(mean)), dtype=np.float32)
        return pool.held(drawn) if len(clusters) == state.n_persons else pool.arrays.rows(pool.held(drawn), row)


def logistic_information(pool: Pool, slope: Any, location: Single, abilities: Single) -> Any:
    """Mean of ``a^2 sigma(x) sigma(-x)`` with ``x = a (theta - b)`` over abilities theta, (person, item).

    Parameters
    ----------
    pool : Pool
        Whose `Pool.arrays` these are.
    slope : array of float32, shape (person, item)
    location : ndarray of float32, shape (item,)
    abilities : ndarray of float32, shape (person, draw)
    """
    arrays, half = pool.arrays, 0.5 * slope
    shift = half * pool.held(location)
    total, x = arrays.xp.zeros_like(half), arrays.xp.zeros_like(half)
    for ability in pool.held(abilities.T[:, :, None]):
        x = arrays.multiply(half, ability, x)
        x -= shift
        x = arrays.tanh(x)  # sigma(x) sigma(-x) = (1 - tanh(x / 2)^2) / 4
        x *= x
        total += x
    total /= -abilities.shape[1]
    total += 1
    half *= half
    total *= half
    return total
