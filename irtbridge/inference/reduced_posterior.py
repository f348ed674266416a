"""The posterior of a person's traits in a bifactor model: the general one's, and each specific one's given it.

Given the general trait, the specific ones are independent (see `irtbridge.model.reduction`), so that a grid of two
dimensions has all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from irtbridge.model.reduction import Reduction

Array = NDArray[np.float64]
Numbers = NDArray[Any]
Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class ReducedPosterior:
    """Weights of the nodes of a grid, for some draws of the item parameters.

    Attributes
    ----------
    reduction : Reduction
        Which trait is the general one.
    nodes : ndarray, shape (draw, node, trait)
        Abilities at the nodes (general, specific), the specific one running fastest.
    log_general : ndarray, shape (draw, node of the general trait, person)
        Log posterior of the general trait, up to a constant.
    given_general : list of tuple of ndarray
        For each specific trait, weights (draw, node of the general trait, node of the specific trait, pattern) in
        proportion to its posterior given the general one, and each person's pattern (person,).
    """

    reduction: Reduction
    nodes: Array
    log_general: Numbers
    given_general: list[tuple[Numbers, Places]]

    @classmethod
    def of(
        cls, reduction: Reduction, nodes: Array, alone: Numbers, blocks: Sequence[tuple[Numbers, Places]]
    ) -> ReducedPosterior:
        """From the log posterior of each block of items.

        Parameters
        ----------
        reduction : Reduction
            The blocks.
        nodes : ndarray, shape (draw, node, trait)
            Abilities at the nodes.
        alone : ndarray, shape (draw, node of the general trait, person)
            Of the items without a specific trait, with the prior of the general one.
        blocks : sequence of tuple of ndarray
            Of each pattern of the items of each specific trait, with its prior, shape (draw, node, pattern); and the
            pattern of each person, shape (person,).
        """
        n, log_general, given_general = alone.shape[1], alone, []
        for block, of_person in blocks:
            log_weights = block.reshape(len(block), n, n, -1)
            largest = log_weights.max(axis=2, keepdims=True)
            weights = np.exp(log_weights - largest)
            log_general = log_general + (np.log(weights.sum(axis=2)) + largest[:, :, 0])[..., of_person]
            given_general.append((weights, of_person))
        return cls(reduction, nodes, log_general, given_general)

    def draw(self, choose: Callable[[Numbers], NDArray[Any]]) -> Array:
        """All traits of each person once for each draw, shape (draw, person, trait).

        Parameters
        ----------
        choose : callable
            From weights (draw, node, person) to a node (draw, person) in proportion to them.
        """
        n, each = self.log_general.shape[1], np.arange(len(self.nodes))[:, None]
        general = choose(np.exp(self.log_general - self.log_general.max(axis=1, keepdims=True))).astype(np.intp)
        values = np.empty((*general.shape, self.nodes.shape[-1]))
        values[..., self.reduction.general] = self.nodes[each, general * n, self.reduction.general]
        for trait, (weights, of_person) in zip(self.reduction.specific, self.given_general, strict=True):
            given = np.moveaxis(weights[each, general, :, of_person], -1, 1)
            values[..., trait] = self.nodes[each, choose(given), trait]
        return values

    def marginals(self) -> list[tuple[Array, Array]]:
        """Of each trait its nodes (node,) and their posterior probabilities (node, person), at the first draw."""
        n, general = self.log_general.shape[1], special.softmax(self.log_general[0], axis=0)
        found = {self.reduction.general: (self.nodes[0, ::n, self.reduction.general], general)}
        for trait, (weights, of_person) in zip(self.reduction.specific, self.given_general, strict=True):
            found[trait] = self.nodes[0, :n, trait], _marginal(general, weights[0], of_person)
        return [found[trait] for trait in sorted(found)]

    def moments(self) -> tuple[Array, Array]:
        """Mean and standard deviation of each trait, shape (person, trait), at the first draw."""
        mean, square = (
            np.stack([weights.T @ x**power for x, weights in self.marginals()], axis=-1) for power in (1, 2)
        )
        return mean, np.sqrt(np.maximum(square - mean**2, 0.0))


def _marginal(general: Array, weights: Numbers, of_person: Places) -> Array:
    """Posterior of a specific trait (node, person)."""
    conditional, marginal = weights / weights.sum(axis=1, keepdims=True), np.empty_like(general)
    for pattern in range(weights.shape[-1]):
        persons = of_person == pattern
        marginal[:, persons] = conditional[..., pattern].T @ general[:, persons]
    return marginal
