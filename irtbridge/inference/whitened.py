"""NUTS on abilities and shared parameters together, whitened by a normal approximation: any number of traits."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from irtbridge.backend import Draws, Program, Progress, check_positive
from irtbridge.collapse import check_normal_abilities
from irtbridge.inference.chains import run_chains
from irtbridge.inference.person_blocks import normal_posterior


@dataclass(frozen=True)
class WhitenedNutsSettings:
    """Settings of NUTS on the joint posterior, whitened by a normal approximation with a block for each person.

    Parameters
    ----------
    chains, warmup, draws : int
        Number of chains; of steps that adapt the step size; of kept draws in each chain.
    target_accept : float
        Mean acceptance probability that the step size is adapted to.
    max_tree_depth : int
        At most 2^max_tree_depth - 1 gradients a draw.
    noncentred : bool
        Sample standardised abilities where their prior has parameters.
    """

    chains: int = 4
    warmup: int = 150
    draws: int = 250
    target_accept: float = 0.8
    max_tree_depth: int = 10
    noncentred: bool = True

    def __post_init__(self) -> None:
        check_positive(self, "chains", "warmup", "draws", "target_accept", "max_tree_depth")


def run_whitened_nuts(program: Program, settings: WhitenedNutsSettings, seed: int, progress: Progress) -> Draws:
    """NUTS in the coordinates in which the normal approximation of the joint posterior is a standard normal."""
    check_normal_abilities(program.spec)
    start = time.perf_counter()
    normal = normal_posterior(program, seed, lambda done, total: progress("optimisation", done, total))
    spent = time.perf_counter() - start
    draws = run_chains(normal.density, normal.coordinates, program.dim, settings, seed, progress)
    return replace(draws, timings=replace(draws.timings, warmup=draws.timings.warmup + spent))
