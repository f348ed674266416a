"""The likelihood of response patterns from a table, in TensorFlow (see `irtbridge.model.cumulants`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from irtbridge.model.cumulants import CumulantTable

Tensor = Any


class Tabulated:
    """A table that is made anew for each point of the parameters.

    It serves one trait, log odds that are lines in the ability, and complete patterns.

    Parameters
    ----------
    table : CumulantTable
        How fine it is.
    nodes : Tensor, shape (node,)
        Standardised abilities.
    exists : ndarray of bool, shape (item, category - 1)
        Which categories above the lowest each item has.
    """

    def __init__(self, table: CumulantTable, nodes: Tensor, exists: NDArray[np.bool_]) -> None:
        self.table, self.nodes, self.exists = table, nodes, exists

    def log_prob(self, value: Tensor, log_odds: Tensor, base: Tensor) -> Tensor:
        """Log probability (..., pattern) of each pattern: A + K(B).

        Parameters
        ----------
        value : Tensor, shape (..., pattern, column)
            Indicators of the patterns.
        log_odds : Tensor, shape (..., node, item, category - 1)
            Against the lowest category.
        base : Tensor, shape (..., node)
            Log weight of each node and log probability of the lowest category of every item there.
        """
        cells, dtype = self.table.cells, base.dtype
        level, slope = self._lines(log_odds)
        lines = tf.reshape(tf.stack([level, slope], axis=-3), (-1, self.exists.size))
        lead = tf.concat([tf.shape(level)[:-2], [2, -1]], 0)
        fixed, by_ability = tf.unstack(tf.reshape(tf.matmul(lines, value, transpose_b=True), lead), axis=-2)
        zero = tf.zeros([], dtype)
        least = tf.reduce_sum(tf.minimum(tf.reduce_min(slope, axis=-1), zero), axis=-1, keepdims=True)
        most = tf.reduce_sum(tf.maximum(tf.reduce_max(slope, axis=-1), zero), axis=-1, keepdims=True)
        step = (most - least) / cells + np.finfo(dtype.as_numpy_dtype).tiny
        place = (by_ability - least) / step
        cell = tf.clip_by_value(tf.floor(place), zero, tf.constant(cells - 1, dtype))
        points = least + step * tf.range(cells + 1, dtype=dtype)
        polynomials = self._polynomials(base, points, step)
        terms = tf.gather(polynomials, tf.cast(cell, tf.int32), axis=-2, batch_dims=polynomials.shape.rank - 2)
        total, *others = reversed(tf.unstack(terms, axis=-1))
        for term in others:
            total = term + total * (place - cell)
        return fixed + total

    def _lines(self, log_odds: Tensor) -> tuple[Tensor, Tensor]:
        """Log odds as lines in the ability: values at 0 and slopes, shape (..., item, category - 1)."""
        low, high = self.nodes[0], self.nodes[-1]
        at_low, at_high = log_odds[..., 0, :, :], log_odds[..., -1, :, :]
        slope = tf.where(self.exists, (at_high - at_low) / (high - low), tf.zeros([], log_odds.dtype))
        return at_low - slope * low, slope

    def _polynomials(self, base: Tensor, points: Tensor, step: Tensor) -> Tensor:
        """Coefficients (..., cell, power) of K between neighbouring points, in units of their distance."""
        x = self.nodes
        by_node = base[..., None, :] + points[..., None] * x
        value = tf.reduce_logsumexp(by_node, axis=-1)
        powers = tf.stack([x, x**2, x**3], axis=-1)
        m1, m2, m3 = tf.unstack(tf.matmul(tf.exp(by_node - value[..., None]), powers), axis=-1)
        cumulants = tf.stack([value, m1, m2 - m1**2, m3 - 3 * m1 * m2 + 2 * m1**3], axis=-1)
        scaled = cumulants * step[..., None] ** tf.range(4, dtype=base.dtype)
        ends = tf.concat([scaled[..., :-1, :], scaled[..., 1:, :]], axis=-1)
        return tf.matmul(ends, tf.constant(self.table.hermite(), base.dtype), transpose_b=True)
