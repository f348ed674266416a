"""From a program's draws to an ArviZ InferenceData, labelled as the data are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.data.sparse_responses import SparseResponses
from irtbridge.model.layout import Layout
from irtbridge.results.ability_moments import GROUP, AbilityMoments
from irtbridge.results.draws import Draws
from irtbridge.results.quiet_arviz import az

Array = NDArray[np.float64]


def coordinates(layout: Layout, responses: Responses) -> dict[str, Any]:
    """Coordinates of every dim, from the data's own labels; columns of designs are named as their terms.

    ``category`` counts the categories above an item's lowest: 1, 2, ... Beside it stands ``category_value`` (item,
    category), the data's own value of that category, NaN where the item lacks it; not where responses are numbers.
    """
    n_categories = layout.sizes["category"] + 1
    values = [[*own[1:], *[np.nan] * (n_categories - len(own))] for own in responses.categories]
    of_categories = {"category_value": (("item", "category"), np.asarray(values, dtype=float))}
    return {
        "person": list(responses.persons),
        "item": list(responses.items),
        "trait": list(layout.spec.traits),
        "trait_other": list(layout.spec.traits),
        "group": list(responses.groups),
        "category": list(range(1, n_categories)),
        **{dim: list(design.columns) for dim, design in layout.designs.items()},
        **(of_categories if any(responses.categories) else {}),
    }


def reported(layout: Layout, params: Mapping[str, Array]) -> dict[str, tuple[tuple[str, ...], Array]]:
    """Dims and full arrays of what users read: a Cholesky factor as its correlation matrix, and `Family.derived`.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape.
    params : mapping of str to ndarray
        Full arrays (..., *shape) by variable name.
    """
    variables = [variable for variable in layout.spec.variables if variable.name in params]
    each = (v.prior.reported(v.name, v.dims, np.asarray(params[v.name])) for v in variables)
    derived = layout.spec.family.derived(params, layout.spec.dims)
    return {name: (dims, value) for name, dims, value in each} | derived


def to_inference_data(
    layout: Layout,
    responses: Responses,
    params: Mapping[str, Array],
    draws: Draws,
    attrs: Mapping[str, Any],
    abilities: Array | AbilityMoments | None = None,
) -> az.InferenceData:
    """Label the draws.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape.
    responses : Responses
        The data.
    params : mapping of str to ndarray
        Full arrays (chain, draw, *shape) by variable name: a program's `constrain` of the draws.
    draws : Draws
        Sample statistics.
    attrs : mapping
        Provenance, kept as attributes of the posterior; nested values as JSON.
    abilities : ndarray, shape (chain, draw, person) or (chain, draw, person, trait), or AbilityMoments, optional
        Where the program has integrated them out.

    Returns
    -------
    arviz.InferenceData
        Groups ``posterior`` (chain, draw, ...), ``sample_stats``, ``observed_data`` (responses as codes 0..K-1, in
        single precision where they are int8, or numbers as they are; NaN where missing; of sparse responses those
        observed alone, beside their ``person_place`` and ``item_place``) and, where there are covariates or weights,
        ``constant_data``; where there are moments of the abilities instead of draws, ``abilities``.
    """
    coords = coordinates(layout, responses)
    sample = ("chain", "draw")
    variables = reported(layout, params)
    ability = layout.spec[layout.spec.family.ability]
    if isinstance(abilities, np.ndarray):
        variables = {ability.name: (ability.dims, abilities)} | variables
    posterior = _dataset({name: ((*sample, *dims), value) for name, (dims, value) in variables.items()}, coords)
    posterior = posterior.assign_coords({d: np.arange(posterior.sizes[d]) for d in sample})
    posterior.attrs = labelled_attributes(attrs)
    observed = _dataset(_observed(responses), coords)
    stats = {name: (sample, np.asarray(value)) for name, value in draws.stats.items()}
    traces = {"elbo": draws.elbo, "objective": draws.objective}
    stats |= {name: (("step",), trace) for name, trace in traces.items() if trace is not None}  # type: ignore[misc]
    groups = {"posterior": posterior, "sample_stats": xr.Dataset(stats), "observed_data": observed}
    if constant := constants(responses):
        groups["constant_data"] = _dataset(constant, coords)
    if isinstance(abilities, AbilityMoments):
        groups[GROUP] = abilities.to_dataset(ability.dims, coords)
    return az.InferenceData(**groups)


def _observed(responses: Responses) -> dict[str, tuple[tuple[str, ...], NDArray[Any]]]:
    if not isinstance(responses, SparseResponses):
        shown = responses.values.astype(np.float32 if responses.values.dtype == np.int8 else float)
        shown[~responses.observed] = np.nan
        return {"response": (("person", "item"), shown)}
    entries = responses.entries
    persons = np.repeat(np.arange(entries.shape[0], dtype=np.int32), np.diff(entries.indptr))
    parts = {"response": entries.data, "person_place": persons, "item_place": entries.indices}
    return {name: (("observation",), part) for name, part in parts.items()}


def constants(responses: Responses) -> dict[str, tuple[tuple[str, ...], NDArray[Any]]]:
    """What belongs to the data and is not modelled: covariates, the group among them, and weights.

    Returns
    -------
    dict of str to tuple
        Dims and values: ``person_NAME`` and ``item_NAME`` for each covariate, numbers or text, and ``weight``. A slash
        in a name, which NetCDF does not allow, becomes an underscore.
    """
    found: dict[str, tuple[tuple[str, ...], NDArray[Any]]] = {}
    for dim, table in (("person", responses.person_data), ("item", responses.item_data)):
        for name, column in () if table is None else table.items():
            found[f"{dim}_{name}".replace("/", "_")] = ((dim,), np.asarray(column.tolist()))
    return found if responses.weights is None else {**found, "weight": (("person",), responses.weights)}


def _dataset(variables: Mapping[str, tuple[tuple[str, ...], NDArray[Any]]], coords: dict[str, Any]) -> xr.Dataset:
    """A data set with the coordinates of the dims it has."""
    used = {d for dims, _ in variables.values() for d in dims}
    kept = {name: value for name, value in coords.items() if used >= set(_dims_of(name, value))}
    return xr.Dataset(variables, coords=kept)


def _dims_of(name: str, coordinate: Any) -> tuple[str, ...]:
    return coordinate[0] if isinstance(coordinate, tuple) else (name,)


def labelled_attributes(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as NetCDF can hold them: text and numbers as they are, all else as JSON."""
    plain = (str, int, float)
    return {k: v if isinstance(v, plain) and not isinstance(v, bool) else json.dumps(v) for k, v in attrs.items()}
