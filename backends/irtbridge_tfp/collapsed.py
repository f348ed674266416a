"""The response distribution with the abilities integrated out: response patterns, mixed over a quadrature's nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from irtbridge.model.cumulants import CumulantTable
from irtbridge.model.layout import Layout
from irtbridge.model.reduction import grid_dimensions
from irtbridge_tfp.arguments import line_up
from irtbridge_tfp.cumulants import Tabulated
from irtbridge_tfp.forms import exponential_form
from irtbridge_tfp.mixture import PatternMixture
from irtbridge_tfp.reduced import ReducedMixture

tfd = tfp.distributions
Tensor = Any


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
    spec, reduced, dimensions = layout.spec, layout.reduction is not None, grid_dimensions(layout.spec)
    standard = tf.constant(layout.standard_nodes, counts.dtype)
    if layout.by_person:
        abilities, log_weights = place_nodes(layout, standard, full)
    else:
        log_weights = tf.constant(layout.collapse.log_weights(1 if reduced else dimensions), counts.dtype)
        abilities = place_abilities(layout, standard, full)[0]
    at_nodes = {**full, spec.family.ability: abilities}
    form = exponential_form(spec.family, at_nodes, spec.dims, layout.exists)
    corners = layout.collapse.corners(dimensions) if spec.family.linear else None
    if reduced:
        return ReducedMixture(form, log_weights, counts, corners, layout, name="response")
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
