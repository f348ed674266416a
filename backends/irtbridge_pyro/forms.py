"""The response families as exponential families, in torch: natural parameters and bases for a grid of abilities.

The maths is in `irtbridge.model.families`. The statistics stand first, as tables of (statistic, node, item) reduce
fastest so.
"""

# mypy: allow-untyped-calls, no-warn-return-any
from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from irtbridge.model.families import Family
from irtbridge_pyro.families import DISTRIBUTIONS, Dims, Values, predictor

# Of a family whose responses are no categories: a function of what its distribution is a function of.
FORMS: dict[type[Family], Callable[..., tuple[Tensor, Tensor]]] = {}


def form_builder(family: Family) -> Callable[[Values, Dims, Tensor], tuple[Tensor, Tensor]]:
    """Function to natural parameters (statistic, node, item) and base (node, item).

    Its arguments are the full arrays by variable name, the abilities being those of the nodes, the dims of each
    variable, and which categories each item has, shape (item, category), the lowest included.
    """
    form = FORMS.get(type(family)) or partial(_of_categories, DISTRIBUTIONS[type(family)])
    return partial(_form, family, form)


def _form(
    family: Family, form: Callable[..., tuple[Tensor, Tensor]], values: Values, dims: Mapping[str, Any], exists: Tensor
) -> tuple[Tensor, Tensor]:
    return form(*predictor(family, values, dims), exists, **family.shapes(values, dims))


def _of_categories(
    distribution: Callable[..., Any], slope: Tensor, shift: Tensor, exists: Tensor, **shapes: Tensor
) -> tuple[Tensor, Tensor]:
    """Log odds against the lowest category, and its log probability; 0 where an item lacks the category."""
    each = distribution(slope, shift, exists, **shapes)
    codes = [slope.new_full((len(slope), len(exists)), k) for k in range(exists.shape[1])]
    log_probs = torch.where(exists.T[:, None], torch.stack([each.log_prob(code) for code in codes]), 0.0)
    return log_probs[1:] - log_probs[0], log_probs[0]
