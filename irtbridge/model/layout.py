"""Where each variable's numbers stand: a spec meets the shape of the data.

A *full* array has one axis for each dim of the variable, padded to the largest number of categories. A *site* array
holds only what is estimated. A backend samples sites; users, tables and the reference density see full arrays.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.designs import Design
from irtbridge.data.responses import Responses
from irtbridge.errors import DataError, SpecError
from irtbridge.model.priors import Exactly
from irtbridge.model.quadrature import Quadrature, check_collapsible, check_normal_abilities
from irtbridge.model.reduction import Reduction, grid_dimensions
from irtbridge.model.slot import Slot, make_slot
from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import Variable

Array = NDArray[np.float64]


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
        Categories of each item that the family tells apart.
    slots : dict of str to Slot
        Of the variables that are estimated, in the order of the spec; the abilities are missing where they are
        integrated out.
    derived : dict of str to Slot
        Of the variables that nothing is estimated of: known, or linear predictors; see `complete`.
    designs : dict of str to Design
        Design matrices of linear predictors, by the dim that counts their columns.
    membership : ndarray, shape (person, group), or None
        1 where the person is of the group.
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
    derived: dict[str, Slot] = field(default_factory=dict)
    designs: dict[str, Design] = field(default_factory=dict)
    membership: Array | None = None

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
        spec = spec.for_items(responses.items, responses.origins)
        if collapse is not None:
            check_collapsible(spec, collapse)
            collapse = collapse.chosen(grid_dimensions(spec), spec.family.steps(responses))
        if noncentred:
            check_normal_abilities(spec)
        spec.family.check_responses(spec, responses)
        n_categories = spec.family.n_categories(responses)
        sizes = {
            "person": responses.n_persons,
            "item": responses.n_items,
            "category": int(n_categories.max()) - 1,
            "trait": len(spec.traits),
        }
        designs, membership = designs_of(spec, responses), membership_of(spec, responses)
        sizes |= {dim: len(design.columns) for dim, design in designs.items()}
        sizes |= {} if membership is None else {"group": membership.shape[1]}
        layout = cls(spec, sizes, n_categories, {}, collapse, noncentred, {}, designs, membership)
        exists = np.arange(1, sizes["category"] + 1) < n_categories[:, None]
        for variable in spec.variables:
            slot = make_slot(variable, sizes, exists, responses.origins)
            (layout.slots if slot.size else layout.derived)[variable.name] = slot
            layout._check_array_arguments(variable, slot)
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

    @cached_property
    def fingerprint(self) -> str:
        """Of all that it says: programs over layouts with the same one are the same but for the data."""
        said = [self.spec.to_dict(), *(getattr(self, part.name) for part in fields(self))]
        return hashlib.sha256(pickle.dumps(said)).hexdigest()

    @property
    def standard_nodes(self) -> Array:
        """Standardised abilities at the nodes of the quadrature, shape (node, trait)."""
        assert self.collapse is not None
        grid = self.collapse.standard_nodes(len(self.spec.traits) if self.reduction is None else 2)
        return grid if self.reduction is None else self.reduction.spread(grid)

    @property
    def exists(self) -> NDArray[np.bool_]:
        """Which categories each item has, shape (item, category), the lowest included."""
        return np.arange(self.sizes["category"] + 1) < self.n_categories[:, None]

    @property
    def by_person(self) -> bool:
        """Whether the abilities' prior differs from person to person: by group, or by covariates."""
        ability = self.spec.family.ability
        return any(self.matrix(ability, argument) is not None for argument in self.spec[ability].prior.references())

    def complete(self, params: Mapping[str, Array]) -> dict[str, Array]:
        """Full arrays (..., *shape) with those of the variables that nothing is estimated of, in the spec's order."""
        if not self.derived:
            return dict(params)
        values = dict(params)
        for name in self.derived:
            values[name] = self.derive(name, values)
        return {name: values[name] for name in self.spec.names if name in values}

    def derive(self, name: str, params: Mapping[str, Array]) -> Array:
        """Full array (..., *shape) of a variable that nothing is estimated of, from those that stand before it."""
        slot, lead = self.derived[name], self.batch_shape(params)
        exactly = isinstance(slot.variable.prior, Exactly)
        full = self.arguments(name, params)["value"] if exactly else slot.fill()
        return np.broadcast_to(full, (*lead, *slot.shape))

    @property
    def n_columns(self) -> int:
        """Statistics of all responses of a person."""
        return self.sizes["item"] * self.spec.family.n_statistics(self.exists)

    def batch_shape(self, params: Mapping[str, Array]) -> tuple[int, ...]:
        """Leading axes of full arrays (..., *shape)."""
        slots = (*self.slots.values(), *self.derived.values())
        slot = next((slot for slot in slots if slot.name in params), None)
        if slot is None:
            return ()
        shape = np.shape(params[slot.name])
        return shape[: len(shape) - len(slot.shape)]

    def inside(self, params: Mapping[str, Array]) -> NDArray[np.bool_]:
        """Whether all variables lie within the bounds of their priors, of full arrays (..., *shape): shape (...)."""
        return np.asarray(np.all([slot.inside(params[name]) for name, slot in self.slots.items()], axis=0))

    def rows(self, params: Mapping[str, Array]) -> list[dict[str, Array]]:
        """Full arrays (..., *shape) taken apart: those (*shape) at each index of the leading axes, in C order."""
        return [{k: np.asarray(v)[i] for k, v in params.items()} for i in np.ndindex(self.batch_shape(params))]

    def check_same_shape(self, responses: Responses) -> None:
        """Raise `DataError` unless other data have the shape of those that it was laid out over."""
        n_categories = self.spec.family.n_categories(responses)
        same_items = np.array_equal(n_categories, self.n_categories)
        if not same_items or responses.n_persons != self.sizes["person"]:
            raise DataError(
                f"this program was compiled for {self.sizes['person']} persons and categories "
                f"{self.n_categories.tolist()}; got {responses.n_persons} and {n_categories.tolist()}."
            )
        if self.spec.items not in (None, responses.items):
            raise DataError(
                f"this program's Q-matrix stands for the items {', '.join(self.spec.items or ())}, in this "
                f"order; got {', '.join(responses.items)}. Read all data with the same items=[...]."
            )
        if not self.has_covariates_of(responses):
            raise DataError("this program was compiled for other covariates or groups; compile it for these data.")

    def has_covariates_of(self, responses: Responses) -> bool:
        """Whether other data have the same covariates and groups, so far as the model uses them."""
        designs, membership = designs_of(self.spec, responses), membership_of(self.spec, responses)
        same = all(np.array_equal(design.matrix, designs[dim].matrix) for dim, design in self.designs.items())
        if membership is None or self.membership is None:
            return same and membership is self.membership
        return same and np.array_equal(membership, self.membership)

    def matrix(self, name: str, argument: str) -> Array | None:
        """What turns the variable behind a prior's argument into that argument; None where it is the variable itself.

        Returns
        -------
        ndarray, shape (row, column), or None
            The design of a linear predictor, or for what differs by group which person is of which group. It meets the
            first dim of the variable.
        """
        prior, dims = self.spec[name].prior, self.spec[name].dims
        if argument in prior.predictors():
            return self.designs[self.spec[prior.references()[argument]].dims[0]].matrix
        by_group = "group" in self.spec[prior.references()[argument]].dims and "group" not in dims
        return self.membership if by_group else None

    def given_dims(self, name: str, argument: str) -> tuple[str, ...]:
        """Dims of a prior's argument that rests on a variable, once `matrix` has met it."""
        prior = self.spec[name].prior
        dims = self.spec[prior.references()[argument]].dims
        if argument in prior.predictors():
            return (prior.predictors()[argument].dim,)
        return dims if self.matrix(name, argument) is None else ("person", *dims[1:])

    def aligned(self, name: str, argument: str) -> tuple[list[int], tuple[int, ...]]:
        """How an argument of dims `given_dims` lines up with its variable, dim by dim: order of its axes, and shape."""
        dims, given = self.spec[name].dims, self.given_dims(name, argument)
        return [given.index(d) for d in dims if d in given], tuple(self.sizes[d] if d in given else 1 for d in dims)

    def arguments(self, name: str, params: Mapping[str, Array]) -> dict[str, Array]:
        """The prior's arguments of one variable, as arrays that broadcast against its full array.

        Parameters
        ----------
        name : str
            The variable.
        params : mapping of str to ndarray
            Full arrays (..., *shape) of at least the variables it refers to.
        """
        prior = self.spec[name].prior
        values = {argument: np.asarray(value, dtype=float) for argument, value in prior.numbers().items()}
        for argument, reference in prior.references().items():
            value = np.asarray(params[reference])
            values[argument] = value if argument == "scale_tril" else self._argument(name, argument, value)
        return values

    def _argument(self, name: str, argument: str, value: Array) -> Array:
        lead = value.ndim - len(self.spec[self.spec[name].prior.references()[argument]].dims)
        if (matrix := self.matrix(name, argument)) is not None:
            value = np.moveaxis(np.tensordot(value, matrix, axes=(lead, 1)), -1, lead)
        order, shape = self.aligned(name, argument)
        value = np.transpose(value, [*range(lead), *(lead + axis for axis in order)])
        return value.reshape(*value.shape[:lead], *shape)

    def _check_array_arguments(self, variable: Variable, slot: Slot) -> None:
        for argument, value in variable.prior.numbers().items():
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


def designs_of(spec: ModelSpec, responses: Responses) -> dict[str, Design]:
    """Design matrices of a spec's linear predictors, by the dim that counts their columns.

    Raises
    ------
    DataError
        The data have no such covariates, or these cannot tell their weights apart.
    """
    designs = {}
    for dim, predictor in spec.designs.items():
        table = responses.item_data if predictor.dim == "item" else responses.person_data
        if table is None:
            raise DataError(
                f"model {spec.name!r} has the linear predictor {predictor}, but the data have no {predictor.table}; "
                f"give {predictor.table}= a table with a row per {predictor.dim}."
            )
        make = responses.item_design if predictor.dim == "item" else responses.person_design
        designs[dim] = make(predictor.formula, intercept=predictor.intercept)
    return designs


def membership_of(spec: ModelSpec, responses: Responses) -> Array | None:
    """1 where a person (row) is of a group (column); None where the model has no groups.

    Raises
    ------
    DataError
        The data have no groups, or fewer than two.
    """
    if not any("group" in variable.dims for variable in spec.variables):
        return None
    if len(responses.groups) < 2:
        found = f"one group, {responses.groups[0]!r}" if responses.groups else "no groups"
        raise DataError(
            f"model {spec.name!r} has parameters by group, the data have {found}; name the column that says each "
            "person's group with group=."
        )
    return np.asarray(responses.group_codes[:, None] == np.arange(len(responses.groups)), dtype=float)
