"""NUTS on the item parameters alone, abilities integrated out."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from irtbridge.inference.chains import ChainSettings, run_chains
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


def run_collapsed_nuts(program: Program, settings: CollapsedNutsSettings, seed: int, progress: Progress) -> Draws:
    """NUTS on the item parameters in the coordinates in which the Laplace approximation is a standard normal."""
    progress("optimisation", 0, 0)
    start = time.perf_counter()
    mode = find_mode(program, jacobian=True, max_iterations=settings.max_iterations, seed=seed, progress=progress)
    factor, for_chains, spent = mode.factor, program.for_chains(), time.perf_counter() - start

    def density(w: Array) -> tuple[Array, Array]:
        value, gradient = for_chains.value_and_grad(mode.z + factor @ w)
        return value, factor.T @ gradient

    draws = run_chains(density, lambda w: mode.z + w @ factor.T, program.dim, settings, seed, progress)
    timings = replace(draws.timings, warmup=draws.timings.warmup + spent)
    return replace(draws, timings=timings, optimum=mode.optimum)


METHOD = Method(
    "nuts_collapsed",
    CollapsedNutsSettings,
    run_collapsed_nuts,
    summary="abilities integrated out; NUTS on the item parameters, whitened by the Laplace approximation",
    colour="#56B4E9",
    smoke=SHORT_CHAIN,
)
