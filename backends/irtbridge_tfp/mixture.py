"""Response patterns, mixed over the nodes of a quadrature."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from numpy.typing import NDArray

from irtbridge_tfp.cumulants import Tabulated
from irtbridge_tfp.forms import Form

tfd = tfp.distributions
Tensor = Any


class PatternMixture(tfp.distributions.Distribution):  # type: ignore[misc]
    """Statistics of response patterns (see `irtbridge.model.patterns`) of persons whose ability is one of the nodes.

    The event is (pattern, column); samples have no missing responses, observations may have columns for them.

    Parameters
    ----------
    form : Form
        The family at each node.
    log_weights : Tensor, shape (node,) or (..., pattern, node)
        Log probabilities of the nodes, the same for every pattern or not.
    counts : Tensor, shape (pattern,)
        Persons with each pattern.
    corners : tuple of ndarray, optional
        Where the natural parameters are linear in the ability: some nodes, and weights (node, corner) that interpolate
        from them to all.
    table : Tabulated, optional
        How to tabulate the likelihood.
    """

    def __init__(
        self,
        form: Form,
        log_weights: Tensor,
        counts: Tensor,
        corners: tuple[NDArray[np.intp], NDArray[np.float64]] | None = None,
        table: Tabulated | None = None,
        name: str = "PatternMixture",
    ) -> None:
        parameters = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        self.form, self.log_weights, self.counts = form, log_weights, counts
        self.corners, self.table = corners, table
        super().__init__(
            dtype=form.base.dtype,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )

    def _batch_shape(self) -> Any:
        return self.form.base.shape[:-2]

    def _batch_shape_tensor(self) -> Tensor:
        return tf.shape(self.form.base)[:-2]

    def _event_shape(self) -> Any:
        return tf.TensorShape([self.counts.shape[0], None])

    def _event_shape_tensor(self) -> Tensor:
        return tf.stack([tf.shape(self.counts)[0], self._columns])

    def _sample_n(self, n: int, seed: Any = None) -> Tensor:
        of_node, of_response = tfp.random.split_seed(seed, n=2)
        lead = tf.concat([[n], self._batch_shape_tensor()], 0)
        at_nodes = self.form.each.sample([n, *self.counts.shape], seed=of_response)  # (n, pattern, ..., node, item)
        rank = at_nodes.shape.rank
        by_pattern = tf.transpose(at_nodes, [0, *range(2, rank - 2), 1, rank - 2, rank - 1])
        responses = self._at_drawn_nodes(by_pattern, n, of_node)
        statistics = tf.cast(self.form.statistics(responses), self.dtype)
        return tf.reshape(statistics, tf.concat([lead, self._event_shape_tensor()], 0))

    def _at_drawn_nodes(self, responses: Tensor, n: int, seed: Any) -> Tensor:
        """Of responses (n, ..., pattern, node, item) those of each pattern at a node drawn for it."""
        lead = tf.concat([[n], self._batch_shape_tensor()], 0)
        node = tfd.Categorical(self.log_weights + tf.zeros([*self.counts.shape, 1], self.dtype))
        node = node.sample(n if self.log_weights.shape.rank > 2 else lead, seed=seed)
        return tf.gather(responses, node, axis=-2, batch_dims=responses.shape.rank - 2)

    @property
    def _columns(self) -> int:
        """Statistics of all responses of a person."""
        return int(np.prod(self.form.natural.shape[-2:]))

    def _log_prob(self, value: Tensor) -> Tensor:
        if self.table is not None:
            each = self.table.log_prob(value, self.form.natural, self._constant())
        else:
            each = tf.reduce_logsumexp(self._by_node(value), axis=-1)
        return tf.reduce_sum(each * self.counts, axis=-1)

    def _constant(self) -> Tensor:
        """The part that no response changes, shape (..., node) or (..., pattern, node)."""
        base = tf.reduce_sum(self.form.base, axis=-1)
        return self.log_weights + (base if self.log_weights.shape.rank == 1 else base[..., None, :])

    def _by_node(self, value: Tensor) -> Tensor:
        """Log probability (..., pattern, node) of each pattern and node, together."""
        base, columns, constant = self.form.base, self._columns, self._constant()
        natural = tf.reshape(self.form.natural, tf.concat([tf.shape(base)[:-1], [columns]], 0))
        absent = -base[..., : tf.shape(value)[-1] - columns]  # all of its columns, or none
        if self.corners is None:
            by_node = tf.matmul(value, tf.concat([natural, absent], axis=-1), transpose_b=True)
        else:
            nodes, weights = self.corners
            by_corner = tf.matmul(value[..., :columns], tf.gather(natural, nodes, axis=-2), transpose_b=True)
            by_node = tf.matmul(by_corner, tf.constant(weights, self.dtype), transpose_b=True)
            by_node += tf.matmul(value[..., columns:], absent, transpose_b=True)
        return by_node + (constant[..., None, :] if self.log_weights.shape.rank == 1 else constant)
