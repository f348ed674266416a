"""From a method's name to draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.kinds import DROP
from irtbridge.data.responses import Responses
from irtbridge.data.sparse_responses import SparseResponses
from irtbridge.errors import ConfigError, NumericalError, UnknownName
from irtbridge.inference import (
    cmle,
    em,
    gibbs,
    jmle,
    laplace,
    map,
    metropolis,
    nuts,
    nuts_collapsed,
    nuts_whitened,
    vi,
    vi_collapsed,
    vi_newton,
)
from irtbridge.inference.importance import k_hat
from irtbridge.inference.intercepts import with_intercepts
from irtbridge.inference.large_data import compile_collapsed
from irtbridge.inference.method import Method
from irtbridge.inference.observed_entries import EntriesProgram
from irtbridge.model.density import log_density_terms
from irtbridge.model.layout import Layout
from irtbridge.model.likelihood_alone import without_priors
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.backend import Backend
from irtbridge.plugin.entry_points import check_declared
from irtbridge.plugin.program import Program, Progress, silent
from irtbridge.plugin.stack import Stackable
from irtbridge.results.draws import Draws, Timings

METHODS: dict[str, Method] = {
    module.METHOD.name: module.METHOD
    for module in (
        nuts,
        laplace,
        nuts_collapsed,
        nuts_whitened,
        map,
        em,
        cmle,
        jmle,
        vi,
        vi_newton,
        vi_collapsed,
        gibbs,
        metropolis,
    )
}


def of_constant_items(settings: Mapping[str, Any]) -> bool | str:
    """What becomes of items to which all gave the same response, by default: ``allow_constant`` of `load_responses`.

    They are kept where the priors of all methods count, on which their parameters rest; else no finite estimate
    exists, and they are left out.

    Parameters
    ----------
    settings : mapping
        Settings by the names of the methods.
    """
    kept = all(getattr(own, "priors", METHODS[method].priors) for method, own in settings.items())
    return kept or DROP


def make_settings(method: str, **values: Any) -> Any:
    """Settings of a method, its defaults changed by `values`.

    Raises
    ------
    UnknownName
        No such method, or no such setting of it.
    ConfigError
        A value of the wrong type or range.
    """
    if not isinstance(method, str) or method not in METHODS:
        raise UnknownName("method", method, METHODS)
    valid = [f.name for f in fields(METHODS[method].settings)]
    for name in values:
        if name not in valid:
            raise UnknownName(f"setting of method {method!r}", name, valid)
    return METHODS[method].settings(**values)


def compile_for(
    backend: Backend, spec: ModelSpec, responses: Responses, settings: Any, *, device: str, dtype: str
) -> Program:
    """Compile a spec as a method needs it: with its abilities or, where it integrates them out, without; or flat.

    Raises
    ------
    Unsupported
        The backend cannot integrate abilities out, or standardise them.
    """
    quadrature = getattr(settings, "collapse", None)
    if quadrature is not None:
        how = {"device": device, "dtype": dtype, "gradients": takes_gradients(settings)}
        return with_intercepts(compile_collapsed(backend, spec, responses, quadrature, settings.block, **how))
    if not getattr(settings, "priors", True):
        spec = without_priors(spec)
    if getattr(settings, "observed_only", False) or _must_be_sparse(settings, responses):
        return EntriesProgram(Layout.of(spec, responses), responses)
    noncentred = getattr(settings, "noncentred", False) and bool(spec[spec.family.ability].prior.references())
    program = backend.compile(spec, responses, device=device, dtype=dtype, noncentred=noncentred)
    return settings.prepare(program) if hasattr(settings, "prepare") else program


def takes_gradients(settings: Any) -> bool:
    """Whether a method with these settings asks the program for gradients, as all do whose settings deny it not."""
    return bool(getattr(settings, "gradients", True))


def _must_be_sparse(settings: Any, responses: Responses) -> bool:
    """Whether the responses are sparse, and the method can take them so."""
    return isinstance(responses, SparseResponses) and hasattr(settings, "observed_only")


def compile_joint(backend: Backend, spec: ModelSpec, responses: Responses, *, device: str, dtype: str) -> Program:
    """The program with its abilities, a row for each person, that chains need which take over."""
    how = {"device": device, "dtype": dtype}
    return compile_for(backend, spec, responses.expanded(), nuts_whitened.WhitenedNutsSettings(), **how)


def run_method(
    backend: Backend, program: Program, method: str, settings: Any, seed: int, progress: Progress = silent
) -> Draws:
    """Draw from the posterior of a compiled program.

    Raises
    ------
    Unsupported
        The backend does not run the method, or lacks the gradients that it needs; names those that do.
    NumericalError
        The log density is not finite where the chains start; names the variable and its prior.
    """
    check_runs(backend, method)
    if backend.gradients and takes_gradients(settings):
        check_start(program, seed)
    return _checked(program, METHODS[method].run(program, settings, seed, progress), progress)


def check_runs(backend: Backend | type[Backend], method: str) -> None:
    """Raise `Unsupported`, naming the backends that can, unless a backend has what a method needs."""
    needed = METHODS[method]
    if needed.native:
        others = f" (its own: {', '.join(backend.methods)})" if backend.methods else ""
        check_declared(backend, "methods", f"method {method!r}{others}", method)
    if hasattr(needed.settings, "collapse"):
        check_declared(backend, "collapses", f"integrating abilities out, which method {method!r} does")
    if needed.gradients:
        check_declared(backend, "gradients", f"gradients, which method {method!r} needs")


def resume_method(
    program: Program, method: str, settings: Any, before: Draws, draws: int, seed: int, progress: Progress = silent
) -> Draws:
    """Further draws: of each chain, which goes on from where it is, or of the distribution they were drawn from.

    Parameters
    ----------
    program : Program
        Compiled as for the draws before.
    method, settings
        Those of the draws before.
    before : Draws
        What there is.
    draws : int
        How many further ones of each chain, or of all where they are independent.
    seed : int
        Another one than of the draws before.
    progress : callable
        Progress callback.

    Raises
    ------
    ConfigError
        The method gives a point, no draws.
    Unsupported
        The backend has not kept what its chains adapted to.
    """
    check_resumes(method)
    resume = METHODS[method].resume
    assert resume is not None
    return resume(program, settings, before, draws, seed, progress)


def check_resumes(method: str) -> None:
    """Raise `ConfigError` where a method gives a point, which has no draws to add to."""
    if METHODS[method].resume is None:
        able = ", ".join(name for name, other in METHODS.items() if other.resume is not None)
        raise ConfigError(f"method={method!r} gives a point, no draws to add to; fit with one of {able}.")


def run_stack(programs: Sequence[Program], method: str, settings: Any, seeds: Sequence[int], count: int) -> list[Draws]:
    """Draw from the posteriors of several data sets in one run of the library's own method.

    Parameters
    ----------
    programs : sequence of Program
        All bound from one.
    method, settings, seeds
        As for `run_method`, with a seed for each program.
    count : int
        How many are wanted; those after them only fill the stack.

    Returns
    -------
    list of Draws
        Each with its share of the seconds; those of compiling are all the first one's.
    """
    first = programs[0]
    assert isinstance(first, Stackable)
    stack = first.stack(programs)
    together: list[Draws] = getattr(stack, method)(settings, seeds)[:count]
    draws, compiling = [], stack.compile_seconds + together[0].timings.compile
    for program, each in zip(programs, together, strict=False):
        shares = Timings(compiling, each.timings.warmup / count, each.timings.sampling / count)
        draws.append(_checked(program, replace(each, timings=shares), silent))
        compiling = 0.0
    return draws


def _checked(program: Program, draws: Draws, progress: Progress) -> Draws:
    """Draws with the k-hat of what they were drawn from, where that is known, and the seconds of compiling."""
    if draws.log_q is not None:
        draws = replace(draws, pareto_k=k_hat(program, draws.z[0], draws.log_q[0], progress))
    timings = replace(draws.timings, compile=draws.timings.compile + program.compile_seconds)
    return replace(draws, timings=timings)


def check_start(program: Program, seed: int, points: int = 4, radius: float = 0.5) -> None:
    """Raise `NumericalError` unless the log density and its gradient are finite near the origin."""
    z = np.random.default_rng(seed).uniform(-radius, radius, (points, program.dim))
    value, gradient = program.value_and_grad(z)
    bad = np.flatnonzero(~np.isfinite(value) | ~np.isfinite(gradient).all(axis=-1))
    if bad.size:
        raise NumericalError(_diagnosis(program, z[bad[0]]))


def _diagnosis(program: Program, z: NDArray[np.float64]) -> str:
    params = program.constrain(z)
    with np.errstate(all="ignore"):
        terms = log_density_terms(program.layout, params, program.responses)
    culprits = [name for name, term in terms.items() if not np.isfinite(term)]
    if not culprits:
        return "the gradient of the log density is not finite at the start; try dtype=float64 or a tighter prior."
    name = culprits[0]
    what = "the response" if name == "response" else f"variable {program.spec[name]}"
    return f"the log density is {terms[name]} at the start because of {what}; check its prior and what it refers to."
