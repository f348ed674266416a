"""Priors as distributions of the BUGS language, which has precisions where irtbridge has standard deviations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from irtbridge.model import priors
from irtbridge.model.priors import Prior
from irtbridge_jags.bugs import number


def distribution(prior: Prior, arguments: dict[str, str]) -> str:
    """The distribution of one element, or of one vector, given its arguments as expressions."""
    return DISTRIBUTIONS[type(prior)](prior, **arguments)


def precision(scale: str) -> str:
    """``1 / scale^2``, as a number where that is a short one."""
    try:
        value = number(float(scale) ** -2)
    except ValueError:
        return f"pow({scale}, -2)"
    return value if len(value) <= 6 else f"pow({scale}, -2)"


def _normal(prior: Prior, loc: str, scale: str) -> str:
    return f"dnorm({loc}, {precision(scale)})"


def _truncated(prior: Prior, loc: str, scale: str, low: str, high: str) -> str:
    ends = ("" if np.isinf(end) else number(end) for end in prior.bounds())
    return f"{_normal(prior, loc, scale)}T({', '.join(ends)})".replace("(, ", "(,").replace(", )", ",)")


# Functions of the prior and of its arguments.
DISTRIBUTIONS: dict[type[Prior], Callable[..., str]] = {
    priors.Normal: _normal,
    priors.HalfNormal: lambda prior, scale: f"{_normal(prior, '0', scale)}T(0,)",
    priors.LogNormal: lambda prior, loc, scale: f"dlnorm({loc}, {precision(scale)})",
    priors.TruncatedNormal: _truncated,
    priors.Uniform: lambda prior, low, high: f"dunif({low}, {high})",
    priors.Beta: lambda prior, alpha, beta: f"dbeta({alpha}, {beta})",
    priors.Gamma: lambda prior, concentration, rate: f"dgamma({concentration}, {rate})",
    priors.OrderedNormal: _normal,
    priors.DecreasingNormal: _normal,
    priors.MultivariateNormal: lambda prior, loc, scale_tril: f"dmnorm({loc}, {scale_tril})",
}
