"""Response patterns, mixed over the nodes of a quadrature."""

# mypy: allow-untyped-calls, allow-subclassing-any, no-warn-return-any
from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array
from jax.scipy.special import logsumexp
from numpyro.distributions import constraints

Corners = tuple[Any, Any]


class PatternMixture(dist.Distribution):
    """Response patterns of persons whose ability is one of the nodes, as statistics (`irtbridge.model.patterns`).

    Parameters
    ----------
    natural : Array, shape (node, item, statistic)
        Natural parameters at each node.
    base : Array, shape (node, item)
        Log density of a response whose statistics are 0.
    log_weights : Array, shape (node,) or (pattern, node)
        Log probabilities of the nodes.
    missing : bool
        Whether indicators of missing responses follow the statistics.
    corners : tuple of ndarray, optional
        Where the natural parameters are linear in the ability: some nodes, and weights (node, corner) that interpolate
        from them to all.
    """

    support = constraints.real_vector

    def __init__(
        self, natural: Array, base: Array, log_weights: Array, missing: bool, corners: Corners | None = None
    ) -> None:
        self.natural, self.base, self.log_weights = natural, base, log_weights
        self.missing, self.corners = missing, corners
        super().__init__(event_shape=(natural[0].size + missing * base.shape[1],))

    def log_prob(self, value: Array, intermediates: Any = None) -> Array:
        return logsumexp(self.by_node(value), -1)

    def by_node(self, value: Array) -> Array:
        """Log probability of each pattern (row) and node (column), together."""
        natural = self.natural.reshape(len(self.natural), -1)
        observed, absent = jnp.split(value, [natural.shape[1]], 1)
        nodes, weights = self.corners or (slice(None), None)
        product = observed @ natural[nodes].T
        total = self.log_weights + self.base.sum(-1) + (product if weights is None else product @ weights.T)
        return total - absent @ self.base.T if self.missing else total
