"""Response patterns, mixed over the nodes of a quadrature."""

# mypy: allow-untyped-calls, allow-subclassing-any, no-warn-return-any
from __future__ import annotations

from typing import Any

import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from torch import Tensor

from irtbridge_pyro.cumulants import Tabulated


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
        return log_sum_exp(self._by_node(value))

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


def log_sum_exp(x: Tensor) -> Tensor:
    """Over the last axis; spelt out, as torch's gradient would take every exponential a second time."""
    largest = x.detach().amax(-1, keepdim=True)
    return (x - largest).exp().sum(-1).log() + largest.squeeze(-1)
