"""Chains of NUTS in coordinates in which the posterior is nearly a standard normal."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.inference.nuts import Sampler, StepSize, ValueAndGrad
from irtbridge.plugin.options import check_positive, check_probability
from irtbridge.plugin.program import Progress
from irtbridge.results.draws import Draws, Timings

Array = NDArray[np.float64]
DEEPEST = 5.0  # standard deviations of the log density below its mean: one draw in a million lies there
MOST_HALVINGS = 10  # then the centre itself, a thousand times nearer, must do


@dataclass(frozen=True)
class ChainSettings:
    """What all methods share that run chains in whitened coordinates.

    Parameters
    ----------
    chains, warmup, draws : int
        Number of chains; of steps that adapt the step size; of kept draws in each chain.
    target_accept : float
        Mean acceptance probability that the step size is adapted to.
    max_tree_depth : int
        At most 2^max_tree_depth - 1 gradients a draw.
    """

    chains: int = 4
    warmup: int = 100
    draws: int = 250
    target_accept: float = 0.8
    max_tree_depth: int = 10

    def __post_init__(self) -> None:
        check_positive(self, "chains", "warmup", "draws", "max_tree_depth")
        check_probability(self, "target_accept")


def run_chains(
    density: ValueAndGrad,
    coordinates: Callable[[Array], Array],
    dim: int,
    settings: ChainSettings,
    seed: int,
    progress: Progress,
) -> Draws:
    """Run chains one after another, each from a draw of a standard normal that lies inside the posterior.

    Parameters
    ----------
    density : callable
        Value and gradient at a whitened point (dim,).
    coordinates : callable
        Whitened points (draw, dim) to the program's coordinates (draw, dim).
    dim : int
        Number of coordinates.
    settings : ChainSettings
        Of the chains.
    seed : int
        A chain depends on it and on its own number, not on how many there are.
    progress : callable
        Progress callback.
    """

    def begin(chain: int, rng: np.random.Generator) -> tuple[Sampler, float]:
        sampler = Sampler(density, inside(density, rng.standard_normal(dim)), rng, settings.max_tree_depth)
        return sampler, _warm_up(sampler, settings, chain, progress)

    return _run(begin, coordinates, settings, seed, progress)


def resume_chains(
    density: ValueAndGrad,
    coordinates: Callable[[Array], Array],
    adaptation: Mapping[str, Array],
    settings: ChainSettings,
    seed: int,
    progress: Progress,
) -> Draws:
    """Go on with chains from where they are, with their step sizes.

    Parameters
    ----------
    density, coordinates, settings, seed, progress
        As in `run_chains`.
    adaptation : mapping of str to ndarray
        ``last``, the whitened points (chain, dim) where the chains are, and ``step_size``, shape (chain,).
    """

    def begin(chain: int, rng: np.random.Generator) -> tuple[Sampler, float]:
        sampler = Sampler(density, adaptation["last"][chain], rng, settings.max_tree_depth)
        return sampler, float(adaptation["step_size"][chain])

    return _run(begin, coordinates, settings, seed, progress)


def inside(density: ValueAndGrad, start: Array) -> Array:
    """A whitened point (dim,), drawn in towards the centre until its density is one that draws have.

    The log density of a normal's draws lies ``dim / 2`` below its maximum on average, with a standard deviation of
    ``sqrt(dim / 2)``. Where the normal approximation is too wide in some direction, its draws lie far below that.
    """
    dim = len(start)
    least = float(density(np.zeros(dim))[0]) - 0.5 * dim - DEEPEST * np.sqrt(0.5 * dim)
    for _ in range(MOST_HALVINGS):
        if density(start)[0] >= least:
            return start
        start = start / 2
    return np.zeros(dim)


def _run(
    begin: Callable[[int, np.random.Generator], tuple[Sampler, float]],
    coordinates: Callable[[Array], Array],
    settings: ChainSettings,
    seed: int,
    progress: Progress,
) -> Draws:
    """Draws of chains that `begin` makes ready, each with its step size."""
    chains, steps, times = [], [], []
    for c, child in enumerate(np.random.SeedSequence(seed).spawn(settings.chains)):
        start = time.perf_counter()
        sampler, step = begin(c, np.random.default_rng(child))
        middle = time.perf_counter()
        chains.append(_sample(sampler, step, settings, c, progress))
        steps.append(step)
        times.append((middle - start, time.perf_counter() - middle))
    warmup, sampling = np.sum(times, axis=0).tolist()
    white = np.stack([[w for w, _ in chain] for chain in chains])
    stats = {name: np.array([[draw[name] for _, draw in chain] for chain in chains]) for name in chains[0][0][1]}
    return Draws(
        np.stack([coordinates(w) for w in white]),
        Timings(warmup=warmup, sampling=sampling),
        stats,
        adaptation={"last": white[:, -1].copy(), "step_size": np.array(steps)},
    )


def _warm_up(sampler: Sampler, settings: ChainSettings, chain: int, progress: Progress) -> float:
    """Find the step size."""
    step = StepSize(len(sampler.here.w) ** -0.25, settings.target_accept)
    for t in range(settings.warmup):
        step.update(sampler.draw(float(np.exp(step.log_step)))[1]["acceptance_rate"])
        progress("warm-up", chain * settings.warmup + t + 1, settings.chains * settings.warmup)
    return float(np.exp(step.log_mean))


def _sample(
    sampler: Sampler, step: float, settings: ChainSettings, chain: int, progress: Progress
) -> list[tuple[Array, dict[str, Any]]]:
    """Whitened points and their statistics."""
    draws = []
    for t in range(settings.draws):
        draws.append(sampler.draw(step))
        progress("sampling", chain * settings.draws + t + 1, settings.chains * settings.draws)
    return draws
