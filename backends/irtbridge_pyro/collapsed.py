"""The Pyro model with the abilities integrated out: response patterns, mixed over the nodes of a quadrature."""

# mypy: allow-untyped-calls, allow-subclassing-any, no-warn-return-any
from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from numpy.typing import NDArray
from pyro import poutine
from pyro.distributions import constraints
from torch import Tensor

from irtbridge.model.cumulants import CumulantTable
from irtbridge.model.layout import Layout
from irtbridge.model.patterns import EveryPattern, columns_of
from irtbridge.model.reduction import Reduction, grid_dimensions
from irtbridge_pyro.arguments import Arguments
from irtbridge_pyro.cumulants import Tabulated
from irtbridge_pyro.families import response_builder

Values = Mapping[str, Tensor]
Corners = tuple[Tensor, Tensor]


class PatternMixture(dist.TorchDistribution):
    """Response patterns of persons whose ability is one of the nodes, as indicators (`irtbridge.model.patterns`).

    Parameters
    ----------
    log_probs : Tensor, shape (category, node, item)
        Log probability of each category at each node; any finite number where an item lacks the category.
    log_weights : Tensor, shape (node,) or (pattern, node)
        Log probabilities of the nodes.
    missing : bool
        Whether the indicators of missing responses follow those of the categories.
    corners : tuple of Tensor, optional
        Where the log probabilities relative to the lowest category are linear in the ability: some nodes, and weights
        (node, corner) that interpolate from them to all.
    table : Tabulated, optional
        How to tabulate the likelihood.
    """

    arg_constraints = {"log_probs": constraints.real, "log_weights": constraints.real}  # noqa: RUF012
    support = constraints.independent(constraints.boolean, 1)

    def __init__(
        self,
        log_probs: Tensor,
        log_weights: Tensor,
        missing: bool,
        corners: Corners | None = None,
        table: Tabulated | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self.log_probs, self.log_weights, self.missing = log_probs, log_weights, missing
        self.corners, self.table = corners, table
        columns = log_probs.shape[-1] * (len(log_probs) - 1 + missing)
        super().__init__(torch.Size(), torch.Size([columns]), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> PatternMixture:
        return self

    def log_prob(self, value: Tensor) -> Tensor:
        if self.table is not None:
            return self.table.log_prob(value, self.log_probs, self.log_weights)
        return log_sum_exp(self._by_node(value))

    def _by_node(self, value: Tensor) -> Tensor:
        """Log probability of each pattern (row) and node (column), together."""
        lowest = self.log_probs[0]
        contrasts = (self.log_probs[1:] - lowest).permute(1, 2, 0).flatten(1)
        base = self.log_weights + lowest.sum(-1)
        if self.corners is None:
            columns = torch.cat([contrasts, -lowest], dim=1) if self.missing else contrasts
            return torch.addmm(base, value, columns.T)
        nodes, weights = self.corners
        observed, absent = (value[:, : contrasts.shape[1]], value[:, contrasts.shape[1] :])
        by_node = torch.addmm(base, observed @ contrasts[nodes].T, weights.T)
        return torch.addmm(by_node, absent, -lowest.T) if self.missing else by_node


class ReducedMixture(PatternMixture):
    """Response patterns of persons whose general and specific traits are nodes (see `irtbridge.model.reduction`).

    Parameters
    ----------
    log_probs : Tensor, shape (category, node, item)
        As for `PatternMixture`, at the nodes of a grid of two dimensions, that of the specific traits running fastest.
    log_weights : Tensor, shape (node of one trait,)
        Log probabilities of the nodes of each trait.
    missing, corners, table
        As for `PatternMixture`.
    blocks : Blocks
        The items of each specific trait, and those without one.
    """

    def __init__(self, log_probs: Tensor, log_weights: Tensor, missing: bool, *, blocks: Blocks, **others: Any) -> None:
        super().__init__(log_probs, log_weights, missing, **others)
        self.blocks = blocks

    def _by_node(self, value: Tensor) -> Tensor:
        """Log probability of each pattern (row) and node of the general trait (column), together."""
        total = self.log_weights
        for block in self.blocks.specific:
            own, every = value[:, block.columns[self.missing]], block.every[self.missing]
            if every is None:
                total = total + self._of_specific(block, own)
            else:
                patterns, place_values = every
                total = total + self._of_specific(block, patterns).index_select(0, (own @ place_values).long())
        for block in self.blocks.alone:
            log_probs = self.log_probs[:, :: len(self.log_weights), block.items]
            part = PatternMixture(log_probs, torch.zeros_like(self.log_weights), self.missing)
            total = total + part._by_node(value[:, block.columns[self.missing]])
        return total

    def _of_specific(self, block: Block, patterns: Tensor) -> Tensor:
        """Log probability of patterns of a block at each node of the general trait, the specific one summed out."""
        n = len(self.log_weights)
        part = PatternMixture(self.log_probs[..., block.items], self.log_weights.repeat(n), self.missing, self.corners)
        return log_sum_exp(part._by_node(patterns).unflatten(-1, (n, n)))


class Block:
    """Some items.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape.
    items : ndarray of int
        The items.
    like : Tensor
        Has the dtype and the device.

    Attributes
    ----------
    items : Tensor
        The items.
    columns : dict of bool to Tensor
        Their columns among the indicators, without those of missing responses and with them.
    every : dict of bool to tuple of Tensor or None
        All their patterns and place values (see `irtbridge.model.patterns.EveryPattern`), likewise.
    """

    def __init__(self, layout: Layout, items: NDArray[np.intp], like: Tensor) -> None:
        hits, absent = columns_of(items, layout.exists[:, 1:].shape)
        columns = {False: hits, True: np.r_[hits, absent]}
        self.items = torch.as_tensor(items, device=like.device)
        self.columns = {missing: torch.as_tensor(part, device=like.device) for missing, part in columns.items()}
        self.every: dict[bool, tuple[Tensor, Tensor] | None] = {}
        for missing in columns:
            one = EveryPattern.of(layout, items, missing=missing)
            parts = None if one is None else (like.new_tensor(one.indicators), like.new_tensor(one.place_values))
            self.every[missing] = parts


class Blocks:
    """The blocks of a reduction: those of specific traits, and the items without one, if there are any."""

    def __init__(self, layout: Layout, reduction: Reduction, like: Tensor) -> None:
        self.specific = [Block(layout, items, like) for items in reduction.blocks]
        self.alone = [Block(layout, items, like) for items in (reduction.alone,) if items.size]


def log_sum_exp(x: Tensor) -> Tensor:
    """Over the last axis; spelt out, as torch's gradient would take every exponential a second time."""
    largest = x.detach().amax(-1, keepdim=True)
    return (x - largest).exp().sum(-1).log() + largest.squeeze(-1)


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
    spec, reduction = layout.spec, layout.reduction
    dimensions = grid_dimensions(spec)
    standard = like.new_tensor(layout.standard_nodes)
    shared_weights = like.new_tensor(layout.collapse.log_weights(1 if reduction else dimensions))
    mixture_of: Callable[..., PatternMixture] = PatternMixture
    if reduction is not None:
        mixture_of = partial(ReducedMixture, blocks=Blocks(layout, reduction, like))
    build = response_builder(spec.family)

    columns = exists[:, 1:].numel()
    corners = None
    if spec.family.linear:
        nodes, weights = layout.collapse.corners(dimensions)
        corners = torch.as_tensor(nodes, device=like.device), like.new_tensor(weights)

    tabulated = None if table is None else Tabulated(table, standard[:, 0], exists[:, 1:])

    def respond(plates: Any, values: Values, indicators: Tensor | None, counts: Tensor) -> Tensor:
        if layout.by_person:
            abilities, log_weights = place_nodes(layout, standard, values)
        else:
            abilities, log_weights = place_abilities(layout, standard, values)[0], shared_weights
        at_nodes = {**values, spec.family.ability: abilities}
        each = build(at_nodes, spec.dims, exists)
        mixture = mixture_of(
            _all_log_probs(each, standard, exists),
            log_weights,
            missing=indicators is not None and indicators.shape[1] > columns,
            corners=corners,
            table=tabulated,
        )
        with pyro.plate("pattern", len(counts), dim=-1), poutine.scale(scale=counts):
            return pyro.sample("response", mixture, obs=indicators)

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


def _all_log_probs(each: dist.TorchDistribution, standard: Tensor, exists: Tensor) -> Tensor:
    """Log probabilities (category, node, item) of every category; 0 where an item lacks it."""
    n_items, n_categories = exists.shape
    codes = [standard.new_full((len(standard), n_items), k) for k in range(n_categories)]
    stacked = torch.stack([each.log_prob(code) for code in codes])
    return torch.where(exists.T[:, None], stacked, 0.0)
