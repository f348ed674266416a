"""The Pyro model with the abilities integrated out: response patterns, mixed over the nodes of a quadrature."""

# mypy: allow-untyped-calls, allow-subclassing-any, no-warn-return-any
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.distributions import constraints
from torch import Tensor

from irtbridge.model.cumulants import CumulantTable
from irtbridge.model.layout import Layout
from irtbridge_pyro.arguments import Arguments
from irtbridge_pyro.cumulants import Tabulated
from irtbridge_pyro.forms import form_builder

Values = Mapping[str, Tensor]


class PatternMixture(dist.TorchDistribution):
    """Response patterns of persons whose ability is one of the nodes, as statistics (`irtbridge.model.patterns`).

    Parameters
    ----------
    natural : Tensor, shape (statistic, node, item)
        Natural parameters at each node.
    base : Tensor, shape (node, item)
        Log density of a response whose statistics are 0.
    log_weights : Tensor, shape (node,) or (pattern, node)
        Log probabilities of the nodes.
    missing : bool
        Whether indicators of missing responses follow the statistics.
    corners : tuple of Tensor, optional
        Where the natural parameters are linear in the ability: some nodes, and weights (node, corner) that interpolate
        from them to all.
    table : Tabulated, optional
        How to tabulate the likelihood.
    """

    arg_constraints = {"natural": constraints.real, "log_weights": constraints.real}  # noqa: RUF012
    support = constraints.real_vector

    def __init__(
        self,
        natural: Tensor,
        base: Tensor,
        log_weights: Tensor,
        missing: bool,
        corners: tuple[Tensor, Tensor] | None = None,
        table: Tabulated | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self.natural, self.base, self.log_weights, self.missing = natural, base, log_weights, missing
        self.corners, self.table = corners, table
        columns = natural.shape[-1] * (len(natural) + missing)
        super().__init__(torch.Size(), torch.Size([columns]), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> PatternMixture:
        return self

    def log_prob(self, value: Tensor) -> Tensor:
        if self.table is not None:
            return self.table.log_prob(value, self.natural, self.log_weights + self.base.sum(-1))
        by_node = self._by_node(value)
        # logsumexp spelt out, whose gradient would take every exponential a second time.
        largest = by_node.detach().amax(-1, keepdim=True)
        return (by_node - largest).exp().sum(-1).log() + largest.squeeze(-1)

    def _by_node(self, value: Tensor) -> Tensor:
        """Log probability of each pattern (row) and node (column), together."""
        natural = self.natural.permute(1, 2, 0).flatten(1)
        constant = self.log_weights + self.base.sum(-1)
        if self.corners is None:
            columns = torch.cat([natural, -self.base], dim=1) if self.missing else natural
            return torch.addmm(constant, value, columns.T)
        nodes, weights = self.corners
        observed, absent = (value[:, : natural.shape[1]], value[:, natural.shape[1] :])
        by_node = torch.addmm(constant, observed @ natural[nodes].T, weights.T)
        return torch.addmm(by_node, absent, -self.base.T) if self.missing else by_node


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
    n_traits, spec = len(layout.spec.traits), layout.spec
    standard = like.new_tensor(layout.collapse.standard_nodes(n_traits))
    shared_weights = like.new_tensor(layout.collapse.log_weights(n_traits))
    form, columns = form_builder(spec.family), layout.n_columns
    corners = None
    if spec.family.linear:
        nodes, weights = layout.collapse.corners(n_traits)
        corners = torch.as_tensor(nodes, device=like.device), like.new_tensor(weights)

    tabulated = None if table is None else Tabulated(table, standard[:, 0], exists[:, 1:])

    def respond(plates: Any, values: Values, statistics: Tensor | None, counts: Tensor) -> Tensor:
        if layout.by_person:
            abilities, log_weights = place_nodes(layout, standard, values)
        else:
            abilities, log_weights = place_abilities(layout, standard, values)[0], shared_weights
        at_nodes = {**values, spec.family.ability: abilities}
        mixture = PatternMixture(
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
