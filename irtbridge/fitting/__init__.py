"""Fit a model to responses: `fit` reads its arguments into a `Fitter`, which makes a `Fit` of each data set."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from irtbridge.data.load import load_responses
from irtbridge.errors import DataNotFound, IRTBridgeWarning, UnknownName
from irtbridge.fitting.fitted import Fit
from irtbridge.fitting.fitter import Fitter
from irtbridge.inference import METHODS
from irtbridge.model.catalogue import DESIGN, options_of
from irtbridge.model.design import split_for
from irtbridge.model.groups import with_groups
from irtbridge.model.known import with_known
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.devices import check_device, check_dtype
from irtbridge.plugin.options import check_seed
from irtbridge.plugin.program import Progress, silent
from irtbridge.results import quiet_arviz

__all__ = ["Fit", "Fitter", "fit", "read_known", "warn_of"]

DATA_OPTIONS = tuple(load_responses.__kwdefaults__ or ())

quiet_arviz.load()  # so that it is never imported within what is timed


def fit(
    data: Any,
    model: str | ModelSpec = "2pl",
    *,
    backend: str = "pyro",
    method: str = "nuts",
    seed: int = 0,
    group: str | None = None,
    device: str = "auto",
    dtype: str = "float64",
    model_options: Mapping[str, Any] | None = None,
    backend_options: Mapping[str, Any] | None = None,
    data_options: Mapping[str, Any] | None = None,
    fixed: pd.DataFrame | Mapping[str, Any] | str | Path | Fit | None = None,
    progress: Progress = silent,
    **settings: Any,
) -> Fit:
    """Fit a Bayesian item response model.

    Parameters
    ----------
    data : DataFrame, array_like, path, name of a data set or Responses
        Persons x items, NaN = missing; or long with columns person, item, response. See `load_responses`.
    model : str or ModelSpec
        A model of the catalogue, as ``"2pl"`` or ``"gpcm"``, or a spec of your own.
    backend : str
        A backend's name; `irtbridge.backend_names()` lists them.
    method : str
        A method's name: ``nuts``, ``vi``, ``laplace``, ...; `irtbridge.inference.METHODS` says what each does.
    seed : int
        Same seed, machine and versions: same draws.
    group : str, optional
        The column with each person's group, of the data or of ``person_data`` among the `data_options`.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    dtype : str
        ``float64`` or ``float32``.
    model_options, backend_options, data_options : mapping, optional
        Arguments of the model's function, of the backend, of `load_responses`. By default
        ``allow_constant`` is true where the method's priors count, and 'drop' where they do not.
    fixed : DataFrame, mapping, path or Fit, optional
        Item parameters that are known: as `Fit.items` gives them, as csv of ``Fit.items(tidy=True)``, of an earlier
        fit, or as ``{"difficulty": {"item1": 0.3}}``. The others are estimated, and the persons' mean and standard
        deviation; see `irtbridge.model.known.with_known`.
    progress : callable
        Called with (stage, steps done, steps in all).
    **settings
        Settings of the method: ``draws=1000``, ``chains=2``, ... See `NutsSettings` and `ViSettings`.

    Returns
    -------
    Fit

    Raises
    ------
    IRTBridgeError
        Always of this root: `DataError`, `SpecError`, `UnknownName`, `BackendUnavailable`, `Unsupported`,
        `DeviceError`, `NumericalError`.
    """
    check_seed(seed)
    check_device(device)
    check_dtype(dtype)
    if group is not None and not isinstance(model, ModelSpec):
        model_options = {"invariance": "scalar"} | dict(model_options or {})
    _check_place(settings, method, model)
    fitter = Fitter.of(model, backend, method, settings, model_options, backend_options, device=device, dtype=dtype)
    if group is not None and not (fitter.spec.split or any("group" in dims for dims in fitter.spec.dims.values())):
        fitter.spec = with_groups(fitter.spec)
    options = {**fitter.data_options, **dict(data_options or {})}
    responses = load_responses(data, **(options if group is None else options | {"group": group}))
    if fixed is not None:
        fitter.spec = with_known(fitter.spec, read_known(fixed), split_for(fitter.spec, responses))
    done = fitter.fit(responses, int(seed), progress)
    warn_of(done)
    return done


def _check_place(settings: Mapping[str, Any], method: str, model: str | ModelSpec) -> None:
    """Raise `UnknownName` where a setting is none of the method's but an option of the data or the model."""
    if method not in METHODS:
        return
    valid = [field.name for field in fields(METHODS[method].settings)]
    places = {"data_options": DATA_OPTIONS, "model_options": (*options_of(str(model)), *DESIGN)}
    for name, place in itertools.product(settings, places):
        if name not in valid and name in places[place]:
            hint = f"Give it as {place}={{{name!r}: ...}}."
            raise UnknownName(f"setting of method {method!r}", name, valid, hint)


def read_known(fixed: pd.DataFrame | Mapping[str, Any] | str | Path | Fit) -> pd.DataFrame | Mapping[str, Any]:
    """Known item parameters as `with_known` takes them, from a file or from an earlier fit.

    Raises
    ------
    DataNotFound
        There is no such file.
    """
    if isinstance(fixed, Fit):
        return fixed.items(tidy=True)
    if not isinstance(fixed, (str, Path)):
        return fixed
    if not Path(fixed).is_file():
        raise DataNotFound(f"fixed={str(fixed)!r}: no such file; write one with Fit.items(tidy=True).to_csv(path).")
    return pd.read_csv(fixed, dtype={"item": str})


def warn_of(done: Fit) -> None:
    """Warn of a fit that does not pass the checks of its method."""
    if not done.verdict.trusted:
        of = done.provenance
        what = f"{of['model']} on {of['data']} by {of['backend']} {of['method']}"
        warnings.warn(f"{what}: {done.verdict}", IRTBridgeWarning, stacklevel=3)
