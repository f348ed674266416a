"""From a method's name to draws."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from irtbridge.backend import Backend, Draws, NutsSettings, Program, Progress, ViSettings, silent
from irtbridge.errors import NumericalError, UnknownName, Unsupported
from irtbridge.joint import log_density_terms
from irtbridge.plugins import backends_with

Settings = NutsSettings | ViSettings
METHODS: dict[str, type[NutsSettings] | type[ViSettings]] = {"nuts": NutsSettings, "vi": ViSettings}


def make_settings(method: str, **values: Any) -> Settings:
    """Settings of a method, its defaults changed by `values`.

    Raises
    ------
    UnknownName
        No such method, or no such setting of it.
    ConfigError
        A value of the wrong type or range.
    """
    if method not in METHODS:
        raise UnknownName("method", method, METHODS)
    valid = [f.name for f in fields(METHODS[method])]
    for name in values:
        if name not in valid:
            raise UnknownName(f"setting of method {method!r}", name, valid)
    return METHODS[method](**values)


def run_method(
    backend: Backend, program: Program, method: str, settings: Settings, seed: int, progress: Progress = silent
) -> Draws:
    """Draw from the posterior of a compiled program.

    Raises
    ------
    Unsupported
        The backend does not run the method; names those that do.
    NumericalError
        The log density is not finite where the chains start; names the variable and its prior.
    """
    if method not in backend.methods:
        raise Unsupported(backend.name, f"method {method!r}", backends_with("methods", method))
    check_start(program, seed)
    if isinstance(settings, NutsSettings):
        draws = program.nuts(settings, seed, progress)
    else:
        draws = program.vi(settings, seed, progress)
    timings = replace(draws.timings, compile=draws.timings.compile + program.compile_seconds)
    return replace(draws, timings=timings)


def check_start(program: Program, seed: int, points: int = 4, radius: float = 0.5) -> None:
    """Raise `NumericalError` unless the log density and its gradient are finite near the origin."""
    z = np.random.default_rng(seed).uniform(-radius, radius, (points, program.dim))
    value, gradient = program.value_and_grad(z)
    bad = np.flatnonzero(~np.isfinite(value) | ~np.isfinite(gradient).all(axis=-1))
    if bad.size:
        raise NumericalError(_diagnosis(program, z[bad[0]]))


def _diagnosis(program: Program, z: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    params = program.constrain(z)
    with np.errstate(all="ignore"):
        terms = log_density_terms(program.layout, params, program.responses)
    culprits = [name for name, term in terms.items() if not np.isfinite(term)]
    if not culprits:
        return "the gradient of the log density is not finite at the start; try dtype=float64 or a tighter prior."
    name = culprits[0]
    what = "the response" if name == "response" else f"variable {program.spec[name]}"
    return f"the log density is {terms[name]} at the start because of {what}; check its prior and what it refers to."
