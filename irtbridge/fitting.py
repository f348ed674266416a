"""Fit a model to responses: the one function most users need."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from irtbridge.backend import Backend, Draws, Program, Progress, silent
from irtbridge.clock import seconds
from irtbridge.data import Responses, load_responses
from irtbridge.draws import to_inference_data
from irtbridge.errors import ConfigError, IRTBridgeWarning
from irtbridge.fitted import Fit
from irtbridge.inference import compile_for, make_settings, run_method
from irtbridge.inference.alignment import align
from irtbridge.inference.collapsed import fall_back, needs_fallback
from irtbridge.inference.streaming import add_all_abilities
from irtbridge.models import build_model
from irtbridge.plugins import load_backend
from irtbridge.provenance import environment
from irtbridge.spec import ModelSpec

__all__ = ["Fit", "Fitter", "fit"]


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
    check_seed(seed)
    responses = load_responses(data, **dict(data_options or {}))
    fitter = Fitter.of(model, backend, method, settings, model_options, backend_options, device=device, dtype=dtype)
    done = fitter.fit(responses, int(seed), progress)
    warn_of(done)
    return done


def warn_of(done: Fit) -> None:
    """Warn of a fit that does not pass the checks of its method."""
    if not done.verdict.trusted:
        attrs = done.idata.posterior.attrs
        what = f"{attrs['model']} on {attrs['data']} by {attrs['backend']} {attrs['method']}"
        warnings.warn(f"{what}: {done.verdict}", IRTBridgeWarning, stacklevel=3)


@dataclass(eq=False)
class Fitter:
    """All that a fit needs but data and seed. It compiles for the first data set and binds the others.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    method : str
        The method.
    settings : object
        Its settings.
    engine : Backend
        The backend, with its options.
    device, dtype : str
        As in `fit`.
    """

    spec: ModelSpec
    method: str
    settings: Any
    engine: Backend
    device: str = "auto"
    dtype: str = "float64"
    _latest: Program | None = field(default=None, init=False, repr=False)

    @classmethod
    def of(
        cls,
        model: str | ModelSpec,
        backend: str,
        method: str,
        settings: Mapping[str, Any],
        model_options: Mapping[str, Any] | None = None,
        backend_options: Mapping[str, Any] | None = None,
        *,
        device: str,
        dtype: str,
    ) -> Fitter:
        """From names and options, as `fit` takes them."""
        return cls(
            spec=build_model(model, **dict(model_options or {})),
            method=method,
            settings=make_settings(method, **settings),
            engine=load_backend(backend, **dict(backend_options or {})),
            device=device,
            dtype=dtype,
        )

    def fit(
        self,
        responses: Responses,
        seed: int,
        progress: Progress = silent,
        join: Callable[[Program], Program] = lambda program: program,
    ) -> Fit:
        """Fit one data set, of the same shape as the ones before; `join` puts its program among others.

        Raises
        ------
        DataError
            The shape is another.
        """
        started = seconds()
        progress("compile", 0, 0)
        fresh = self._latest is None
        program = self.compile(responses) if self._latest is None else self._latest.bind(responses)
        shared = not fresh and program.compile_seconds == 0
        self._latest = program
        joined = join(program)
        draws = run_method(self.engine, joined, self.method, self.settings, seed, progress)
        if needs_fallback(self.settings, draws):
            # Chains magnify rounding: a program compiled for this data set alone gives the draws that a single fit has.
            alone = program if fresh else self.compile(responses)
            draws = fall_back(alone, self.settings, draws, seed, progress)
        draws = align(program, draws)
        draws, abilities = add_all_abilities(program, draws, seed)
        attrs = self._attributes(program, draws) | {"seed": seed, "compile_shared": shared, "together": joined.together}
        attrs["wall_seconds"] = seconds() - started
        return Fit(to_inference_data(program, draws, attrs, abilities), self.spec, responses, program, draws)

    def compile(self, responses: Responses) -> Program:
        """Compile the model as the method needs it."""
        return compile_for(self.engine, self.spec, responses, self.settings, device=self.device, dtype=self.dtype)

    def _attributes(self, program: Program, draws: Draws) -> dict[str, Any]:
        """What a fit was, for the attributes of its InferenceData."""
        responses = program.responses
        return {
            "model": self.spec.name,
            "spec": self.spec.to_dict(),
            "spec_hash": self.spec.hash,
            "data": responses.name,
            "data_fingerprint": responses.fingerprint,
            "backend": self.engine.name,
            "backend_options": asdict(self.engine.options),
            "method": self.method,
            "settings": asdict(self.settings),
            "device": program.device,
            "device_name": self.engine.device_name(program.device),
            "dtype": program.dtype,
            "chain_method": draws.chain_method,
            **({} if draws.pareto_k is None else {"pareto_k": draws.pareto_k}),
            **draws.timings.to_dict(),
            **environment(self.engine),
        }


def check_seed(seed: object) -> None:
    """Raise `ConfigError` unless a seed is an integer, 0 or greater."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ConfigError(f"seed={seed!r} must be an integer, 0 or greater.")
