"""Response patterns, mixed over the nodes of a general trait, those of each specific trait summed out before."""

# mypy: allow-untyped-calls, no-warn-return-any
from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import logsumexp
from numpy.typing import NDArray

from irtbridge.model.patterns import EveryPattern, columns_of
from irtbridge.plugin import Layout
from irtbridge_numpyro.mixture import PatternMixture


class ReducedMixture(PatternMixture):
    """Response patterns of persons whose general and specific traits are nodes (see `irtbridge.model.reduction`).

    Parameters
    ----------
    natural, base, log_weights, missing, corners
        As for `PatternMixture`, at the nodes of a grid of two dimensions, that of the specific traits running fastest;
        the weights are those of one trait.
    layout : Layout
        The model over the data's shape.
    """

    def __init__(self, *parts: Any, layout: Layout) -> None:
        super().__init__(*parts)
        self.layout = layout

    def by_node(self, value: Array) -> Array:
        """Log probability of each pattern (row) and node of the general trait (column), together."""
        assert self.layout.reduction is not None
        total, n = self.log_weights, len(self.log_weights)
        for items in self.layout.reduction.blocks:
            total = total + self._of_specific(value, items)
        if (alone := self.layout.reduction.alone).size:
            part = PatternMixture(self.natural[::n, alone], self.base[::n, alone], jnp.zeros(n), self.missing)
            total = total + part.by_node(self._own(value, alone))
        return total

    def _own(self, value: Array, items: NDArray[np.intp]) -> Array:
        """Columns of some items."""
        statistics, absent = columns_of(self.layout, items)
        return value[:, np.r_[statistics, absent] if self.missing else statistics]

    def _of_specific(self, value: Array, items: NDArray[np.intp]) -> Array:
        """Log probability of a block's patterns at each node of the general trait, the specific one summed out."""
        n, own = len(self.log_weights), self._own(value, items)
        part = PatternMixture(
            self.natural[:, items], self.base[:, items], jnp.tile(self.log_weights, n), self.missing, self.corners
        )
        every = EveryPattern.of(self.layout, items, missing=self.missing)
        patterns = own if every is None else jnp.asarray(every.statistics, own.dtype)
        summed = logsumexp(part.by_node(patterns).reshape(-1, n, n), -1)
        return summed if every is None else summed[(own @ every.place_values).astype(int)]
