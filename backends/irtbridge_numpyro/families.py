"""The response families as NumPyro distributions; the maths stands in `irtbridge.model.families`."""

# mypy: allow-untyped-calls, allow-subclassing-any, no-warn-return-any
from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import Array
from jax.nn import log_softmax, sigmoid
from numpy.typing import NDArray
from numpyro.distributions import constraints

from irtbridge.model import families
from irtbridge.model.families import STEEPEST, Family

Values = Mapping[str, Array]
Dims = Mapping[str, tuple[str, ...]]
Exists = NDArray[np.bool_]


def log_add(a: Array | float, b: Array) -> Array:
    """log(exp(a) + exp(b)) where not both are -inf; of what XLA makes of `jnp.logaddexp` a tenth of the time."""
    return jnp.maximum(a, b) + jnp.log1p(jnp.exp(-jnp.abs(a - b)))


def log_sigmoid(x: Array) -> Array:
    """Logarithm of the logistic curve."""
    return -log_add(0.0, -x)


class Bernoulli(dist.discrete.BernoulliLogits):
    """NumPyro's, with a log density that XLA computes in half the time."""

    def log_prob(self, value: Array, intermediates: Any = None) -> Array:
        return log_sigmoid((2 * value - 1) * self.logits)


class Categorical(dist.discrete.CategoricalLogits):
    """NumPyro's, of log probabilities: these need no further normalisation."""

    def log_prob(self, value: Array, intermediates: Any = None) -> Array:
        return jnp.take_along_axis(self.logits, value.astype(int)[..., None], -1)[..., 0]


def _padded(x: Array, before: int, after: int) -> Array:
    return jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(before, after)])


def _binary(slope: Array, shift: Array, exists: Exists, **shapes: Array) -> dist.Distribution:
    x = (slope - shift)[..., 0]
    if not shapes:
        return Bernoulli(logits=x)
    lower, upper = shapes.get("lower", jnp.zeros(())), shapes.get("upper", jnp.ones(()))
    above, below = log_sigmoid(x), log_sigmoid(-x)
    right = log_add(jnp.log(lower) + below, jnp.log(upper) + above)
    wrong = log_add(jnp.log1p(-lower) + below, jnp.log1p(-upper) + above)
    return Bernoulli(logits=right - wrong)


def _log_odds(log_odds: Array, exists: Exists) -> dist.Distribution:
    return _categories(log_softmax(jnp.where(exists, log_odds, -jnp.inf)), exists)


def _categories(log_probs: Array, exists: Exists) -> dist.Distribution:
    return Categorical(logits=jnp.where(exists, log_probs, -jnp.inf))


def _partial_credit(slope: Array, shift: Array, exists: Exists) -> dist.Distribution:
    return _log_odds(jnp.arange(exists.shape[1]) * slope - _padded(jnp.cumsum(shift, -1), 1, 0), exists)


def _nominal(slope: Array, shift: Array, exists: Exists, deviation: Array) -> dist.Distribution:
    score = jnp.arange(1, exists.shape[1]) + deviation
    return _log_odds(_padded(score * slope - shift, 1, 0), exists)


def _graded(slope: Array, shift: Array, exists: Exists) -> dist.Distribution:
    between = exists[:, 2:]
    gap = jnp.where(between, jnp.diff(shift), 1.0)
    log_gap = jnp.where(between, jnp.log(-jnp.expm1(-gap)), 0.0)
    at_least, not_above = _steps(slope - shift, exists)
    return _categories(_padded(at_least, 1, 0) + _padded(not_above, 0, 1) + _padded(log_gap, 1, 1), exists)


def _sequential(slope: Array, shift: Array, exists: Exists) -> dist.Distribution:
    taken, stopped = _steps(slope - shift, exists)
    return _categories(_padded(jnp.cumsum(taken, -1), 1, 0) + _padded(stopped, 0, 1), exists)


def _steps(u: Array, exists: Exists) -> tuple[Array, Array]:
    """Log probabilities to take each step and not to take it, certain where an item lacks the step."""
    return log_sigmoid(u), jnp.where(exists[:, 1:], log_sigmoid(-u), 0.0)


def _beta(slope: Array, shift: Array, exists: Exists, precision: Array) -> dist.Distribution:
    x = (slope - shift)[..., 0]
    return dist.Beta(sigmoid(x) * precision, sigmoid(-x) * precision)


def _poisson(slope: Array, shift: Array, exists: Exists) -> dist.Distribution:
    return dist.Poisson(jnp.exp((slope - shift)[..., 0]))


class OrderedBeta(dist.Distribution):
    """Fractions from 0 to 1: ordered logits of 0, of what lies between, and of 1, and a beta distribution between.

    Parameters
    ----------
    x : Array, shape (person, item)
        Logit of the beta distribution's mean.
    cutpoint : Array, shape (item or 1, 2)
        Where 0 ends, and where 1 begins.
    between : Beta, batch shape (person, item)
        The beta distribution.
    """

    support = constraints.unit_interval

    def __init__(self, x: Array, cutpoint: Array, between: dist.Distribution) -> None:
        self.x, self.cutpoint, self.between = x, cutpoint, between
        super().__init__(x.shape)

    def log_parts(self) -> tuple[Array, Array, Array]:
        """Log probabilities of 0, of what lies between, and of 1."""
        low, high = self.cutpoint[..., 0], self.cutpoint[..., 1]
        gap = jnp.log(-jnp.expm1(low - high))
        middle = log_sigmoid(self.x - low) + log_sigmoid(high - self.x) + gap
        return log_sigmoid(low - self.x), middle, log_sigmoid(self.x - high)

    def log_prob(self, value: Array, intermediates: Any = None) -> Array:
        zero, between, one = self.log_parts()
        inside = (value > 0) & (value < 1)
        density = between + self.between.log_prob(jnp.where(inside, value, 0.5))
        return jnp.where(inside, density, jnp.where(value > 0.5, one, zero))

    def sample(self, key: Array, sample_shape: tuple[int, ...] = ()) -> Array:
        which = dist.Categorical(logits=jnp.stack(self.log_parts(), -1)).sample(key, sample_shape)
        return jnp.where(which == 1, self.between.sample(key, sample_shape), which / 2)


def _ordered_beta(slope: Array, shift: Array, exists: Exists, cutpoint: Array, precision: Array) -> dist.Distribution:
    return OrderedBeta((slope - shift)[..., 0], cutpoint, _beta(slope, shift, exists, precision))


# Functions of slope (person, item, 1 or category - 1), shift (item, category - 1), which categories exist (item,
# category), and `Family.shapes`.
DISTRIBUTIONS: dict[type[Family], Callable[..., dist.Distribution]] = {
    families.Binary: _binary,
    families.Graded: _graded,
    families.PartialCredit: _partial_credit,
    families.Nominal: _nominal,
    families.Sequential: _sequential,
    families.Beta: _beta,
    families.OrderedBeta: _ordered_beta,
    families.Poisson: _poisson,
}


def response(family: Family, values: Values, dims: Dims, exists: Exists) -> dist.Distribution:
    """The distribution of the responses, batch shape (person, item).

    Parameters
    ----------
    family : Family
        The response family.
    values : mapping of str to Array
        Full arrays by variable name; any finite number where an item lacks the category.
    dims : mapping of str to tuple of str
        The dims of each variable.
    exists : ndarray of bool, shape (item, category)
        Which categories each item has, the lowest included.
    """
    return DISTRIBUTIONS[type(family)](*_predictor(family, values, dims), exists, **family.shapes(values, dims))


def _predictor(family: Family, values: Values, dims: Dims) -> tuple[Array, Array]:
    """The slope part (person, item, 1 or category - 1) and the shift (item, category - 1)."""
    ability, of = family.scaling * values[family.ability], dims.get(family.discrimination or "", ())
    location = reduce(jnp.add, (_by_item_and_category(values[name], dims[name]) for name in family.location))
    shift = -location if family.parameterization == "intercept" else location
    a = jnp.ones(()) if family.discrimination is None else jnp.clip(values[family.discrimination], -STEEPEST, STEEPEST)
    if "category" in of:
        return ability[:, None, None] * a, shift
    if "trait" in of:
        return (ability @ a.T)[..., None], shift
    by_item = a.reshape(-1, 1)
    scaled = family.scaling * by_item * location if family.scales_locations(dims) else shift
    # An outer product as a matrix product: its gradients are two products too, and not tables that are summed.
    return (ability[:, None] @ by_item.T)[..., None], scaled


def _by_item_and_category(value: Array, dims: tuple[str, ...]) -> Array:
    return value if dims == ("item", "category") else value[:, None] if dims == ("item",) else value[None]
