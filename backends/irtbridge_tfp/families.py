"""Response families as TFP distributions over (..., person, item); the maths is in `irtbridge.model.families`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from numpy.typing import NDArray

from irtbridge.model import families
from irtbridge.model.families import STEEPEST, Family

tfd = tfp.distributions
Tensor = Any
Dims = Mapping[str, tuple[str, ...]]

# Finite, so that a category that an item lacks has probability 0 and no gradient, instead of NaN.
IMPOSSIBLE = -1e30


def response_distribution(family: Family, params: Mapping[str, Tensor], dims: Dims, exists: NDArray[np.bool_]) -> Any:
    """Distribution of the response codes, batch shape (..., person, item).

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
    slope, shift = predictor(family, params, dims, len(exists))
    return DISTRIBUTIONS[type(family)](slope, shift, exists, **family.shapes(params, dims))


def predictor(family: Family, params: Mapping[str, Tensor], dims: Dims, n_items: int) -> tuple[Tensor, Tensor]:
    """The slope part and the shift (..., item, category above the lowest).

    The slope part is (..., person, item), or (..., person, item, category) where discriminations have a category axis.
    """
    ability = params[family.ability]
    location = sum(_to_item_category(params[name], dims[name]) for name in family.location)
    shift = -location if family.parameterization == "intercept" else location
    slopes = _slopes(family, params, dims)
    if "category" in dims.get(family.discrimination or "", ()):
        return family.scaling * ability[..., None, None] * slopes[..., None, :, :], shift
    if dims[family.ability] == ("person", "trait"):
        return family.scaling * tf.matmul(ability, slopes, transpose_b=True), shift
    slopes = tf.ones([n_items], ability.dtype) * slopes
    if family.scales_locations(dims):
        shift = family.scaling * slopes[..., None] * location
    return tf.matmul(family.scaling * ability[..., None], slopes[..., None, :]), shift


def _slopes(family: Family, params: Mapping[str, Tensor], dims: Dims) -> Tensor:
    """Discriminations: (..., item, trait or category), (..., item) or, where items share one, (..., 1)."""
    if family.discrimination is None:
        return 1.0
    value = tf.clip_by_value(params[family.discrimination], -STEEPEST, STEEPEST)
    return value if dims[family.discrimination] else value[..., None]


def _to_item_category(value: Tensor, dims: tuple[str, ...]) -> Tensor:
    if dims == ("item", "category"):
        return value
    return value[..., None] if dims == ("item",) else value[..., None, :]


class Bernoulli(tfp.distributions.Bernoulli):  # type: ignore[misc]
    """`tfd.Bernoulli` of logits, whose log density and its gradient share one exponential."""

    def _log_prob(self, event: Tensor) -> Tensor:
        logits, event = self.logits, tf.cast(event, self.logits.dtype)
        last = logits.shape[max(logits.shape.rank - event.shape.rank, 0) :]
        if not (last.is_fully_defined() and last == event.shape):
            shape = tf.broadcast_dynamic_shape(tf.shape(logits), tf.shape(event))
            logits, event = tf.broadcast_to(logits, shape), tf.broadcast_to(event, shape)
        return _bernoulli_log_prob(logits, event)


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _bernoulli_log_prob(x: Tensor, y: Tensor) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor, None]]]:
    """``y x - log(1 + exp(x))`` for logits x whose last axes are those of the responses y."""
    small = tf.exp(-tf.abs(x))

    def gradient(upstream: Tensor) -> tuple[Tensor, None]:
        above = 1 / (1 + small)
        return upstream * (y - tf.where(x > 0, above, small * above)), None

    return y * x - tf.maximum(x, tf.zeros([], x.dtype)) - tf.math.log1p(small), gradient


def _binary(slope: Tensor, shift: Tensor, exists: NDArray[np.bool_], **shapes: Tensor) -> Any:
    """Bernoulli whose logit is log P(Y = 1) - log P(Y = 0); without asymptotes that is slope - shift."""
    x = slope - shift[..., None, :, 0]
    if not shapes:
        return Bernoulli(logits=x)
    above, below = tf.math.log_sigmoid(x), tf.math.log_sigmoid(-x)
    lower, not_lower = _log_and_complement(shapes.get("lower"), absent=(IMPOSSIBLE, 0.0))
    upper, not_upper = _log_and_complement(shapes.get("upper"), absent=(0.0, IMPOSSIBLE))
    right = tfp.math.log_add_exp(lower + below, upper + above)
    wrong = tfp.math.log_add_exp(not_lower + below, not_upper + above)
    return Bernoulli(logits=right - wrong)


def _log_and_complement(asymptote: Tensor | None, absent: tuple[float, float]) -> tuple[Tensor, Tensor]:
    if asymptote is None:
        return absent
    asymptote = asymptote[..., None, :]
    return tf.math.log(asymptote), tf.math.log1p(-asymptote)


def _graded(slope: Tensor, shift: Tensor, exists: NDArray[np.bool_]) -> Any:
    """Categorical with log P(Y = k) = log sigma(u_k) + log sigma(-u_{k+1}) + log(1 - exp(-gap))."""
    u = slope[..., None] - shift[..., None, :, :]
    between = exists[:, 2:]
    gap = where(between, shift[..., 1:] - shift[..., :-1], 1.0)
    log_gap = where(between, tf.math.log(-tf.math.expm1(-gap)), 0.0)[..., None, :, :]
    not_above = where(exists[:, 1:], tf.math.log_sigmoid(-u), 0.0)
    log_probs = _pad(tf.math.log_sigmoid(u), 1, 0) + _pad(not_above, 0, 1) + _pad(log_gap, 1, 1)
    return _categorical(log_probs, exists)


def _partial_credit(slope: Tensor, shift: Tensor, exists: NDArray[np.bool_]) -> Any:
    """Categorical whose logits are the sums of adjacent logits."""
    score = tf.range(exists.shape[1], dtype=slope.dtype)
    offset = _pad(tf.cumsum(shift, axis=-1), 1, 0)
    return _categorical(score * slope[..., None] - offset[..., None, :, :], exists)


def _nominal(slope: Tensor, shift: Tensor, exists: NDArray[np.bool_], deviation: Tensor) -> Any:
    """Categorical whose logits are ``(k + deviation_k) slope - shift_k``."""
    score = tf.range(1, exists.shape[1], dtype=slope.dtype) + deviation[..., None, :, :]
    return _categorical(_pad(score * slope[..., None] - shift[..., None, :, :], 1, 0), exists)


def _sequential(slope: Tensor, shift: Tensor, exists: NDArray[np.bool_]) -> Any:
    """Categorical with log P(Y = k) = log sigma(u_1) + ... + log sigma(u_k) + log sigma(-u_{k+1})."""
    u = slope[..., None] - shift[..., None, :, :]
    stop = where(exists[:, 1:], tf.math.log_sigmoid(-u), 0.0)
    return _categorical(_pad(tf.cumsum(tf.math.log_sigmoid(u), axis=-1), 1, 0) + _pad(stop, 0, 1), exists)


def _categorical(logits: Tensor, exists: NDArray[np.bool_]) -> Any:
    return tfd.Categorical(logits=where(exists, logits, IMPOSSIBLE))


def where(exists: NDArray[np.bool_], x: Tensor, otherwise: float) -> Tensor:
    """A tensor where a category exists, and a number elsewhere; without an operation where all items have all."""
    return x if exists.all() else tf.where(exists, x, tf.constant(otherwise, x.dtype))


def _beta(slope: Tensor, shift: Tensor, exists: NDArray[np.bool_], precision: Tensor) -> Any:
    return _beta_of_logit(slope - shift[..., None, :, 0], precision)


def _beta_of_logit(x: Tensor, precision: Tensor) -> Any:
    precision = precision[..., None, :]
    return tfd.Beta(tf.sigmoid(x) * precision, tf.sigmoid(-x) * precision)


def _poisson(slope: Tensor, shift: Tensor, exists: NDArray[np.bool_]) -> Any:
    return tfd.Poisson(log_rate=slope - shift[..., None, :, 0])


class OrderedBeta(tfp.distributions.Distribution):  # type: ignore[misc]
    """Fractions from 0 to 1: ordered logits of 0, of what lies between, and of 1, and a beta distribution between.

    Parameters
    ----------
    x : Tensor, shape (..., person, item)
        Logit of the beta distribution's mean.
    cutpoint : Tensor, shape (..., item or 1, 2)
        Where 0 ends, and where 1 begins.
    precision : Tensor, shape (..., item or 1)
        Sum of the two parameters of the beta distribution.
    """

    def __init__(self, x: Tensor, cutpoint: Tensor, precision: Tensor, name: str = "OrderedBeta") -> None:
        parameters = {"x": x, "cutpoint": cutpoint, "precision": precision, "name": name}
        self.x, self.cutpoint, self.between = x, cutpoint, _beta_of_logit(x, precision)
        super().__init__(
            dtype=x.dtype,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )

    def _batch_shape(self) -> Any:
        return self.x.shape

    def _batch_shape_tensor(self) -> Tensor:
        return tf.shape(self.x)

    def _event_shape(self) -> Any:
        return tf.TensorShape([])

    def _event_shape_tensor(self) -> Tensor:
        return tf.constant([], tf.int32)

    def log_parts(self) -> tuple[Tensor, Tensor, Tensor]:
        """Log probabilities of 0, of what lies between, and of 1."""
        low, high = self.cutpoint[..., None, :, 0], self.cutpoint[..., None, :, 1]
        above, below = tf.math.log_sigmoid(self.x - low), tf.math.log_sigmoid(high - self.x)
        between = above + below + tf.math.log(-tf.math.expm1(low - high))
        return tf.math.log_sigmoid(low - self.x), between, tf.math.log_sigmoid(self.x - high)

    def _log_prob(self, value: Tensor) -> Tensor:
        zero, between, one = self.log_parts()
        inside = (value > 0) & (value < 1)
        density = between + self.between.log_prob(tf.where(inside, value, tf.constant(0.5, self.dtype)))
        return tf.where(inside, density, tf.where(value > 0.5, one, zero))

    def _sample_n(self, n: int, seed: Any = None) -> Tensor:
        of_part, of_beta = tfp.random.split_seed(seed, n=2)
        which = tfd.Categorical(tf.stack(self.log_parts(), -1)).sample(n, seed=of_part)
        return tf.where(which == 1, self.between.sample(n, seed=of_beta), tf.cast(which, self.dtype) / 2)


def _ordered_beta(
    slope: Tensor, shift: Tensor, exists: NDArray[np.bool_], cutpoint: Tensor, precision: Tensor
) -> OrderedBeta:
    return OrderedBeta(slope - shift[..., None, :, 0], cutpoint, precision)


def _pad(x: Tensor, before: int, after: int) -> Tensor:
    """Zeros before and after the last axis."""
    return tf.pad(x, [[0, 0]] * (x.shape.rank - 1) + [[before, after]])


# Functions of slope (..., person, item), shift (..., item, category - 1), which categories exist, and `Family.shapes`.
DISTRIBUTIONS: dict[type[Family], Callable[..., Any]] = {
    families.Binary: _binary,
    families.Graded: _graded,
    families.PartialCredit: _partial_credit,
    families.Nominal: _nominal,
    families.Sequential: _sequential,
    families.Beta: _beta,
    families.OrderedBeta: _ordered_beta,
    families.Poisson: _poisson,
}
