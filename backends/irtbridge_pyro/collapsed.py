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

from irtbridge.layout import Layout
from irtbridge_pyro.families import response_builder

Values = Mapping[str, Tensor]


class PatternMixture(dist.TorchDistribution):
    """One-hot response patterns (item x category) of persons whose ability is one of the nodes.

    Parameters
    ----------
    log_probs : Tensor, shape (node, item x category)
        Log probability of each category at each node; any finite number where an item lacks the category.
    log_weights : Tensor, shape (node,)
        Log probabilities of the nodes.
    """

    arg_constraints = {"log_probs": constraints.real, "log_weights": constraints.real}  # noqa: RUF012
    support = constraints.independent(constraints.boolean, 1)

    def __init__(self, log_probs: Tensor, log_weights: Tensor, validate_args: bool | None = None) -> None:
        self.log_probs, self.log_weights = log_probs, log_weights
        super().__init__(torch.Size(), log_probs.shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> PatternMixture:
        return self

    def log_prob(self, value: Tensor) -> Tensor:
        return torch.logsumexp(torch.addmm(self.log_weights, value, self.log_probs.T), dim=-1)


def make_collapsed_response(
    layout: Layout, exists: Tensor, like: Tensor
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
    """
    assert layout.collapse is not None
    n_traits, spec = len(layout.spec.traits), layout.spec
    standard = like.new_tensor(layout.collapse.standard_nodes(n_traits))
    log_weights = like.new_tensor(layout.collapse.log_weights(n_traits))
    build = response_builder(spec.family)

    def respond(plates: Any, values: Values, one_hot: Tensor | None, counts: Tensor) -> Tensor:
        at_nodes = {**values, spec.family.ability: _ability_nodes(layout, standard, values)}
        each = build(at_nodes, spec.dims, exists)
        log_probs = _all_log_probs(each, standard, exists)
        with pyro.plate("pattern", len(counts), dim=-1), poutine.scale(scale=counts):
            return pyro.sample("response", PatternMixture(log_probs, log_weights), obs=one_hot)

    return respond


def _ability_nodes(layout: Layout, standard: Tensor, values: Values) -> Tensor:
    """Abilities (node,) or (node, trait) at the standard nodes, under the ability's prior."""
    ability = layout.spec[layout.spec.family.ability]
    arguments = {
        name: values[value] if isinstance(value, str) else standard.new_tensor(value)
        for name, value in ability.prior.arguments().items()
    }
    if "scale_tril" in arguments:
        return arguments["loc"] + standard @ arguments["scale_tril"].T
    nodes = standard[:, 0] if ability.dims == ("person",) else standard
    return arguments["loc"] + arguments["scale"] * nodes


def _all_log_probs(each: dist.TorchDistribution, standard: Tensor, exists: Tensor) -> Tensor:
    """Log probabilities (node, item x category) of every category; 0 where an item lacks it."""
    n_items, n_categories = exists.shape
    codes = [standard.new_full((len(standard), n_items), k) for k in range(n_categories)]
    stacked = torch.stack([each.log_prob(code) for code in codes], dim=-1)
    return torch.where(exists, stacked, 0.0).reshape(len(standard), -1)
