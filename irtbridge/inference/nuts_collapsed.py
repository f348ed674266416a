"""NUTS on the item parameters alone, abilities integrated out."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from irtbridge.inference.chains import ChainSettings, resume_chains, run_chains
from irtbridge.inference.method import SHORT_CHAIN, Method
from irtbridge.inference.modes import find_mode
from irtbridge.inference.settings import CollapsedSettings
from irtbridge.plugin.program import Program, Progress
from irtbridge.results.draws import Draws

Array = NDArray[np.float64]


@dataclass(frozen=True)
class CollapsedNutsSettings(ChainSettings, CollapsedSettings):
    """Settings of NUTS on the item parameters alone, whitened by the Laplace approximation.

    Parameters
    ----------
    chains, warmup, draws, target_accept, max_tree_depth
        As in `ChainSettings`.
    n_nodes, max_iterations, block : int
        As in `CollapsedSettings`.
    """

    def __post_init__(self) -> None:
        ChainSettings.__post_init__(self)
        CollapsedSettings.__post_init__(self)


@dataclass(frozen=True, eq=False)
class Whitened:
    """A program in the coordinates in which a normal distribution is a standard one.

    Attributes
    ----------
    program : Program
        The program.
    centre : ndarray, shape (dim,)
        Mean of the normal.
    factor : ndarray, shape (dim, dim)
        L with L L' = covariance.
    """

    program: Program
    centre: Array
    factor: Array

    def density(self, white: Array) -> tuple[Array, Array]:
        """Log density of the program and its gradient, both at a whitened point (dim,)."""
        value, gradient = self.program.value_and_grad(self.centre + self.factor @ white)
        return value, self.factor.T @ gradient

    def coordinates(self, white: Array) -> Array:
        """Whitened points (draw, dim) to the program's coordinates."""
        return np.asarray(self.centre + white @ self.factor.T)


def run_collapsed_nuts(program: Program, settings: CollapsedNutsSettings, seed: int, progress: Progress) -> Draws:
    """NUTS on the item parameters in the coordinates in which the Laplace approximation is a standard normal."""
    progress("optimisation", 0, 0)
    start = time.perf_counter()
    mode = find_mode(program, jacobian=True, max_iterations=settings.max_iterations, seed=seed, progress=progress)
    normal = Whitened(program.for_chains(), mode.z, mode.factor)
    spent = time.perf_counter() - start
    draws = run_chains(normal.density, normal.coordinates, program.dim, settings, seed, progress)
    timings = replace(draws.timings, warmup=draws.timings.warmup + spent)
    adaptation = {**(draws.adaptation or {}), "centre": mode.z, "factor": mode.factor}
    return replace(draws, timings=timings, optimum=mode.optimum, adaptation=adaptation)


def resume_collapsed_nuts(
    program: Program, settings: CollapsedNutsSettings, before: Draws, draws: int, seed: int, progress: Progress
) -> Draws:
    """Go on with the chains in the same coordinates."""
    kept = before.kept_adaptation
    normal = Whitened(program.for_chains(), kept["centre"], kept["factor"])
    how = replace(settings, draws=draws), seed, progress
    return resume_chains(normal.density, normal.coordinates, kept, *how)


METHOD = Method(
    "nuts_collapsed",
    CollapsedNutsSettings,
    run_collapsed_nuts,
    summary="abilities integrated out; NUTS on the item parameters, whitened by the Laplace approximation",
    colour="#56B4E9",
    smoke=SHORT_CHAIN,
    resume=resume_collapsed_nuts,
)
