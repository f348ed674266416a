"""Known item parameters: anchors of a scale, or a whole test that persons are to be scored on.

What is known is constant in every backend, and the rest is estimated; so are the mean and the standard deviation of the
persons, as the known items fix the scale.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.data.labels import as_text, listed
from irtbridge.data.responses import Responses
from irtbridge.errors import SpecError
from irtbridge.model.groups import ANCHORED_MEAN, ANCHORED_SD, with_ability
from irtbridge.model.priors import Normal
from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import Variable

Array = NDArray[np.float64]
PARAMETER = re.compile(r"(\w+)(?:\[(.+)\])?")
COLUMNS = ("item", "parameter", "mean")


def with_known(
    spec: ModelSpec, known: pd.DataFrame | Mapping[str, Any], responses: Responses, *, population: bool = True
) -> ModelSpec:
    """A model in which some item parameters are known, and the persons' mean and standard deviation are estimated.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    known : DataFrame or mapping
        As `irtbridge.Fit.items` gives it, wide or tidy (columns item, parameter, and mean or value); or by parameter:
        ``{"difficulty": {"item1": 0.3}}``. An entry that is missing (NaN) is estimated.
    responses : Responses
        The data, which say the items and their categories.
    population : bool
        Whether the persons' mean and standard deviation are estimated; else they are those of the model.

    Raises
    ------
    SpecError
        Items that the data do not have, parameters that the model does not have, categories that an item does not have,
        or numbers that leave the scale open.
    """
    table = _table(known)
    _check_items(spec, table, responses)
    of = _of_variables(spec, {str(name): part for name, part in table.groupby("variable", sort=False)})
    _check_parameters(spec, of)
    variables = [_known(v, of[v.name], spec, responses) if v.name in of else v for v in spec.variables]
    fixed = replace(spec, variables=tuple(_of_every_group(v) for v in variables))
    _check_scale(fixed)
    ability = spec[spec.family.ability]
    estimable = population and isinstance(ability.prior, Normal) and not ability.prior.references()
    return with_ability(fixed, mean=ANCHORED_MEAN, sd=ANCHORED_SD) if estimable else fixed


def _table(known: pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
    """Columns item, variable, label (of a category or trait; empty where there is none) and value."""
    long = _long(known)
    parts = [PARAMETER.fullmatch(str(parameter)) for parameter in long["parameter"]]
    if None in parts:
        wrong = long["parameter"].iloc[parts.index(None)]
        raise SpecError(f"known parameter {wrong!r}: write the name of a variable, as difficulty or threshold[2].")
    pairs = [(part[1], part[2] or "") for part in parts if part]
    table = pd.DataFrame(pairs, columns=["variable", "label"])
    table.insert(0, "item", [as_text(item) for item in long["item"]])
    table["value"] = pd.to_numeric(long["value"], errors="coerce").to_numpy()
    table = table[table["value"].notna()]
    if table.empty:
        raise SpecError("fixed= has no number; give at least one item's parameters.")
    if (twice := table.duplicated(["item", "variable", "label"])).any():
        raise SpecError(f"fixed= has {listed(table['item'][twice].tolist())} more than once; keep one row of each.")
    return table


def _long(known: pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
    """Columns item, parameter and value."""
    if not isinstance(known, pd.DataFrame):
        series = {str(name): pd.Series(values, dtype=float) for name, values in known.items()}
        rows = [(item, name, value) for name, each in series.items() for item, value in each.items()]
        return pd.DataFrame(rows, columns=["item", "parameter", "value"])
    if isinstance(known.columns, pd.MultiIndex):
        wide = pd.DataFrame(known.xs("mean", axis=1, level=1))
        long = wide.rename_axis(index="item", columns="parameter").reset_index().melt("item", value_name="value")
        return long[["item", "parameter", "value"]]
    names = [str(name) for name in known.columns]
    value = next((n for n in names if n in ("value", "mean") or n.endswith(" mean")), None)
    if value is None or not {"item", "parameter"} <= set(names):
        raise SpecError(
            f"fixed= is a table with columns {listed(names)}; it needs item, parameter, and mean or value, as "
            "Fit.items(tidy=True) has."
        )
    return known.set_axis(names, axis=1)[["item", "parameter", value]].rename(columns={value: "value"})


def _check_items(spec: ModelSpec, table: pd.DataFrame, responses: Responses) -> None:
    given = list(dict.fromkeys(table["item"]))
    if unknown := [item for item in given if item not in responses.items]:
        raise SpecError(
            f"fixed= has items that are not in the data: {listed(unknown)}; leave them out, or name the items as the "
            f"data do ({listed(responses.items)})."
        )


def _of_variables(spec: ModelSpec, of: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Without what a table of `Fit.items` has besides the variables, as it follows from them."""
    derived = spec.family.derives(spec.dims) if set(spec.family.location) <= set(of) else ()
    return {name: part for name, part in of.items() if name not in derived}


def _check_parameters(spec: ModelSpec, of: Mapping[str, pd.DataFrame]) -> None:
    valid = [v.name for v in spec.variables if v.dims[:1] == ("item",)]
    if unknown := [name for name in of if name not in valid]:
        raise SpecError(
            f"fixed= has {listed(unknown)}, which model {spec.name!r} does not have: its item parameters are "
            f"{listed(valid)}. Are the numbers of another model, or of another parameterisation?"
        )


def _known(variable: Variable, rows: pd.DataFrame, spec: ModelSpec, responses: Responses) -> Variable:
    """The variable with the numbers of some rows, matched by item and by category or trait."""
    values = np.full((responses.n_items, *_labels_shape(variable, spec, responses)), np.nan)
    place = {item: row for row, item in enumerate(responses.items)}
    for item, label, value in zip(rows["item"], rows["label"], rows["value"], strict=True):
        values[place[item], *_position(variable, str(item), str(label), spec, responses)] = value
    if variable.dims[1:] == ("category",):
        _check_categories(variable, values, responses)
    free = np.isnan(values) if variable.free is None else np.isnan(values) & _own_mask(variable, responses)
    if variable.dims[1:] == ("category",):  # an item's vector is known as a whole
        free = np.where(_exists(values.shape[1], responses), free, free[:, :1])
    return replace(variable, free=_as_tuple(free), values=_as_tuple(values), items=responses.items)


def _of_every_group(variable: Variable) -> Variable:
    """Estimated in the first group too, which else is the scale."""
    return replace(variable, reference=None) if variable.dims == ("group",) else variable


def _labels_shape(variable: Variable, spec: ModelSpec, responses: Responses) -> tuple[int, ...]:
    sizes = {"category": responses.max_categories - 1, "trait": len(spec.traits)}
    return tuple(sizes[dim] for dim in variable.dims[1:])


def _position(variable: Variable, item: str, label: str, spec: ModelSpec, responses: Responses) -> tuple[int, ...]:
    """Where a label stands along the dims after the item."""
    if not variable.dims[1:]:
        labels: Sequence[str] = [""]
    elif variable.dims[1:] == ("trait",):
        labels = spec.traits
    else:
        count = int(responses.n_categories[responses.items.index(item)])
        labels = [str(k) for k in range(1, count)]
    if label not in labels:
        raise SpecError(
            f"fixed= has {variable.name}[{label}] of item {item!r}; in these data it has {listed(labels) or 'none'}."
        )
    return (labels.index(label),) if variable.dims[1:] else ()


def _check_categories(variable: Variable, values: Array, responses: Responses) -> None:
    exists = _exists(values.shape[1], responses)
    given = ~np.isnan(values)
    for item, there, known in zip(responses.items, exists, given, strict=True):
        if known.any() and not known[there].all():
            raise SpecError(
                f"fixed= has {int(known.sum())} of the {int(there.sum())} {variable.name}s of item {item!r}: all of an "
                "item's are known, or none. Does it have other categories there?"
            )


def _exists(width: int, responses: Responses) -> NDArray[np.bool_]:
    return np.arange(1, width + 1) < responses.n_categories[:, None]


def _own_mask(variable: Variable, responses: Responses) -> NDArray[np.bool_]:
    if variable.items is None:
        return np.asarray(variable.free, dtype=bool)
    return np.asarray(variable.for_items(variable.items, responses.items).free, dtype=bool)


def _check_scale(spec: ModelSpec) -> None:
    """Raise `SpecError` where the known numbers leave the place or the unit of the scale open."""
    family = spec.family
    known = {name: _count(spec[name]) for _, name in family.roles()}
    locations = sum(known[name] for name in family.location)
    if locations == 0:
        raise SpecError(
            f"fixed= has no {' or '.join(family.location)}: with the persons' mean to be estimated the scale has no "
            "origin; give the locations of at least one item."
        )
    slopes_known = family.discrimination is None or known[family.discrimination] > 0
    if not slopes_known and locations < 2:
        raise SpecError(
            "fixed= has one location and no discrimination: with the persons' standard deviation to be estimated the "
            "scale has no unit; give a discrimination, or a second item."
        )


def _count(variable: Variable) -> int:
    """How many numbers of a variable are known."""
    return 0 if variable.values is None else int(np.sum(~np.asarray(variable.free)))


def _as_tuple(array: NDArray[Any]) -> Any:
    return tuple(_as_tuple(row) if np.ndim(row) else row.item() for row in array)
