"""The response families as exponential families, in TensorFlow: natural parameters, bases and statistics.

The maths is in `irtbridge.model.families`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from irtbridge.model import families
from irtbridge.model.families import Family
from irtbridge_tfp.families import Bernoulli, Dims, OrderedBeta, response_distribution, where

Tensor = Any


class Form(NamedTuple):
    """A family at the nodes of a grid of abilities.

    Attributes
    ----------
    natural : Tensor, shape (..., node, item, statistic)
        Natural parameters.
    base : Tensor, shape (..., node, item)
        Log density of a response whose statistics are all 0.
    each : Distribution
        Of the responses, batch shape (..., node, item).
    statistics : callable
        From responses (..., item) to their statistics (..., item, statistic).
    """

    natural: Tensor
    base: Tensor
    each: Any
    statistics: Callable[[Tensor], Tensor]


def _beta(each: Any) -> tuple[Tensor, Tensor]:
    above, below = each.concentration1, each.concentration0
    base = tf.math.lgamma(above + below) - tf.math.lgamma(above) - tf.math.lgamma(below)
    return tf.stack([above - 1, below - 1], axis=-1), base


def _logarithms(y: Tensor) -> Tensor:
    return tf.stack([tf.math.log(y), tf.math.log1p(-y)], axis=-1)


def _ordered_beta(each: OrderedBeta) -> tuple[Tensor, Tensor]:
    zero, between, one = each.log_parts()
    natural, base = _beta(each.between)
    base = between + base
    return tf.concat([tf.stack([zero - base, one - base], axis=-1), natural], axis=-1), base


def _ends_and_logarithms(y: Tensor) -> Tensor:
    inside = ((y > 0) & (y < 1))[..., None]
    logarithms = tf.where(inside, _logarithms(tf.where(inside[..., 0], y, tf.constant(0.5, y.dtype))), 0)
    return tf.concat([tf.cast(tf.stack([y == 0, y == 1], axis=-1), y.dtype), logarithms], axis=-1)


def _poisson(each: Any) -> tuple[Tensor, Tensor]:
    return tf.stack([each.log_rate, -tf.ones_like(each.log_rate)], axis=-1), -tf.exp(each.log_rate)


def _counts(y: Tensor) -> Tensor:
    return tf.stack([y, tf.math.lgamma(y + 1)], axis=-1)


# Of families whose responses are no categories: natural parameters and base of a distribution, and its statistics.
FORMS: dict[type[Family], tuple[Callable[[Any], tuple[Tensor, Tensor]], Callable[[Tensor], Tensor]]] = {
    families.Beta: (_beta, _logarithms),
    families.OrderedBeta: (_ordered_beta, _ends_and_logarithms),
    families.Poisson: (_poisson, _counts),
}


def exponential_form(family: Family, params: Mapping[str, Tensor], dims: Dims, exists: NDArray[np.bool_]) -> Form:
    """A family as an exponential family at abilities (..., node) or (..., node, trait), which are among `params`.

    Parameters
    ----------
    family : Family
        The response family.
    params : mapping of str to Tensor
        Full arrays (..., *shape) by variable name, finite where an item lacks a category.
    dims : mapping of str to tuple of str
        The dims of each variable.
    exists : ndarray of bool, shape (item, category)
        Which categories each item has, the lowest included.
    """
    each = response_distribution(family, params, dims, exists)
    if type(family) not in FORMS:
        return Form(*_of_categories(each, exists), each, lambda codes: _indicators(codes, exists))
    form, statistics = FORMS[type(family)]
    return Form(*form(each), each, statistics)


def _of_categories(each: Any, exists: NDArray[np.bool_]) -> tuple[Tensor, Tensor]:
    """Log odds against the lowest category, and its log probability; 0 where an item lacks the category."""
    if isinstance(each, Bernoulli):
        return each.logits[..., None], each.log_prob(tf.zeros([], each.dtype))
    # All at once: the distribution's own log_prob, category by category, is a dozen operations for each.
    log_probs = where(exists, tf.math.log_softmax(each.logits), 0.0)
    lowest, higher = log_probs[..., 0], log_probs[..., 1:]
    return higher - lowest[..., None], lowest


def _indicators(codes: Tensor, exists: NDArray[np.bool_]) -> Tensor:
    """1 for the category, of those above the lowest."""
    return tf.one_hot(codes, exists.shape[1])[..., 1:]
