"""The response distribution with the abilities integrated out: response patterns, mixed over a quadrature's nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from numpy.typing import NDArray

from irtbridge.model.cumulants import hermite
from irtbridge.model.layout import Layout
from irtbridge_tfp.families import IMPOSSIBLE, response_distribution

tfd = tfp.distributions
Tensor = Any


class PatternMixture(tfp.distributions.Distribution):  # type: ignore[misc]
    """Indicators of response patterns (see `irtbridge.model.patterns`) of persons whose ability is one of the nodes.

    The event is (pattern, column); samples have no missing responses, observations may have columns for them.

    Parameters
    ----------
    log_probs : Tensor, shape (..., node, item, category)
        Log probability of each category at each node; any finite number where an item lacks the category.
    exists : ndarray of bool, shape (item, category)
        Which categories each item has.
    log_weights : Tensor, shape (node,)
        Log probabilities of the nodes.
    counts : Tensor, shape (pattern,)
        Persons with each pattern.
    corners : tuple of ndarray, optional
        Where the log probabilities relative to the lowest category are linear in the ability: some nodes, and weights
        (node, corner) that interpolate from them to all.
    table : tuple of int and Tensor, optional
        Tabulate the likelihood (see `irtbridge.model.cumulants`): the number of cells, and the standardised
        abilities at the nodes. It needs one trait, lines as for `corners`, and no missing responses.
    """

    def __init__(
        self,
        log_probs: Tensor,
        exists: NDArray[np.bool_],
        log_weights: Tensor,
        counts: Tensor,
        corners: tuple[NDArray[np.intp], NDArray[np.float64]] | None = None,
        table: tuple[int, Tensor] | None = None,
        name: str = "PatternMixture",
    ) -> None:
        parameters = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        self.log_probs, self.exists, self.log_weights, self.counts = log_probs, exists, log_weights, counts
        self.corners, self.table = corners, table
        super().__init__(
            dtype=log_probs.dtype,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )

    def _batch_shape(self) -> Any:
        return self.log_probs.shape[:-3]

    def _batch_shape_tensor(self) -> Tensor:
        return tf.shape(self.log_probs)[:-3]

    def _event_shape(self) -> Any:
        return tf.TensorShape([self.counts.shape[0], None])

    def _event_shape_tensor(self) -> Tensor:
        return tf.stack([tf.shape(self.counts)[0], self.exists[:, 1:].size])

    def _sample_n(self, n: int, seed: Any = None) -> Tensor:
        of_node, of_response = tfp.random.split_seed(seed, n=2)
        lead = tf.concat([[n], self._batch_shape_tensor()], 0)
        node = tfd.Categorical(self.log_weights).sample(tf.concat([lead, tf.shape(self.counts)], 0), seed=of_node)
        logits = tf.where(self.exists, self.log_probs, tf.constant(IMPOSSIBLE, self.dtype))
        logits = tf.broadcast_to(logits, tf.concat([lead, tf.shape(logits)[-3:]], 0))
        codes = tfd.Categorical(tf.gather(logits, node, axis=-3, batch_dims=logits.shape.rank - 3)).sample(
            seed=of_response
        )
        indicators = tf.one_hot(codes, self.exists.shape[1], dtype=self.dtype)[..., 1:]
        return tf.reshape(indicators, tf.concat([lead, self._event_shape_tensor()], 0))

    def _log_prob(self, value: Tensor) -> Tensor:
        log_probs = tf.where(self.exists, self.log_probs, tf.zeros([], self.dtype))
        lowest, higher = log_probs[..., 0], log_probs[..., 1:]
        base = self.log_weights + tf.reduce_sum(lowest, axis=-1)
        if self.table is not None:
            each = self._from_table(value, higher - lowest[..., None], base, *self.table)
        else:
            each = tf.reduce_logsumexp(self._by_node(value, higher - lowest[..., None], lowest, base), axis=-1)
        return tf.reduce_sum(each * self.counts, axis=-1)

    def _by_node(self, value: Tensor, log_odds: Tensor, lowest: Tensor, base: Tensor) -> Tensor:
        """Log probability (..., pattern, node) of each pattern and node, together."""
        columns = self.exists[:, 1:].size
        contrasts = tf.reshape(log_odds, tf.concat([tf.shape(lowest)[:-1], [columns]], 0))
        absent = -lowest[..., : tf.shape(value)[-1] - columns]  # all of its columns, or none
        if self.corners is None:
            by_node = tf.matmul(value, tf.concat([contrasts, absent], axis=-1), transpose_b=True)
        else:
            nodes, weights = self.corners
            by_corner = tf.matmul(value[..., :columns], tf.gather(contrasts, nodes, axis=-2), transpose_b=True)
            by_node = tf.matmul(by_corner, tf.constant(weights, self.dtype), transpose_b=True)
            by_node += tf.matmul(value[..., columns:], absent, transpose_b=True)
        return by_node + base[..., None, :]

    def _from_table(self, value: Tensor, log_odds: Tensor, base: Tensor, cells: int, nodes: Tensor) -> Tensor:
        """Log probability (..., pattern) of each pattern: A + K(B)."""
        level, slope = self._lines(log_odds, nodes)
        lines = tf.reshape(tf.stack([level, slope], axis=-3), (-1, self.exists[:, 1:].size))
        lead = tf.concat([tf.shape(level)[:-2], [2, -1]], 0)
        fixed, by_ability = tf.unstack(tf.reshape(tf.matmul(lines, value, transpose_b=True), lead), axis=-2)
        zero = tf.zeros([], self.dtype)
        least = tf.reduce_sum(tf.minimum(tf.reduce_min(slope, axis=-1), zero), axis=-1, keepdims=True)
        most = tf.reduce_sum(tf.maximum(tf.reduce_max(slope, axis=-1), zero), axis=-1, keepdims=True)
        step = (most - least) / cells + np.finfo(self.dtype.as_numpy_dtype).tiny
        place = (by_ability - least) / step
        cell = tf.clip_by_value(tf.floor(place), zero, tf.constant(cells - 1, self.dtype))
        points = least + step * tf.range(cells + 1, dtype=self.dtype)
        polynomials = self._polynomials(base, points, step, nodes)
        terms = tf.gather(polynomials, tf.cast(cell, tf.int32), axis=-2, batch_dims=polynomials.shape.rank - 2)
        total, *others = reversed(tf.unstack(terms, axis=-1))
        for term in others:
            total = term + total * (place - cell)
        return fixed + total

    def _lines(self, log_odds: Tensor, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """Log odds as lines in the ability: values at 0 and slopes, shape (..., item, category - 1)."""
        low, high = nodes[0], nodes[-1]
        at_low, at_high = log_odds[..., 0, :, :], log_odds[..., -1, :, :]
        slope = tf.where(self.exists[:, 1:], (at_high - at_low) / (high - low), tf.zeros([], self.dtype))
        return at_low - slope * low, slope

    def _polynomials(self, base: Tensor, points: Tensor, step: Tensor, nodes: Tensor) -> Tensor:
        """Coefficients (..., cell, power) of K between neighbouring points, in units of their distance."""
        by_node = base[..., None, :] + points[..., None] * nodes
        value = tf.reduce_logsumexp(by_node, axis=-1)
        powers = tf.stack([nodes, nodes**2, nodes**3], axis=-1)
        m1, m2, m3 = tf.unstack(tf.matmul(tf.exp(by_node - value[..., None]), powers), axis=-1)
        cumulants = tf.stack([value, m1, m2 - m1**2, m3 - 3 * m1 * m2 + 2 * m1**3], axis=-1)
        scaled = cumulants * step[..., None] ** tf.range(4, dtype=self.dtype)
        ends = tf.concat([scaled[..., :-1, :], scaled[..., 1:, :]], axis=-1)
        return tf.matmul(ends, tf.constant(hermite(), self.dtype), transpose_b=True)


def pattern_distribution(
    layout: Layout, full: Mapping[str, Tensor], counts: Tensor, *, cells: int = 0
) -> PatternMixture:
    """Distribution of the one-hot response patterns given full arrays (..., *shape) of the other variables.

    Parameters
    ----------
    layout : Layout
        A layout with a quadrature.
    full : mapping of str to Tensor
        Full parameter arrays, without the abilities.
    counts : Tensor, shape (pattern,)
        Persons with each pattern.
    cells : int
        Cells of a table of the likelihood, 0 for none.
    """
    assert layout.collapse is not None
    n_traits, spec = len(layout.spec.traits), layout.spec
    standard = tf.constant(layout.collapse.standard_nodes(n_traits), counts.dtype)
    log_weights = tf.constant(layout.collapse.log_weights(n_traits), counts.dtype)
    at_nodes = {**full, spec.family.ability: place_abilities(layout, standard, full)[0]}
    each = response_distribution(spec.family, at_nodes, spec.dims, layout.exists)
    codes = range(layout.exists.shape[1])
    log_probs = tf.stack([each.log_prob(tf.constant(k, each.dtype)) for k in codes], axis=-1)
    corners = layout.collapse.corners(n_traits) if spec.family.linear else None
    table = (cells, standard[:, 0]) if cells else None
    return PatternMixture(log_probs, layout.exists, log_weights, counts, corners, table, name="response")


def place_abilities(layout: Layout, standard: Tensor, full: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Abilities (..., row) or (..., row, trait) of standardised ones (..., row, trait), under the ability's prior.

    Returns
    -------
    abilities : Tensor
    log_det : Tensor, shape (...)
        Log determinant of the Jacobian, summed over the rows.
    """
    ability, dims = layout.spec[layout.spec.family.ability], layout.spec.dims
    one_trait = ability.dims == ("person",)
    arguments = {}
    for name, value in ability.prior.arguments().items():
        if not isinstance(value, str):
            arguments[name] = tf.constant(value, standard.dtype)
        elif name == "scale_tril" or one_trait:
            arguments[name] = full[value] if name == "scale_tril" else full[value][..., None]
        else:
            arguments[name] = full[value][..., None, :] if dims[value] else full[value][..., None, None]
    if "scale_tril" in arguments:
        factor = arguments["scale_tril"]
        log_det = standard.shape[-2] * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(factor)), axis=-1)
        return arguments["loc"] + tf.matmul(standard, factor, transpose_b=True), log_det
    abilities = arguments["scale"] * (standard[..., 0] if one_trait else standard)
    log_scale = tf.broadcast_to(tf.math.log(arguments["scale"]), tf.shape(abilities))
    return arguments["loc"] + abilities, tf.reduce_sum(log_scale, axis=[-1] if one_trait else [-2, -1])
