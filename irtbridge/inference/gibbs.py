"""Settings of Gibbs sampling by the backend's own library."""

from __future__ import annotations

from dataclasses import dataclass, replace

from irtbridge.inference.method import SHORT_CHAIN, Method
from irtbridge.plugin.options import check_positive
from irtbridge.plugin.program import Program, Progress
from irtbridge.results.draws import Draws


@dataclass(frozen=True)
class GibbsSettings:
    """Settings of Gibbs sampling (Gelfand & Smith 1990): each parameter in turn given all others.

    Parameters
    ----------
    chains : int
        Number of chains.
    adapt : int
        Iterations in which the samplers of single parameters adapt, as slice samplers do their widths.
    warmup : int
        Iterations after these that are not kept (the burn-in).
    draws : int
        Kept draws in each chain.
    thin : int
        Iterations for each kept draw.
    init_radius : float
        Chains start uniformly within this distance of 0 in each unconstrained coordinate.
    """

    chains: int = 4
    adapt: int = 1000
    warmup: int = 1000
    draws: int = 1000
    thin: int = 1
    init_radius: float = 0.5

    def __post_init__(self) -> None:
        check_positive(self, "chains", "adapt", "warmup", "draws", "thin", "init_radius")


def resume_native_gibbs(
    program: Program, settings: GibbsSettings, before: Draws, draws: int, seed: int, progress: Progress
) -> Draws:
    """Go on with the chains by the library's own sampler."""
    return program.resume_gibbs(replace(settings, draws=draws), before.kept_adaptation, seed, progress)


METHOD = Method(
    "gibbs",
    GibbsSettings,
    lambda program, *how: program.gibbs(*how),
    summary="the library's Gibbs sampler: each parameter and ability in turn given all others, without gradients",
    colour="#661100",
    smoke={**SHORT_CHAIN, "adapt": 50},
    native=True,
    gradients=False,
    resume=resume_native_gibbs,
)
