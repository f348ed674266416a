"""A fit as a file: the groups that ArviZ reads and, at the root, all else that a fit is made of.

Arrays are variables of the root, everything else is one JSON text among them, kept as bytes: so labels of any text stay
as they are, and no pickle is needed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from irtbridge.data.files import write_atomic
from irtbridge.data.responses import Responses
from irtbridge.data.stored import arrays_of, with_arrays
from irtbridge.errors import ResultsError
from irtbridge.model.spec import ModelSpec
from irtbridge.results.draws import Draws, Optimum, Timings
from irtbridge.results.quiet_arviz import az

ENGINE: Final = "h5netcdf"
FORMAT = "irtbridge_format"
VERSION = 1
ARRAYS = ("z", "log_q")  # of Draws; its statistics and ELBO are the group sample_stats
NAMED = ("standard_errors", "adaptation")  # arrays by name
NUMBERS = ("chain_method", "ess", "pareto_k", "quadrature_error", "adapted")


@dataclass(frozen=True, eq=False)
class Stored:
    """What a fit is made of, its compiled program apart.

    Attributes
    ----------
    idata : arviz.InferenceData
        Labelled draws.
    spec : ModelSpec
        The model.
    responses : Responses
        The data.
    draws : Draws
        Draws in unconstrained coordinates.
    provenance : dict
        Plain data.
    quadrature_error : float
        As `Fit.quadrature_error`, which takes the compiled program.
    """

    idata: az.InferenceData
    spec: ModelSpec
    responses: Responses
    draws: Draws
    provenance: dict[str, Any]
    quadrature_error: float


def write_stored(path: Path, stored: Stored) -> Path:
    """Write a fit, whole or not at all.

    Raises
    ------
    ResultsError
        The path cannot be written.
    """

    def write(target: Path) -> None:
        stored.idata.to_netcdf(str(target), engine=ENGINE)
        _root_of(stored).to_netcdf(str(target), mode="a", engine=ENGINE)

    return write_atomic(path, write)


def read_stored(path: Path) -> Stored:
    """Read a fit.

    Raises
    ------
    ResultsError
        There is no such file, it is damaged, or it is no fit of this version.
    """
    if not path.is_file():
        raise ResultsError(f"no such file: {path}; Fit.save(path) writes one.")
    root = _readable(path, lambda: xr.load_dataset(path, engine=ENGINE))
    if root.attrs.get(FORMAT) != VERSION:
        raise ResultsError(_not_a_fit(path, root))
    stored: Stored = _readable(path, lambda: _stored_of(path, root))
    return stored


def _readable(path: Path, read: Callable[[], Any]) -> Any:
    """What `read` gives; whatever goes wrong in it, the file is damaged."""
    try:
        return read()
    except Exception as error:
        way_out = "load another file, or fit again and save"
        raise ResultsError(f"cannot read {path}: it is damaged, or no fit ({error}); {way_out}.") from error


def _not_a_fit(path: Path, root: xr.Dataset) -> str:
    if FORMAT in root.attrs:
        return f"{path} has format {root.attrs[FORMAT]} of a fit, this irtbridge reads {VERSION}: update irtbridge."
    return (
        f"{path} has no fit in it, only what an earlier irtbridge or another program wrote: arviz.from_netcdf reads "
        "its draws; fit again and save to have all of a fit."
    )


def _root_of(stored: Stored) -> xr.Dataset:
    draws, responses = stored.draws, stored.responses
    text = {
        "spec": stored.spec.to_dict(),
        "responses": responses.described(),
        "provenance": stored.provenance,
        "quadrature_error": stored.quadrature_error,
        "timings": asdict(draws.timings),
        "optimum": None if draws.optimum is None else asdict(draws.optimum),
        "draws": {name: getattr(draws, name) for name in NUMBERS},
    }
    arrays = {name: getattr(draws, name) for name in ARRAYS}
    for kind in NAMED:
        arrays |= {f"{kind}.{name}": value for name, value in (getattr(draws, kind) or {}).items()}
    arrays |= {**arrays_of(responses), "text": np.frombuffer(json.dumps(text).encode(), np.uint8)}
    there = {name: np.asarray(value) for name, value in arrays.items() if value is not None}
    variables = {name: (tuple(f"{name}_{axis}" for axis in range(value.ndim)), value) for name, value in there.items()}
    return xr.Dataset(variables, attrs={FORMAT: VERSION})


def _stored_of(path: Path, root: xr.Dataset) -> Stored:
    with az.rc_context({"data.load": "eager"}):
        idata = az.from_netcdf(str(path), engine=ENGINE)
    text = json.loads(root["text"].values.tobytes())
    return Stored(
        idata=idata,
        spec=ModelSpec.from_dict(text["spec"]),
        responses=with_arrays(text["responses"], root),
        draws=_draws_of(root, text, idata.sample_stats if "sample_stats" in idata else xr.Dataset()),
        provenance=text["provenance"],
        quadrature_error=text["quadrature_error"],
    )


def _draws_of(root: xr.Dataset, text: Mapping[str, Any], statistics: xr.Dataset) -> Draws:
    arrays: dict[str, Any] = {name: root[name].values for name in ARRAYS if name in root}
    arrays |= {kind: _named(root, kind) for kind in NAMED}
    stats = {str(name): value.values for name, value in statistics.data_vars.items()}
    traces: dict[str, Any] = {name: stats.pop(name, None) for name in ("elbo", "objective")}
    optimum, numbers = text["optimum"], text.get("draws", text)  # files of before have them beside the others
    return Draws(
        timings=Timings(**text["timings"]),
        stats=stats,
        optimum=None if optimum is None else Optimum(**optimum),
        **traces,
        **{name: numbers[name] for name in NUMBERS if name in numbers},
        **arrays,
    )


def _named(root: xr.Dataset, kind: str) -> dict[str, NDArray[Any]] | None:
    start = f"{kind}."
    found = {str(n).removeprefix(start): v.values for n, v in root.data_vars.items() if str(n).startswith(start)}
    return found or None
