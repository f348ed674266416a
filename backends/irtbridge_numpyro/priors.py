"""The prior vocabulary as NumPyro distributions, with the ordered vectors that NumPyro has not."""

# mypy: allow-untyped-calls, allow-subclassing-any, no-warn-return-any, disable-error-code="untyped-decorator"
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import Array
from numpy.typing import NDArray
from numpyro.distributions import constraints
from numpyro.distributions.transforms import OrderedTransform, ParameterFreeTransform, biject_to

from irtbridge.model import priors
from irtbridge.model.priors import Prior
from irtbridge.model.slot import Slot


class OrderedRows(constraints.ParameterFreeConstraint):
    """The rows of a ragged matrix laid end to end, each of them an increasing, or decreasing, vector.

    Parameters
    ----------
    exists : ndarray of bool, shape (row, column)
        Which elements there are: the first few of each row.
    direction : int
        1 where rows increase, -1 where they decrease.
    """

    event_dim = 1

    def __init__(self, exists: NDArray[np.bool_], direction: int) -> None:
        self.exists, self.direction = exists, direction
        self.index = np.flatnonzero(exists)
        self.steps = np.flatnonzero(np.nonzero(exists)[1])

    def __call__(self, x: Array) -> Array:
        return (self.direction * (x[..., self.steps] - x[..., self.steps - 1]) > 0).all(-1)

    def table(self, x: Array, fill: float) -> Array:
        """The matrix (..., row, column) of elements laid end to end (..., element)."""
        flat = jnp.full((*x.shape[:-1], self.exists.size), fill, x.dtype).at[..., self.index].set(x)
        return flat.reshape(*x.shape[:-1], *self.exists.shape)

    def flat(self, table: Array) -> Array:
        """The inverse of `table`."""
        return table.reshape(*table.shape[:-2], -1)[..., self.index]


class OrderedRowsTransform(ParameterFreeTransform):
    """`OrderedTransform` of each row: the first element as it is, then steps of exp(x)."""

    domain = constraints.real_vector

    def __init__(self, rows: OrderedRows) -> None:
        self.rows = rows

    def __call__(self, x: Array) -> Array:
        return self.rows.direction * self.rows.flat(OrderedTransform()(self.rows.table(x, 0.0)))

    def _inverse(self, y: Array) -> Array:
        y, steps = self.rows.direction * y, self.rows.steps
        return y.at[..., steps].set(jnp.log(y[..., steps] - y[..., steps - 1]))

    def log_abs_det_jacobian(self, x: Array, y: Array, intermediates: Any = None) -> Array:
        return x[..., self.rows.steps].sum(-1)


biject_to.register(OrderedRows)(OrderedRowsTransform)


class OrderedNormal(dist.Distribution):
    """Independent normals on the cone of ordered vectors; not renormalised by the probability of the cone.

    Parameters
    ----------
    loc, scale : Array, shape (..., n)
        Of the normals.
    rows : OrderedRows
        Which of them are a vector, and its direction.
    """

    arg_constraints = {"loc": constraints.real_vector, "scale": constraints.positive}  # noqa: RUF012
    pytree_data_fields = ("loc", "scale")
    pytree_aux_fields = ("rows",)

    def __init__(self, loc: Array, scale: Array, rows: OrderedRows) -> None:
        self.loc, self.scale, self.rows = loc, scale, rows
        super().__init__(loc.shape[:-1], loc.shape[-1:])

    @property
    def support(self) -> OrderedRows:
        """Where the vectors are in order."""
        return self.rows

    def log_prob(self, value: Array, intermediates: Any = None) -> Array:
        return jnp.where(self.rows(value), dist.Normal(self.loc, self.scale).log_prob(value).sum(-1), -jnp.inf)

    def sample(self, key: Array, sample_shape: tuple[int, ...] = ()) -> Array:
        """Sorted normals: exact where the arguments are constant along the vector."""
        normals = self.rows.direction * dist.Normal(self.loc, self.scale).sample(key, sample_shape)
        return self.rows.direction * self.rows.flat(jnp.sort(self.rows.table(normals, jnp.inf), -1))


def _ordered_normal(slot: Slot, loc: Array, scale: Array) -> OrderedNormal:
    exists = np.ones((1, slot.shape[-1]), bool)
    if slot.index is not None:
        exists = np.isin(np.arange(np.prod(slot.shape)), slot.index).reshape(slot.shape)
    return OrderedNormal(loc, scale, OrderedRows(exists, slot.variable.prior.direction))


# Functions of a variable's slot, and of its prior's arguments in the shape of its site (a `scale_tril` is a matrix).
DISTRIBUTIONS: dict[type[Prior], Callable[..., dist.Distribution]] = {
    priors.Normal: lambda slot, loc, scale: dist.Normal(loc, scale),
    priors.HalfNormal: lambda slot, scale: dist.HalfNormal(scale),
    priors.LogNormal: lambda slot, loc, scale: dist.LogNormal(loc, scale),
    priors.TruncatedNormal: lambda slot, loc, scale, low, high: _truncated_normal(slot, loc, scale),
    priors.Uniform: lambda slot, low, high: dist.Uniform(*slot.variable.prior.bounds()).expand(low.shape),
    priors.Beta: lambda slot, alpha, beta: dist.Beta(alpha, beta),
    priors.Gamma: lambda slot, concentration, rate: dist.Gamma(concentration, rate),
    priors.OrderedNormal: _ordered_normal,
    priors.DecreasingNormal: _ordered_normal,
    priors.MultivariateNormal: lambda slot, loc, scale_tril: dist.MultivariateNormal(loc, scale_tril=scale_tril),
    priors.LKJCholesky: lambda slot, eta: dist.LKJCholesky(slot.shape[-1], eta[0, 0]),
}


def _truncated_normal(slot: Slot, loc: Array, scale: Array) -> dist.Distribution:
    low, high = (end if np.isfinite(end) else None for end in slot.variable.prior.bounds())
    return dist.TruncatedNormal(loc, scale, low=low, high=high)
