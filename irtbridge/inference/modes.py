"""The mode of a program's density, and the curvature there: from several starts, which must agree.

`find_mode` climbs from several points (`irtbridge.inference.climbing`) until two agree on the highest mode, and says in
an `Optimum` how they do; `find_maximum` is the same without the curvature.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.errors import NumericalError
from irtbridge.inference.climbing import ARRIVED, Climber, Mode, Summit
from irtbridge.plugin.program import Program, Progress, silent
from irtbridge.plugin.starts import starting_point
from irtbridge.results.draws import Optimum

Array = NDArray[np.float64]
# Climbs from so many points; more of them, up to the second number, as long as no two reach the highest mode.
STARTS, MOST_STARTS = 3, 9
NEAR, WIDE = 0.1, 1.0  # how far from the convention the first start and the others lie, in coordinates
OF_SEVERAL = "Use tighter priors (positive slopes, say), or method=nuts and look at R-hat."
SAME_MODE = 0.05  # log density by which climbs to one mode may differ: it falls so much in a third of a standard error


def find_mode(
    program: Program, *, jacobian: bool, max_iterations: int = 1000, seed: int = 0, progress: Progress = silent
) -> Mode:
    """Maximise a program's log density from several starts, then polish and measure the curvature.

    The first start lies near the convention of the model (see `in_convention`), the others around it.

    Parameters
    ----------
    program : Program
        Abilities integrated out.
    jacobian : bool
        Whether the density is that of the unconstrained coordinates (True), or that of the constrained parameters.
    max_iterations : int
        Of L-BFGS.
    seed : int
        Of the starts.
    progress : callable
        Called while the curvature is measured.

    Raises
    ------
    NumericalError
        No start arrived at a point with a finite density and a positive curvature, or no two of them at the highest
        mode.
    """
    climber, starts = Climber(program, jacobian, max_iterations), _starting_points(program, seed)
    first = climber.climb(next(starts))
    best, summits = climber.measured(first, progress), [first]
    while first.complete and _undecided(summits, program):
        summit = _climb_again(climber, next(starts), best)
        summits.append(summit)
        if summit.value > best.value + _tolerance(best.value, program):
            best = climber.measured(summit, progress)
    try:
        distance = climber.distance(best)
    except NumericalError as error:
        raise _without_curvature(error, first, climber) from error
    optimum = _agreed(summits, program, distance)
    evaluations = sum(summit.evaluations for summit in summits)
    return Mode(best.z, best.value, best.curvature, evaluations, optimum)


def find_maximum(
    program: Program, *, jacobian: bool, max_iterations: int = 1000, seed: int = 0
) -> tuple[Array, float, Optimum]:
    """Where a program's log density is largest, and its value there; `find_mode` without polish.

    Without curvature, too, unless it is had for less than further climbs cost without it.
    """
    climber, starts = Climber(program, jacobian, max_iterations), _starting_points(program, seed)
    first = climber.climb(next(starts))
    mode = climber.surveyed(first) if climber.measures_at_once and np.isfinite(first.value) else None
    summits = [first]
    while first.complete and _undecided(summits, program):
        start = next(starts)
        summits.append(climber.climb(start) if mode is None else _climb_again(climber, start, mode))
    best = max(summits, key=lambda summit: summit.value)
    if not np.isfinite(best.value):
        raise NumericalError(f"no mode found ({best.message}); use a tighter prior, or method=nuts.")
    return best.z, best.value, _agreed(summits, program, float("nan"))


def _climb_again(climber: Climber, start: Array, best: Mode) -> Summit:
    try:
        summit = climber.climb_whitened(start, best)
    except NumericalError:  # a saddle has no standard errors
        return climber.climb(start)
    if summit.value > best.value - _tolerance(best.value, climber.program):
        return summit
    # Standard errors may mislead far from their mode: another mode is one where a climb without them ends, too.
    further = climber.climb(summit.z if np.isfinite(summit.value) else start)
    return replace(further, evaluations=summit.evaluations + further.evaluations)


def _tolerance(value: float, program: Program) -> float:
    """By how much two climbs to one mode may differ: rounding counts where the precision is low."""
    return SAME_MODE + 16 * float(np.finfo(program.dtype).eps) * abs(value)


def _agreeing(summits: Sequence[Summit], program: Program) -> int:
    """How many climbs reached the highest mode."""
    values = [summit.value for summit in summits]
    return sum(value > max(values) - 2 * _tolerance(max(values), program) for value in values)


def _undecided(summits: Sequence[Summit], program: Program) -> bool:
    enough = len(summits) >= STARTS and _agreeing(summits, program) > 1
    return not enough and len(summits) < MOST_STARTS


def _agreed(summits: Sequence[Summit], program: Program, distance: float) -> Optimum:
    """What the climbs say together.

    Raises
    ------
    NumericalError
        No two of them reached the highest mode.
    """
    values, agreeing = sorted((summit.value for summit in summits), reverse=True), _agreeing(summits, program)
    if len(summits) > 1 and agreeing < 2:
        ends = ", ".join(f"{value - values[0]:.1f}" for value in values[:4])
        raise NumericalError(
            f"{len(summits)} starts ended in different modes (log densities from the highest: {ends}, ...): which one "
            f"is right cannot be told. {_without_mode(program) or OF_SEVERAL}"
        )
    gap = values[0] - values[agreeing] if agreeing < len(values) else float("inf")
    converged = summits[0].complete and not distance > ARRIVED
    return Optimum(converged, distance, len(summits), agreeing, gap)


def _without_mode(program: Program) -> str:
    """Why there may be no mode: what is estimated together with its own standard deviation; empty where nothing is.

    J parameters at their means have a density of the standard deviation's power -J, which has no bound at 0, and little
    data do not keep them away.
    """
    slots = program.layout.slots
    spread = {name: slot.variable.prior.references().get("scale") for name, slot in slots.items()}
    found = next(((name, sd) for name, sd in spread.items() if sd in slots), None)
    if found is None:
        return ""
    name, sd = found
    return (
        f"{sd}, the standard deviation of {name}, is estimated with them: where it goes to 0 the density has no bound, "
        f"and there may be no mode besides. Use method=nuts, which averages over {sd}, or a model without it "
        "(residual=none where covariates explain the items)."
    )


def _without_curvature(error: NumericalError, first: Summit, climber: Climber) -> NumericalError:
    if not first.complete:
        return NumericalError(
            f"the optimiser stopped after max_iterations={climber.max_iterations}, before it reached a mode; raise it."
        )
    if climber.coarse:
        return NumericalError(f"float32 is too coarse for the curvature at the mode; use dtype=float64. ({error})")
    return error


def _starting_points(program: Program, seed: int) -> Iterator[Array]:
    """Near the convention, then anywhere around it; in turn with the signs of slopes that the data suggest."""
    rng = np.random.default_rng(seed)
    yield starting_point(program, rng, NEAR)
    while True:
        yield _with_signs_of_data(program, starting_point(program, rng, WIDE))
        yield starting_point(program, rng, WIDE)


def _with_signs_of_data(program: Program, z: Array) -> Array:
    """One trait's slopes with the signs of the items' first principal component, where they may be negative."""
    name, spec = program.spec.family.discrimination, program.spec
    if name is None or spec[name].dims != ("item",) or spec[name].prior.bounds()[0] >= 0:
        return z
    params, low = program.constrain(z), spec[name].prior.bounds()[0]
    slopes = np.maximum(_signs(program.responses) * params[name], low / 2)
    return program.unconstrain({**params, name: slopes})


def _signs(responses: Responses) -> Array:
    """1 or -1 for each item, mostly 1."""
    responses = responses.expanded()
    codes = np.where(responses.observed, responses.values, np.nan)
    centred = np.nan_to_num((codes - np.nanmean(codes, axis=0)) / np.maximum(np.nanstd(codes, axis=0), 1e-12))
    first = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    return np.where(first * (1 if first.sum() >= 0 else -1) < 0, -1.0, 1.0)
