"""Variational inference on the item parameters alone, with their covariance."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from irtbridge.errors import ConfigError, NumericalError
from irtbridge.inference.climbing import Mode
from irtbridge.inference.guides import resume_guide
from irtbridge.inference.method import Method
from irtbridge.inference.modes import find_mode
from irtbridge.inference.settings import CollapsedSettings
from irtbridge.plugin.program import Program, Progress
from irtbridge.results.draws import Draws, Timings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class CollapsedViSettings(CollapsedSettings):
    """Settings of variational inference with the abilities integrated out and the item parameters' covariance kept.

    The guide is normal. Its axes are those of the Laplace approximation; its centre and its scale along each axis
    maximise the ELBO over a fixed set of draws (Giordano, Ingram & Broderick 2024), so that L-BFGS serves and no
    learning rate is needed.

    Parameters
    ----------
    particles : int
        Fixed draws for the ELBO, half of them the negatives of the others.
    draws : int
        Draws taken from the fitted guide.
    n_nodes, max_iterations : int
        As in `CollapsedSettings`.
    """

    particles: int = 32
    draws: int = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.particles % 2:
            raise ConfigError(f"particles={self.particles} must be even: they come in antithetic pairs.")


@dataclass(frozen=True, eq=False)
class Guide:
    """A normal guide ``z = centre + factor (scale w)``, w standard normal.

    Attributes
    ----------
    centre, scale : ndarray, shape (dim,)
    factor : ndarray, shape (dim, dim)
        Axes, lower triangular.
    """

    centre: Array
    scale: Array
    factor: Array

    def coordinates(self, white: Array) -> Array:
        """Standard normal draws (draw, dim) to the program's coordinates."""
        return np.asarray(self.centre + (white * self.scale) @ self.factor.T)

    def log_density(self, white: Array) -> Array:
        """Log density of `coordinates(white)`, shape (draw,)."""
        log_volume = np.sum(np.log(self.scale * np.diag(self.factor)))
        return np.asarray(-0.5 * np.sum(white**2 + np.log(2 * np.pi), axis=1) - log_volume)


def run_collapsed_vi(program: Program, settings: CollapsedViSettings, seed: int, progress: Progress) -> Draws:
    """Fit a normal guide with covariance to the item parameters' posterior, and draw from it."""
    progress("optimisation", 0, 0)
    start = time.perf_counter()
    rng = np.random.default_rng(seed)
    mode = find_mode(program, jacobian=True, max_iterations=settings.max_iterations, seed=seed, progress=progress)
    half = rng.standard_normal((settings.particles // 2, program.dim))
    half /= np.sqrt(np.mean(half**2, axis=0))  # unit variance in the sample, or the scales would take up its error
    guide, elbo = fit_guide(program, mode, np.concatenate([half, -half]))
    middle = time.perf_counter()
    white = rng.standard_normal((settings.draws, program.dim))
    z, log_q = guide.coordinates(white), guide.log_density(white)
    timings = Timings(warmup=middle - start, sampling=time.perf_counter() - middle)
    return Draws(
        z[None],
        timings,
        chain_method="independent",
        elbo=elbo,
        ess=float(settings.draws),
        log_q=log_q[None],
        optimum=mode.optimum,
        adaptation={"centre": guide.centre, "scale": guide.scale, "factor": guide.factor},
    )


def fit_guide(program: Program, mode: Mode, noise: Array) -> tuple[Guide, Array]:
    """Maximise the ELBO over fixed draws.

    Parameters
    ----------
    program : Program
        Abilities integrated out.
    mode : Mode
        Where to start, and the guide's axes.
    noise : ndarray, shape (particle, dim)
        Standard normal draws.

    Returns
    -------
    guide : Guide
    elbo : ndarray
        At each evaluation.

    Raises
    ------
    NumericalError
        The density is not finite where the guide went.
    """
    dim, factor, trace = program.dim, mode.factor, []
    entropy = mode.curvature.log_det + 0.5 * dim * (1 + np.log(2 * np.pi))

    def negative(x: Array) -> tuple[float, Array]:
        shift, log_scale = x[:dim], x[dim:]
        away = shift + np.exp(log_scale) * noise
        value, gradient = program.value_and_grad(mode.z + away @ factor.T)
        white = gradient @ factor
        trace.append(float(np.mean(value) + log_scale.sum() + entropy))
        slope = np.concatenate([white.mean(axis=0), np.mean(white * (away - shift), axis=0) + 1])
        return (-trace[-1], -slope) if np.isfinite(trace[-1]) else (1e300, np.zeros_like(x))

    options: Any = {"maxcor": 20, "ftol": 1e-12, "gtol": 1e-3}
    result = optimize.minimize(negative, np.zeros(2 * dim), jac=True, method="L-BFGS-B", options=options)
    if not np.isfinite(result.fun) or result.fun >= 1e300:
        raise NumericalError("the ELBO is not finite; use a tighter prior, or method=nuts_collapsed.")
    shift, scale = result.x[:dim], np.exp(result.x[dim:])
    return Guide(mode.z + factor @ shift, scale, factor), np.array(trace)


METHOD = Method(
    "vi_collapsed",
    CollapsedViSettings,
    run_collapsed_vi,
    summary="abilities integrated out; a normal guide that keeps the covariance of the item parameters",
    colour="#D55E00",
    smoke={"draws": 200},
    resume=resume_guide,
)
