"""The response families as exponential families, in torch: natural parameters and bases for a grid of abilities.

The maths is in `irtbridge.model.families`. The statistics stand first, as tables of (statistic, node, item) reduce
fastest so.
"""

# mypy: allow-untyped-calls, no-warn-return-any
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from irtbridge.model import families
from irtbridge.model.families import Family
from irtbridge_pyro.families import Dims, OrderedBeta, Values, response_builder


def _beta(each: dist.Beta) -> tuple[Tensor, Tensor]:
    above, below = each.concentration1, each.concentration0
    base = torch.lgamma(above + below) - torch.lgamma(above) - torch.lgamma(below)
    return torch.stack([above - 1, below - 1]), base


def _ordered_beta(each: OrderedBeta) -> tuple[Tensor, Tensor]:
    zero, between, one = each.log_parts()
    natural, base = _beta(each.between)
    base = between + base
    return torch.cat([torch.stack([zero - base, one - base]), natural]), base


def _poisson(each: dist.Poisson) -> tuple[Tensor, Tensor]:
    log_rate = each.rate.log()
    return torch.stack([log_rate, torch.full_like(log_rate, -1.0)]), -each.rate


# Of families whose responses are no categories: natural parameters and base of a distribution.
FORMS: dict[type[Family], Callable[[Any], tuple[Tensor, Tensor]]] = {
    families.Beta: _beta,
    families.OrderedBeta: _ordered_beta,
    families.Poisson: _poisson,
}


def form_builder(family: Family) -> Callable[[Values, Dims, Tensor], tuple[Tensor, Tensor]]:
    """Function to natural parameters (statistic, node, item) and base (node, item).

    Its arguments are the full arrays by variable name, the abilities being those of the nodes, the dims of each
    variable, and which categories each item has, shape (item, category), the lowest included.
    """
    return partial(_form, family)


def _form(family: Family, values: Values, dims: Dims, exists: Tensor) -> tuple[Tensor, Tensor]:
    each = response_builder(family)(values, dims, exists)
    if type(family) in FORMS:
        return FORMS[type(family)](each)
    return _of_categories(each, values[family.ability], exists)


def _of_categories(each: dist.TorchDistribution, nodes: Tensor, exists: Tensor) -> tuple[Tensor, Tensor]:
    """Log odds against the lowest category, and its log probability; 0 where an item lacks the category."""
    codes = torch.arange(exists.shape[1], dtype=nodes.dtype, device=nodes.device)
    codes = codes[:, None, None].expand(-1, len(nodes), len(exists))
    log_probs = torch.where(exists.T[:, None], torch.func.vmap(each.log_prob)(codes), 0.0)
    return log_probs[1:] - log_probs[0], log_probs[0]
