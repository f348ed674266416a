"""The mode of a program's density, and the curvature there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

from irtbridge.backend import Program
from irtbridge.errors import NumericalError

Array = NDArray[np.float64]
ValueAndGrad = Callable[[Array], tuple[Array, Array]]
STEP = 1e-5
BATCH = 64
FAR = 1e300


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
    """

    z: Array
    value: float
    hessian: Array
    evaluations: int

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
        except linalg.LinAlgError as error:
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


def find_mode(program: Program, *, jacobian: bool, max_iterations: int = 1000, seed: int = 0) -> Mode:
    """Maximise a program's log density by L-BFGS, then polish and measure the curvature.

    Parameters
    ----------
    program : Program
        Abilities integrated out.
    jacobian : bool
        Whether the density is that of the unconstrained coordinates (True), or that of the constrained parameters.
    max_iterations : int
        Of L-BFGS.
    seed : int
        Of the starting point, near the origin.

    Raises
    ------
    NumericalError
        The optimiser did not arrive at a point with a finite density and a small gradient.
    """
    density, result = _climb(program, jacobian, max_iterations, seed)
    hessian = hessian_at(density, result.x)
    z, value = _newton(density, result.x, hessian)
    if not np.isfinite(value):
        raise NumericalError(f"no mode found ({result.message}); use a tighter prior, or method=nuts.")
    return Mode(z, value, hessian, int(result.nfev))


def find_maximum(program: Program, *, jacobian: bool, max_iterations: int = 1000, seed: int = 0) -> tuple[Array, float]:
    """Where a program's log density is largest, and its value there; `find_mode` without polish and curvature."""
    _, result = _climb(program, jacobian, max_iterations, seed)
    if not result.fun < FAR:
        raise NumericalError(f"no mode found ({result.message}); use a tighter prior, or method=nuts.")
    return np.asarray(result.x), -float(result.fun)


def _climb(program: Program, jacobian: bool, max_iterations: int, seed: int) -> tuple[ValueAndGrad, Any]:
    """The density, and what SciPy's L-BFGS says of its maximum."""

    def density(z: Array) -> tuple[Array, Array]:
        return program.value_and_grad(z, jacobian=jacobian)

    start = np.random.default_rng(seed).uniform(-0.1, 0.1, program.dim)
    options: Any = {
        "maxiter": max_iterations,
        "maxcor": 30,
        "ftol": 1e-14,
        "gtol": 1e-5 * np.sqrt(program.responses.n_persons),
    }
    objective: Any = _negative(density)
    return density, optimize.minimize(objective, start, jac=True, method="L-BFGS-B", options=options)


def hessian_at(density: ValueAndGrad, z: Array) -> Array:
    """Second derivatives by differences of gradients, in batches; forward, as half the gradients do."""
    shift = STEP * np.eye(len(z))
    here = density(z)[1]
    rows = [(density(z + shift[i : i + BATCH])[1] - here) / STEP for i in range(0, len(z), BATCH)]
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
