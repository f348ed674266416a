"""Families of numbers, fractions or counts: what they share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from irtbridge.model.families.base import Array, Dims, ExponentialForm, Family, Params, RoleDims


class Numbers(Family):
    """A family whose responses are numbers: all that it says of an item's mean is ``x = slope - shift``.

    Attributes
    ----------
    number_of_statistics : int
        Statistics of one response.
    """

    number_of_statistics: ClassVar[int]
    role_dims: ClassVar[RoleDims] = {**Family.role_dims, "location": (("item",),)}

    @abstractmethod
    def form(self, x: Array, **shapes: Array) -> ExponentialForm:
        """The exponential form at x (..., person, item).

        Parameters
        ----------
        x : ndarray, shape (..., person, item)
            ``D a (theta - b)``, or ``D a . theta - b``.
        **shapes : ndarray
            Of `Family.shapes`.
        """

    @abstractmethod
    def draw_at(self, rng: np.random.Generator, x: Array, **shapes: Array) -> NDArray[Any]:
        """Responses (person, item) at x (person, item)."""

    @abstractmethod
    def moments_at(self, x: Array, **shapes: Array) -> tuple[Array, Array]:
        """Mean and variance at x (..., person, item)."""

    @abstractmethod
    def information_at(self, x: Array, **shapes: Array) -> Array:
        """Fisher information on x at x (..., person, item)."""

    def moments(self, params: Params, dims: Mapping[str, Dims], exists: NDArray[np.bool_]) -> tuple[Array, Array]:
        return self.moments_at(self._x(params, dims), **self.shapes(params, dims))

    def information(
        self, params: Params, dims: Mapping[str, Dims], exists: NDArray[np.bool_], direction: ArrayLike = 1.0
    ) -> Array:
        on_x = self.information_at(self._x(params, dims), **self.shapes(params, dims))
        return np.asarray(self.tangent(params, dims, direction)[..., 0] ** 2 * on_x)

    def n_statistics(self, exists: NDArray[np.bool_]) -> int:
        return self.number_of_statistics

    def exponential(self, params: Params, dims: Mapping[str, Dims], exists: NDArray[np.bool_]) -> ExponentialForm:
        return self.form(self._x(params, dims), **self.shapes(params, dims))

    def draw(
        self, rng: np.random.Generator, params: Params, dims: Mapping[str, Dims], exists: NDArray[np.bool_]
    ) -> NDArray[Any]:
        return self.draw_at(rng, self._x(params, dims), **self.shapes(params, dims))

    def _x(self, params: Params, dims: Mapping[str, Dims]) -> Array:
        slope, shift = self.predictor(params, dims)
        return np.asarray((slope - shift[..., None, :, :])[..., 0])
