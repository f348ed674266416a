"""Where each variable's numbers stand: a spec meets the shape of the data.

A *full* array has one axis for each dim of the variable, padded to the largest number of categories. A *site* array
holds only what is estimated. A backend samples sites; users, tables and the reference density see full arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.errors import DataError, SpecError
from irtbridge.model.quadrature import Quadrature, check_collapsible, check_normal_abilities
from irtbridge.model.reduction import Reduction, grid_dimensions
from irtbridge.model.spec import ModelSpec
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
        False where an item lacks the category: the full array has NaN there. Elements that exist but are not free
        are 0.
    """

    variable: Variable
    shape: tuple[int, ...]
    free: NDArray[np.bool_] | None = None
    exists: NDArray[np.bool_] | None = None

    @property
    def name(self) -> str:
        """Name of the variable."""
        return self.variable.name

    @cached_property
    def index(self) -> NDArray[np.intp] | None:
        """Flat positions of the site's elements in the full array, or None where the site is the full array."""
        return None if self.free is None else np.flatnonzero(self.free)

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
        """Full array of what is not estimated: 0 where fixed, NaN where there is no such category."""
        return np.zeros(self.shape) if self.exists is None else np.where(self.exists, 0.0, np.nan)

    def to_full(self, site: Array) -> Array:
        """Site array (..., *site_shape) to full array (..., *shape)."""
        if self.basis is not None:
            return site @ self.basis.T
        if self.index is None:
            return site
        lead = site.shape[:-1]
        full = np.broadcast_to(self.fill().ravel(), (*lead, int(np.prod(self.shape)))).copy()
        full[..., self.index] = site
        return full.reshape(*lead, *self.shape)

    def to_site(self, full: Array) -> Array:
        """Full array (..., *shape) to site array (..., *site_shape)."""
        full = np.asarray(full, dtype=float)
        if self.basis is not None:
            return full @ self.basis
        if self.index is None:
            return full
        return full.reshape(*full.shape[: full.ndim - len(self.shape)], -1)[..., self.index]


@dataclass(frozen=True, eq=False)
class Layout:
    """A spec together with the sizes that the data give it.

    Attributes
    ----------
    spec : ModelSpec
        The model.
    sizes : dict of str to int
        Length of each dim; ``category`` counts the categories above the lowest.
    n_categories : ndarray of int, shape (item,)
        Categories of each item.
    slots : dict of str to Slot
        In the order of the spec's variables; the abilities are missing where they are integrated out.
    collapse : Quadrature or None
        How the abilities are integrated out.
    noncentred : bool
        Whether the coordinates of the abilities are standardised ones (see `irtbridge.model.noncentred`).
    """

    spec: ModelSpec
    sizes: dict[str, int]
    n_categories: NDArray[np.int64]
    slots: dict[str, Slot] = field(default_factory=dict)
    collapse: Quadrature | None = None
    noncentred: bool = False

    @classmethod
    def of(
        cls, spec: ModelSpec, responses: Responses, collapse: Quadrature | None = None, *, noncentred: bool = False
    ) -> Layout:
        """Lay a spec out over data, with the abilities or, given a quadrature, without.

        Masks with item labels are matched with the data's items here: `spec` has them in the data's order.

        Raises
        ------
        DataError
            The family cannot have as many categories as an item has, or items must share their categories.
        SpecError
            A Q-matrix, mask or array argument whose shape does not fit the data, or abilities that cannot be
            integrated out, or standardised.
        """
        spec = spec.for_items(responses.items)
        if collapse is not None:
            check_collapsible(spec)
            collapse = collapse.chosen(grid_dimensions(spec), responses.n_categories)
        if noncentred:
            check_normal_abilities(spec)
        n_categories = responses.n_categories
        spec.family.check_responses(spec, responses)
        sizes = {
            "person": responses.n_persons,
            "item": responses.n_items,
            "category": int(n_categories.max()) - 1,
            "trait": len(spec.traits),
        }
        exists = np.arange(1, sizes["category"] + 1) < n_categories[:, None]
        layout = cls(spec, sizes, n_categories, collapse=collapse, noncentred=noncentred)
        for variable in spec.variables:
            layout.slots[variable.name] = _slot(variable, sizes, exists)
            layout._check_array_arguments(variable)
        if collapse is not None:
            del layout.slots[spec.family.ability]
        return layout

    @cached_property
    def dim(self) -> int:
        """Number of unconstrained coordinates of the whole model."""
        return sum(slot.size for slot in self.slots.values())

    @cached_property
    def places(self) -> dict[str, NDArray[np.intp]]:
        """Which unconstrained coordinates each variable has: one variable after another, in the order of the slots."""
        ends = np.cumsum([slot.size for slot in self.slots.values()])
        return {
            name: np.arange(end - slot.size, end) for end, (name, slot) in zip(ends, self.slots.items(), strict=True)
        }

    @cached_property
    def reduction(self) -> Reduction | None:
        """How the integral over the abilities is reduced to two dimensions, if it is."""
        return None if self.collapse is None else Reduction.of(self.spec)

    @property
    def standard_nodes(self) -> Array:
        """Standardised abilities at the nodes of the quadrature, shape (node, trait)."""
        assert self.collapse is not None
        grid = self.collapse.standard_nodes(grid_dimensions(self.spec))
        return grid if self.reduction is None else self.reduction.spread(grid)

    @property
    def exists(self) -> NDArray[np.bool_]:
        """Which categories each item has, shape (item, category), the lowest included."""
        return np.arange(self.sizes["category"] + 1) < self.n_categories[:, None]

    def batch_shape(self, params: Mapping[str, Array]) -> tuple[int, ...]:
        """Leading axes of full arrays (..., *shape)."""
        slot = next(iter(self.slots.values()))
        shape = np.shape(params[slot.name])
        return shape[: len(shape) - len(slot.shape)]

    def rows(self, params: Mapping[str, Array]) -> list[dict[str, Array]]:
        """Full arrays (..., *shape) taken apart: those (*shape) at each index of the leading axes, in C order."""
        return [{k: np.asarray(v)[i] for k, v in params.items()} for i in np.ndindex(self.batch_shape(params))]

    def check_same_shape(self, responses: Responses) -> None:
        """Raise `DataError` unless other data have the shape of those that it was laid out over."""
        same_items = np.array_equal(responses.n_categories, self.n_categories)
        if not same_items or responses.n_persons != self.sizes["person"]:
            raise DataError(
                f"this program was compiled for {self.sizes['person']} persons and categories "
                f"{self.n_categories.tolist()}; got {responses.n_persons} and {responses.n_categories.tolist()}."
            )
        if self.spec.items not in (None, responses.items):
            raise DataError(
                f"this program's Q-matrix stands for the items {', '.join(self.spec.items or ())}, in this "
                f"order; got {', '.join(responses.items)}. Read all data with the same items=[...]."
            )

    def aligned_shape(self, argument: str, variable: str) -> tuple[int, ...]:
        """Shape with which the full array of `argument` broadcasts against that of `variable`, dim by dim."""
        dims = self.spec[argument].dims
        return tuple(self.sizes[d] if d in dims else 1 for d in self.spec[variable].dims)

    def arguments(self, name: str, params: Mapping[str, Array]) -> dict[str, Array]:
        """The prior's arguments of one variable, as arrays that broadcast against its full array.

        Parameters
        ----------
        name : str
            The variable.
        params : mapping of str to ndarray
            Full arrays of at least the variables it refers to.
        """
        prior = self.spec[name].prior
        values = {}
        for argument, value in prior.arguments().items():
            if not isinstance(value, str):
                values[argument] = np.asarray(value, dtype=float)
            elif argument == "scale_tril":
                values[argument] = np.asarray(params[value])
            else:
                order = [d for d in self.spec[name].dims if d in self.spec[value].dims]
                axes = [self.spec[value].dims.index(d) for d in order]
                values[argument] = np.transpose(params[value], axes).reshape(self.aligned_shape(value, name))
        return values

    def _check_array_arguments(self, variable: Variable) -> None:
        slot = self.slots[variable.name]
        for argument, value in variable.prior.arguments().items():
            if isinstance(value, str):
                continue
            shape = np.shape(value)
            trait = (
                (self.sizes["trait"],) * 2 if slot.variable.dims[-1:] == ("trait",) else (slot.shape or (1,))[-1:] * 2
            )
            fits = shape == trait if argument == "scale_tril" else _broadcasts(shape, slot.shape)
            if not fits:
                raise SpecError(f"{variable}: {argument} has shape {shape}, which does not fit {slot.shape}.")


def _broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False


def _slot(variable: Variable, sizes: dict[str, int], has_category: NDArray[np.bool_]) -> Slot:
    shape = tuple(sizes[d] for d in variable.dims)
    free = None if variable.free is None else np.asarray(variable.free, dtype=bool)
    if free is not None and free.shape != shape:
        raise SpecError(
            f"variable {variable.name!r}: its mask (Q-matrix) has shape {free.shape}, the data need {shape}."
        )
    exists = None
    if variable.dims == ("item", "category") and not has_category.all():
        if not variable.prior.ragged or variable.zero_sum:
            raise SpecError(f"{variable}: items with different numbers of categories cannot share this prior.")
        exists = has_category
        free = has_category if free is None else free & has_category
    return Slot(variable, shape, free, exists)
