"""From a program's draws to an ArviZ InferenceData, labelled as the data are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from irtbridge.backend import Draws, Program
from irtbridge.data import Responses
from irtbridge.layout import Layout
from irtbridge.priors import LKJCholesky
from irtbridge.quiet_arviz import az
from irtbridge.spec import ModelSpec

Array = NDArray[np.float64]


def coordinates(spec: ModelSpec, responses: Responses) -> dict[str, list[Any]]:
    """Coordinates of every dim, from the data's own labels.

    ``category`` counts from the second lowest: where all items share their categories it has their original values,
    else their codes 1, 2, ...
    """
    shared = len(set(responses.categories)) == 1
    upper = responses.categories[0][1:] if shared else range(1, int(responses.n_categories.max()))
    return {
        "person": list(responses.persons),
        "item": list(responses.items),
        "trait": list(spec.traits),
        "trait_other": list(spec.traits),
        "category": list(upper),
    }


def reported(layout: Layout, params: Mapping[str, Array]) -> dict[str, tuple[tuple[str, ...], Array]]:
    """Dims and full arrays of what users read: a Cholesky factor is reported as its correlation matrix.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape.
    params : mapping of str to ndarray
        Full arrays (..., *shape) by variable name.
    """
    out: dict[str, tuple[tuple[str, ...], Array]] = {}
    for name, slot in layout.slots.items():
        value = np.asarray(params[name])
        if isinstance(slot.variable.prior, LKJCholesky):
            name = name.replace("cholesky", "correlation")
            out[name] = (("trait", "trait_other"), value @ np.swapaxes(value, -1, -2))
        else:
            out[name] = (slot.variable.dims, value)
    return out


def to_inference_data(
    program: Program, draws: Draws, attrs: Mapping[str, Any], abilities: Array | None = None
) -> az.InferenceData:
    """Label the draws.

    Parameters
    ----------
    program : Program
        What was sampled.
    draws : Draws
        Draws in the program's coordinates.
    attrs : mapping
        Provenance, kept as attributes of the posterior; nested values as JSON.
    abilities : ndarray, shape (chain, draw, person) or (chain, draw, person, trait), optional
        Where the program has integrated them out.

    Returns
    -------
    arviz.InferenceData
        Groups ``posterior`` (chain, draw, ...), ``sample_stats`` and ``observed_data`` (responses as codes 0..K-1,
        NaN where missing).
    """
    coords = coordinates(program.spec, program.responses)
    sample = ("chain", "draw")
    params = reported(program.layout, program.constrain(draws.z))
    if abilities is not None:
        ability = program.spec[program.spec.family.ability]
        params = {ability.name: (ability.dims, abilities)} | params
    posterior = _dataset({name: ((*sample, *dims), value) for name, (dims, value) in params.items()}, coords)
    posterior = posterior.assign_coords({d: np.arange(posterior.sizes[d]) for d in sample})
    posterior.attrs = _flat(attrs) | {"irtbridge_version": version("irtbridge")}
    codes = np.where(program.responses.observed, program.responses.values, np.nan)
    observed = _dataset({"response": (("person", "item"), codes)}, coords)
    stats = {name: (sample, np.asarray(value)) for name, value in draws.stats.items()}
    if draws.elbo is not None:
        stats["elbo"] = (("step",), draws.elbo)  # type: ignore[assignment]
    return az.InferenceData(posterior=posterior, sample_stats=xr.Dataset(stats), observed_data=observed)


def _dataset(variables: dict[str, tuple[tuple[str, ...], Array]], coords: dict[str, list[Any]]) -> xr.Dataset:
    used = {d for dims, _ in variables.values() for d in dims}
    return xr.Dataset(variables, coords={d: labels for d, labels in coords.items() if d in used})


def _flat(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """NetCDF attributes hold text and numbers only."""
    plain = (str, int, float)
    return {k: v if isinstance(v, plain) and not isinstance(v, bool) else json.dumps(v) for k, v in attrs.items()}
