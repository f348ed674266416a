"""The response families as exponential families, in JAX: natural parameters and bases for a grid of abilities."""

# mypy: allow-untyped-calls, no-warn-return-any
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array
from jax.scipy.special import gammaln

from irtbridge_numpyro.families import Bernoulli, Categorical, Exists, OrderedBeta, log_sigmoid


def _bernoulli(each: Any, exists: Exists) -> tuple[Array, Array]:
    return each.logits[..., None], log_sigmoid(-each.logits)


def _categorical(each: Any, exists: Exists) -> tuple[Array, Array]:
    log_probs = jnp.where(exists, each.logits, 0.0)
    return log_probs[..., 1:] - log_probs[..., :1], log_probs[..., 0]


def _beta(each: Any, exists: Exists) -> tuple[Array, Array]:
    above, below = each.concentration1, each.concentration0
    base = gammaln(above + below) - gammaln(above) - gammaln(below)
    return jnp.stack([above - 1, below - 1], -1), base


def _ordered_beta(each: OrderedBeta, exists: Exists) -> tuple[Array, Array]:
    zero, between, one = each.log_parts()
    natural, base = _beta(each.between, exists)
    base = between + base
    return jnp.concatenate([jnp.stack([zero - base, one - base], -1), natural], -1), base


def _poisson(each: Any, exists: Exists) -> tuple[Array, Array]:
    log_rate = jnp.log(each.rate)
    return jnp.stack([log_rate, jnp.full_like(log_rate, -1.0)], -1), -each.rate


FORMS: dict[type[Any], Callable[[Any, Exists], tuple[Array, Array]]] = {
    Bernoulli: _bernoulli,
    Categorical: _categorical,
    dist.Beta: _beta,
    OrderedBeta: _ordered_beta,
    dist.Poisson: _poisson,
}


def exponential_form(each: Any, exists: Exists) -> tuple[Array, Array]:
    """Natural parameters (node, item, statistic) and base (node, item) of the responses at a grid of abilities.

    Parameters
    ----------
    each : Distribution, batch shape (node, item)
        Of the responses, as `irtbridge_numpyro.families.response` gives it for the abilities of the nodes.
    exists : ndarray of bool, shape (item, category)
        Which categories each item has, the lowest included; 0 where it lacks one.
    """
    return FORMS[type(each)](each, exists)
