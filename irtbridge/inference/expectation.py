"""The E-step: what the persons are expected to have answered at each node, given the data (Bock & Aitkin 1981).

Given the abilities the log likelihood is statistics times natural parameters, plus the base of each response there is.
So expected statistics at the nodes are all that item parameters need of the data: posterior weights (node, pattern)
times statistics (pattern, item x statistic), one matrix product for every family.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from irtbridge.data.responses import Responses
from irtbridge.inference.louis import at_nodes
from irtbridge.model.layout import Layout
from irtbridge.model.noncentred import nodes_of
from irtbridge.model.patterns import Patterns
from irtbridge.model.quadrature import Quadrature
from irtbridge.plugin.program import Program

Array = NDArray[np.float64]
Items = slice | NDArray[np.intp]
CELLS = 2**21  # patterns times nodes of a chunk, 16 MiB of doubles


@dataclass(frozen=True, eq=False)
class Expected:
    """What the data say of the item parameters, were the abilities known to be distributed as they are given the data.

    Attributes
    ----------
    log_likelihood : float
        Of the data, abilities integrated out.
    statistics : ndarray, shape (node, item, statistic + 1)
        Sums over persons of the posterior weight of a node times a statistic; last, times 1 for each response.
    grid, weights : ndarray, shapes (node, trait) and (person, node), or None
        Abilities at the nodes and posterior weights, where the prior of the abilities differs from person to person.
        They are held while parameters move: a mean of abilities is then that of the abilities, whatever the items do.
    """

    log_likelihood: float
    statistics: Array
    grid: Array | None
    weights: Array | None


@dataclass(frozen=True, eq=False)
class Data:
    """Statistics of the response patterns.

    Attributes
    ----------
    layout : Layout
        Abilities integrated out.
    counts : ndarray, shape (pattern,)
        Persons, sums of their weights.
    statistics : ndarray, shape (pattern, item, statistic)
    absent : ndarray, shape (pattern, item), or None
        1 where there is no response; None where there are all.
    """

    layout: Layout
    counts: Array
    statistics: Array
    absent: Array | None

    @classmethod
    def of(cls, layout: Layout, responses: Responses) -> Data:
        """Of a data set."""
        patterns = Patterns.of(responses, by_person=layout.by_person)
        given = (patterns.counts > 0) | layout.by_person
        patterns = Patterns(patterns.values[given], patterns.counts[given])
        flat = patterns.statistics(layout, missing=patterns.some_missing)
        own, absent = np.split(flat, [layout.n_columns], axis=1)
        shape = (len(flat), layout.sizes["item"], -1)
        return cls(layout, patterns.counts, own.reshape(shape), absent if patterns.some_missing else None)

    def expected(self, params: Mapping[str, Array]) -> Expected:
        """At full parameter arrays, no leading axes."""
        terms, log_weights = at_nodes(self.layout, params)
        n_nodes, by_person = len(terms), self.layout.by_person
        rows = max(1, CELLS // n_nodes)
        sums, log_likelihood = np.zeros(terms.shape), 0.0
        kept = np.empty((len(self.counts), n_nodes)) if by_person else None
        for start in range(0, len(self.counts), rows):
            here = slice(start, start + rows)
            some, prior = self._of(here), log_weights[here] if by_person else log_weights
            log_probability, groups = some._posterior(terms, prior)
            log_likelihood += float(some.counts @ log_probability)
            for items, places, weights in groups:
                sums[places, items] = sums[places, items] + some._counted(items, weights)
                if kept is not None:
                    kept[here] = weights
        return Expected(log_likelihood, sums, self._grid(params), kept)

    def _grid(self, params: Mapping[str, Array]) -> Array | None:
        if not self.layout.by_person:
            return None
        nodes, _ = nodes_of(self.layout, self.layout.standard_nodes, self.layout.complete(params))
        return nodes.reshape(len(nodes), -1)

    def _of(self, patterns: slice) -> Data:
        absent = None if self.absent is None else self.absent[patterns]
        return Data(self.layout, self.counts[patterns], self.statistics[patterns], absent)

    def _posterior(self, terms: Array, prior: Array) -> tuple[Array, list[tuple[Items, slice, Array]]]:
        """Log probability of each pattern; for items that share a grid: these, its nodes, and the nodes' weights."""
        if self.layout.reduction is not None:
            return self._reduced(terms)
        everything = slice(None)
        weights = self._log_likelihood(terms, everything, prior)
        top = weights.max(axis=1)
        weights -= top[:, None]
        total = np.exp(weights, out=weights).sum(axis=1)
        weights *= (self.counts / total)[:, None]
        return top + np.log(total), [(everything, everything, weights)]

    def _reduced(self, terms: Array) -> tuple[Array, list[tuple[Items, slice, Array]]]:
        """The specific traits of a reduction given the general one, one grid for the items of each."""
        reduction, collapse = self.layout.reduction, self.layout.collapse
        assert reduction is not None
        assert collapse is not None
        n, prior = collapse.n_nodes, collapse.log_weights(1)
        every, general = slice(None, None, n), slice(None)
        log_general = self._log_likelihood(terms[every], reduction.alone, prior)
        blocks = []
        for items in reduction.blocks:
            inside = self._log_likelihood(terms, items, 0.0).reshape(-1, n, n) + prior
            blocks.append((items, inside, special.logsumexp(inside, axis=2)))
            log_general += blocks[-1][2]
        log_probability = special.logsumexp(log_general, axis=1)
        weights = self.counts[:, None] * np.exp(log_general - log_probability[:, None])
        groups: list[tuple[Items, slice, Array]] = [(reduction.alone, every, weights)]
        for items, inside, total in blocks:
            inside = np.exp(inside - total[:, :, None]) * weights[:, :, None]
            groups.append((items, general, inside.reshape(len(weights), -1)))
        return log_probability, groups

    def _log_likelihood(self, terms: Array, items: Items, prior: Array | float) -> Array:
        """Log probability of the responses to some items at the nodes, (pattern, node), and of the nodes."""
        natural, base = terms[:, items, :-1].reshape(len(terms), -1), terms[:, items, -1]
        by_node = self.statistics[:, items].reshape(len(self.counts), -1) @ natural.T
        by_node += base.sum(axis=1) + prior
        if self.absent is not None:
            by_node -= self.absent[:, items] @ base.T
        return np.asarray(by_node)

    def _counted(self, items: Items, weights: Array) -> Array:
        """Expected statistics of some items, (node, item, statistic + 1), from weights (pattern, node)."""
        statistics = self.statistics[:, items]
        of_statistics = weights.T @ statistics.reshape(len(weights), -1)
        answered = np.broadcast_to(weights.sum(axis=0)[:, None], (weights.shape[1], statistics.shape[1]))
        if self.absent is not None:
            answered = answered - weights.T @ self.absent[:, items]
        of_statistics = of_statistics.reshape(*answered.shape, statistics.shape[2])
        return np.concatenate([of_statistics, answered[..., None]], axis=-1)


def with_nodes(program: Program, responses: Responses, quadrature: Quadrature) -> Program:
    """A program whose layout has other nodes, or other persons: of it coordinates and layout alone may be asked."""
    other = copy.copy(program)
    other.layout = Layout.of(program.spec, responses, quadrature)
    return other
