"""Response patterns, mixed over the nodes of a general trait, those of each specific trait summed out before."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from numpy.typing import NDArray

from irtbridge.model.layout import Layout
from irtbridge.model.patterns import EveryPattern, columns_of
from irtbridge_tfp.forms import Form
from irtbridge_tfp.mixture import PatternMixture

tfd = tfp.distributions
Tensor = Any


class ReducedMixture(PatternMixture):
    """Response patterns of persons whose general and specific traits are nodes (see `irtbridge.model.reduction`).

    Parameters
    ----------
    form : Form
        As for `PatternMixture`, at the nodes of a grid of two dimensions, that of the specific traits running fastest.
    log_weights : Tensor, shape (node of one trait,)
        Log probabilities of the nodes of each trait.
    counts, corners
        As for `PatternMixture`.
    layout : Layout
        Its reduction has the items of each specific trait, and those without one.
    """

    def __init__(
        self,
        form: Form,
        log_weights: Tensor,
        counts: Tensor,
        corners: tuple[NDArray[np.intp], NDArray[np.float64]] | None,
        layout: Layout,
        name: str = "ReducedMixture",
    ) -> None:
        parameters = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        assert layout.reduction is not None
        super().__init__(form, log_weights, counts, corners, name=name)
        self._parameters, self.layout, self.reduction = parameters, layout, layout.reduction

    def _by_node(self, value: Tensor) -> Tensor:
        """Log probability (..., pattern, node of the general trait), together."""
        n, weights = self.log_weights.shape[0], self.log_weights
        total = weights
        for items in self.reduction.blocks:
            part = self._block(items, self.form, tf.tile(weights, [n]), self.corners)
            patterns, number = _shared(self.layout, items, self._own_columns(value, items))
            by_node = part._by_node(patterns)
            by_node = tf.reshape(by_node, tf.concat([tf.shape(by_node)[:-1], [n, n]], 0))
            by_general = tf.reduce_logsumexp(by_node, axis=-1)
            total += tf.gather(by_general, number, axis=-2, batch_dims=number.shape.rank - 1)
        if self.reduction.alone.size:
            form = self.form._replace(natural=self.form.natural[..., ::n, :, :], base=self.form.base[..., ::n, :])
            part = self._block(self.reduction.alone, form, tf.zeros_like(weights), None)
            total += part._by_node(self._own_columns(value, self.reduction.alone))
        return total

    def _block(self, items: NDArray[np.intp], form: Form, log_weights: Tensor, corners: Any) -> PatternMixture:
        """The mixture of the responses to some items."""
        natural, base = tf.gather(form.natural, items, axis=-2), tf.gather(form.base, items, axis=-1)
        return PatternMixture(form._replace(natural=natural, base=base), log_weights, self.counts, corners)

    def _own_columns(self, value: Tensor, items: NDArray[np.intp]) -> Tensor:
        """The columns of some items among the statistics; those of missing responses if there are any."""
        own, absent = columns_of(self.layout, items)
        there = tf.constant(absent)[: tf.shape(value)[-1] - self._columns]
        return tf.gather(value, tf.concat([own, there], 0), axis=-1)

    def _at_drawn_nodes(self, responses: Tensor, n: int, seed: Any) -> Tensor:
        reduction = self.reduction
        place = np.zeros(self.layout.sizes["item"], dtype=int)  # of an item without a specific trait any will do
        for trait, items in enumerate(reduction.blocks):
            place[items] = trait
        shape = tf.concat([[n], self._batch_shape_tensor(), tf.shape(self.counts), [len(reduction.blocks) + 1]], 0)
        drawn = tfd.Categorical(self.log_weights).sample(shape, seed=seed)
        node = drawn[..., :1] * self.log_weights.shape[0] + tf.gather(drawn[..., 1:], place, axis=-1)
        by_item = tf.linalg.matrix_transpose(responses)
        return tf.gather(by_item, node, axis=-1, batch_dims=responses.shape.rank - 1)


def _shared(layout: Layout, items: NDArray[np.intp], own: Tensor) -> tuple[Tensor, Tensor]:
    """Patterns (..., pattern, column), and the number (..., person) of each person's own among them.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape.
    items : ndarray of int
        Some items.
    own : Tensor, shape (..., person, column)
        Their statistics, with indicators of missing responses or without.
    """

    def shared(missing: bool) -> tuple[Tensor, Tensor]:
        one = EveryPattern.of(layout, items, missing=missing)
        if one is None:
            return own, tf.range(tf.shape(own)[-2])
        number = tf.linalg.matvec(own, tf.constant(one.place_values, own.dtype))
        return tf.constant(one.statistics, own.dtype), tf.cast(number, tf.int32)

    complete = len(columns_of(layout, items)[0])
    if own.shape[-1] is not None:
        return shared(own.shape[-1] > complete)
    return tf.cond(tf.shape(own)[-1] > complete, lambda: shared(True), lambda: shared(False))  # type: ignore[no-any-return]
