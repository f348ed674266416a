"""The response distribution with the abilities integrated out: response patterns, mixed over a quadrature's nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from numpy.typing import NDArray

from irtbridge.model.cumulants import CumulantTable
from irtbridge.model.layout import Layout
from irtbridge_tfp.arguments import line_up
from irtbridge_tfp.cumulants import Tabulated
from irtbridge_tfp.forms import Form, exponential_form

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
        node = tfd.Categorical(self.log_weights + tf.zeros([*self.counts.shape, 1], self.dtype))
        node = node.sample(n if self.log_weights.shape.rank > 2 else lead, seed=of_node)
        at_nodes = self.form.each.sample([n, *self.counts.shape], seed=of_response)  # (n, pattern, ..., node, item)
        rank = at_nodes.shape.rank
        by_pattern = tf.transpose(at_nodes, [0, *range(2, rank - 2), 1, rank - 2, rank - 1])
        responses = tf.gather(by_pattern, node, axis=-2, batch_dims=rank - 2)
        statistics = tf.cast(self.form.statistics(responses), self.dtype)
        return tf.reshape(statistics, tf.concat([lead, self._event_shape_tensor()], 0))

    @property
    def _columns(self) -> int:
        """Statistics of all responses of a person."""
        return int(np.prod(self.form.natural.shape[-2:]))

    def _log_prob(self, value: Tensor) -> Tensor:
        base = tf.reduce_sum(self.form.base, axis=-1)
        constant = self.log_weights + (base if self.log_weights.shape.rank == 1 else base[..., None, :])
        if self.table is not None:
            each = self.table.log_prob(value, self.form.natural, constant)
        else:
            each = tf.reduce_logsumexp(self._by_node(value, constant), axis=-1)
        return tf.reduce_sum(each * self.counts, axis=-1)

    def _by_node(self, value: Tensor, constant: Tensor) -> Tensor:
        """Log probability (..., pattern, node) of each pattern and node, together."""
        base, columns = self.form.base, self._columns
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


def pattern_distribution(
    layout: Layout, full: Mapping[str, Tensor], counts: Tensor, *, table: CumulantTable | None = None
) -> PatternMixture:
    """Distribution of the response patterns' statistics given full arrays (..., *shape) of the other variables.

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
    n_traits, spec = len(layout.spec.traits), layout.spec
    standard = tf.constant(layout.collapse.standard_nodes(n_traits), counts.dtype)
    if layout.by_person:
        abilities, log_weights = place_nodes(layout, standard, full)
    else:
        log_weights = tf.constant(layout.collapse.log_weights(n_traits), counts.dtype)
        abilities = place_abilities(layout, standard, full)[0]
    at_nodes = {**full, spec.family.ability: abilities}
    form = exponential_form(spec.family, at_nodes, spec.dims, layout.exists)
    corners = layout.collapse.corners(n_traits) if spec.family.linear else None
    tabulated = None if table is None else Tabulated(table, standard[:, 0], layout.exists[:, 1:])
    return PatternMixture(form, log_weights, counts, corners, tabulated, name="response")


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
