"""The prior vocabulary as Pyro distributions, with those that neither Pyro nor torch has."""

# mypy: allow-untyped-calls, allow-subclassing-any, no-warn-return-any
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from pyro.distributions.transforms import OrderedTransform
from torch import Tensor
from torch.distributions import biject_to, transform_to
from torch.distributions.transforms import AffineTransform, ComposeTransform, Transform
from torch.special import log_ndtr, ndtr, ndtri

from irtbridge.model import priors
from irtbridge.model.priors import Prior

Shape = torch.Size | list[int] | tuple[int, ...]
NO_SHAPE = torch.Size()


class TruncatedNormal(dist.TorchDistribution):
    """Normal(`loc`, `scale`) restricted to the interval from `low` to `high`, renormalised.

    Parameters
    ----------
    loc, scale : Tensor
        Of the normal before it is cut.
    low, high : float
        Ends of the interval; either may be infinite.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012

    def __init__(self, loc: Tensor, scale: Tensor, low: float, high: float, validate_args: bool | None = None) -> None:
        self.loc, self.scale = torch.broadcast_tensors(loc, scale)
        self.low, self.high = low, high
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def support(self) -> constraints.Constraint:
        """An interval, a half line or the line."""
        if self.low == -torch.inf:
            return constraints.real if self.high == torch.inf else constraints.less_than(self.high)
        if self.high == torch.inf:
            return constraints.greater_than(self.low)
        return constraints.interval(self.low, self.high)

    def log_prob(self, value: Tensor) -> Tensor:
        return dist.Normal(self.loc, self.scale).log_prob(value) - self._log_mass()

    def _log_mass(self) -> Tensor:
        """Log of Phi(b) - Phi(a); an infinite end is left out, as its gradient would be NaN."""
        a, b = self._ends()
        if self.high == torch.inf:
            return log_ndtr(-a)
        if self.low == -torch.inf:
            return log_ndtr(b)
        a, b = torch.where(a > 0, -b, a), torch.where(a > 0, -a, b)  # the lower tail, where it keeps its digits
        return log_ndtr(b) + torch.log1p(-torch.exp(log_ndtr(a) - log_ndtr(b)))

    def _ends(self) -> tuple[Tensor, Tensor]:
        return (self.low - self.loc) / self.scale, (self.high - self.loc) / self.scale

    def sample(self, sample_shape: Shape = NO_SHAPE) -> Tensor:
        """Draw by inversion of the distribution function."""
        with torch.no_grad():
            a, b = map(ndtr, self._ends())
            uniform = torch.rand((*sample_shape, *self.batch_shape), dtype=a.dtype, device=a.device)
            return (self.loc + self.scale * ndtri(a + (b - a) * uniform)).clamp(self.low, self.high)

    def expand(self, batch_shape: Shape, _instance: Any = None) -> TruncatedNormal:
        return TruncatedNormal(self.loc.expand(batch_shape), self.scale.expand(batch_shape), self.low, self.high, False)


class OrderedRows(constraints.Constraint):
    """The rows of a ragged matrix laid end to end, each row an ordered vector.

    Parameters
    ----------
    exists : Tensor of bool, shape (row, column)
        Which elements there are: the first few of each row.
    """

    event_dim = 1

    def __init__(self, exists: Tensor) -> None:
        self.exists = exists
        self.rows, columns = exists.nonzero().unbind(1)
        self.index = exists.flatten().nonzero()[:, 0]
        self.steps = columns.nonzero()[:, 0]

    def check(self, value: Tensor) -> Tensor:
        """Whether every row increases."""
        return (value[..., self.steps] > value[..., self.steps - 1]).all(-1)


class OrderedRowsTransform(Transform):
    """`OrderedTransform` of each row: the first element as it is, then steps of exp(x)."""

    domain = constraints.real_vector
    bijective = True

    def __init__(self, codomain: OrderedRows) -> None:
        super().__init__()
        self.codomain = self.rows = codomain

    def _call(self, x: Tensor) -> Tensor:
        rows = self.rows
        flat = x.new_zeros(*x.shape[:-1], rows.exists.numel()).index_copy(-1, rows.index, x)
        full = OrderedTransform()(flat.reshape(*x.shape[:-1], *rows.exists.shape))
        return full.flatten(-2)[..., rows.index]

    def _inverse(self, y: Tensor) -> Tensor:
        steps = self.rows.steps
        return y.index_copy(-1, steps, (y[..., steps] - y[..., steps - 1]).log())

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x[..., self.rows.steps].sum(-1)


for registry in (biject_to, transform_to):
    registry.register(OrderedRows, OrderedRowsTransform)


class OrderedNormal(dist.TorchDistribution):
    """Independent normals on the cone of increasing vectors; not renormalised by the probability of the cone.

    Parameters
    ----------
    loc, scale : Tensor, shape (..., n)
        Of the normals.
    support : Constraint
        `ordered_vector`, or `OrderedRows` for vectors of several lengths laid end to end.
    """

    arg_constraints = {"loc": constraints.real_vector, "scale": constraints.independent(constraints.positive, 1)}  # noqa: RUF012
    support: constraints.Constraint = constraints.ordered_vector

    def __init__(
        self,
        loc: Tensor,
        scale: Tensor,
        support: constraints.Constraint = constraints.ordered_vector,
        validate_args: bool | None = None,
    ) -> None:
        self.loc, self.scale = torch.broadcast_tensors(loc, scale)
        self.support = support
        super().__init__(self.loc.shape[:-1], self.loc.shape[-1:], validate_args=validate_args)

    def log_prob(self, value: Tensor) -> Tensor:
        normals = dist.Normal(self.loc, self.scale).log_prob(value).sum(-1)
        return torch.where(self.support.check(value), normals, -torch.inf)

    def sample(self, sample_shape: Shape = NO_SHAPE) -> Tensor:
        """Sorted normals: exact where the arguments are constant along the vector."""
        values, order = dist.Normal(self.loc, self.scale).sample(sample_shape).sort(-1)
        if isinstance(self.support, OrderedRows):
            return values.gather(-1, self.support.rows[order].argsort(dim=-1, stable=True))
        return values

    def expand(self, batch_shape: Shape, _instance: Any = None) -> OrderedNormal:
        shape = (*batch_shape, *self.event_shape)
        return OrderedNormal(self.loc.expand(shape), self.scale.expand(shape), self.support, False)


class Decreasing(constraints.Constraint):
    """The negatives of ordered vectors.

    Parameters
    ----------
    negative : Constraint
        `ordered_vector` or `OrderedRows`: where the negatives lie.
    """

    event_dim = 1

    def __init__(self, negative: constraints.Constraint) -> None:
        self.negative = negative

    def check(self, value: Tensor) -> Tensor:
        """Whether every vector decreases."""
        return self.negative.check(-value)


for registry in (biject_to, transform_to):
    registry.register(
        Decreasing,
        lambda support: ComposeTransform([biject_to(support.negative), AffineTransform(0.0, -1.0, event_dim=1)]),
    )


class DecreasingNormal(OrderedNormal):
    """Independent normals on the cone of decreasing vectors: the negatives of an `OrderedNormal`.

    Parameters
    ----------
    loc, scale, support
        As of `OrderedNormal`; the support is that of the negatives.
    """

    def __init__(
        self,
        loc: Tensor,
        scale: Tensor,
        support: constraints.Constraint = constraints.ordered_vector,
        validate_args: bool | None = None,
    ) -> None:
        self.negative = OrderedNormal(-loc, scale, support, False)
        super().__init__(loc, scale, Decreasing(support), validate_args)

    def sample(self, sample_shape: Shape = NO_SHAPE) -> Tensor:
        return -self.negative.sample(sample_shape)

    def expand(self, batch_shape: Shape, _instance: Any = None) -> DecreasingNormal:
        shape = (*batch_shape, *self.event_shape)
        return DecreasingNormal(self.loc.expand(shape), self.scale.expand(shape), self.negative.support, False)


def _lkj_cholesky(prior: Prior, eta: Tensor) -> dist.TorchDistribution:
    return dist.LKJCholesky(eta.shape[-1], eta[0, 0])


# Functions of the prior and of its arguments.
DISTRIBUTIONS: dict[type[Prior], Callable[..., dist.TorchDistribution]] = {
    priors.Normal: lambda prior, loc, scale: dist.Normal(loc, scale),
    priors.HalfNormal: lambda prior, scale: dist.HalfNormal(scale),
    priors.LogNormal: lambda prior, loc, scale: dist.LogNormal(loc, scale),
    priors.TruncatedNormal: lambda prior, loc, scale, low, high: TruncatedNormal(loc, scale, *prior.bounds()),
    priors.Uniform: lambda prior, low, high: dist.Uniform(low, high),
    priors.Beta: lambda prior, alpha, beta: dist.Beta(alpha, beta),
    priors.Gamma: lambda prior, concentration, rate: dist.Gamma(concentration, rate),
    priors.OrderedNormal: lambda prior, loc, scale, **support: OrderedNormal(loc, scale, **support),
    priors.DecreasingNormal: lambda prior, loc, scale, **support: DecreasingNormal(loc, scale, **support),
    priors.MultivariateNormal: lambda prior, loc, scale_tril: dist.MultivariateNormal(loc, scale_tril=scale_tril),
    priors.LKJCholesky: _lkj_cholesky,
}


def builder(prior: Prior) -> Callable[..., dist.TorchDistribution]:
    """Function from a prior's arguments to its Pyro distribution.

    The arguments are tensors of the shape of what is drawn (a `scale_tril` is a matrix); rows of ordered vectors of
    different lengths have a further one, `support`.
    """
    return partial(DISTRIBUTIONS[type(prior)], prior)
