"""Abilities on a grid: their distribution, posteriors, draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from irtbridge.calibration.answers import Answers

Array = NDArray[np.float64]
WIDEST = 5.0  # standard deviations: beyond lies 6e-7 of a normal distribution
NODES = 61  # of the trapezoid rule, whose error here is that of exp(-2 pi^2 s^2 / h^2), s the posterior's SD


@dataclass(frozen=True, eq=False)
class Grid:
    """Nodes of ability, and what the distribution of abilities gives each.

    Attributes
    ----------
    nodes : ndarray, shape (node,)
        Evenly spaced.
    log_prior : ndarray, shape (node,)
        Logarithms of the nodes' probabilities.
    """

    nodes: Array
    log_prior: Array

    @classmethod
    def normal(cls, mean: float = 0.0, sd: float = 1.0, nodes: int = NODES) -> Grid:
        """Of a normal distribution."""
        standard = np.linspace(-WIDEST, WIDEST, nodes)
        log_prior = -0.5 * standard**2
        return cls(mean + sd * standard, log_prior - logsumexp(log_prior))

    def posterior(self, answers: Answers, log_probs: Array) -> Array:
        """Probability of each node for each person, (person, node), of log probabilities (node, item, category)."""
        log = answers.log_likelihood(log_probs) + self.log_prior
        log -= log.max(axis=1, keepdims=True)
        weights = np.exp(log)
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def draw(self, weights: Array, rng: np.random.Generator) -> Array:
        """A node of each person, (person,)."""
        below = np.cumsum(weights, axis=1)
        uniform = rng.uniform(size=(len(weights), 1)) * below[:, -1:]
        place = np.minimum((below < uniform).sum(axis=1), len(self.nodes) - 1)
        return np.asarray(self.nodes[place])
