"""The response distribution with the abilities integrated out: response patterns, mixed over a quadrature's nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from numpy.typing import NDArray

from irtbridge.model.cumulants import CumulantTable
from irtbridge.model.layout import Layout
from irtbridge.model.patterns import EveryPattern, columns_of
from irtbridge.model.reduction import Reduction, grid_dimensions
from irtbridge_tfp.arguments import line_up
from irtbridge_tfp.cumulants import Tabulated
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
    log_weights : Tensor, shape (node,) or (..., pattern, node)
        Log probabilities of the nodes, the same for every pattern or not.
    counts : Tensor, shape (pattern,)
        Persons with each pattern.
    corners : tuple of ndarray, optional
        Where the log probabilities relative to the lowest category are linear in the ability: some nodes, and weights
        (node, corner) that interpolate from them to all.
    table : Tabulated, optional
        How to tabulate the likelihood.
    """

    def __init__(
        self,
        log_probs: Tensor,
        exists: NDArray[np.bool_],
        log_weights: Tensor,
        counts: Tensor,
        corners: tuple[NDArray[np.intp], NDArray[np.float64]] | None = None,
        table: Tabulated | None = None,
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
        logits = tf.where(self.exists, self.log_probs, tf.constant(IMPOSSIBLE, self.dtype))
        logits = tf.broadcast_to(logits, tf.concat([lead, tf.shape(logits)[-3:]], 0))
        codes = tfd.Categorical(self._at_drawn_nodes(logits, n, of_node)).sample(seed=of_response)
        indicators = tf.one_hot(codes, self.exists.shape[1], dtype=self.dtype)[..., 1:]
        return tf.reshape(indicators, tf.concat([lead, self._event_shape_tensor()], 0))

    def _at_drawn_nodes(self, logits: Tensor, n: int, seed: Any) -> Tensor:
        """Those of each pattern at a node drawn for it, shape (n, ..., pattern, item, category)."""
        lead = tf.concat([[n], self._batch_shape_tensor()], 0)
        node = tfd.Categorical(self.log_weights + tf.zeros([*self.counts.shape, 1], self.dtype))
        node = node.sample(n if self.log_weights.shape.rank > 2 else lead, seed=seed)
        return tf.gather(logits, node, axis=-3, batch_dims=logits.shape.rank - 3)

    def _log_prob(self, value: Tensor) -> Tensor:
        if self.table is not None:
            log_odds, _, base = self._contrasts()
            each = self.table.log_prob(value, log_odds, base)
        else:
            each = tf.reduce_logsumexp(self._by_node(value), axis=-1)
        return tf.reduce_sum(each * self.counts, axis=-1)

    def _contrasts(self) -> tuple[Tensor, Tensor, Tensor]:
        """Log odds against the lowest category, its log probability, and the part that no response changes."""
        log_probs = tf.where(self.exists, self.log_probs, tf.zeros([], self.dtype))
        lowest, higher = log_probs[..., 0], log_probs[..., 1:]
        base = tf.reduce_sum(lowest, axis=-1)
        base = self.log_weights + (base if self.log_weights.shape.rank == 1 else base[..., None, :])
        return higher - lowest[..., None], lowest, base

    def _by_node(self, value: Tensor) -> Tensor:
        """Log probability (..., pattern, node) of each pattern and node, together."""
        columns, (log_odds, lowest, base) = self.exists[:, 1:].size, self._contrasts()
        contrasts = tf.reshape(log_odds, tf.concat([tf.shape(lowest)[:-1], [columns]], 0))
        absent = -lowest[..., : tf.shape(value)[-1] - columns]  # all of its columns, or none
        if self.corners is None:
            by_node = tf.matmul(value, tf.concat([contrasts, absent], axis=-1), transpose_b=True)
        else:
            nodes, weights = self.corners
            by_corner = tf.matmul(value[..., :columns], tf.gather(contrasts, nodes, axis=-2), transpose_b=True)
            by_node = tf.matmul(by_corner, tf.constant(weights, self.dtype), transpose_b=True)
            by_node += tf.matmul(value[..., columns:], absent, transpose_b=True)
        return by_node + (base[..., None, :] if self.log_weights.shape.rank == 1 else base)


class ReducedMixture(PatternMixture):
    """Response patterns of persons whose general and specific traits are nodes (see `irtbridge.model.reduction`).

    Parameters
    ----------
    log_probs : Tensor, shape (..., node, item, category)
        As for `PatternMixture`, at the nodes of a grid of two dimensions, that of the specific traits running fastest.
    exists, counts, corners
        As for `PatternMixture`.
    log_weights : Tensor, shape (node of one trait,)
        Log probabilities of the nodes of each trait.
    reduction : Reduction
        The items of each specific trait, and those without one.
    every : sequence of sequence
        All patterns of the items of each specific trait, as for `_shared`.
    """

    def __init__(
        self,
        log_probs: Tensor,
        exists: NDArray[np.bool_],
        log_weights: Tensor,
        counts: Tensor,
        corners: tuple[NDArray[np.intp], NDArray[np.float64]] | None,
        reduction: Reduction,
        every: Sequence[Sequence[EveryPattern | None]],
        name: str = "ReducedMixture",
    ) -> None:
        parameters = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        super().__init__(log_probs, exists, log_weights, counts, corners, name=name)
        self._parameters, self.reduction, self.every = parameters, reduction, every

    def _by_node(self, value: Tensor) -> Tensor:
        """Log probability (..., pattern, node of the general trait), together."""
        n, weights = self.log_weights.shape[0], self.log_weights
        total = weights
        for items, every in zip(self.reduction.blocks, self.every, strict=True):
            part = self._block(items, self.log_probs, tf.tile(weights, [n]), self.corners)
            patterns, number = _shared(self._columns(value, items), every, self.exists[items, 1:].size)
            by_node = part._by_node(patterns)
            by_node = tf.reshape(by_node, tf.concat([tf.shape(by_node)[:-1], [n, n]], 0))
            by_general = tf.reduce_logsumexp(by_node, axis=-1)
            total += tf.gather(by_general, number, axis=-2, batch_dims=number.shape.rank - 1)
        if self.reduction.alone.size:
            part = self._block(self.reduction.alone, self.log_probs[..., ::n, :, :], tf.zeros_like(weights), None)
            total += part._by_node(self._columns(value, self.reduction.alone))
        return total

    def _block(self, items: NDArray[np.intp], log_probs: Tensor, log_weights: Tensor, corners: Any) -> PatternMixture:
        """The mixture of the responses to some items."""
        some = tf.gather(log_probs, items, axis=-2)
        return PatternMixture(some, self.exists[items], log_weights, self.counts, corners)

    def _columns(self, value: Tensor, items: NDArray[np.intp]) -> Tensor:
        """The columns of some items among the indicators; those of missing responses if there are any."""
        hits, absent = columns_of(items, self.exists[:, 1:].shape)
        there = tf.constant(absent)[: tf.shape(value)[-1] - self.exists[:, 1:].size]
        return tf.gather(value, tf.concat([hits, there], 0), axis=-1)

    def _at_drawn_nodes(self, logits: Tensor, n: int, seed: Any) -> Tensor:
        place = np.zeros(len(self.exists), dtype=int)  # of an item without a specific trait any will do
        for trait, items in enumerate(self.reduction.blocks):
            place[items] = trait
        shape = tf.concat([[n], self._batch_shape_tensor(), tf.shape(self.counts), [len(self.reduction.blocks) + 1]], 0)
        drawn = tfd.Categorical(self.log_weights).sample(shape, seed=seed)
        node = drawn[..., :1] * self.log_weights.shape[0] + tf.gather(drawn[..., 1:], place, axis=-1)
        rank = logits.shape.rank
        by_item = tf.transpose(logits, [*range(rank - 3), rank - 2, rank - 3, rank - 1])
        chosen = tf.gather(by_item, tf.linalg.matrix_transpose(node), axis=-2, batch_dims=rank - 2)
        return tf.transpose(chosen, [*range(rank - 3), rank - 2, rank - 3, rank - 1])


def _shared(own: Tensor, every: Sequence[EveryPattern | None], categories: int) -> tuple[Tensor, Tensor]:
    """Patterns (..., pattern, column), and the number (..., person) of each person's own among them.

    Parameters
    ----------
    own : Tensor, shape (..., person, column)
        Indicators of some items.
    every : sequence of EveryPattern or None
        All their patterns without missing responses, and with them; None where they are too many.
    categories : int
        How many columns are those of categories.
    """

    def shared(one: EveryPattern | None) -> tuple[Tensor, Tensor]:
        if one is None:
            return own, tf.range(tf.shape(own)[-2])
        number = tf.linalg.matvec(own, tf.constant(one.place_values, own.dtype))
        return tf.constant(one.indicators, own.dtype), tf.cast(number, tf.int32)

    complete, holed = every
    if own.shape[-1] is not None:
        return shared(complete if own.shape[-1] == categories else holed)
    return tf.cond(tf.shape(own)[-1] > categories, lambda: shared(holed), lambda: shared(complete))  # type: ignore[no-any-return]


def pattern_distribution(
    layout: Layout, full: Mapping[str, Tensor], counts: Tensor, *, table: CumulantTable | None = None
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
    table : CumulantTable, optional
        Tabulate the likelihood.
    """
    assert layout.collapse is not None
    spec, reduction, dimensions = layout.spec, layout.reduction, grid_dimensions(layout.spec)
    standard = tf.constant(layout.standard_nodes, counts.dtype)
    if layout.by_person:
        abilities, log_weights = place_nodes(layout, standard, full)
    else:
        log_weights = tf.constant(layout.collapse.log_weights(1 if reduction else dimensions), counts.dtype)
        abilities = place_abilities(layout, standard, full)[0]
    at_nodes = {**full, spec.family.ability: abilities}
    each = response_distribution(spec.family, at_nodes, spec.dims, layout.exists)
    codes = range(layout.exists.shape[1])
    log_probs = tf.stack([each.log_prob(tf.constant(k, each.dtype)) for k in codes], axis=-1)
    corners = layout.collapse.corners(dimensions) if spec.family.linear else None
    if reduction is not None:
        every = [[EveryPattern.of(layout, items, missing=m) for m in (False, True)] for items in reduction.blocks]
        return ReducedMixture(log_probs, layout.exists, log_weights, counts, corners, reduction, every, name="response")
    tabulated = None if table is None else Tabulated(table, standard[:, 0], layout.exists[:, 1:])
    return PatternMixture(log_probs, layout.exists, log_weights, counts, corners, tabulated, name="response")


def place_abilities(layout: Layout, standard: Tensor, full: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Abilities (..., row) or (..., row, trait) of standardised ones (..., row, trait), under the ability's prior.

    Returns
    -------
    abilities : Tensor
    log_det : Tensor, shape (...)
        Log determinant of the Jacobian, summed over the rows.
    """
    arguments = _ability_arguments(layout, standard, full)
    one_trait = layout.spec.dims[layout.spec.family.ability] == ("person",)
    if "scale_tril" in arguments:
        factor = arguments["scale_tril"]
        log_det = standard.shape[-2] * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(factor)), axis=-1)
        return arguments["loc"] + tf.matmul(standard, factor, transpose_b=True), log_det
    abilities = arguments["scale"] * (standard[..., 0] if one_trait else standard)
    log_scale = tf.broadcast_to(tf.math.log(arguments["scale"]), tf.shape(abilities))
    return arguments["loc"] + abilities, tf.reduce_sum(log_scale, axis=[-1] if one_trait else [-2, -1])


def place_nodes(layout: Layout, standard: Tensor, full: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Abilities at standard nodes (node, trait), and the nodes' log weights, where these differ by person.

    See `irtbridge.model.noncentred.nodes_of`.

    Returns
    -------
    abilities : Tensor, shape (..., node) or (..., node, trait)
    log_weights : Tensor, shape (..., person, node)
    """
    assert layout.collapse is not None
    reach, dims = layout.collapse.half_width, layout.spec.dims[layout.spec.family.ability]
    shape, arguments = [layout.sizes[dim] for dim in dims], _ability_arguments(layout, standard, full)
    loc, scale = (arguments[k] + tf.zeros(shape, standard.dtype) for k in ("loc", "scale"))
    if len(dims) == 1:
        loc, scale = loc[..., None], scale[..., None]
    low, high = tf.reduce_min(loc - reach * scale, -2), tf.reduce_max(loc + reach * scale, -2)
    grid = ((low + high) / 2)[..., None, :] + ((high - low) / (2 * reach))[..., None, :] * standard
    away = (grid[..., None, :, :] - loc[..., None, :]) / scale[..., None, :]
    log_weights = tf.math.log_softmax(-0.5 * tf.reduce_sum(away**2, -1), axis=-1)
    return grid[..., 0] if len(dims) == 1 else grid, log_weights


def _ability_arguments(layout: Layout, like: Tensor, full: Mapping[str, Tensor]) -> dict[str, Tensor]:
    name = layout.spec.family.ability
    prior = layout.spec[name].prior
    given = {k: line_up(layout, name, k, full[reference]) for k, reference in prior.references().items()}
    return {k: tf.constant(value, like.dtype) for k, value in prior.numbers().items()} | given
