"""Take the program away: a model and how it is fitted as a script in a library's own words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from irtbridge.data.files import write_text
from irtbridge.data.load import load_responses
from irtbridge.data.responses import Responses
from irtbridge.errors import ResultsError
from irtbridge.fitting import read_known
from irtbridge.fitting.fitted import Fit
from irtbridge.inference import make_settings
from irtbridge.model.catalogue import build_model
from irtbridge.model.design import split_for
from irtbridge.model.known import with_known
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.backend import Backend
from irtbridge.plugin.loading import backend_class
from irtbridge.plugin.options import check_seed
from irtbridge.plugin.scripts.recipe import Recipe


def export(
    data: Any,
    model: str | ModelSpec = "2pl",
    *,
    backend: str = "pyro",
    method: str = "nuts",
    output: str | Path | None = None,
    seed: int = 0,
    group: str | None = None,
    dtype: str = "float64",
    model_options: Mapping[str, Any] | None = None,
    backend_options: Mapping[str, Any] | None = None,
    data_options: Mapping[str, Any] | None = None,
    fixed: pd.DataFrame | Mapping[str, Any] | str | Path | Fit | None = None,
    **settings: Any,
) -> Path:
    """Write a script that fits a model with the library of a backend alone.

    It needs no irtbridge. It reads the csv that the data are from; where they are from elsewhere, or reading them takes
    more than a line, it reads a plain csv that is written beside it. The library need not be installed here.

    Parameters
    ----------
    data, model, backend, method, seed, group, dtype, model_options, backend_options, data_options, fixed, **settings
        As of `irtbridge.fit`; the method is one that the library has itself: ``nuts``, ``vi``, ``gibbs``.
    output : str or Path, optional
        The script's path: by default ``MODEL_BACKEND_METHOD.py``, in the working directory.

    Returns
    -------
    Path
        Of the script.

    Raises
    ------
    IRTBridgeError
        `Unsupported` where the backend, or its scripts, cannot say the model; it names who can. All that `fit` raises.
    """
    check_seed(seed)
    if group is not None and not isinstance(model, ModelSpec):
        model_options = {"invariance": "scalar"} | dict(model_options or {})
    spec = build_model(model, **dict(model_options or {}))
    options = {"kind": spec.family.kind, "allow_constant": False, **dict(data_options or {})}
    responses = load_responses(data, **(options if group is None else options | {"group": group}))
    if fixed is not None:
        spec = with_known(spec, read_known(fixed), split_for(spec, responses))
    engine, recipe = backend_class(backend), Recipe(method, make_settings(method, **settings), seed, dtype)
    path = Path(output or f"{spec.name}_{backend}_{method}.py".replace(" ", "_"))
    return write_script(engine(**dict(backend_options or {})), spec, responses, recipe, _csv(data), path)


def write_script(
    backend: Backend, spec: ModelSpec, responses: Responses, recipe: Recipe, source: str, output: Path
) -> Path:
    """Write a backend's script, and the csv that it reads if need be.

    Parameters
    ----------
    backend : Backend
        Writes the script.
    spec, responses
        The model and its data, as they were read.
    recipe : Recipe
        How the script fits.
    source : str
        The csv that the data are from; empty where there is none.
    output : Path
        The script's path.

    Raises
    ------
    ResultsError
        The script would be written over something else than Python.
    """
    if output.suffix != ".py":
        raise ResultsError(f"output={str(output)!r}: a script's name ends in .py.")
    beside = output.with_suffix(".csv")
    made = backend.export(spec, split_for(spec, responses).expanded(), recipe, source, str(beside))
    if made.table is not None:
        write_text(beside, made.table.to_csv(index=False))
    return write_text(output, made.text)


def _csv(data: Any) -> str:
    """The path of a csv, or nothing."""
    return str(data) if isinstance(data, (str, Path)) and Path(data).suffix == ".csv" else ""
