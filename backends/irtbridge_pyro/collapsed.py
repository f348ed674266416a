"""The Pyro model with the abilities integrated out: response patterns, mixed over the nodes of a quadrature."""

# mypy: allow-untyped-calls, allow-subclassing-any, no-warn-return-any
from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pyro
import torch
from pyro import poutine
from torch import Tensor

from irtbridge.model.cumulants import CumulantTable
from irtbridge.model.layout import Layout
from irtbridge.model.reduction import grid_dimensions
from irtbridge_pyro.arguments import Arguments
from irtbridge_pyro.cumulants import Tabulated
from irtbridge_pyro.forms import form_builder
from irtbridge_pyro.mixture import PatternMixture
from irtbridge_pyro.reduced import Blocks, ReducedMixture

Values = Mapping[str, Tensor]


def make_collapsed_response(
    layout: Layout, exists: Tensor, like: Tensor, table: CumulantTable | None = None
) -> Callable[[Any, Values, Tensor | None, Tensor], Tensor]:
    """The response statement of a collapsed model: a function of the sites' full arrays and of the patterns.

    Parameters
    ----------
    layout : Layout
        A layout with a quadrature.
    exists : Tensor of bool, shape (item, category)
        Which categories each item has.
    like : Tensor
        Has the dtype and the device.
    table : CumulantTable, optional
        Tabulate the likelihood.
    """
    assert layout.collapse is not None
    spec, reduction, dimensions = layout.spec, layout.reduction, grid_dimensions(layout.spec)
    standard = like.new_tensor(layout.standard_nodes)
    shared_weights = like.new_tensor(layout.collapse.log_weights(1 if reduction else dimensions))
    mixture_of: Callable[..., PatternMixture] = PatternMixture
    if reduction is not None:
        mixture_of = partial(ReducedMixture, blocks=Blocks(layout, reduction, like))
    form, columns = form_builder(spec.family), layout.n_columns
    corners = None
    if spec.family.linear:
        nodes, weights = layout.collapse.corners(dimensions)
        corners = torch.as_tensor(nodes, device=like.device), like.new_tensor(weights)

    tabulated = None if table is None else Tabulated(table, standard[:, 0], exists[:, 1:])

    def respond(plates: Any, values: Values, statistics: Tensor | None, counts: Tensor) -> Tensor:
        if layout.by_person:
            abilities, log_weights = place_nodes(layout, standard, values)
        else:
            abilities, log_weights = place_abilities(layout, standard, values)[0], shared_weights
        at_nodes = {**values, spec.family.ability: abilities}
        mixture = mixture_of(
            *form(at_nodes, spec.dims, exists),
            log_weights,
            missing=statistics is not None and statistics.shape[1] > columns,
            corners=corners,
            table=tabulated,
        )
        with pyro.plate("pattern", len(counts), dim=-1), poutine.scale(scale=counts):
            return pyro.sample("response", mixture, obs=statistics)

    return respond


def place_abilities(layout: Layout, standard: Tensor, values: Values) -> tuple[Tensor, Tensor]:
    """Abilities (row,) or (row, trait) of standardised ones (row, trait), under the ability's prior.

    Returns
    -------
    abilities : Tensor
    log_det : Tensor, shape ()
        Log determinant of the Jacobian, summed over the rows.
    """
    arguments = _ability_arguments(layout, standard, values)
    if "scale_tril" in arguments:
        factor = arguments["scale_tril"]
        return arguments["loc"] + standard @ factor.T, len(standard) * factor.diagonal().log().sum()
    standard = standard[:, 0] if layout.spec.dims[layout.spec.family.ability] == ("person",) else standard
    log_det = arguments["scale"].log().broadcast_to(standard.shape).sum()
    return arguments["loc"] + arguments["scale"] * standard, log_det


def place_nodes(layout: Layout, standard: Tensor, values: Values) -> tuple[Tensor, Tensor]:
    """Abilities at standard nodes (node, trait), and the nodes' log weights, where these differ by person.

    See `irtbridge.model.noncentred.nodes_of`.

    Returns
    -------
    abilities : Tensor, shape (node,) or (node, trait)
    log_weights : Tensor, shape (person, node)
    """
    assert layout.collapse is not None
    name, reach = layout.spec.family.ability, layout.collapse.half_width
    shape = tuple(layout.sizes[dim] for dim in layout.spec.dims[name])
    arguments = _ability_arguments(layout, standard, values)
    loc, scale = (arguments[k].broadcast_to(shape).reshape(shape[0], -1) for k in ("loc", "scale"))
    low, high = (loc - reach * scale).amin(0), (loc + reach * scale).amax(0)
    grid = (low + high) / 2 + (high - low) / (2 * reach) * standard
    log_density = -0.5 * (((grid - loc[:, None]) / scale[:, None]) ** 2).sum(-1)
    return grid[:, 0] if len(shape) == 1 else grid, log_density.log_softmax(-1)


def _ability_arguments(layout: Layout, like: Tensor, values: Values) -> dict[str, Tensor]:
    name = layout.spec.family.ability
    numbers = {k: like.new_tensor(value) for k, value in layout.spec[name].prior.numbers().items()}
    return numbers | Arguments(layout, name, like).of(values)
