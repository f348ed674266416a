"""How the columns of a table of item parameters are called, and where their numbers stand in full arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from irtbridge.bank.uncertainty import Index, of_items
from irtbridge.model.spec import ModelSpec

Array = NDArray[np.float64]
SD = " sd"
CATEGORIES = "categories"


def item_variables(spec: ModelSpec) -> list[str]:
    """Names of the variables that say how items work, in the order of the spec."""
    named = {name for role, name in spec.family.roles() if role != "ability"}
    return [name for name in spec.names if name in named]


def column_of(spec: ModelSpec, name: str, place: tuple[int, ...]) -> str:
    """How a column of a variable is called."""
    dims = [dim for dim in spec.dims[name] if dim != "item"]
    labels = [spec.traits[at] if dim == "trait" else str(at + 1) for dim, at in zip(dims, place, strict=True)]
    return f"{name}[{', '.join(labels)}]" if labels else name


def correlation_column(one: str, other: str) -> str:
    """The column of the correlation of two others."""
    return f"corr({one}, {other})"


def places_of(spec: ModelSpec, name: str, shape: Index) -> list[Index]:
    """Where each number of a variable stands, behind the axis of items."""
    return list(np.ndindex(shape[1:] if of_items(spec, name) else shape))


def row_by_row(values: Array, place: Index) -> Array:
    """The numbers at a place, (item,), or the one that all items share."""
    return np.asarray(values[(..., *place)])
