"""Response patterns, mixed over the nodes of a general trait, those of each specific trait summed out before."""

# mypy: allow-untyped-calls, allow-subclassing-any, no-warn-return-any
from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from irtbridge.model.layout import Layout
from irtbridge.model.patterns import EveryPattern, columns_of
from irtbridge.model.reduction import Reduction
from irtbridge_pyro.mixture import PatternMixture, log_sum_exp


class ReducedMixture(PatternMixture):
    """Response patterns of persons whose general and specific traits are nodes (see `irtbridge.model.reduction`).

    Parameters
    ----------
    natural, base : Tensor, shape (statistic, node, item) and (node, item)
        As for `PatternMixture`, at the nodes of a grid of two dimensions, that of the specific traits running fastest.
    log_weights : Tensor, shape (node of one trait,)
        Log probabilities of the nodes of each trait.
    missing, corners, table
        As for `PatternMixture`.
    blocks : Blocks
        The items of each specific trait, and those without one.
    """

    def __init__(self, natural: Tensor, base: Tensor, log_weights: Tensor, *, blocks: Blocks, **others: Any) -> None:
        super().__init__(natural, base, log_weights, **others)
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
            natural, base = (x[..., :: len(self.log_weights), block.items] for x in (self.natural, self.base))
            part = PatternMixture(natural, base, torch.zeros_like(self.log_weights), self.missing)
            total = total + part._by_node(value[:, block.columns[self.missing]])
        return total

    def _of_specific(self, block: Block, patterns: Tensor) -> Tensor:
        """Log probability of patterns of a block at each node of the general trait, the specific one summed out."""
        n = len(self.log_weights)
        natural, base = self.natural[..., block.items], self.base[..., block.items]
        part = PatternMixture(natural, base, self.log_weights.repeat(n), self.missing, self.corners)
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
        Their columns among the statistics, without those of missing responses and with them.
    every : dict of bool to tuple of Tensor or None
        All their patterns and place values (see `irtbridge.model.patterns.EveryPattern`), likewise.
    """

    def __init__(self, layout: Layout, items: NDArray[np.intp], like: Tensor) -> None:
        own, absent = columns_of(layout, items)
        columns = {False: own, True: np.r_[own, absent]}
        self.items = torch.as_tensor(items, device=like.device)
        self.columns = {missing: torch.as_tensor(part, device=like.device) for missing, part in columns.items()}
        self.every: dict[bool, tuple[Tensor, Tensor] | None] = {}
        for missing in columns:
            one = EveryPattern.of(layout, items, missing=missing)
            parts = None if one is None else (like.new_tensor(one.statistics), like.new_tensor(one.place_values))
            self.every[missing] = parts


class Blocks:
    """The blocks of a reduction: those of specific traits, and the items without one, if there are any."""

    def __init__(self, layout: Layout, reduction: Reduction, like: Tensor) -> None:
        self.specific = [Block(layout, items, like) for items in reduction.blocks]
        self.alone = [Block(layout, items, like) for items in (reduction.alone,) if items.size]
