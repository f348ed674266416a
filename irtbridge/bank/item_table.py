"""A row for each item: estimates, standard errors and correlations of its parameters as the columns of a table.

A variable's numbers are columns called as `irtbridge.Fit.items` calls them: ``discrimination``, ``threshold[2]``,
``discrimination[verbal]``; what all items share stands in each row. Beside them stand their standard errors,
``discrimination sd``, the correlations of an item's own, ``corr(discrimination, difficulty)``, the values of its
categories, ``categories``, separated by spaces, and whatever else is known of the item.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.bank.checks import (
    as_numbers,
    check_asymptotes,
    check_categories,
    check_complete,
    check_each,
    check_support,
)
from irtbridge.bank.columns import CATEGORIES, SD, column_of, correlation_column, item_variables, places_of, row_by_row
from irtbridge.bank.uncertainty import of_items, own
from irtbridge.data.labels import as_label, check_unique, few, listed
from irtbridge.errors import DataError
from irtbridge.model.spec import ModelSpec

Array = NDArray[np.float64]
SAME = 1e-12  # of their size: draws that differ by less are one number, with the rounding of its transformations


@dataclass(frozen=True, eq=False)
class ItemTable:
    """Estimates of item parameters with their uncertainty, as a table can have them.

    Attributes
    ----------
    spec : ModelSpec
        The model.
    items : tuple of str
        Labels.
    categories : tuple of tuple of float
        The values of each item's categories.
    estimate, sd : mapping of str to ndarray
        Full arrays by name, NaN where an item lacks the category; standard errors, 0 of what is known.
    correlation : ndarray, shape (item, parameter, parameter), or None
        Of each item's own parameters, in the order of `irtbridge.bank.uncertainty.own`.
    about : DataFrame
        What else is known of each item.
    """

    spec: ModelSpec
    items: tuple[str, ...]
    categories: tuple[tuple[float, ...], ...]
    estimate: Mapping[str, Array]
    sd: Mapping[str, Array]
    correlation: Array | None
    about: pd.DataFrame

    @property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: value.shape for name, value in self.estimate.items()}

    def to_frame(self) -> pd.DataFrame:
        """The table, the items' labels as its index."""
        columns = {}
        for name, shape in self._shapes.items():
            for place in places_of(self.spec, name, shape):
                column = column_of(self.spec, name, place)
                columns[column] = row_by_row(self.estimate[name], place)
                if np.nan_to_num(self.sd[name]).any():
                    columns[column + SD] = row_by_row(self.sd[name], place)
        if self.correlation is not None:
            names = [column_of(self.spec, name, place) for name, place in own(self.spec, self._shapes)]
            for i, j in combinations(range(len(names)), 2):
                columns[correlation_column(names[i], names[j])] = self.correlation[:, i, j]
        index = pd.Index(self.items, name="item")
        given = {name: np.broadcast_to(value, len(self.items)) for name, value in columns.items()}
        values = [" ".join(f"{value:g}" for value in own_values) for own_values in self.categories]
        return pd.concat([pd.DataFrame(given | {CATEGORIES: values}, index), self.about.set_axis(index)], axis=1)

    @classmethod
    def of_draws(
        cls,
        spec: ModelSpec,
        items: tuple[str, ...],
        categories: tuple[tuple[float, ...], ...],
        estimate: Mapping[str, Array],
        params: Mapping[str, Array],
        about: pd.DataFrame,
    ) -> ItemTable:
        """With the standard deviations and correlations of draws (draw, *shape); of one draw all is known."""
        sd = {name: np.where(_varies(value), value.std(axis=0), 0.0) for name, value in params.items()}
        several = len(next(iter(params.values()))) > 1
        return cls(spec, items, categories, estimate, sd, _correlation_of(spec, params) if several else None, about)

    @classmethod
    def of_frame(cls, spec: ModelSpec, frame: pd.DataFrame) -> ItemTable:
        """From a table with these columns, the items' labels as its index.

        Raises
        ------
        DataError
            A parameter is missing, no number or outside of its support, or an item occurs twice.
        """
        if not len(frame):
            raise DataError("a bank needs an item; the table has no rows.")
        if frame.index.hasnans or (frame.index == "").any():
            row = int(np.flatnonzero(frame.index.isna() | (frame.index == ""))[0])
            raise DataError(f"the item in row {row + 1} has no label; fill it in, or leave out the row.")
        items = tuple(str(as_label(label)) for label in frame.index)
        check_unique("item", items)
        frame = frame.set_axis(pd.Index(items, name="item"))
        estimate = {name: _estimates(spec, name, frame) for name in item_variables(spec)}
        categories = _categories(spec, frame, estimate)
        check_categories(spec, items, estimate, categories)
        check_complete(spec, items, estimate, categories)
        for name, values in estimate.items():
            check_support(spec[name], values, items)
        check_asymptotes(spec, estimate, items)
        sd = {name: _errors(spec, name, frame, value) for name, value in estimate.items()}
        used = [*_numbers(spec, estimate), CATEGORIES]
        about = frame.drop(columns=[c for c in frame.columns if c in used])
        return cls(spec, items, categories, estimate, sd, _correlations(spec, frame, estimate), about)


def _numbers(spec: ModelSpec, estimate: Mapping[str, Array]) -> list[str]:
    """Names of all columns that a table may have of parameters."""
    shapes = {name: value.shape for name, value in estimate.items()}
    each = [column_of(spec, name, place) for name, shape in shapes.items() for place in places_of(spec, name, shape)]
    among = [column_of(spec, name, place) for name, place in own(spec, shapes)]
    return [*each, *(column + SD for column in each), *(correlation_column(*pair) for pair in combinations(among, 2))]


def _estimates(spec: ModelSpec, name: str, frame: pd.DataFrame) -> Array:
    """Full array of a variable; raises `DataError` where a column is missing."""
    dims = [dim for dim in spec.dims[name] if dim != "item"]
    count = {"trait": len(spec.traits), "category": _width(name, frame)}
    shape = tuple(count[dim] for dim in dims)
    columns = [column_of(spec, name, place) for place in np.ndindex(shape)]
    if lacking := [column for column in columns or [f"{name}[1]"] if column not in frame]:
        raise DataError(
            f"the bank has no column {listed(lacking)}, which model {spec.name!r} needs; columns there: "
            f"{few(map(repr, map(str, frame.columns)))}. Add it, or name the model with model=."
        )
    values = np.stack([as_numbers(frame[column]) for column in columns], axis=-1)
    if of_items(spec, name):
        return values.reshape(len(frame), *shape)
    for column, each in zip(columns, values.T, strict=True):
        if np.ptp(each) > 0:
            raise DataError(f"column {column!r} differs by item, but all items of model {spec.name!r} share it.")
    return np.asarray(values[0].reshape(shape))


def _width(name: str, frame: pd.DataFrame) -> int:
    """The largest k of the columns ``name[k]``, 1 where there are none."""
    found = (re.fullmatch(rf"{re.escape(name)}\[(\d+)\]", str(column)) for column in frame.columns)
    return max((int(match[1]) for match in found if match), default=1)


def _errors(spec: ModelSpec, name: str, frame: pd.DataFrame, estimate: Array) -> Array:
    sd = np.zeros_like(estimate)
    for place in places_of(spec, name, estimate.shape):
        column = column_of(spec, name, place) + SD
        if column in frame:
            given = np.nan_to_num(as_numbers(frame[column]))
            check_each(given >= 0, given, frame.index, column, "a standard error is 0 or more")
            sd[(..., *place)] = given if of_items(spec, name) else given[0]
    return sd


def _correlations(spec: ModelSpec, frame: pd.DataFrame, estimate: Mapping[str, Array]) -> Array | None:
    names = [column_of(spec, *each) for each in own(spec, {name: value.shape for name, value in estimate.items()})]
    there = [(i, j) for i, j in combinations(range(len(names)), 2) if correlation_column(names[i], names[j]) in frame]
    if not there:
        return None
    correlation = np.tile(np.eye(len(names)), (len(frame), 1, 1))
    for i, j in there:
        column = correlation_column(names[i], names[j])
        given = np.nan_to_num(as_numbers(frame[column]))
        check_each(np.abs(given) <= 1, given, frame.index, column, "a correlation lies between -1 and 1")
        correlation[:, i, j] = correlation[:, j, i] = given
    return correlation


def _categories(spec: ModelSpec, frame: pd.DataFrame, estimate: Mapping[str, Array]) -> tuple[tuple[float, ...], ...]:
    """Values of the categories of each item: as the table says, else 0, 1, ..., as many as it has locations."""
    if CATEGORIES in frame:
        return tuple(_values(item, str(cell)) for item, cell in frame[CATEGORIES].items())
    counts = np.full(len(frame), 2)
    for name in spec.family.location:
        if "category" in spec.dims[name]:
            last = np.where(np.isnan(estimate[name]), 0, np.arange(1, estimate[name].shape[-1] + 1)).max(axis=-1)
            counts = np.broadcast_to(np.maximum(last, 1) + 1, len(frame))
    return tuple(tuple(float(code) for code in range(count)) for count in counts)


def _values(item: object, cell: str) -> tuple[float, ...]:
    """Numbers of a cell of categories."""
    values = cell.split()
    return tuple(as_numbers(pd.Series(values, [item] * len(values), name=CATEGORIES, dtype=object)).tolist())


def _varies(draws: Array) -> NDArray[np.bool_]:
    """Whether draws (draw, ...) differ by more than rounding."""
    return np.asarray(np.ptp(draws, axis=0) > SAME * np.abs(draws).max(axis=0))


def _correlation_of(spec: ModelSpec, params: Mapping[str, Array]) -> Array:
    """Correlations over draws of each item's own parameters, (item, parameter, parameter); 0 where one is known."""
    places = own(spec, {name: value.shape[1:] for name, value in params.items()})
    columns = np.stack([params[name][(..., *place)] for name, place in places], axis=-1)
    deviations = np.nan_to_num(columns - columns.mean(axis=0)) * _varies(columns)
    covariance = np.einsum("dip,diq->ipq", deviations, deviations)
    scale = np.sqrt(np.einsum("ipp->ip", covariance))
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = np.nan_to_num(covariance / (scale[:, :, None] * scale[:, None, :]))
    return np.asarray(np.where(np.eye(len(places), dtype=bool), 1.0, correlation))
