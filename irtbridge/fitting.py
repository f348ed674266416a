"""Fit a model to responses: the one function most users need."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from irtbridge import summaries
from irtbridge.backend import Backend, Draws, Program, Progress, Timings, silent
from irtbridge.data import Responses, load_responses
from irtbridge.draws import to_inference_data
from irtbridge.errors import ConfigError
from irtbridge.files import write_atomic
from irtbridge.inference import compile_for, make_settings, run_method
from irtbridge.inference.abilities import add_abilities
from irtbridge.models import build_model
from irtbridge.plugins import load_backend
from irtbridge.provenance import environment
from irtbridge.quiet_arviz import az
from irtbridge.spec import ModelSpec


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted model.

    Attributes
    ----------
    idata : arviz.InferenceData
        Draws, sample statistics and data, labelled by person, item, trait and category.
    spec : ModelSpec
        The model.
    responses : Responses
        The data, with the recoding of their categories.
    program : Program
        The compiled program; ``program.native`` is the library's own object.
    draws : Draws
        Draws in the program's unconstrained coordinates, with timings.
    """

    idata: az.InferenceData
    spec: ModelSpec
    responses: Responses
    program: Program
    draws: Draws

    @property
    def timings(self) -> Timings:
        """Wall-clock seconds of compiling, warm-up and sampling."""
        return self.draws.timings

    @cached_property
    def _item_summary(self) -> xr.Dataset:
        """Summaries of everything but the persons."""
        return self._summary(of_persons=False)

    @cached_property
    def _person_summary(self) -> xr.Dataset:
        return self._summary(of_persons=True)

    def _summary(self, *, of_persons: bool) -> xr.Dataset:
        posterior = self.idata.posterior
        chosen = posterior[[n for n in posterior.data_vars if ("person" in posterior[n].dims) == of_persons]]
        if self.draws.standard_errors is not None:
            return summaries.of_point(chosen, self.draws.standard_errors)
        summary = summaries.summarise(chosen)
        return summary if self.draws.ess is None else summaries.with_ess(summary, self.draws.ess)

    def items(self) -> pd.DataFrame:
        """One row per item; columns (parameter, statistic): mean, SD, 95 % HDI, ESS, R-hat."""
        return summaries.table(self._item_summary, "item")

    def persons(self) -> pd.DataFrame:
        """One row per person; columns as in `items`."""
        return summaries.table(self._person_summary, "person")

    def shared(self) -> pd.DataFrame:
        """One row for each parameter that belongs to no single item or person: steps, correlations, hyperparameters."""
        return summaries.shared_table(self._item_summary)

    @property
    def min_ess(self) -> float:
        """Smallest bulk effective sample size over the item and shared parameters.

        Where the draws are no Markov chain, the method's own: their number for independent draws, one over the sum of
        squared weights for weighted ones, NaN for a point estimate.
        """
        if self.draws.ess is not None:
            return self.draws.ess
        return _extreme(self._item_summary, "ess_bulk", np.nanmin)

    @property
    def pareto_k(self) -> float:
        """k-hat of importance weights (above 0.7 they cannot be trusted); NaN where the method has none."""
        return float("nan") if self.draws.pareto_k is None else self.draws.pareto_k

    @property
    def max_r_hat(self) -> float:
        """Largest R-hat over the item and shared parameters; NaN with one chain."""
        return _extreme(self._item_summary, "r_hat", np.nanmax)

    @property
    def divergences(self) -> int:
        """Number of divergent transitions after warm-up."""
        return int(np.sum(self.draws.stats.get("diverging", 0)))

    def save(self, path: str | Path) -> Path:
        """Write the InferenceData as NetCDF, whole or not at all.

        Raises
        ------
        ResultsError
            The path cannot be written.
        """
        return write_atomic(Path(path), lambda target: self.idata.to_netcdf(str(target), engine="h5netcdf"))


def fit(
    data: Any,
    model: str | ModelSpec = "2pl",
    *,
    backend: str = "pyro",
    method: str = "nuts",
    seed: int = 0,
    device: str = "auto",
    dtype: str = "float64",
    model_options: Mapping[str, Any] | None = None,
    backend_options: Mapping[str, Any] | None = None,
    data_options: Mapping[str, Any] | None = None,
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
        ``nuts``, ``vi``, ``map``, ``laplace`` or ``nuts_collapsed``.
    seed : int
        Same seed, machine and versions: same draws.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    dtype : str
        ``float64`` or ``float32``.
    model_options, backend_options, data_options : mapping, optional
        Arguments of the model's function, of the backend, of `load_responses`.
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
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ConfigError(f"seed={seed!r} must be an integer, 0 or greater.")
    responses = load_responses(data, **dict(data_options or {}))
    spec = build_model(model, **dict(model_options or {}))
    chosen = make_settings(method, **settings)
    engine = load_backend(backend, **dict(backend_options or {}))
    started = time.perf_counter()
    progress("compile", 0, 0)
    program = compile_for(engine, spec, responses, chosen, device=device, dtype=dtype)
    draws = run_method(engine, program, method, chosen, int(seed), progress)
    draws, abilities = add_abilities(program, draws, int(seed))
    wall = time.perf_counter() - started
    attrs = _attributes(engine, method, chosen, program, draws) | {"seed": int(seed), "wall_seconds": wall}
    return Fit(to_inference_data(program, draws, attrs, abilities), spec, responses, program, draws)


def _attributes(engine: Backend, method: str, settings: Any, program: Program, draws: Draws) -> dict[str, Any]:
    """What a fit was, for the attributes of its InferenceData."""
    spec, responses = program.spec, program.responses
    return {
        "model": spec.name,
        "spec": spec.to_dict(),
        "spec_hash": spec.hash,
        "data": responses.name,
        "data_fingerprint": responses.fingerprint,
        "backend": engine.name,
        "backend_options": asdict(engine.options),
        "method": method,
        "settings": asdict(settings),
        "device": program.device,
        "dtype": program.dtype,
        "chain_method": draws.chain_method,
        **({} if draws.pareto_k is None else {"pareto_k": draws.pareto_k}),
        **draws.timings.to_dict(),
        **environment(engine),
    }


def _extreme(summary: xr.Dataset, statistic: str, reduce: Any) -> float:
    values = np.concatenate([v.sel(statistic=statistic).values.ravel() for v in summary.data_vars.values()])
    return float(reduce(values)) if np.isfinite(values).any() else float("nan")
