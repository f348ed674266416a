"""Intercepts for locations: coordinates in which the posterior of the item parameters is nearer to a normal.

With one trait a location b acts through ``a b`` alone, the intercept of ``a theta - a b``. The likelihood knows slopes
and intercepts about equally well everywhere, but ``b = (a b) / a`` has a long tail where a may be small: so that a and
b trade off along a curve, a and ``a b`` along a line. At both ends it is the other way round: where a is so small that
the responses tell less of ``a b`` than the prior does of b, and where a is so large that the item is nearly a step at
b, given ``a b`` the location would be a funnel. So b is multiplied by ``g(a) = sqrt(a^2 + c^2) / sqrt(1 + a^2 / C^2)``,
which is a between c and C and constant below and above. It is a change of coordinates, not of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

from irtbridge.data.responses import Responses
from irtbridge.inference.wrapped import WrappedProgram
from irtbridge.model.layout import Layout
from irtbridge.model.slot import Slot
from irtbridge.plugin.program import Program

Array = NDArray[np.float64]
Places = NDArray[np.intp]
ValueAndGrad = Callable[[Array], tuple[Array, Array]]
MOST = 2.0  # C, by trial: see `Intercepts`


@dataclass(frozen=True, eq=False)
class Intercepts:
    """Which coordinates change, and the coordinate s of the discrimination ``a = exp(s)`` of each one's item.

    Attributes
    ----------
    scaled, scaled_by : ndarray of int
        Locations, b to ``g(a) b``, and their discriminations.
    shifted, shifted_by : ndarray of int
        Logarithms of distances between ordered locations, d to ``d + log g(a)``, and their discriminations.
    least, most : float
        c and C of g. N responses know ``a b`` to about ``2 / sqrt(N)``, a prior of b with standard deviation 2, the
        catalogue's, to ``2 a``: c is where the two are equal. C is 2, by trial: importance draws of the catalogue's
        models with 500 persons are worth most there (700 to 850 of 1,000, at 4 a tenth less, without it half).
    """

    scaled: Places
    scaled_by: Places
    shifted: Places
    shifted_by: Places
    least: float
    most: float

    @classmethod
    def of(cls, layout: Layout, persons: float) -> Intercepts | None:
        """The coordinates of a model's locations; None where no location is multiplied by a positive discrimination."""
        family = layout.spec.family
        slope = layout.slots.get(family.discrimination or "")
        if slope is None or not family.scales_locations(layout.spec.dims):
            return None
        if slope.index is not None or slope.variable.prior.bounds() != (0, np.inf):
            return None
        scaled, shifted = [], []
        for slot in (layout.slots[name] for name in family.location if name in layout.slots):
            if slot.variable.dims[:1] == ("item",) and slot.variable.prior.support in ("real", "ordered"):
                items, later = _items(slot), _above_lowest(slot)
                by = layout.places[slope.name][items if slope.variable.dims else 0 * items]
                pairs = np.stack([layout.places[slot.name], by])
                scaled.append(pairs[:, ~later])
                shifted.append(pairs[:, later])
        if not scaled:
            return None
        scaling = layout.spec.family.scaling
        least, most = persons**-0.5 / scaling, MOST / scaling
        places, distances = np.concatenate(scaled, axis=1), np.concatenate(shifted, axis=1)
        return cls(places[0], places[1], distances[0], distances[1], least, most)

    def _log_factor(self, s: Array) -> Array:
        """``log g(exp(s))``."""
        above = np.logaddexp(0.0, 2 * (s - np.log(self.most)))
        return np.asarray(0.5 * (np.logaddexp(2 * s, 2 * np.log(self.least)) - above))

    def _slope(self, s: Array) -> Array:
        """Derivative of `_log_factor`: 1 between c and C, 0 outside."""
        least, most = (special.expit(2 * (s - np.log(end))) for end in (self.least, self.most))
        return np.asarray(least - most)

    def to_locations(self, y: Array) -> Array:
        """Coordinates with intercepts (..., dim) to those with locations."""
        z = y.copy()
        z[..., self.scaled] *= np.exp(-self._log_factor(y[..., self.scaled_by]))
        z[..., self.shifted] -= self._log_factor(y[..., self.shifted_by])
        return z

    def from_locations(self, z: Array) -> Array:
        """The inverse of `to_locations`."""
        y = z.copy()
        y[..., self.scaled] *= np.exp(self._log_factor(z[..., self.scaled_by]))
        y[..., self.shifted] += self._log_factor(z[..., self.shifted_by])
        return y

    def log_jacobian(self, y: Array) -> Array:
        """Log determinant of `to_locations`, shape (...)."""
        return np.asarray(-self._log_factor(y[..., self.scaled_by]).sum(axis=-1))

    def pull_back(self, y: Array, gradient: Array) -> Array:
        """A gradient with respect to the coordinates with locations, as one with respect to those with intercepts."""
        slope, s, t = gradient.copy(), y[..., self.scaled_by], y[..., self.shifted_by]
        slope[..., self.scaled] *= np.exp(-self._log_factor(s))
        np.subtract.at(slope.T, self.scaled_by, (slope[..., self.scaled] * y[..., self.scaled] * self._slope(s)).T)
        np.subtract.at(slope.T, self.shifted_by, (gradient[..., self.shifted] * self._slope(t)).T)
        return slope

    def value_and_grad(self, density: ValueAndGrad, y: Array, *, jacobian: bool) -> tuple[Array, Array]:
        """Density and gradient at coordinates with intercepts, from those at coordinates with locations.

        Parameters
        ----------
        density : callable
            Of coordinates with locations.
        y : ndarray, shape (..., dim)
            Coordinates with intercepts.
        jacobian : bool
            Whether the density is that of the coordinates, or of the parameters.
        """
        value, gradient = density(self.to_locations(y))
        gradient = self.pull_back(y, gradient)
        if not jacobian:
            return value, gradient
        np.subtract.at(gradient.T, self.scaled_by, self._slope(y[..., self.scaled_by]).T)
        return value + self.log_jacobian(y), gradient


class InterceptProgram(WrappedProgram):
    """A program in coordinates with intercepts.

    Parameters
    ----------
    program : Program
        In coordinates with locations, abilities integrated out.
    intercepts : Intercepts
        The change of coordinates.
    """

    def __init__(self, program: Program, intercepts: Intercepts) -> None:
        super().__init__(program)
        self.intercepts = intercepts

    def value(self, z: Array) -> Array:
        z = np.asarray(z, dtype=float)
        return self.program.value(self.intercepts.to_locations(z)) + self.intercepts.log_jacobian(z)

    def value_and_grad(self, z: Array, *, jacobian: bool = True) -> tuple[Array, Array]:
        z = np.asarray(z, dtype=float)
        density = partial(self.program.value_and_grad, jacobian=jacobian)
        return self.intercepts.value_and_grad(density, z, jacobian=jacobian)

    def constrain(self, z: Array) -> dict[str, Array]:
        return self.program.constrain(self.intercepts.to_locations(np.asarray(z, dtype=float)))

    def unconstrain(self, params: Mapping[str, Array]) -> Array:
        return self.intercepts.from_locations(self.program.unconstrain(params))

    def with_data(self, responses: Responses) -> Self:
        other = super().with_data(responses)
        intercepts = Intercepts.of(other.layout, responses.total_weight)
        assert intercepts is not None
        other.intercepts = intercepts
        return other


def with_intercepts(program: Program) -> Program:
    """The program in coordinates with intercepts, where its model has locations that are multiplied by slopes."""
    intercepts = Intercepts.of(program.layout, program.responses.total_weight)
    return program if intercepts is None else InterceptProgram(program, intercepts)


def _items(slot: Slot) -> Places:
    """The item of each coordinate of a location."""
    if slot.index is not None:
        return slot.index // int(np.prod(slot.shape[1:], dtype=int))
    return np.repeat(np.arange(slot.shape[0]), slot.size // slot.shape[0])


def _above_lowest(slot: Slot) -> NDArray[np.bool_]:
    """Which coordinates are distances from the location below."""
    if slot.variable.prior.support != "ordered":
        return np.zeros(slot.size, dtype=bool)
    index = np.arange(slot.size) if slot.index is None else slot.index
    return np.asarray(index % slot.shape[-1] > 0)
