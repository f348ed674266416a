"""The place of one variable: which elements of its full array are estimated, known, tied or not there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from irtbridge.errors import SpecError
from irtbridge.model.variable import Variable

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Slot:
    """The place of one variable.

    Attributes
    ----------
    variable : Variable
        What stands here.
    shape : tuple of int
        Shape of the full array.
    free : ndarray of bool or None
        Which elements of the full array are estimated; None where all are.
    exists : ndarray of bool or None
        False where an item lacks the category: the full array has NaN there.
    values : ndarray or None
        Of the elements that exist but are not free; None where they are 0.
    ties : ndarray of int or None
        For each element the flat position of the first one that is the same parameter; None where each is its own.
    """

    variable: Variable
    shape: tuple[int, ...]
    free: NDArray[np.bool_] | None = None
    exists: NDArray[np.bool_] | None = None
    values: Array | None = None
    ties: NDArray[np.intp] | None = None

    @property
    def name(self) -> str:
        """Name of the variable."""
        return self.variable.name

    @cached_property
    def index(self) -> NDArray[np.intp] | None:
        """Flat positions of the site's elements in the full array, or None where the site is the full array."""
        if self.free is None:
            return None
        own = True if self.ties is None else self.ties == np.arange(self.ties.size).reshape(self.shape)
        return np.flatnonzero(self.free & own)

    @cached_property
    def spread(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Flat positions of the estimated elements of the full array, and which element of the site each one is."""
        assert self.free is not None
        assert self.index is not None
        positions = np.flatnonzero(self.free)
        if self.ties is None:
            return positions, np.arange(len(positions))
        return positions, np.searchsorted(self.index, self.ties.ravel()[positions])

    @cached_property
    def place(self) -> Array:
        """Matrix (site, full) that puts a site's elements in their places in the full array, laid flat."""
        positions, source = self.spread
        matrix = np.zeros((self.site_shape[0], int(np.prod(self.shape))))
        matrix[source, positions] = 1
        return matrix

    @cached_property
    def basis(self) -> Array | None:
        """Orthonormal basis (K, K-1) of the vectors that sum to zero, or None where the variable is not such.

        The Helmert contrasts: full = site @ basis.T has the density of the site, as the map is an isometry.
        """
        if not self.variable.zero_sum:
            return None
        k = self.shape[-1]
        columns = [np.r_[np.ones(j), -j, np.zeros(k - j - 1)] / np.sqrt(j * (j + 1)) for j in range(1, k)]
        return np.stack(columns, axis=1)

    @property
    def site_shape(self) -> tuple[int, ...]:
        """Shape of the site array."""
        if self.index is not None:
            return (len(self.index),)
        return (*self.shape[:-1], self.shape[-1] - 1) if self.variable.zero_sum else self.shape

    @cached_property
    def size(self) -> int:
        """Number of unconstrained coordinates."""
        return int(self.variable.prior.free(self.site_shape).sum())

    @property
    def estimated(self) -> NDArray[np.bool_]:
        """Which elements of the full array are estimated; those below the diagonal of a correlation's factor."""
        return self.variable.prior.free(self.shape) if self.free is None else self.free

    def fill(self) -> Array:
        """Full array of what is not estimated: 0 or its value where fixed, NaN where there is no such category."""
        known = np.zeros(self.shape) if self.values is None else self.values
        return known if self.exists is None else np.where(self.exists, known, np.nan)

    def to_full(self, site: Array) -> Array:
        """Site array (..., *site_shape) to full array (..., *shape)."""
        if self.basis is not None:
            return site @ self.basis.T
        if self.index is None:
            return site
        lead = site.shape[:-1]
        full = np.broadcast_to(self.fill().ravel(), (*lead, int(np.prod(self.shape)))).copy()
        positions, source = self.spread
        full[..., positions] = site[..., source]
        return full.reshape(*lead, *self.shape)

    def to_site(self, full: Array) -> Array:
        """Full array (..., *shape) to site array (..., *site_shape)."""
        full = np.asarray(full, dtype=float)
        if self.basis is not None:
            return full @ self.basis
        if self.index is None:
            return full
        return full.reshape(*full.shape[: full.ndim - len(self.shape)], -1)[..., self.index]

    def inside(self, full: Array) -> NDArray[np.bool_]:
        """Whether what is estimated lies within the bounds of the prior, of full arrays (..., *shape): shape (...)."""
        (low, high), site = self.variable.prior.bounds(), self.to_site(full)
        return np.asarray(np.all((site >= low) & (site <= high), axis=tuple(range(-len(self.site_shape), 0))))


def make_slot(
    variable: Variable, sizes: dict[str, int], has_category: NDArray[np.bool_], origins: tuple[str, ...] | None
) -> Slot:
    """The place of a variable among data of these sizes.

    Parameters
    ----------
    variable : Variable
        The variable, its masks in the order of the data's items.
    sizes : dict of str to int
        Length of each dim.
    has_category : ndarray of bool, shape (item, category)
        Which categories above the lowest each item has.
    origins : tuple of str, optional
        Where items were split by group: the item that each one comes from.

    Raises
    ------
    SpecError
        A mask that does not fit the data, or a prior that items of unequal categories cannot share.
    """
    shape = tuple(sizes[d] for d in variable.dims)
    free = None if variable.free is None else np.asarray(variable.free, dtype=bool)
    if free is not None and free.shape != shape:
        raise SpecError(
            f"variable {variable.name!r}: its mask (Q-matrix) has shape {free.shape}, the data need {shape}."
        )
    if variable.inner:  # a category has a higher one
        inner = np.roll(has_category, -1, axis=1) & (np.arange(sizes["category"]) < sizes["category"] - 1)
        free = inner if free is None else free & inner
    values = None if variable.values is None else np.asarray(variable.values)
    if variable.reference is not None:
        free = np.broadcast_to(np.arange(shape[0]).reshape(-1, *(1,) * (len(shape) - 1)) > 0, shape)
        values = np.where(free, 0.0, variable.reference)
    exists = None
    if variable.dims == ("item", "category") and not has_category.all():
        if not variable.prior.ragged or variable.zero_sum:
            raise SpecError(f"{variable}: items with different numbers of categories cannot share this prior.")
        exists = has_category
        free = has_category if free is None else free & has_category
    ties = _ties(variable, shape, free, origins)
    free = np.ones(shape, dtype=bool) if ties is not None and free is None else free
    return Slot(variable, shape, free, exists, values, ties)


def _ties(
    variable: Variable, shape: tuple[int, ...], free: NDArray[np.bool_] | None, origins: tuple[str, ...] | None
) -> NDArray[np.intp] | None:
    """For each element the flat position of the first that is the same parameter, or None."""
    positions = np.arange(int(np.prod(shape))).reshape(shape)
    if variable.equal == "trait":
        assert free is not None  # the rule of the variable
        return np.take_along_axis(positions, np.broadcast_to(free.argmax(axis=1)[:, None], shape), axis=1)
    if variable.equal == "group" and origins is not None:
        return positions[[origins.index(origin) for origin in origins]]
    return None
