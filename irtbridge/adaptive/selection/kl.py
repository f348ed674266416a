"""Kullback-Leibler information: how well an item tells the estimate from the abilities about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from irtbridge.adaptive.pool import Array, Pool
from irtbridge.adaptive.selection.base import Selection
from irtbridge.adaptive.state import State
from irtbridge.errors import ConfigError, UnknownName
from irtbridge.plugin.options import check_positive

WEIGHTS = ("posterior", "interval")


@dataclass(frozen=True)
class KullbackLeibler(Selection):
    """Largest weighted mean of ``KL(est, theta) = sum_k P_k(est) log(P_k(est) / P_k(theta))``, est the posterior mean.

    Parameters
    ----------
    weights : str
        ``posterior``: theta's posterior probabilities (KLP; Chang & Ying 1996, section 5; Wang, Chang & Boughton
        2011). ``interval``: the same weight within ``width / sqrt(n)`` of the estimate, n being the number of items
        given (Chang & Ying 1996, equation 12), of one trait.
    width : float
        In units of the ability's scale; 3 as in the paper.
    """

    name: ClassVar[str] = "kl"
    weights: str = "posterior"
    width: float = 3.0

    def __post_init__(self) -> None:
        if self.weights not in WEIGHTS:
            raise UnknownName("weights", self.weights, WEIGHTS)
        check_positive(self, "width")

    def check(self, pool: Pool) -> None:
        if pool.n_traits > 1 and self.weights == "interval":
            raise ConfigError("kl with weights='interval' is for one trait; use weights='posterior'.")

    def scores(self, pool: Pool, state: State) -> Array:
        posterior = state.posterior()
        mean = posterior @ pool.nodes
        weights = posterior if self.weights == "posterior" else self._near(pool, mean[:, 0], state.n_given)
        at_mean = pool.bank.at_mean.log_probs(mean)[0]
        finite = np.where(np.isfinite(pool.log_probs), pool.log_probs, 0.0)
        expected = (weights @ finite.reshape(len(weights.T), -1)).reshape(at_mean.shape)
        with np.errstate(invalid="ignore"):
            terms = np.exp(at_mean) * (at_mean - expected)
        return np.asarray(np.where(np.isfinite(at_mean), terms, 0.0).sum(axis=-1))

    def _near(self, pool: Pool, mean: Array, n_given: NDArray[np.int64]) -> Array:
        """The share of each node's cell within the interval, (person, node), made to sum to 1."""
        line, place = np.unique(pool.nodes[:, 0], return_inverse=True)
        middle = (line[1:] + line[:-1]) / 2
        lower, upper = np.r_[line[0], middle], np.r_[middle, line[-1]]
        reach = self.width / np.sqrt(np.maximum(n_given, 1))
        low, high = (mean - reach)[:, None], (mean + reach)[:, None]
        overlap = np.maximum(np.minimum(upper, high) - np.maximum(lower, low), 0.0)[:, place]
        return np.asarray(overlap / overlap.sum(axis=1, keepdims=True))
