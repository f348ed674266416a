"""The language: a model as data. Variables with dims and priors, and a response family that uses them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.labels import labels_of, listed, positions
from irtbridge.errors import SpecError, UnknownName
from irtbridge.model.families import Family, family_from_dict
from irtbridge.model.priors import LKJCholesky, Normal, OrderedNormal, Prior, as_prior

DIMS = ("person", "item", "category", "trait")
RESERVED = (*DIMS, "trait_other", "chain", "draw", "response")


@dataclass(frozen=True)
class Variable:
    """One random quantity of a model.

    Parameters
    ----------
    name : str
        A Python identifier.
    dims : tuple of str
        Of ``person``, ``item``, ``trait`` and ``category`` (the categories above the lowest). A correlation matrix's
        Cholesky factor has dims (trait, trait).
    prior : Prior
        Its prior; a string such as ``"Normal(0, 1)"`` is read.
    free : nested tuple of bool, optional
        Which elements are estimated, dims as `dims`; the others are 0. A Q-matrix stands here.
    zero_sum : bool
        The elements sum to zero along the last dim (identification of the rating scale's steps); the prior is that
        of independent elements restricted to that plane, so it must be a Normal with mean 0 and one scale.
    items : tuple of str, optional
        Item labels of `free`: it is matched with the data's items by them, in any order, and may have more items than
        the data. Without them it is taken by position.

    Raises
    ------
    SpecError
        A wrong name, dim, mask, label or prior.
    """

    name: str
    dims: tuple[str, ...]
    prior: Prior
    free: tuple[Any, ...] | None = None
    zero_sum: bool = False
    items: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "dims", tuple(self.dims))
        object.__setattr__(self, "prior", as_prior(self.prior))
        if self.free is not None:
            object.__setattr__(self, "free", _as_mask(self))
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise SpecError(f"variable name {self.name!r} is not an identifier.")
        if self.name in RESERVED:
            raise SpecError(f"variable name {self.name!r} is taken (as are {', '.join(RESERVED)}); choose another.")
        for dim in self.dims:
            if dim not in DIMS:
                raise UnknownName("dim", dim, DIMS, hint=f"Variable {self.name!r}.")
        if len(self.dims) < self.prior.event_ndim:
            raise SpecError(f"{self}: {type(self.prior).__name__} needs at least {self.prior.event_ndim} dims.")
        if isinstance(self.prior, LKJCholesky) != (self.dims == ("trait", "trait")):
            raise SpecError(f"{self}: dims (trait, trait) and an LKJCholesky prior go together.")
        if self.free is not None and self.prior.event_ndim:
            raise SpecError(f"{self}: fixed elements need an elementwise prior.")
        if self.zero_sum and (self.free is not None or not self.dims or not _is_centred(self.prior)):
            raise SpecError(f"{self}: zero-sum needs a dim, no mask, and a Normal prior with mean 0 and one scale.")
        if self.items is not None:
            object.__setattr__(self, "items", tuple(str(item) for item in self.items))
            _check_items(self)

    def __str__(self) -> str:
        dims = f"[{', '.join(self.dims)}]" if self.dims else ""
        fixed = "" if self.free is None else f"  ({int(np.sum(self.free))} of {np.size(self.free)} free, others 0)"
        return f"{self.name}{dims} ~ {self.prior}{fixed}{'  (sums to 0)' if self.zero_sum else ''}"

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        free = None if self.free is None else np.asarray(self.free).tolist()
        plain = {
            "name": self.name,
            "dims": list(self.dims),
            "prior": self.prior.to_dict(),
            "free": free,
            "zero_sum": self.zero_sum,
        }
        return plain if self.items is None else plain | {"items": list(self.items)}


@dataclass(frozen=True)
class ModelSpec:
    """A Bayesian item response model, said once.

    Parameters
    ----------
    name : str
        Name of the model, as printed in tables.
    variables : tuple of Variable
        In an order in which every hierarchical argument comes before its use.
    family : Family
        The response family, with the variable that plays each role.
    traits : tuple of str
        Labels of the traits.

    Raises
    ------
    SpecError
        A reference to a variable that is not there, or roles with the wrong dims.
    """

    name: str
    variables: tuple[Variable, ...]
    family: Family
    traits: tuple[str, ...] = ("trait",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "variables", tuple(self.variables))
        object.__setattr__(self, "traits", tuple(str(t) for t in self.traits))
        if len(set(self.names)) < len(self.names):
            raise SpecError(f"model {self.name!r}: variable names must differ, got {list(self.names)}.")
        if len(set(self.traits)) < len(self.traits):
            raise SpecError(f"model {self.name!r}: trait labels must differ, got {list(self.traits)}.")
        if len(self.traits) < 2 and any(v.dims == ("trait", "trait") for v in self.variables):
            raise SpecError(f"model {self.name!r}: correlations need two or more traits, got {list(self.traits)}.")
        for position, variable in enumerate(self.variables):
            _check_references(self, variable, self.names[:position])
        for name in self.family.roles().values():
            if name not in self.names:
                raise UnknownName("variable", name, self.names, hint=f"The {self.family.name} family needs it.")
        _check_roles(self)

    @property
    def names(self) -> tuple[str, ...]:
        """Variable names in order."""
        return tuple(v.name for v in self.variables)

    @property
    def dims(self) -> dict[str, tuple[str, ...]]:
        """Dims by variable name."""
        return {v.name: v.dims for v in self.variables}

    @property
    def items(self) -> tuple[str, ...] | None:
        """Item labels of the first mask that has them; None where none has."""
        return next((v.items for v in self.variables if v.items is not None), None)

    def for_items(self, items: Sequence[str]) -> ModelSpec:
        """The spec for a test of these items, in this order.

        Where a mask has item labels, all that the spec has by item, masks and arrays of prior arguments, stands in
        their order, and is matched with the items by them.

        Raises
        ------
        SpecError
            A mask lacks an item, or is left with a trait that no item loads on.
        """
        if self.items is None or all(v.items in (None, tuple(items)) for v in self.variables):
            return self
        spec = replace(self, variables=tuple(_for_items(v, v.items or self.items, items) for v in self.variables))
        for before, after in zip(self.variables, spec.variables, strict=True):
            if before.free is not None and before.dims == ("item", "trait"):
                _check_traits(spec, before, after)
        return spec

    def __getitem__(self, name: str) -> Variable:
        for variable in self.variables:
            if variable.name == name:
                return variable
        raise UnknownName("variable", name, self.names)

    def __str__(self) -> str:
        lines = [str(v) for v in self.variables]
        roles = ", ".join(f"{role.rstrip('0123456789')}={name}" for role, name in self.family.roles().items())
        return "\n".join([f"{self.name}", *lines, f"response[person, item] ~ {self.family.name}({roles})"])

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON or YAML."""
        return {
            "name": self.name,
            "variables": [v.to_dict() for v in self.variables],
            "family": self.family.to_dict(),
            "traits": list(self.traits),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ModelSpec:
        """Rebuild a spec from `to_dict`.

        Raises
        ------
        SpecError
            Data that are not those of a spec.
        """
        try:
            variables = tuple(_variable_from_dict(v) for v in data["variables"])
            return cls(data["name"], variables, family_from_dict(data["family"]), tuple(data["traits"]))
        except (KeyError, TypeError) as error:
            raise SpecError(f"not a model specification: {error!r}; write one with ModelSpec.to_dict().") from error

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the content; the same in every process and version."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _is_centred(prior: Prior) -> bool:
    return type(prior) is Normal and prior.loc == 0.0 and not isinstance(prior.scale, tuple)


def _variable_from_dict(data: Mapping[str, Any]) -> Variable:
    fields = data["name"], tuple(data["dims"]), as_prior(data["prior"]), data["free"], data["zero_sum"]
    return Variable(*fields, items=data.get("items"))


def _check_items(variable: Variable) -> None:
    assert variable.items is not None
    if variable.free is None or "item" not in variable.dims:
        raise SpecError(f"{variable}: items are the labels of a mask over items; it has none.")
    shape = np.shape(variable.free)
    positions(f"items of the mask of {variable.name!r}", variable.items, variable.items)
    if shape[variable.dims.index("item")] != len(variable.items):
        raise SpecError(f"variable {variable.name!r}: {len(variable.items)} item labels for a mask of shape {shape}.")


def _for_items(variable: Variable, given: Sequence[str], items: Sequence[str]) -> Variable:
    """A variable whose numbers by item stand in the order of the labels given, for these items."""
    if "item" not in variable.dims:
        return variable
    what = f"the mask (Q-matrix) of {variable.name!r} against the items of the data"
    order, axis = positions(what, given, items, others=True), variable.dims.index("item") - len(variable.dims)

    def lined_up(values: Any, name: str) -> Any:
        array = np.asarray(values)
        if isinstance(values, str) or array.ndim < -axis or array.shape[axis] == 1:
            return values
        if array.shape[axis] != len(given):
            raise SpecError(f"{variable}: {name} has shape {array.shape}, but the Q-matrix has {len(given)} items.")
        return _nested(np.take(array, order, axis=axis).tolist())

    arguments = {name: lined_up(value, name) for name, value in variable.prior.arguments().items()}
    free = None if variable.free is None else lined_up(variable.free, "the mask")
    labels = None if variable.items is None else tuple(items)
    return replace(variable, prior=type(variable.prior)(**arguments), free=free, items=labels)


def _check_traits(spec: ModelSpec, before: Variable, after: Variable) -> None:
    """Raise `SpecError` where a trait that had items has none left."""
    empty = np.asarray(before.free).any(axis=0) & ~np.asarray(after.free).any(axis=0)
    if empty.any():
        lost = [spec.traits[int(t)] for t in np.flatnonzero(empty)]
        raise SpecError(
            f"model {spec.name!r}: none of the items of the data loads on the traits {listed(lost)}; leave these out "
            "of the Q-matrix, or their items in the data."
        )


def _as_mask(variable: Variable) -> Any:
    if labels_of(variable.free) is not None:
        raise SpecError(
            f"variable {variable.name!r}: free is a labelled table; give free=table.to_numpy() and "
            "items=list(table.index)."
        )
    mask: NDArray[np.bool_] = np.asarray(variable.free, dtype=bool)
    if mask.ndim != len(variable.dims) or mask.size == 0:
        raise SpecError(f"variable {variable.name!r}: free has shape {mask.shape} for dims {variable.dims}.")
    if not mask.any():
        raise SpecError(f"variable {variable.name!r}: no element is free.")
    return _nested(mask.tolist())


def _nested(value: Any) -> Any:
    return tuple(_nested(v) for v in value) if isinstance(value, list) else value


def _check_references(spec: ModelSpec, variable: Variable, before: tuple[str, ...]) -> None:
    for argument, name in variable.prior.references().items():
        if name not in before:
            known = f"before it stand: {', '.join(before) or 'none'}"
            raise SpecError(f"{variable}: {argument}={name!r} is not a variable defined before it; {known}.")
        target = spec[name]
        matrix = isinstance(target.prior, LKJCholesky)
        if matrix != (argument == "scale_tril"):
            raise SpecError(f"{variable}: {argument} cannot be the variable {name!r}.")
        if argument in variable.prior.positive and target.prior.bounds()[0] < 0:
            raise SpecError(f"{variable}: {argument} must be positive, {target} is not; use HalfNormal or LogNormal.")
        if not matrix and not set(target.dims) <= set(variable.dims):
            raise SpecError(f"{variable}: {name} has dims {target.dims}, not all of them among {variable.dims}.")
        if not matrix and (target.free is not None or isinstance(target.prior, OrderedNormal)):
            raise SpecError(f"{variable}: {name!r} has fixed or ordered elements and cannot be a prior's argument.")


ROLE_DIMS: dict[str, tuple[tuple[str, ...], ...]] = {
    "ability": (("person",), ("person", "trait")),
    "discrimination": ((), ("item",), ("item", "trait")),
    "location": (("item",), ("category",), ("item", "category")),
    "lower": (("item",),),
    "upper": (("item",),),
}


def _check_roles(spec: ModelSpec) -> None:
    """Check that each role's variable has dims it can play with, and that the family makes sense with them."""
    for numbered, name in spec.family.roles().items():
        role, dims = numbered.rstrip("0123456789"), spec[name].dims
        if dims not in ROLE_DIMS[role]:
            allowed = " or ".join(str(d) for d in ROLE_DIMS[role])
            raise SpecError(f"model {spec.name!r}: {role} {name!r} has dims {dims}; it must have {allowed}.")
    for role, name in spec.family.roles().items():
        low, high = spec[name].prior.bounds()
        if role in ("lower", "upper") and not 0 <= low < high <= 1:
            raise SpecError(f"{spec[name]}: the {role} asymptote is a probability; use a Beta or Uniform prior.")
    if spec.family.name == "graded" and not any(
        isinstance(spec[name].prior, OrderedNormal) for name in spec.family.location
    ):
        raise SpecError(f"model {spec.name!r}: a graded model needs an OrderedNormal prior on {spec.family.location}.")
    several = spec[spec.family.ability].dims == ("person", "trait")
    slope = spec.family.discrimination
    if slope is None:
        if several:
            raise SpecError(f"model {spec.name!r}: several traits need a discrimination of dims (item, trait).")
        return
    if several != (spec[slope].dims == ("item", "trait")):
        raise SpecError(
            f"model {spec.name!r}: ability has dims {spec[spec.family.ability].dims} but "
            f"{slope} has dims {spec[slope].dims}."
        )
    if spec.family.name == "graded" and not several and spec[slope].prior.bounds()[0] < 0:
        raise SpecError(
            f"model {spec.name!r}: a graded model with one trait needs a positive {slope} (its categories "
            f"keep their order only then); {spec[slope].prior} is not. Use LogNormal, or recode the item."
        )
