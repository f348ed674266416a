"""NUTS on abilities and shared parameters together, whitened by a normal approximation: any number of traits."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from irtbridge.inference.blocks import Blocks
from irtbridge.inference.chains import ChainSettings, resume_chains, run_chains
from irtbridge.inference.intercepts import with_intercepts
from irtbridge.inference.method import SHORT_CHAIN, Method
from irtbridge.inference.normal_posterior import NormalPosterior, normal_posterior
from irtbridge.model.quadrature import check_normal_abilities
from irtbridge.plugin.program import Program, Progress
from irtbridge.results.draws import Draws


@dataclass(frozen=True)
class WhitenedNutsSettings(ChainSettings):
    """Settings of NUTS on the joint posterior, whitened by a normal approximation with a block for each person or item.

    Parameters
    ----------
    noncentred : bool
        Sample standardised abilities where their prior has parameters.
    chains, warmup, draws, target_accept, max_tree_depth
        As in `ChainSettings`.
    """

    warmup: int = 150
    noncentred: bool = True

    def prepare(self, program: Program) -> Program:
        """In coordinates with intercepts where items are the blocks: they are nearer to normal there."""
        persons = Blocks.of_persons(program.layout)
        by_person = np.array_equal(Blocks.fewest_shared(program.layout).own, persons.own)
        return program if by_person else with_intercepts(program)


def run_whitened_nuts(program: Program, settings: WhitenedNutsSettings, seed: int, progress: Progress) -> Draws:
    """NUTS in the coordinates in which the normal approximation of the joint posterior is a standard normal."""
    check_normal_abilities(program.spec)
    start = time.perf_counter()
    normal = normal_posterior(program.for_chains(), seed, lambda done, total: progress("optimisation", done, total))
    spent = time.perf_counter() - start
    draws = run_chains(normal.density, normal.coordinates, program.dim, settings, seed, progress)
    timings = replace(draws.timings, warmup=draws.timings.warmup + spent)
    return replace(draws, timings=timings, adaptation={**(draws.adaptation or {}), **normal.arrays()})


def resume_whitened_nuts(
    program: Program, settings: WhitenedNutsSettings, before: Draws, draws: int, seed: int, progress: Progress
) -> Draws:
    """Go on with the chains in the same coordinates."""
    normal = NormalPosterior.from_arrays(program.for_chains(), before.kept_adaptation)
    how = replace(settings, draws=draws), seed, progress
    return resume_chains(normal.density, normal.coordinates, before.kept_adaptation, *how)


METHOD = Method(
    "nuts_whitened",
    WhitenedNutsSettings,
    run_whitened_nuts,
    summary="any number of traits; NUTS on item parameters and abilities together, whitened by a normal "
    "approximation with a block for each person, or item where these are more",
    colour="#CC79A7",
    smoke=SHORT_CHAIN,
    resume=resume_whitened_nuts,
)
