"""The response statement with the abilities integrated out: response patterns, mixed over the nodes of a quadrature."""

# mypy: allow-untyped-calls, no-warn-return-any
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpyro
from jax import Array
from jax.nn import log_softmax
from numpy.typing import NDArray

from irtbridge.model.reduction import grid_dimensions
from irtbridge.plugin import Layout
from irtbridge_numpyro.arguments import arguments_of
from irtbridge_numpyro.families import response
from irtbridge_numpyro.forms import exponential_form
from irtbridge_numpyro.mixture import PatternMixture
from irtbridge_numpyro.reduced import ReducedMixture

Values = Mapping[str, Array]


def respond_collapsed(layout: Layout, values: Values, statistics: Array | None, counts: Array) -> Array:
    """The response statement of a collapsed model, given the full arrays of all variables but the abilities."""
    there = counts > 0  # other rows only fill up the shape
    missing = statistics is not None and statistics.shape[1] > layout.n_columns
    mixture = pattern_mixture(layout, values, missing).mask(there)
    with numpyro.plate("pattern", len(counts), dim=-1), numpyro.handlers.scale(scale=jnp.where(there, counts, 1)):
        return numpyro.sample("response", mixture, obs=statistics)


def pattern_mixture(layout: Layout, values: Values, missing: bool) -> PatternMixture:
    """The distribution of a person's response pattern, whose statistics may say which responses are missing."""
    assert layout.collapse is not None
    spec, dimensions = layout.spec, grid_dimensions(layout.spec)
    if layout.by_person:
        abilities, log_weights = place_nodes(layout, values)
    else:
        abilities, _ = place_abilities(layout, layout.standard_nodes, values)
        log_weights = jnp.asarray(layout.collapse.log_weights(dimensions if layout.reduction is None else 1))
    each = response(spec.family, {**values, spec.family.ability: abilities}, spec.dims, layout.exists)
    corners = layout.collapse.corners(dimensions) if spec.family.linear else None
    parts = *exponential_form(each, layout.exists), log_weights, missing, corners
    return PatternMixture(*parts) if layout.reduction is None else ReducedMixture(*parts, layout=layout)


def place_abilities(layout: Layout, standard: NDArray[Any] | Array, values: Values) -> tuple[Array, Array]:
    """Abilities (row,) or (row, trait) of standardised ones (row, trait), under the ability's prior.

    Returns
    -------
    abilities : Array
    log_det : Array, shape ()
        Log determinant of the Jacobian, summed over the rows.
    """
    name, standard = layout.spec.family.ability, jnp.asarray(standard)
    arguments = arguments_of(layout, name, values)
    if "scale_tril" in arguments:
        factor = arguments["scale_tril"]
        return arguments["loc"] + standard @ factor.T, len(standard) * jnp.log(jnp.diagonal(factor)).sum()
    standard = standard[:, 0] if layout.spec.dims[name] == ("person",) else standard
    log_det = jnp.broadcast_to(jnp.log(arguments["scale"]), standard.shape).sum()
    return arguments["loc"] + arguments["scale"] * standard, log_det


def place_nodes(layout: Layout, values: Values) -> tuple[Array, Array]:
    """Abilities at the nodes, and the nodes' log weights (person, node), where these differ by person.

    See `irtbridge.model.noncentred.nodes_of`.
    """
    assert layout.collapse is not None
    name, reach = layout.spec.family.ability, layout.collapse.half_width
    shape, arguments = tuple(layout.sizes[dim] for dim in layout.spec.dims[name]), arguments_of(layout, name, values)
    loc, scale = (jnp.broadcast_to(arguments[k], shape).reshape(shape[0], -1) for k in ("loc", "scale"))
    low, high = (loc - reach * scale).min(0), (loc + reach * scale).max(0)
    grid = (low + high) / 2 + (high - low) / (2 * reach) * layout.standard_nodes
    log_density = -0.5 * (((grid - loc[:, None]) / scale[:, None]) ** 2).sum(-1)
    return grid[:, 0] if len(shape) == 1 else grid, log_softmax(log_density, -1)
