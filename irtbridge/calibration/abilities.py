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

    def posterior(self, answers: Answers, probs: Array) -> Array:
        """Probability of each node for each person, (person, node), of probabilities (item, node)."""
        log = answers.log_likelihood(probs) + self.log_prior
        log -= log.max(axis=1, keepdims=True)
        weights = np.exp(log)
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def at(self, abilities: Array) -> Array:
        """Weights (person, node) that stand for known abilities: each between its two neighbouring nodes."""
        step = self.nodes[1] - self.nodes[0]
        place = np.clip((abilities - self.nodes[0]) / step, 0, len(self.nodes) - 1 - 1e-9)
        left = place.astype(int)
        weights, rows = np.zeros((len(abilities), len(self.nodes))), np.arange(len(abilities))
        weights[rows, left], weights[rows, left + 1] = 1 - (place - left), place - left
        return weights

    def draw(self, weights: Array, rng: np.random.Generator) -> Array:
        """A draw of each person's ability, even within the step around a node, (person,)."""
        below = np.cumsum(weights, axis=1)
        uniform = rng.uniform(size=(len(weights), 1)) * below[:, -1:]
        place = np.minimum((below < uniform).sum(axis=1), len(self.nodes) - 1)
        step = self.nodes[1] - self.nodes[0]
        return np.asarray(self.nodes[place] + step * rng.uniform(-0.5, 0.5, size=len(weights)))

    def moments(self, weights: Array) -> tuple[float, float]:
        """Mean and standard deviation of all persons' abilities."""
        share = weights.mean(axis=0)
        mean = float(share @ self.nodes)
        return mean, float(np.sqrt(share @ (self.nodes - mean) ** 2))

    def predictive(self, weights: Array, answers: Answers, probs: Array) -> float:
        """Mean log probability of further answers of persons whose posteriors are known."""
        with np.errstate(divide="ignore"):
            each = logsumexp(np.log(weights) + answers.log_likelihood(probs), axis=1)
        return float(each.sum() / max(len(answers), 1))
