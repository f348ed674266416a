"""One random quantity of a model: its name, dims and prior, and which of its elements are estimated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.labels import labels_of, positions
from irtbridge.errors import SpecError, UnknownName
from irtbridge.model.priors import Prior, as_prior

DIMS = ("person", "item", "category", "trait")
_INNER = "  (0 in the highest category)"
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
    inner: bool = False

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
        if (self.prior.support == "cholesky") != (self.dims == ("trait", "trait")):
            raise SpecError(f"{self}: dims (trait, trait) and an LKJCholesky prior go together.")
        if self.free is not None and self.prior.event_ndim:
            raise SpecError(f"{self}: fixed elements need an elementwise prior.")
        if self.zero_sum and (self.free is not None or not self.dims or not self.prior.isotropic):
            raise SpecError(f"{self}: zero-sum needs a dim, no mask, and a Normal prior with mean 0 and one scale.")
        if self.inner and (self.dims != ("item", "category") or self.prior.event_ndim):
            raise SpecError(f"{self}: inner categories need dims (item, category) and an elementwise prior.")
        if self.items is not None:
            object.__setattr__(self, "items", tuple(str(item) for item in self.items))
            _check_items(self)

    def __str__(self) -> str:
        dims = f"[{', '.join(self.dims)}]" if self.dims else ""
        fixed = "" if self.free is None else f"  ({int(np.sum(self.free))} of {np.size(self.free)} free, others 0)"
        notes = f"{fixed}{'  (sums to 0)' if self.zero_sum else ''}{_INNER if self.inner else ''}"
        return f"{self.name}{dims} ~ {self.prior}{notes}"

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
        items = {} if self.items is None else {"items": list(self.items)}
        return plain | items | ({"inner": True} if self.inner else {})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Variable:
        """Rebuild a variable from `to_dict`."""
        parts = data["name"], tuple(data["dims"]), as_prior(data["prior"]), data["free"], data["zero_sum"]
        return cls(*parts, items=data.get("items"), inner=data.get("inner", False))

    def for_items(self, given: Sequence[str], items: Sequence[str]) -> Variable:
        """The variable for these items: its numbers by item, in the order of the labels given, moved to their places.

        Raises
        ------
        SpecError
            An item has no label among those given, or an array not as many items as there are labels.
        """
        if "item" not in self.dims:
            return self
        what = f"the mask (Q-matrix) of {self.name!r} against the items of the data"
        order = positions(what, given, items, others=True)
        prior = {name: self._lined_up(name, v, given, order) for name, v in self.prior.arguments().items()}
        free = None if self.free is None else self._lined_up("the mask", self.free, given, order)
        labels = None if self.items is None else tuple(items)
        return replace(self, prior=type(self.prior)(**prior), free=free, items=labels)

    def _lined_up(self, what: str, values: Any, given: Sequence[str], order: NDArray[np.intp]) -> Any:
        """Numbers by item in an order of the labels given; what does not differ by item stays as it is."""
        array, axis = np.asarray(values), self.dims.index("item") - len(self.dims)
        if isinstance(values, str) or array.ndim < -axis or array.shape[axis] == 1:
            return values
        if array.shape[axis] != len(given):
            raise SpecError(f"{self}: {what} has shape {array.shape}, but the Q-matrix has {len(given)} items.")
        return _nested(np.take(array, order, axis=axis).tolist())


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
    if not mask.any():
        raise SpecError(f"variable {variable.name!r}: no element is free.")
    return _nested(mask.tolist())


def _nested(value: Any) -> Any:
    return tuple(_nested(v) for v in value) if isinstance(value, list) else value
