"""Priors as TFP distributions over sites, and the bijectors from unconstrained coordinates to their supports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from irtbridge.model import priors
from irtbridge.model.priors import Prior
from irtbridge.model.slot import Slot

tfb, tfd = tfp.bijectors, tfp.distributions
Tensor = Any


# Stands for infinity in a truncated normal: (inf - loc) / scale has no gradient, and Phi(1e10) is 1 all the same.
FAR = 1e10


def site_distribution(slot: Slot, arguments: Mapping[str, Tensor]) -> Any:
    """Distribution of one variable's site, named as the variable.

    Parameters
    ----------
    slot : Slot
        The variable's place.
    arguments : mapping of str to Tensor
        The prior's arguments, broadcast to (..., *site_shape); `scale_tril` broadcasts as a stack of matrices.
    """
    prior = slot.variable.prior
    each = DISTRIBUTIONS[type(prior)](slot, **arguments)
    return tfd.Independent(each, len(slot.site_shape) - prior.event_ndim, name=slot.name)


def site_bijector(slot: Slot, dtype: str) -> Any:
    """Bijector from a variable's unconstrained coordinates to its site."""
    prior = slot.variable.prior
    if prior.support == "cholesky":
        return tfb.CorrelationCholesky()
    if prior.support == "ordered":
        increasing = Ordered(order_groups(slot))
        return increasing if prior.direction > 0 else tfb.Chain([_minus(dtype), increasing])
    return _bijector_between(*(tf.constant(end, dtype) for end in prior.bounds()))


def _minus(dtype: Any) -> Any:
    return tfb.Scale(tf.constant(-1.0, dtype))


def _bijector_between(low: Tensor, high: Tensor) -> Any:
    if np.isfinite(low) and np.isfinite(high):
        return tfb.Sigmoid(low, high)
    if np.isfinite(low):
        return tfb.Exp() if low == 0 else tfb.Chain([tfb.Shift(low), tfb.Exp()])
    if np.isfinite(high):
        return tfb.Chain([tfb.Shift(high), tfb.Scale(-tf.ones_like(high)), tfb.Exp()])
    return tfb.Identity()


def order_groups(slot: Slot) -> tuple[int, ...]:
    """Group of each element along a site's last axis; elements increase within a group.

    One group where the last axis is one ordered vector; where items differ in their number of categories, the site
    holds them end to end and each item is a group.
    """
    if slot.index is None:
        return (0,) * slot.shape[-1]
    return tuple((slot.index // slot.shape[-1]).tolist())


def _starts(group: tuple[int, ...]) -> Any:
    return np.diff(group, prepend=-1) != 0


class OrderedNormal(tfp.distributions.Distribution):  # type: ignore[misc]
    """Product of independent normals on the cone of vectors that increase within each group; not renormalised.

    Parameters
    ----------
    loc, scale : Tensor, shape (..., n)
        Means and standard deviations.
    group : tuple of int
        Group of each of the n elements; a group's elements stand together.
    """

    def __init__(self, loc: Tensor, scale: Tensor, group: tuple[int, ...], name: str = "OrderedNormal") -> None:
        parameters = dict(locals())
        self.loc, self.scale, self.group = loc, scale, group
        super().__init__(
            dtype=loc.dtype,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )

    @classmethod
    def _parameter_properties(cls, dtype: Any, num_classes: Any = None) -> dict[str, Any]:
        vector = tfp.util.ParameterProperties(event_ndims=1)
        return {"loc": vector, "scale": vector}

    def _event_shape(self) -> Any:
        return tf.TensorShape([len(self.group)])

    def _event_shape_tensor(self) -> Any:
        return tf.constant([len(self.group)])

    def _log_prob(self, x: Tensor) -> Tensor:
        terms = tf.reduce_sum(tfd.Normal(self.loc, self.scale).log_prob(x), axis=-1)
        increases = (x[..., 1:] > x[..., :-1]) | _starts(self.group)[1:]
        return tf.where(tf.reduce_all(increases, axis=-1), terms, -np.inf)

    def _sample_n(self, n: Tensor, seed: Any = None) -> Tensor:
        """Normals sorted within each group: exact where the arguments are constant within it."""
        x = tfd.Normal(self.loc, self.scale).sample(n, seed=seed)
        by_value = tf.argsort(x, axis=-1)
        by_group = tf.argsort(tf.gather(tf.constant(self.group), by_value), axis=-1, stable=True)
        return tf.gather(tf.gather(x, by_value, batch_dims=-1), by_group, batch_dims=-1)

    def _default_event_space_bijector(self) -> Any:
        return Ordered(self.group)


class Ordered(tfp.bijectors.Bijector):  # type: ignore[misc]
    """Real vectors to vectors that increase within each group: the first element, then sums of exponentials.

    Parameters
    ----------
    group : tuple of int
        Group of each element; a group's elements stand together. One group gives `tfb.Ascending`.
    """

    def __init__(self, group: tuple[int, ...], name: str = "ordered") -> None:
        parameters = dict(locals())
        self.group = group
        super().__init__(forward_min_event_ndims=1, parameters=parameters, name=name)

    @classmethod
    def _parameter_properties(cls, dtype: Any) -> dict[str, Any]:
        return {}

    def _forward(self, x: Tensor) -> Tensor:
        first = _starts(self.group)
        increments = tf.where(first, x, tf.exp(tf.where(first, tf.zeros_like(x), x)))
        before = np.triu(np.equal.outer(self.group, self.group))
        return tf.tensordot(increments, tf.constant(before, x.dtype), 1)

    def _inverse(self, y: Tensor) -> Tensor:
        first = _starts(self.group)
        step = y - tf.concat([y[..., :1], y[..., :-1]], axis=-1)
        return tf.where(first, y, tf.math.log(tf.where(first, tf.ones_like(y), step)))

    def _forward_log_det_jacobian(self, x: Tensor) -> Tensor:
        return tf.reduce_sum(tf.where(_starts(self.group), tf.zeros_like(x), x), axis=-1)


def _truncated_normal(slot: Slot, loc: Tensor, scale: Tensor, low: Tensor, high: Tensor) -> Any:
    return tfd.TruncatedNormal(loc, scale, tf.maximum(low, -FAR), tf.minimum(high, FAR))


def _decreasing_normal(slot: Slot, loc: Tensor, scale: Tensor) -> Any:
    return tfd.TransformedDistribution(OrderedNormal(-loc, scale, order_groups(slot)), _minus(loc.dtype))


def _gamma(slot: Slot, concentration: Tensor, rate: Tensor) -> Any:
    return tfd.Gamma(concentration, rate, force_probs_to_zero_outside_support=True)


def _beta(slot: Slot, alpha: Tensor, beta: Tensor) -> Any:
    return tfd.Beta(alpha, beta, force_probs_to_zero_outside_support=True)


# Functions of a variable's place and of the prior's arguments.
DISTRIBUTIONS: dict[type[Prior], Callable[..., Any]] = {
    priors.Normal: lambda slot, loc, scale: tfd.Normal(loc, scale),
    priors.HalfNormal: lambda slot, scale: tfd.HalfNormal(scale),
    priors.LogNormal: lambda slot, loc, scale: tfd.LogNormal(loc, scale),
    priors.TruncatedNormal: _truncated_normal,
    priors.Uniform: lambda slot, low, high: tfd.Uniform(low, high),
    priors.Beta: _beta,
    priors.Gamma: _gamma,
    priors.OrderedNormal: lambda slot, loc, scale: OrderedNormal(loc, scale, order_groups(slot)),
    priors.DecreasingNormal: _decreasing_normal,
    priors.MultivariateNormal: lambda slot, loc, scale_tril: tfd.MultivariateNormalTriL(loc, scale_tril),
    priors.LKJCholesky: lambda slot, eta: tfd.CholeskyLKJ(slot.shape[-1], eta),
}
