"""The language: a model as data. Variables with dims and priors, and a response family that uses them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from irtbridge.data.labels import listed
from irtbridge.errors import SpecError, UnknownName
from irtbridge.model.families import Family, family_from_dict
from irtbridge.model.priors import Predictor
from irtbridge.model.variable import COVARIATE, Variable

EVERY_ITEM = "all"


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
    split : tuple of str, or "all"
        Items that have parameters of their own in each group of persons: one item for each group in the data that it is
        fitted to (`Responses.split`).

    Raises
    ------
    SpecError
        A reference to a variable that is not there, or roles with the wrong dims.
    """

    name: str
    variables: tuple[Variable, ...]
    family: Family
    traits: tuple[str, ...] = ("trait",)
    split: tuple[str, ...] | str = ()

    def __post_init__(self) -> None:
        if self.split != EVERY_ITEM:
            object.__setattr__(self, "split", tuple(str(item) for item in self.split))
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
        _check_weights(self)
        for _, name in self.family.roles():
            if name not in self.names:
                raise UnknownName("variable", name, self.names, hint=f"The {self.family.name} family needs it.")
        self.family.check(self)

    @property
    def names(self) -> tuple[str, ...]:
        """Variable names in order."""
        return tuple(v.name for v in self.variables)

    @property
    def dims(self) -> dict[str, tuple[str, ...]]:
        """Dims by variable name."""
        return {v.name: v.dims for v in self.variables}

    @property
    def designs(self) -> dict[str, Predictor]:
        """The linear predictor whose columns each dim of covariates counts.

        Raises
        ------
        SpecError
            Two formulas share one dim.
        """
        found: dict[str, Predictor] = {}
        for variable in self.variables:
            for predictor in variable.prior.predictors().values():
                (dim,) = self[predictor.weights].dims
                other = found.setdefault(dim, predictor)
                if (other.table, other.formula) != (predictor.table, predictor.formula):
                    raise SpecError(f"{variable}: {dim} counts the columns of {other}; give each formula its own dim.")
        return found

    @property
    def items(self) -> tuple[str, ...] | None:
        """Item labels of the first mask that has them; None where none has."""
        return next((v.items for v in self.variables if v.items is not None), None)

    def for_items(self, items: Sequence[str], origins: Sequence[str] | None = None) -> ModelSpec:
        """The spec for a test of these items, in this order.

        Where a mask has item labels, all that the spec has by item, masks and arrays of prior arguments, stands in
        their order, and is matched with the items by them; items that were split by group by their `origins`.

        Raises
        ------
        SpecError
            A mask lacks an item, or is left with a trait that no item loads on.
        """
        if self.items is None or all(v.items in (None, tuple(items)) for v in self.variables):
            return self
        given = [v.items or self.items for v in self.variables]
        lined_up = [v.for_items(labels, items, origins) for v, labels in zip(self.variables, given, strict=True)]
        spec = replace(self, variables=tuple(lined_up))
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
        if self.split:
            which = "every item" if self.split == EVERY_ITEM else ", ".join(self.split)
            lines.append(f"one item for each group: {which}")
        return "\n".join([f"{self.name}", *lines, f"response[person, item] ~ {self.family}"])

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON or YAML."""
        plain: dict[str, Any] = {
            "name": self.name,
            "variables": [v.to_dict() for v in self.variables],
            "family": self.family.to_dict(),
            "traits": list(self.traits),
        }
        split = self.split if self.split == EVERY_ITEM else list(self.split)
        return plain | ({"split": split} if split else {})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ModelSpec:
        """Rebuild a spec from `to_dict`.

        Raises
        ------
        SpecError
            Data that are not those of a spec.
        """
        try:
            variables = tuple(Variable.from_dict(v) for v in data["variables"])
            family, traits = family_from_dict(data["family"]), tuple(data["traits"])
            return cls(data["name"], variables, family, traits, data.get("split", ()))
        except (KeyError, TypeError) as error:
            raise SpecError(f"not a model specification: {error!r}; write one with ModelSpec.to_dict().") from error

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the content; the same in every process and version."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _check_traits(spec: ModelSpec, before: Variable, after: Variable) -> None:
    """Raise `SpecError` where a trait that had items has none left."""
    empty = np.asarray(before.free).any(axis=0) & ~np.asarray(after.free).any(axis=0)
    if empty.any():
        lost = [spec.traits[int(t)] for t in np.flatnonzero(empty)]
        raise SpecError(
            f"model {spec.name!r}: none of the items of the data loads on the traits {listed(lost)}; leave these out "
            "of the Q-matrix, or their items in the data."
        )


def _check_references(spec: ModelSpec, variable: Variable, before: tuple[str, ...]) -> None:
    predictors = variable.prior.predictors()
    for argument, name in variable.prior.references().items():
        if name not in before:
            known = f"before it stand: {', '.join(before) or 'none'}"
            raise SpecError(f"{variable}: {argument}={name!r} is not a variable defined before it; {known}.")
        target = spec[name]
        matrix = target.prior.support == "cholesky"
        if matrix != (argument == "scale_tril"):
            raise SpecError(f"{variable}: {argument} cannot be the variable {name!r}.")
        if argument in variable.prior.positive and not _is_positive(target):
            raise SpecError(f"{variable}: {argument} must be positive, {target} is not; use HalfNormal or LogNormal.")
        if argument in predictors:
            _check_predictor(variable, predictors[argument], target)
        elif not matrix and not set(target.dims) <= _dims_given(variable):
            raise SpecError(f"{variable}: {name} has dims {target.dims}, not all of them among {variable.dims}.")
        unknown = target.inner or (target.free is not None and target.values is None)
        if not matrix and (unknown or target.prior.support == "ordered"):
            raise SpecError(f"{variable}: {name!r} has fixed or ordered elements and cannot be a prior's argument.")


def _dims_given(variable: Variable) -> set[str]:
    """The dims that an argument may have: a person's group is known."""
    return {*variable.dims, *(["group"] if "person" in variable.dims else [])}


def _is_positive(target: Variable) -> bool:
    known = [] if target.reference is None else [target.reference]
    if target.values is not None:
        known = [*known, *np.asarray(target.values)[~np.asarray(target.free)].ravel().tolist()]
    return target.prior.bounds()[0] >= 0 and all(value > 0 for value in known)


def _check_predictor(variable: Variable, predictor: Predictor, weights: Variable) -> None:
    if predictor.dim not in variable.dims:
        raise SpecError(f"{variable}: {predictor.table} needs the dim {predictor.dim!r}, it has {variable.dims}.")
    if len(weights.dims) != 1 or not weights.dims[0].endswith(COVARIATE):
        raise SpecError(
            f"{variable}: the weights {weights.name!r} have dims {weights.dims}; they need one, as "
            f"('{variable.name}{COVARIATE}',)."
        )


def _check_weights(spec: ModelSpec) -> None:
    """Raise `SpecError` unless each dim of covariates belongs to one design."""
    designs = spec.designs
    for variable in spec.variables:
        for dim in variable.dims:
            if dim.endswith(COVARIATE) and dim not in designs:
                raise SpecError(f"{variable}: no linear predictor uses it; {dim} has no columns.")
