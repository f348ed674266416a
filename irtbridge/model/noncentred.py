"""Non-centred coordinates: abilities as standard normals, moved and scaled by their prior's mean and scale.

``ability = loc + scale e`` with e standard normal under the prior; several correlated traits have a Cholesky factor for
scale. It is a change of coordinates, not of the model: where few responses say little of each person, the scale is far
less correlated with the standardised abilities than with the abilities (Papaspiliopoulos, Roberts & Skold 2007).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, special

from irtbridge.model.layout import Layout

Array = NDArray[np.float64]


def ability_at(layout: Layout, standard: Array, params: Mapping[str, Array]) -> Array:
    """Abilities at standard nodes (..., node, trait): mean and scale, or Cholesky factor, of the ability's prior.

    Returns
    -------
    ndarray, shape (..., node) with one trait, else (..., node, trait)
    """
    name = layout.spec.family.ability
    arguments = layout.arguments(name, params)
    if "scale_tril" in arguments:
        return np.asarray(arguments["loc"] + standard @ arguments["scale_tril"].T)
    if layout.spec[name].dims == ("person",):
        standard = standard[..., 0]
    return np.asarray(arguments["loc"] + arguments["scale"] * standard)


def nodes_of(
    layout: Layout, standard: Array, params: Mapping[str, Array], grid: Array | None = None
) -> tuple[Array, Array]:
    """Abilities at standard nodes, and the logarithms of their weights.

    Where the abilities' prior is the same for everybody, its mean and scale place the nodes. Where it differs from
    person to person (by group, or by covariates), one grid that reaches as many standard deviations beyond everybody's
    mean serves all, and only the weights depend on the person: the likelihood at the nodes stays one matrix product.

    Parameters
    ----------
    layout : Layout
        A layout with a quadrature.
    standard : ndarray, shape (node, trait)
        Standard nodes.
    params : mapping of str to ndarray
        Full arrays, no leading axes.
    grid : ndarray, shape (node, trait), optional
        Nodes to take where one grid serves all.

    Returns
    -------
    nodes : ndarray, shape (node,) with one trait, else (node, trait)
    log_weights : ndarray, shape (node,) or (person, node)
        Their exponentials sum to one over the nodes.
    """
    assert layout.collapse is not None
    if not layout.by_person:
        log_density = layout.collapse.log_masses(standard)
        nodes = ability_at(layout, standard, params)
    else:
        loc, scale = prior_of_persons(layout, params)
        if grid is None:
            grid = common_grid(layout, standard, loc, scale)
        log_density = -0.5 * np.sum(((grid - loc[:, None]) / scale[:, None]) ** 2, axis=-1)
        nodes = grid[:, 0] if layout.spec[layout.spec.family.ability].dims == ("person",) else grid
    return nodes, np.asarray(log_density - special.logsumexp(log_density, axis=-1, keepdims=True))


def common_grid(layout: Layout, standard: Array, loc: Array, scale: Array) -> Array:
    """Abilities (node, trait) at standard nodes of one grid for persons of these means and SDs (person, trait)."""
    assert layout.collapse is not None
    reach = layout.collapse.half_width
    low, high = (loc - reach * scale).min(axis=0), (loc + reach * scale).max(axis=0)
    return np.asarray((low + high) / 2 + (high - low) / (2 * reach) * standard)


def prior_of_persons(layout: Layout, params: Mapping[str, Array]) -> tuple[Array, Array]:
    """Mean and standard deviation of each person's ability under the prior, shape (person, trait)."""
    name = layout.spec.family.ability
    shape = tuple(layout.sizes[dim] for dim in layout.spec[name].dims)
    arguments = layout.arguments(name, params)
    loc, scale = (np.broadcast_to(arguments[k], shape).reshape(shape[0], -1) for k in ("loc", "scale"))
    return loc, scale


def from_noncentred(layout: Layout, params: Mapping[str, Array]) -> dict[str, Array]:
    """Parameters whose abilities are standardised, where the layout says so, to parameters.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape.
    params : mapping of str to ndarray
        Full arrays (..., *shape).
    """
    if not layout.noncentred:
        return dict(params)
    name = layout.spec.family.ability
    rows = [ability_at(layout, _two_axes(row[name]), row) for row in layout.rows(params)]
    return {**params, name: np.reshape(rows, np.shape(params[name]))}


def to_noncentred(layout: Layout, params: Mapping[str, Array]) -> dict[str, Array]:
    """The inverse of `from_noncentred`."""
    if not layout.noncentred:
        return dict(params)
    name = layout.spec.family.ability
    rows = [_standard(layout, row[name], row) for row in layout.rows(params)]
    return {**params, name: np.reshape(rows, np.shape(params[name]))}


def _standard(layout: Layout, ability: Array, params: Mapping[str, Array]) -> Array:
    arguments = layout.arguments(layout.spec.family.ability, params)
    if "scale_tril" in arguments:
        away = (ability - arguments["loc"]).T
        return np.asarray(linalg.solve_triangular(arguments["scale_tril"], away, lower=True).T)
    return np.asarray((ability - arguments["loc"]) / arguments["scale"])


def _two_axes(standard: Array) -> Array:
    return standard if standard.ndim == 2 else standard[:, None]
