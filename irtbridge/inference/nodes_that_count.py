"""Items integrated out near a mode of the abilities: at the nodes alone that count there, item by item.

The grid of `irtbridge.inference.items_integrated` is wide enough for every item, and fine enough for the one whose
responses say most. An item's posterior is nearly nothing at most of its nodes, and most items are served by every
second or fourth of the rest. What is left, about a tenth, stands in one line, item after item.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from irtbridge.inference.items_integrated import CONSTANT, AtNodes, ItemsIntegrated

Array = NDArray[np.float64]
Places = NDArray[np.intp]
STRIDES = (2, 4)  # that are tried
# How much less likely, as a logarithm, a node may be than an item's likeliest at the mode. Draws of the abilities move
# it by a few units, so that less than a ten-thousandth of an item's probability is left out.
NEGLIGIBLE = 20.0


@dataclass(frozen=True, eq=False)
class Line:
    """Nodes that count, item after item.

    Attributes
    ----------
    node : ndarray of int, shape (entry,)
        Of the whole grid.
    place : ndarray of int, shape (entry,)
        Of the table of patterns of persons who answered, by nodes, laid flat.
    lengths : ndarray of int, shape (item,)
        How many each item has.
    """

    node: Places
    place: Places
    lengths: Places

    @cached_property
    def ends(self) -> Places:
        """Where each item's nodes end."""
        return np.asarray(np.cumsum(self.lengths))

    @cached_property
    def starts(self) -> Places:
        """Where they begin."""
        return np.asarray(self.ends - self.lengths)


@dataclass(frozen=True, eq=False)
class NodesThatCount:
    """The density of `ItemsIntegrated`, and draws of the items, near a point.

    Attributes
    ----------
    whole : ItemsIntegrated
        At all nodes.
    lines : tuple of Line
        One for each of the places where strides may begin; any of them serves.
    log_strides : ndarray, shape (item,)
        Logarithms of what a node of each item stands for.
    """

    whole: ItemsIntegrated
    lines: tuple[Line, ...]
    log_strides: Array

    @classmethod
    def near(cls, whole: ItemsIntegrated, abilities: Array) -> NodesThatCount:
        """Those that count at abilities (person,)."""
        by_node = whole.by_node(abilities, whole.nodes)
        counts = by_node > by_node.max(axis=1, keepdims=True) - NEGLIGIBLE
        finest = int(np.argmax(whole.counts))
        number = np.unravel_index(np.arange(len(whole.nodes)), whole.counts)[finest]
        strides = _strides(by_node, number)[:, None]
        lines = [_line(whole, counts & (number % strides == first % strides)) for first in range(max(STRIDES))]
        return cls(whole, tuple(lines), np.log(strides[:, 0]))

    def value_and_grad(self, abilities: Array) -> tuple[float, Array]:
        """Log density of the abilities (person,) and all responses, up to a constant, and its gradient."""
        whole, line = self.whole, self.lines[0]
        at, patterns = whole.at(abilities, whole.nodes), whole.patterns[0]
        largest, weights = _weights(whole, line, abilities, at)
        total = np.add.reduceat(weights, line.starts)
        weights /= np.repeat(total, line.lengths)
        slopes = np.add.reduceat(weights * at.lines[0].take(line.node), line.starts)
        by_pattern = np.bincount(line.place, weights, at.constant.size).reshape(at.constant.shape)
        expected = (at.probability * (patterns.T @ by_pattern)) @ at.lines[0]
        prior, pull = whole.log_prior(abilities)
        value = float(np.sum(np.log(total) + largest + self.log_strides)) + prior
        return value, whole.statistics.T @ slopes - expected + pull

    def draw(self, abilities: Array, rng: np.random.Generator) -> tuple[float, Array]:
        """The log density, and item parameters drawn given the abilities, as standard coordinates (item, parameter).

        The grid is shifted by a uniform fraction of its step: so the draws have the conditional density itself, not a
        discrete one. In single precision.
        """
        whole, line = self.whole, self.lines[rng.integers(len(self.lines))]
        single: NDArray[Any] = abilities.astype(np.float32)
        standard = whole.nodes + whole.step * rng.uniform(-0.5, 0.5, len(whole.counts))
        moved: NDArray[Any] = standard.astype(np.float32)
        largest, weights = _weights(whole.single, line, single, whole.single.at(single, moved))
        running = np.cumsum(weights, dtype=float)
        ends = running[line.ends - 1]
        total = np.diff(ends, prepend=0.0)
        chosen = np.searchsorted(running, ends - total * rng.uniform(size=len(ends)))
        chosen = np.clip(chosen, line.starts, line.ends - 1)
        value = float(np.sum(np.log(total) + largest + self.log_strides)) + whole.log_prior(abilities)[0]
        return value, standard[line.node[chosen]]


def _strides(by_node: Array, number: Places) -> Places:
    """For each item the largest stride that gives its probability, wherever it begins.

    Parameters
    ----------
    by_node : ndarray, shape (item, node)
        Log probabilities.
    number : ndarray of int, shape (node,)
        Of the node along the parameter that has most.
    """
    strides = np.ones(len(by_node), dtype=np.intp)
    for stride in STRIDES:
        sums = [special.logsumexp(by_node[:, number % stride == first], axis=1) for first in range(stride)]
        strides[np.ptp(sums, axis=0) < CONSTANT] = stride
    return strides


def _line(whole: ItemsIntegrated, counts: NDArray[np.bool_]) -> Line:
    item, node = np.nonzero(counts)
    return Line(node, whole.patterns[1][item] * len(whole.nodes) + node, counts.sum(axis=1))


def _weights(whole: ItemsIntegrated, line: Line, abilities: Array, at: AtNodes) -> tuple[Array, NDArray[Any]]:
    """Log probability of each item at its likeliest node, (item,), and its probabilities at all as shares of that."""
    by_node = at.constant.ravel().take(line.place)
    for multiple, of in zip(whole.sums(abilities).T, at.lines, strict=True):
        by_node += np.repeat(multiple, line.lengths) * of.take(line.node)
    largest = np.maximum.reduceat(by_node, line.starts)
    by_node -= np.repeat(largest, line.lengths)
    return largest.astype(float), np.exp(by_node, out=by_node)
