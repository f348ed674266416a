"""Features, responses and proxies of ability as users give them, matched by label and checked."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.data.beside import read_table, with_labels
from irtbridge.data.covariates import covariates
from irtbridge.data.kinds import MISSING
from irtbridge.data.labels import as_text, check_unique, few, item_names
from irtbridge.data.load import load_responses
from irtbridge.data.notes import Notes
from irtbridge.data.responses import Responses
from irtbridge.errors import DataError, IRTBridgeWarning, nearest_first

Array = NDArray[np.float64]
MOST_LOGITS = 5.0  # mean and SD of abilities that may be logits


def features_and_responses(
    responses: Any, item_features: Any, data_options: Mapping[str, Any] | None
) -> tuple[pd.DataFrame, Responses]:
    """Features, a row for each item of the bank with its label as index, and the responses, a row for each person.

    Raises
    ------
    DataError
        Items with responses and without features, named; no features at all.
    """
    data = load_responses(responses, **{"allow_constant": True, **dict(data_options or {})}).expanded()
    if item_features is None:
        if data.item_data is None:
            raise DataError("there are no item features; give item_features=, a table with a row for each item.")
        return data.item_data, data
    table = _labelled(item_features, data)
    check_unique("item", list(table.index))
    check_unique("feature", list(map(str, table.columns)))
    if lacking := [item for item in data.items if item not in set(table.index)]:
        near = few(map(repr, nearest_first(lacking[0], table.index)), 5)
        raise DataError(
            f"item_features has no row for {few(map(repr, lacking))}, which has responses; rows there, nearest first: "
            f"{near}. Give every item a row, or leave its responses out (drop)."
        )
    return table, data


def _labelled(source: Any, data: Responses) -> pd.DataFrame:
    """The table with the items' labels, as text, in its index."""
    table = read_table("item", source, Notes())
    assert table is not None
    table = with_labels("item", table, data.items)
    if isinstance(table.index, pd.RangeIndex):
        if len(table) == data.n_items:
            if list(data.items) != item_names(data.n_items):
                how = "its rows are taken in the order of the items"
                warnings.warn(f"item_features has no column 'item': {how}.", IRTBridgeWarning, stacklevel=2)
            return table.set_axis(pd.Index(data.items, name="item"), axis=0)
        column = table.columns[0]
        table = table.drop(columns=column).set_axis(pd.Index(table[column].tolist()), axis=0)
    labels = pd.Index([as_text(label) for label in table.index.tolist()], name="item")
    return _read(table.set_axis(labels, axis=0))


def _read(table: pd.DataFrame) -> pd.DataFrame:
    """Columns whose cells are texts of numbers, as files have them, as numbers."""

    def column(values: pd.Series[Any]) -> pd.Series[Any]:
        if not pd.api.types.is_object_dtype(values) and not pd.api.types.is_string_dtype(values):
            return values
        numbers = pd.to_numeric(values, errors="coerce")
        return numbers if numbers.notna().all() else values.replace("", np.nan)

    return table.apply(column)


def on_one_scale(data: Responses) -> Responses:
    """All items with the categories that any of them has: an item with few responses may have none in some of them."""
    scale = tuple(sorted({value for own in data.categories for value in own}))
    if all(own == scale for own in data.categories):
        return data
    values = np.full(data.values.shape, MISSING)
    for column, own in enumerate(data.categories):
        codes, seen = data.values[:, column], data.observed[:, column]
        values[seen, column] = np.searchsorted(scale, own)[codes[seen]]
    return replace(data, values=values, categories=(scale,) * data.n_items)


class Proxies(NamedTuple):
    """Abilities that are taken as known, ``mean + sd * standard``: priors are of a standard scale.

    Attributes
    ----------
    standard : ndarray, shape (person,), or None
        None where abilities are estimated, on that scale.
    mean, sd : float
    """

    standard: Array | None = None
    mean: float = 0.0
    sd: float = 1.0


def proxies(abilities: Any, data: Responses, free: bool) -> Proxies:
    """A proxy of each person's ability.

    Parameters
    ----------
    abilities : array_like or Series, optional
        A number for each person; None where there are none.
    data : Responses
        The persons.
    free : bool
        Whether items have slopes, so that the scale may be any.

    Raises
    ------
    DataError
        A person without one, one that is no number, or all the same; of items without slopes, no logits.
    """
    if abilities is None:
        return Proxies()
    table = pd.DataFrame({"ability": abilities})
    own = covariates("person", table, data.persons)["ability"]
    values = own.to_numpy(dtype=float) if pd.api.types.is_numeric_dtype(own) else np.full(data.n_persons, np.nan)
    if not np.isfinite(values).all() or values.std() == 0:
        raise DataError("abilities must be numbers that differ, one for each person.")
    mean, sd = float(values.mean()), float(values.std())
    if free:
        return Proxies((values - mean) / sd, mean, sd)
    if sd > MOST_LOGITS or abs(mean) > MOST_LOGITS:
        raise DataError(
            f"abilities have mean {mean:.3g} and SD {sd:.3g}, and a model without discriminations needs logits; take "
            "model='2pl', or bring them to that scale."
        )
    return Proxies(values)
