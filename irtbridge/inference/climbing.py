"""One climb to a mode of a program's density, and the curvature there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from irtbridge.errors import NumericalError
from irtbridge.inference import louis
from irtbridge.inference.alignment import Symmetry
from irtbridge.inference.curvature import Curvature, WholeCurvature
from irtbridge.inference.rising import Rise
from irtbridge.plugin.program import Program, Progress, silent
from irtbridge.results.draws import Optimum

Array = NDArray[np.float64]
ValueAndGrad = Callable[[Array], tuple[Array, Array]]
# Steps of differences of gradients, whose rounding error is divided by them: forward and central.
STEP, COARSE_STEP = 1e-5, 2e-2
BATCH = 64  # points of one call
MOST_BY_GRADIENTS = 2**11  # coordinates whose gradients a GPU takes sooner than the processor what is lost
FAR = 1e300  # what L-BFGS sees where a density is not finite: an infinity it would not leave
PRECISE = 1e-4  # standard errors that a climb may end from its mode
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
    curvature : Curvature
        Minus the second derivatives of the log density there.
    evaluations : int
        Gradients that the optimiser took.
    optimum : Optimum, optional
        How far the search can be trusted.
    """

    z: Array
    value: float
    curvature: Curvature
    evaluations: int
    optimum: Optimum | None = None

    @cached_property
    def factor(self) -> Array:
        """F with F F' = covariance, the inverse of the curvature, as a matrix.

        Raises
        ------
        NumericalError
            The curvature is not positive: the data do not identify some direction.
        """
        return self.curvature.factor


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
    curvature : Curvature, optional
        Near there, in whose units it climbed.
    """

    z: Array
    value: float
    evaluations: int
    complete: bool
    message: str
    curvature: Curvature | None = None


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
        self.measures_at_once = louis.serves(program) and not _soon_by_gradients(program)
        self.rise = Rise.of(program)
        self._last: tuple[Array, tuple[Array, Array]] | None = None

    def density(self, z: Array) -> tuple[Array, Array]:
        """Log density and its gradient at unconstrained coordinates (..., dim).

        The last one is kept: one step of a climb ends where the next begins.
        """
        if self._last is None or not np.array_equal(z, self._last[0]):
            self._last = z.copy(), self.program.value_and_grad(z, jacobian=self.jacobian)
        return self._last[1]

    def climb(self, start: Array) -> Summit:
        """From a point to the mode above it, its traits in the order and with the signs that `Symmetry` states."""
        if self.rise is not None:
            risen = self.rise.steps(start)
            curvature = self.rise.curvature(risen)
            return replace(self._climb_in(curvature, risen, 1e-14, PRECISE), curvature=curvature)
        persons = self.program.responses.total_weight
        return self._run(self.density, start, lambda x: x, 1e-14, 1e-5 * np.sqrt(persons))

    def climb_whitened(self, start: Array, mode: Mode) -> Summit:
        """The same in standard errors around a mode: a few steps where it ends there too."""
        start = start if self.rise is None else self.rise.steps(start)
        return self._climb_in(mode.curvature, start, 1e-9, 0.1 * ARRIVED)

    def _climb_in(self, curvature: Curvature, start: Array, of_value: float, of_gradient: float) -> Summit:
        """From a point to the mode above it, in the units of a curvature."""
        unit = _first_step(curvature.pull(self.density(start)[1]))

        def white(w: Array) -> tuple[Array, Array]:
            value, gradient = self.density(start + curvature.spread(unit * w))
            return value, unit * curvature.pull(gradient)

        def place(w: Array) -> Array:
            return start + curvature.spread(unit * w)

        return self._run(white, np.zeros_like(start), place, of_value, unit * of_gradient)

    def _run(
        self,
        density: ValueAndGrad,
        start: Array,
        place: Callable[[Array], Array],
        of_value: float,
        of_gradient: float,
    ) -> Summit:
        """L-BFGS until its step changes the value by a share, or the gradient is small."""
        options: Any = {"maxiter": self.max_iterations, "maxcor": 30, "ftol": of_value, "gtol": of_gradient}
        found = optimize.minimize(_negative(density), start, jac=True, method="L-BFGS-B", options=options)
        value = -float(found.fun) if found.fun < FAR else -np.inf
        z = np.asarray(place(found.x))
        z = self.aligned(z) if np.isfinite(value) else z
        return Summit(z, value, int(found.nfev), found.nit < self.max_iterations, str(found.message))

    def aligned(self, z: Array) -> Array:
        """The point (dim,) with its traits in the order and with the signs that `Symmetry` states."""
        return z if self.symmetry is None else self.symmetry.aligned(self.program, z[None, None])[0, 0]

    def measured(self, summit: Summit, progress: Progress) -> Mode:
        """Curvature at the end of a climb, and Newton's steps for the last digits."""
        if not np.isfinite(summit.value):
            raise NumericalError(f"no mode found ({summit.message}); use a tighter prior, or method=nuts.")
        curvature = self._curvature_at(summit.z, progress)
        z, value = _newton(self.density, summit.z, curvature)
        return Mode(z, value, curvature, summit.evaluations)

    def surveyed(self, summit: Summit) -> Mode:
        """The end of a climb, with a curvature that serves further ones."""
        if summit.curvature is None:
            return self.measured(summit, silent)
        return Mode(summit.z, summit.value, summit.curvature, summit.evaluations)

    def _curvature_at(self, z: Array, progress: Progress) -> Curvature:
        if self.measures_at_once:
            return louis.curvature_at(self.program, self.density, z)
        return WholeCurvature(-hessian_at(self.density, z, coarse=self.coarse, progress=progress))

    def distance(self, mode: Mode) -> float:
        """How far a Newton step would still lead, in standard errors."""
        return float(np.linalg.norm(mode.curvature.pull(self.density(mode.z)[1])))


def _soon_by_gradients(program: Program) -> bool:
    """Whether a gradient for each coordinate takes less time on the program's device than `louis` on the processor."""
    return program.device != "cpu" and program.dim <= MOST_BY_GRADIENTS


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


def _first_step(gradient: Array) -> float:
    """Length of L-BFGS's first step in standard errors, from the gradient by them: that of Newton's step there.

    No longer than draws of a normal posterior lie from their mode, as it may begin anywhere.
    """
    newton = float(np.linalg.norm(gradient))
    return min(newton, len(gradient) ** 0.5) if newton > 0 and np.isfinite(newton) else 1.0


def _newton(density: ValueAndGrad, z: Array, curvature: Curvature, steps: int = 2) -> tuple[Array, float]:
    """Newton steps with a fixed curvature, as long as they go up."""
    value, gradient = density(z)
    for _ in range(steps):
        proposal = z + curvature.step(gradient)
        new_value, new_gradient = density(proposal)
        if not new_value > value:
            break
        z, value, gradient = proposal, new_value, new_gradient
    return z, float(value)
