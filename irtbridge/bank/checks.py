"""Numbers of items that cannot be: refused, with the name of the item and of its column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.bank.columns import column_of, places_of, row_by_row
from irtbridge.data.labels import listed
from irtbridge.errors import DataError
from irtbridge.model.families import Categories
from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import Variable

Array = NDArray[np.float64]


def as_numbers(column: pd.Series[Any]) -> Array:
    """The numbers of a column, NaN where a cell is empty.

    Raises
    ------
    DataError
        A cell is no finite number: the item is named.
    """
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = ((numbers.isna() & column.notna() & (column != "")) | np.isinf(numbers)).to_numpy()
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        item, cell = column.index[at], column.iloc[at]
        raise DataError(f"item {item!r} has {cell!r} in column {str(column.name)!r}; it must be a number.")
    return np.asarray(numbers, dtype=float)


def check_complete(
    spec: ModelSpec,
    items: tuple[str, ...],
    estimate: Mapping[str, Array],
    categories: tuple[tuple[float, ...], ...],
) -> None:
    """Raise `DataError`, naming the item and the column, where a parameter is missing."""
    counts = np.array([len(values) for values in categories])
    for name, values in estimate.items():
        for place in places_of(spec, name, values.shape):
            needed = counts - 1 > place[-1] if spec.dims[name][-1:] == ("category",) else counts > 0
            column = column_of(spec, name, place)
            missing = needed & np.isnan(row_by_row(values, place))
            if missing.any():
                lacking = listed([items[i] for i in np.flatnonzero(missing)])
                raise DataError(f"item {lacking} has no {column!r}: fill in that column, or leave out the item.")


def check_categories(
    spec: ModelSpec, items: tuple[str, ...], estimate: Mapping[str, Array], categories: tuple[tuple[float, ...], ...]
) -> None:
    """Raise `DataError`, naming the item, where categories are none, in no order, or not as many as its parameters."""
    for item, codes in zip(items, categories, strict=True):
        if not codes or not np.isfinite(codes).all() or (np.diff(codes) <= 0).any():
            shown = " ".join(f"{code:g}" for code in codes)
            raise DataError(f"item {item!r} has categories {shown!r}; they must be numbers, the lowest first: '0 1 2'.")
    if not isinstance(spec.family, Categories):
        return
    counts = np.array([len(codes) for codes in categories])
    by_category = [name for name in estimate if "category" in spec.dims[name]]
    most = 1 + max((estimate[name].shape[-1] for name in by_category), default=1)
    wrong = counts > most
    for name in by_category:
        if spec.dims[name] == ("item", "category"):
            beyond = np.arange(1, most) >= counts[:, None]
            wrong |= (beyond[:, : estimate[name].shape[1]] & ~np.isnan(estimate[name])).any(axis=1)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise DataError(f"item {items[at]!r} has {counts[at]} categories, and parameters of another number.")


def check_support(variable: Variable, values: Array, items: tuple[str, ...]) -> None:
    """Raise `DataError`, naming the item, where a number is not what a variable may be."""
    low, high = variable.prior.bounds()
    # A loading of 0 says that the item does not depend on a trait; of its only trait it must.
    wrong = (
        (values < low) | (values > high) | ((values == 0) & (low == 0) & (high > 1) & ("trait" not in variable.dims))
    )
    if wrong.any():
        at = tuple(int(i[0]) for i in np.nonzero(wrong))
        what = f"item {items[at[0]]!r} has" if variable.dims[:1] == ("item",) else "the items have"
        found = f"{what} {variable.name} {values[at]:g}, but it must"
        if high < np.inf:
            raise DataError(f"{found} lie in {low:g} to {high:g}. Is it another parameter, or a percentage?")
        raise DataError(
            f"{found} be positive. Is the item keyed the wrong way round, or is it another parameter? Where any number "
            f"may stand, say so: {variable.name}='Normal(0, 2)'."
        )
    if variable.prior.support == "ordered" and values.shape[-1] > 1:
        steps = getattr(variable.prior, "direction", 1) * np.diff(values, axis=-1)
        if (steps <= 0).any():
            item = items[int(np.nonzero(steps <= 0)[0][0])]
            raise DataError(f"item {item!r}: its {variable.name}s are not in order; a graded response model needs it.")


def check_asymptotes(spec: ModelSpec, estimate: Mapping[str, Array], items: tuple[str, ...]) -> None:
    """Raise `DataError`, naming the item, where the lower asymptote does not lie below the upper one."""
    if spec.family.lower is None or spec.family.upper is None:
        return
    lower, upper = (np.broadcast_to(estimate[name], len(items)) for name in (spec.family.lower, spec.family.upper))
    if (lower >= upper).any():
        at = int(np.flatnonzero(lower >= upper)[0])
        raise DataError(
            f"item {items[at]!r} has the lower asymptote {lower[at]:g} and the upper one {upper[at]:g}; the lower one "
            "must be the smaller. Are their columns exchanged?"
        )


def check_each(right: NDArray[np.bool_], values: Array, items: pd.Index[Any], column: str, rule: str) -> None:
    """Raise `DataError`, naming the first item of which something is not right, and the rule."""
    if not right.all():
        at = int(np.flatnonzero(~right)[0])
        raise DataError(f"item {items[at]!r} has {values[at]:g} in column {column!r}; {rule}.")
