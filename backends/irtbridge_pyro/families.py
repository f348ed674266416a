"""The response families as Pyro distributions; the maths stands in `irtbridge.model.families`."""

# mypy: allow-untyped-calls, allow-subclassing-any, no-warn-return-any
from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, reduce
from typing import Any

import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from torch import Tensor
from torch.nn.functional import logsigmoid, pad, softplus

from irtbridge.model import families
from irtbridge.model.families import STEEPEST, Family
from irtbridge_pyro.priors import NO_SHAPE, Shape

Values = Mapping[str, Tensor]
Dims = Mapping[str, tuple[str, ...]]

LINEAR = 40.0  # from here log(1 + exp(x)) is x in double precision
FAR = 1e30  # where a category that an item lacks would begin: finite, as the gradient at infinity is NaN


def log_sigmoid(x: Tensor) -> Tensor:
    """``-log(1 + exp(-x))``."""
    # On a GPU torch's own brings an empty buffer, which a vmap within a vmap cannot take (seen with torch 2.11).
    return -softplus(-x, threshold=LINEAR) if x.is_cuda else logsigmoid(x)


class Bernoulli(dist.Bernoulli):
    """`pyro.distributions.Bernoulli` of logits, whose log density is one operation and not ten."""

    def log_prob(self, value: Tensor) -> Tensor:
        return log_sigmoid((2 * value - 1) * self.logits)


class Categories(dist.TorchDistribution):
    """Categories 0, ..., K - 1 of persons (rows) on items (columns).

    Parameters
    ----------
    slope : Tensor, shape (person, item), or (person, item, K - 1)
        What the person brings to the item, or to each of its categories above the lowest.
    shift : Tensor, shape (item, K - 1)
        Locations of the categories above the lowest; any finite number where an item lacks the category.
    exists : Tensor of bool, shape (item, K)
        Which categories each item has, the lowest included.
    """

    arg_constraints = {"slope": constraints.real, "shift": constraints.real_vector}  # noqa: RUF012

    def __init__(self, slope: Tensor, shift: Tensor, exists: Tensor, validate_args: bool | None = None) -> None:
        self.slope, self.shift, self.exists = slope, shift, exists
        super().__init__(slope.shape[:2], validate_args=validate_args)

    @property
    def support(self) -> constraints.Constraint:
        """Integers from 0 to K - 1."""
        return constraints.integer_interval(0, self.exists.shape[1] - 1)

    def sample(self, sample_shape: Shape = NO_SHAPE) -> Tensor:
        codes = [self.slope.new_full(self.batch_shape, k) for k in range(self.exists.shape[1])]
        log_probs = torch.stack([self.log_prob(code) for code in codes], -1)
        return dist.Categorical(logits=log_probs).sample(sample_shape).to(self.slope.dtype)

    def expand(self, batch_shape: Shape, _instance: Any = None) -> Categories:
        slope = self.slope.expand(*batch_shape, *self.slope.shape[2:])
        return type(self)(slope, self.shift, self.exists, False)


class PartialCredit(Categories):
    """Adjacent logits: ``log P(Y = k) / P(Y = k - 1) = slope - shift_k``."""

    def log_prob(self, value: Tensor) -> Tensor:
        offset = torch.where(self.exists, pad(self.shift.cumsum(-1), (1, 0)), FAR)
        score = torch.arange(len(offset.T), dtype=offset.dtype, device=offset.device)
        log_odds = score[:, None, None] * self.slope - offset.T[:, None]  # categories first: they reduce fastest there
        return value * self.slope - _of_category(offset, value) - log_odds.logsumexp(0)


class Graded(Categories):
    """Cumulative logits: ``logit P(Y >= k) = slope - shift_k``, the shifts of an item increasing."""

    def log_prob(self, value: Tensor) -> Tensor:
        between = self.exists[:, 2:]
        gap = torch.where(between, self.shift.diff(), 1.0)
        log_gap = torch.where(between, torch.log(-torch.expm1(-gap)), 0.0)
        shift = torch.where(self.exists[:, 1:], self.shift, FAR)
        lower, upper = pad(shift, (1, 0), value=-FAR), pad(shift, (0, 1), value=FAR)
        at_least = log_sigmoid(self.slope - _of_category(lower, value))
        not_above = log_sigmoid(_of_category(upper, value) - self.slope)
        return at_least + not_above + _of_category(pad(log_gap, (1, 1)), value)


class Sequential(Categories):
    """Continuation ratios: ``P(Y >= k | Y >= k - 1) = sigma(slope - shift_k)``."""

    def log_prob(self, value: Tensor) -> Tensor:
        u = self.slope - self.shift.T[:, None]  # categories first, as in `PartialCredit`
        step = torch.arange(1, len(u) + 1, dtype=value.dtype, device=value.device)[:, None, None]
        taken = step <= value
        faced = taken | ((step == value + 1) & self.exists.T[1:, None])
        return torch.where(faced, log_sigmoid(torch.where(taken, u, -u)), 0.0).sum(0)


class Nominal(Categories):
    """Log odds against the lowest category: ``log P(Y = k) / P(Y = 0) = (k + deviation_k) slope - shift_k``."""

    def __init__(
        self, slope: Tensor, shift: Tensor, exists: Tensor, deviation: Tensor, validate_args: bool | None = None
    ) -> None:
        self.deviation = deviation
        super().__init__(slope, shift, exists, validate_args)

    def log_prob(self, value: Tensor) -> Tensor:
        number = torch.arange(len(self.exists.T), dtype=self.slope.dtype, device=self.slope.device)
        score = number + pad(self.deviation, (1, 0))
        offset = torch.where(self.exists, pad(self.shift, (1, 0)), FAR)
        log_odds = score.T[:, None] * self.slope - offset.T[:, None]
        return _of_category(score, value) * self.slope - _of_category(offset, value) - log_odds.logsumexp(0)

    def expand(self, batch_shape: Shape, _instance: Any = None) -> Nominal:
        slope = self.slope.expand(*batch_shape, *self.slope.shape[2:])
        return Nominal(slope, self.shift, self.exists, self.deviation, False)


def _of_category(table: Tensor, value: Tensor) -> Tensor:
    """Entries (person, item) of a table (item, category) at each response's category."""
    return table.T.gather(0, value.long())


def _binary(slope: Tensor, shift: Tensor, exists: Tensor, **shapes: Tensor) -> dist.TorchDistribution:
    x = slope - shift[:, 0]
    if not shapes:
        return Bernoulli(logits=x)
    lower = shapes.get("lower", x.new_zeros(()))
    upper = shapes.get("upper", x.new_ones(()))
    above, below = log_sigmoid(x), log_sigmoid(-x)
    right = torch.logaddexp(lower.log() + below, upper.log() + above)
    wrong = torch.logaddexp(torch.log1p(-lower) + below, torch.log1p(-upper) + above)
    return Bernoulli(logits=right - wrong)


def _beta(slope: Tensor, shift: Tensor, exists: Tensor, precision: Tensor) -> dist.Beta:
    x = slope - shift[:, 0]
    return dist.Beta(x.sigmoid() * precision, (-x).sigmoid() * precision)


def _poisson(slope: Tensor, shift: Tensor, exists: Tensor) -> dist.Poisson:
    return dist.Poisson((slope - shift[:, 0]).exp())


class OrderedBeta(dist.TorchDistribution):
    """Fractions from 0 to 1: ordered logits of 0, of what lies between, and of 1, and a beta distribution between.

    Parameters
    ----------
    slope, shift : Tensor, shape (person, item) and (item, 1)
        Their difference is the logit of the beta distribution's mean.
    exists : Tensor of bool, shape (item, 3)
        Not used.
    cutpoint : Tensor, shape (item or 1, 2)
        Where 0 ends, and where 1 begins.
    precision : Tensor, shape (item or 1,)
        Sum of the two parameters of the beta distribution.
    """

    arg_constraints = {"cutpoint": constraints.ordered_vector, "precision": constraints.positive}  # noqa: RUF012
    support = constraints.unit_interval

    def __init__(self, slope: Tensor, shift: Tensor, exists: Tensor, cutpoint: Tensor, precision: Tensor) -> None:
        self.x, self.cutpoint, self.precision = slope - shift[:, 0], cutpoint, precision
        self.between = _beta(slope, shift, exists, precision)
        super().__init__(self.x.shape, validate_args=False)

    def log_parts(self) -> tuple[Tensor, Tensor, Tensor]:
        """Log probabilities of 0, of what lies between, and of 1."""
        low, high = self.cutpoint.unbind(-1)
        gap = torch.log(-torch.expm1(low - high))
        return (
            log_sigmoid(low - self.x),
            log_sigmoid(self.x - low) + log_sigmoid(high - self.x) + gap,
            log_sigmoid(self.x - high),
        )

    def log_prob(self, value: Tensor) -> Tensor:
        zero, between, one = self.log_parts()
        inside = (value > 0) & (value < 1)
        density = between + self.between.log_prob(torch.where(inside, value, 0.5))
        return torch.where(inside, density, torch.where(value > 0.5, one, zero))

    def sample(self, sample_shape: Shape = NO_SHAPE) -> Tensor:
        which = dist.Categorical(logits=torch.stack(self.log_parts(), -1)).sample(sample_shape)
        return torch.where(which == 1, self.between.sample(sample_shape), which / 2)

    def expand(self, batch_shape: Shape, _instance: Any = None) -> OrderedBeta:
        return self


# Functions of slope (person, item), shift (item, category - 1), which categories exist (item, category), and
# `Family.shapes`.
DISTRIBUTIONS: dict[type[Family], Callable[..., dist.TorchDistribution]] = {
    families.Binary: _binary,
    families.Graded: Graded,
    families.PartialCredit: PartialCredit,
    families.Nominal: Nominal,
    families.Sequential: Sequential,
    families.Beta: _beta,
    families.OrderedBeta: OrderedBeta,
    families.Poisson: _poisson,
}


def response_builder(family: Family) -> Callable[[Values, Dims, Tensor], dist.TorchDistribution]:
    """Function to the Pyro distribution of the responses, batch shape (person, item).

    Its arguments are the full arrays by variable name (any finite number where an item lacks the category), the dims
    of each variable, and which categories each item has, shape (item, category), the lowest included.
    """
    return partial(_response, family)


def _response(family: Family, values: Values, dims: Dims, exists: Tensor) -> dist.TorchDistribution:
    return DISTRIBUTIONS[type(family)](*_predictor(family, values, dims), exists, **family.shapes(values, dims))


def _predictor(family: Family, values: Values, dims: Dims) -> tuple[Tensor, Tensor]:
    """The slope part and the shift (item, category above the lowest).

    The slope part is (person, item), or (person, item, category) where the discrimination has a category axis.
    """
    ability, D = values[family.ability], family.scaling
    location = reduce(torch.add, (_by_item_category(values[name], dims[name]) for name in family.location))
    shift = -location if family.parameterization == "intercept" else location
    scaled = family.scales_locations(dims)
    if family.discrimination is None:
        return D * ability.unsqueeze(-1), D * location if scaled else shift
    discrimination = values[family.discrimination].clamp(-STEEPEST, STEEPEST)
    if "category" in dims[family.discrimination]:
        return D * ability[:, None, None] * discrimination, shift
    if "trait" in dims[family.discrimination]:
        return D * ability @ discrimination.T, shift
    # An outer product as a matrix product: its gradients are two products too, and not two tables that are summed.
    by_item = discrimination.reshape(-1, 1)
    return D * ability.unsqueeze(-1) @ by_item.T, D * by_item * location if scaled else shift


def _by_item_category(value: Tensor, dims: tuple[str, ...]) -> Tensor:
    return value if dims == ("item", "category") else value.unsqueeze(-1 if dims == ("item",) else 0)
