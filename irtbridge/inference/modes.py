"""The mode of a program's density, and the curvature there: from several starts, which must agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

from irtbridge.data.responses import Responses
from irtbridge.errors import NumericalError
from irtbridge.inference.alignment import Symmetry
from irtbridge.plugin.program import Program, Progress, silent
from irtbridge.plugin.starts import starting_point
from irtbridge.results.draws import Optimum

Array = NDArray[np.float64]
ValueAndGrad = Callable[[Array], tuple[Array, Array]]
# Steps of differences of gradients, whose rounding error is divided by them: forward and central.
STEP, COARSE_STEP = 1e-5, 2e-2
BATCH = 64  # points of one call
FAR = 1e300  # what L-BFGS sees where a density is not finite: an infinity it would not leave
# Climbs from so many points; more of them, up to the second number, as long as no two reach the highest mode.
STARTS, MOST_STARTS = 3, 9
NEAR, WIDE = 0.1, 1.0  # how far from the convention the first start and the others lie, in coordinates
SAME_MODE = 0.05  # log density by which climbs to one mode may differ: it falls so much in a third of a standard error
ARRIVED = 0.05  # standard errors that a Newton step may still lead, as in `irtbridge.results.verdict`


@dataclass(frozen=True, eq=False)
class Mode:
    """A mode in unconstrained coordinates.

    Attributes
    ----------
    z : ndarray, shape (dim,)
        Where it is.
    value : float
        Log density there.
    hessian : ndarray, shape (dim, dim)
        Second derivatives of the log density there.
    evaluations : int
        Gradients that the optimiser took.
    optimum : Optimum, optional
        How far the search can be trusted.
    """

    z: Array
    value: float
    hessian: Array
    evaluations: int
    optimum: Optimum | None = None

    @cached_property
    def factor(self) -> Array:
        """Lower triangular L with L L' = covariance, the inverse of minus the Hessian.

        Raises
        ------
        NumericalError
            The Hessian is not negative definite: the data do not identify some direction.
        """
        try:
            precision = linalg.cholesky(-self.hessian[::-1, ::-1], lower=True)
        except (linalg.LinAlgError, ValueError) as error:
            raise NumericalError(
                "the curvature at the mode is not positive: some direction is not identified by data and priors; "
                "use a tighter prior, or method=nuts."
            ) from error
        inverse = linalg.solve_triangular(precision, np.eye(len(self.z)), lower=True)
        return np.asarray(inverse.T[::-1, ::-1])

    @property
    def log_det(self) -> float:
        """Log determinant of `factor`."""
        return float(np.sum(np.log(np.diag(self.factor))))


@dataclass(frozen=True, eq=False)
class Summit:
    """Where a climb ended.

    Attributes
    ----------
    z : ndarray, shape (dim,)
    value : float
        Log density there; minus infinity where it is not finite.
    evaluations : int
        Gradients that it took.
    complete : bool
        Whether it stopped by itself, not at its largest number of iterations.
    message : str
        The optimiser's own.
    """

    z: Array
    value: float
    evaluations: int
    complete: bool
    message: str


class Climber:
    """L-BFGS on a program's log density.

    Parameters
    ----------
    program : Program
        Abilities integrated out.
    jacobian : bool
        Whether the density is that of the unconstrained coordinates (True), or that of the constrained parameters.
    max_iterations : int
        Of each climb.
    """

    def __init__(self, program: Program, jacobian: bool, max_iterations: int) -> None:
        self.program, self.jacobian, self.max_iterations = program, jacobian, max_iterations
        self.symmetry = Symmetry.of(program.layout)
        self.coarse = program.dtype == "float32"

    def density(self, z: Array) -> tuple[Array, Array]:
        """Value and gradient."""
        return self.program.value_and_grad(z, jacobian=self.jacobian)

    def climb(self, start: Array) -> Summit:
        """From a point to the mode above it, its traits in the order and with the signs that `Symmetry` states."""
        persons = self.program.responses.n_persons
        return self._run(self.density, start, lambda x: x, {"ftol": 1e-14, "gtol": 1e-5 * np.sqrt(persons)})

    def climb_whitened(self, start: Array, mode: Mode) -> Summit:
        """The same in standard errors around a mode: a few steps where it ends there too."""
        factor = mode.factor

        def white(w: Array) -> tuple[Array, Array]:
            value, gradient = self.density(mode.z + factor @ w)
            return value, factor.T @ gradient

        away = linalg.solve_triangular(factor, start - mode.z, lower=True)
        return self._run(white, away, lambda w: mode.z + factor @ w, {"ftol": 1e-9, "gtol": 0.1 * ARRIVED})

    def _run(self, density: ValueAndGrad, start: Array, place: Callable[[Array], Array], stop: Any) -> Summit:
        options: Any = {"maxiter": self.max_iterations, "maxcor": 30, **stop}
        found = optimize.minimize(_negative(density), start, jac=True, method="L-BFGS-B", options=options)
        value = -float(found.fun) if found.fun < FAR else -np.inf
        z = np.asarray(place(found.x))
        if self.symmetry is not None and np.isfinite(value):
            z = self.symmetry.aligned(self.program, z[None, None])[0, 0]
        return Summit(z, value, int(found.nfev), found.nit < self.max_iterations, str(found.message))

    def measured(self, summit: Summit, progress: Progress) -> Mode:
        """Curvature at the end of a climb, and Newton's steps for the last digits."""
        if not np.isfinite(summit.value):
            raise NumericalError(f"no mode found ({summit.message}); use a tighter prior, or method=nuts.")
        hessian = hessian_at(self.density, summit.z, coarse=self.coarse, progress=progress)
        z, value = _newton(self.density, summit.z, hessian)
        return Mode(z, value, hessian, summit.evaluations)

    def distance(self, mode: Mode) -> float:
        """How far a Newton step would still lead, in standard errors."""
        return float(np.linalg.norm(mode.factor.T @ self.density(mode.z)[1]))


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
    return Mode(best.z, best.value, best.hessian, evaluations, optimum)


def find_maximum(
    program: Program, *, jacobian: bool, max_iterations: int = 1000, seed: int = 0
) -> tuple[Array, float, Optimum]:
    """Where a program's log density is largest, and its value there; `find_mode` without polish and curvature."""
    climber, starts = Climber(program, jacobian, max_iterations), _starting_points(program, seed)
    summits = [climber.climb(next(starts))]
    while summits[0].complete and _undecided(summits, program):
        summits.append(climber.climb(next(starts)))
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
            "is right cannot be told. Use tighter priors (positive slopes, say), or method=nuts and look at R-hat."
        )
    gap = values[0] - values[agreeing] if agreeing < len(values) else float("inf")
    converged = summits[0].complete and not distance > ARRIVED
    return Optimum(converged, distance, len(summits), agreeing, gap)


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
    codes = np.where(responses.observed, responses.values, np.nan)
    centred = np.nan_to_num((codes - np.nanmean(codes, axis=0)) / np.maximum(np.nanstd(codes, axis=0), 1e-12))
    first = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    return np.where(first * (1 if first.sum() >= 0 else -1) < 0, -1.0, 1.0)


def hessian_at(density: ValueAndGrad, z: Array, *, coarse: bool = False, progress: Progress = silent) -> Array:
    """Second derivatives by differences of gradients, in batches.

    Forward differences, as half the gradients do; central ones of a long step where gradients have few digits.
    """
    step = COARSE_STEP if coarse else STEP
    shift, here, rows = step * np.eye(len(z)), density(z)[1], []
    for i in range(0, len(z), BATCH):
        upper = density(z + shift[i : i + BATCH])[1]
        lower = density(z - shift[i : i + BATCH])[1] if coarse else here
        rows.append((upper - lower) / (2 * step if coarse else step))
        progress("curvature", min(i + BATCH, len(z)), len(z))
    hessian = np.concatenate(rows)
    return np.asarray((hessian + hessian.T) / 2)


def _negative(density: ValueAndGrad) -> Callable[[Array], tuple[float, Array]]:
    def objective(z: Array) -> tuple[float, Array]:
        value, gradient = density(z)
        return (-float(value), -gradient) if np.isfinite(value) else (FAR, np.zeros_like(z))

    return objective


def _newton(density: ValueAndGrad, z: Array, hessian: Array, steps: int = 2) -> tuple[Array, float]:
    """Newton steps with a fixed Hessian, as long as they go up."""
    value, gradient = density(z)
    for _ in range(steps):
        proposal = z - linalg.lstsq(hessian, gradient)[0]
        new_value, new_gradient = density(proposal)
        if not new_value > value:
            break
        z, value, gradient = proposal, new_value, new_gradient
    return z, float(value)
