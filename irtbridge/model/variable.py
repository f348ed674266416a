"""One random quantity of a model: its name, dims and prior, and which of its elements are estimated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.labels import labels_of, positions
from irtbridge.errors import SpecError, UnknownName
from irtbridge.model.priors import Exactly, Prior, as_prior

DIMS = ("person", "item", "category", "trait", "group")
COVARIATE = "_covariate"  # end of the name of a dim that counts the columns of a design
EQUAL = ("trait", "group")
RESERVED = (*DIMS, "trait_other", "chain", "draw", "response")


@dataclass(frozen=True)
class Variable:
    """One random quantity of a model.

    Parameters
    ----------
    name : str
        A Python identifier.
    dims : tuple of str
        Of ``person``, ``item``, ``trait``, ``category`` (the categories above the lowest) and ``group``. A correlation
        matrix's Cholesky factor has dims (trait, trait); weights of a linear predictor have one dim, whose name ends in
        ``_covariate``.
    prior : Prior
        Its prior; a string such as ``"Normal(0, 1)"`` is read.
    free : nested tuple of bool, optional
        Which elements are estimated, dims as `dims`; the others are 0, or as `values` says. A Q-matrix stands here.
    zero_sum : bool
        The elements sum to zero along the last dim (identification of the rating scale's steps); the prior is that
        of independent elements restricted to that plane, so it must be a Normal with mean 0 and one scale.
    items : tuple of str, optional
        Item labels of `free`: it is matched with the data's items by them, in any order, and may have more items than
        the data. Without them it is taken by position.
    values : nested tuple of float, optional
        Numbers of the elements that are not free, dims as `dims`: anything where one is free.
    reference : float, optional
        What the first element along the first dim is (all of a row): that of the reference group.
    equal : str, optional
        ``trait``: the free elements of an item are one parameter. ``group``: those of an item that was split by group
        are, so that they are the same in every group.
    inner : bool
        Only categories between an item's lowest and highest are estimated, and the highest is 0 (identification of the
        nominal model's scoring function); dims (item, category), elementwise prior.

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
    values: tuple[Any, ...] | None = None
    reference: float | None = None
    equal: str | None = None
    inner: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "dims", tuple(self.dims))
        object.__setattr__(self, "prior", as_prior(self.prior))
        if self.free is not None:
            object.__setattr__(self, "free", _as_mask(self))
        if self.values is not None:
            object.__setattr__(self, "values", _as_values(self))
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise SpecError(f"variable name {self.name!r} is not an identifier.")
        if self.name in RESERVED:
            raise SpecError(f"variable name {self.name!r} is taken (as are {', '.join(RESERVED)}); choose another.")
        for dim in self.dims:
            if dim not in DIMS and not dim.endswith(COVARIATE):
                raise UnknownName("dim", dim, DIMS, hint=f"Variable {self.name!r}.")
        if len(self.dims) < self.prior.event_ndim:
            raise SpecError(f"{self}: {type(self.prior).__name__} needs at least {self.prior.event_ndim} dims.")
        if (self.prior.support == "cholesky") != (self.dims == ("trait", "trait")):
            raise SpecError(f"{self}: dims (trait, trait) and an LKJCholesky prior go together.")
        _check_fixed(self)
        if self.zero_sum and (self.free is not None or not self.dims or not self.prior.isotropic):
            raise SpecError(f"{self}: zero-sum needs a dim, no mask, and a Normal prior with mean 0 and one scale.")
        if self.inner and (self.dims != ("item", "category") or self.prior.event_ndim):
            raise SpecError(f"{self}: inner categories need dims (item, category) and an elementwise prior.")
        if self.items is not None:
            object.__setattr__(self, "items", tuple(str(item) for item in self.items))
            _check_items(self)

    def __str__(self) -> str:
        dims = f"[{', '.join(self.dims)}]" if self.dims else ""
        if isinstance(self.prior, Exactly):
            return f"{self.name}{dims} = {self.prior.value}"
        others = "others 0" if self.values is None else "others known"
        notes = [] if self.free is None else [f"{int(np.sum(self.free))} of {np.size(self.free)} free, {others}"]
        notes += ["sums to 0"] if self.zero_sum else []
        notes += [f"{self.reference:g} in the first {self.dims[0]}"] if self.reference is not None else []
        notes += [f"the same in every {self.equal}"] if self.equal else []
        notes += ["0 in the highest category"] if self.inner else []
        return f"{self.name}{dims} ~ {self.prior}{''.join(f'  ({note})' for note in notes)}"

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
        values = None if self.values is None else np.asarray(self.values).tolist()
        items = None if self.items is None else list(self.items)
        rare = {"items": items, "values": values, "reference": self.reference, "equal": self.equal}
        rare |= {"inner": self.inner or None}
        return plain | {name: value for name, value in rare.items() if value is not None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Variable:
        """Rebuild a variable from `to_dict`."""
        parts = data["name"], tuple(data["dims"]), as_prior(data["prior"]), data["free"], data["zero_sum"]
        rare: dict[str, Any] = {name: data.get(name) for name in ("items", "values", "reference", "equal")}
        return cls(*parts, **rare, inner=data.get("inner", False))

    def for_items(self, given: Sequence[str], items: Sequence[str], origins: Sequence[str] | None = None) -> Variable:
        """The variable for these items: its numbers by item, in the order of the labels given, moved to their places.

        Items that were split by group are found by their `origins`.

        Raises
        ------
        SpecError
            An item has no label among those given, or an array not as many items as there are labels.
        """
        if "item" not in self.dims:
            return self
        what = f"the mask (Q-matrix) of {self.name!r} against the items of the data"
        order = positions(what, given, origins or items, others=True)
        numbers = {name: self._lined_up(name, v, given, order) for name, v in self.prior.numbers().items()}
        masks: dict[str, Any] = {
            name: None if value is None else self._lined_up("the mask", value, given, order)
            for name, value in (("free", self.free), ("values", self.values))
        }
        labels = None if self.items is None else tuple(items)
        return replace(self, prior=replace(self.prior, **numbers), items=labels, **masks)

    def _lined_up(self, what: str, values: Any, given: Sequence[str], order: NDArray[np.intp]) -> Any:
        """Numbers by item in an order of the labels given; what does not differ by item stays as it is."""
        array, axis = np.asarray(values), self.dims.index("item") - len(self.dims)
        if array.ndim < -axis or array.shape[axis] == 1:
            return values
        if array.shape[axis] != len(given):
            raise SpecError(f"{self}: {what} has shape {array.shape}, but the Q-matrix has {len(given)} items.")
        return _nested(np.take(array, order, axis=axis).tolist())


def _check_fixed(variable: Variable) -> None:
    """Raise `SpecError` unless what is not estimated, or estimated once for several elements, can be so."""
    fixed = variable.free is not None or variable.reference is not None
    if fixed and variable.prior.event_ndim and not _whole_rows(variable):
        raise SpecError(f"{variable}: fixed elements need an elementwise prior, or whole vectors that are fixed.")
    if variable.values is not None and variable.free is None:
        raise SpecError(f"{variable}: values are those of elements that are not free; it has no mask.")
    if variable.reference is not None and (not variable.dims or variable.free is not None):
        raise SpecError(f"{variable}: a reference needs a dim, and no mask.")
    if variable.equal not in (None, *EQUAL):
        raise UnknownName("dim along which elements are equal", variable.equal, EQUAL, hint=f"{variable}.")
    if variable.equal == "trait" and (variable.dims != ("item", "trait") or variable.free is None):
        raise SpecError(f"{variable}: equal along traits needs dims (item, trait) and a mask.")
    if variable.equal == "group" and variable.dims[:1] != ("item",):
        raise SpecError(f"{variable}: equal in every group needs the dim item first.")


def _whole_rows(variable: Variable) -> bool:
    mask = np.asarray(variable.free)
    return variable.prior.support == "ordered" and bool((mask == mask[..., :1]).all())


def _check_items(variable: Variable) -> None:
    assert variable.items is not None
    if variable.free is None or "item" not in variable.dims:
        raise SpecError(f"{variable}: items are the labels of a mask over items; it has none.")
    shape = np.shape(variable.free)
    positions(f"items of the mask of {variable.name!r}", variable.items, variable.items)
    if shape[variable.dims.index("item")] != len(variable.items):
        raise SpecError(f"variable {variable.name!r}: {len(variable.items)} item labels for a mask of shape {shape}.")


def _as_mask(variable: Variable) -> Any:
    if labels_of(variable.free) is not None:
        raise SpecError(
            f"variable {variable.name!r}: free is a labelled table; give free=table.to_numpy() and "
            "items=list(table.index)."
        )
    mask: NDArray[np.bool_] = np.asarray(variable.free, dtype=bool)
    if mask.ndim != len(variable.dims) or mask.size == 0:
        raise SpecError(f"variable {variable.name!r}: free has shape {mask.shape} for dims {variable.dims}.")
    if not mask.any() and variable.values is None:
        raise SpecError(f"variable {variable.name!r}: no element is free.")
    return _nested(mask.tolist())


def _as_values(variable: Variable) -> Any:
    """Values of what is fixed; 0 in the places of what is free, or does not exist (NaN)."""
    values: NDArray[np.float64] = np.asarray(variable.values, dtype=float)
    free, (low, high) = np.asarray(variable.free, dtype=bool), variable.prior.bounds()
    if values.shape != free.shape:
        raise SpecError(f"variable {variable.name!r}: values have shape {values.shape}, its mask {free.shape}.")
    wrong = ~free & ((values < low) | (values > high))
    if wrong.any():
        first = float(values[wrong][0])
        raise SpecError(f"variable {variable.name!r}: the value {first:g} lies outside of {low:g} to {high:g}.")
    return _nested(np.where(free | np.isnan(values), 0.0, values).tolist())


def _nested(value: Any) -> Any:
    return tuple(_nested(v) for v in value) if isinstance(value, list) else value
