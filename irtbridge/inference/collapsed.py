"""Methods that need nothing but a program's value and gradient: MAP, Laplace with importance sampling, whitened NUTS.

They run on programs whose abilities are integrated out, on every backend that can compile one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.backend import Draws, Program, Progress, Timings, check_positive
from irtbridge.collapse import Quadrature
from irtbridge.draws import reported
from irtbridge.errors import UnknownName
from irtbridge.inference.modes import Mode, find_mode
from irtbridge.inference.whitened_nuts import Sampler, StepSize
from irtbridge.quiet_arviz import az

Array = NDArray[np.float64]
K_HAT_LIMIT = 0.7
FALLBACKS = ("nuts_collapsed", "none")
BATCH = 32


@dataclass(frozen=True)
class CollapsedSettings:
    """What all methods share that integrate abilities out.

    Parameters
    ----------
    n_nodes : int
        Quadrature nodes for each trait.
    max_iterations : int
        Of L-BFGS on the way to the mode.
    """

    n_nodes: int = 61
    max_iterations: int = 1000

    def __post_init__(self) -> None:
        check_positive(self, *(f.name for f in fields(self) if f.type in ("int", "float")))

    @property
    def collapse(self) -> Quadrature:
        """The quadrature."""
        return Quadrature(self.n_nodes)


@dataclass(frozen=True)
class MapSettings(CollapsedSettings):
    """Settings of the posterior mode by L-BFGS, abilities integrated out: `n_nodes`, `max_iterations`.

    With flat priors it is marginal maximum likelihood (Bock & Aitkin 1981). The mode is that of the parameters
    themselves (discriminations, not their logarithms).
    """


@dataclass(frozen=True)
class LaplaceSettings(CollapsedSettings):
    """Settings of the Laplace approximation corrected by Pareto-smoothed importance sampling (Vehtari et al. 2024).

    Parameters
    ----------
    draws : int
        Draws from the approximation, weighted, then resampled.
    fallback : str
        What to do when k-hat exceeds 0.7, so that the weights cannot be trusted: ``nuts_collapsed`` or ``none``.
    n_nodes, max_iterations : int
        As in `CollapsedSettings`.
    """

    draws: int = 1000
    fallback: str = "nuts_collapsed"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fallback not in FALLBACKS:
            raise UnknownName("fallback", self.fallback, FALLBACKS)


@dataclass(frozen=True)
class CollapsedNutsSettings(CollapsedSettings):
    """Settings of NUTS on the item parameters alone, whitened by the Laplace approximation.

    Parameters
    ----------
    chains, warmup, draws : int
        Number of chains; of steps that adapt the step size; of kept draws in each chain.
    target_accept : float
        Mean acceptance probability that the step size is adapted to.
    max_tree_depth : int
        At most 2^max_tree_depth - 1 gradients a draw.
    n_nodes, max_iterations : int
        As in `CollapsedSettings`.
    """

    chains: int = 4
    warmup: int = 100
    draws: int = 250
    target_accept: float = 0.8
    max_tree_depth: int = 10


def run_map(program: Program, settings: MapSettings, seed: int, progress: Progress) -> Draws:
    """Posterior mode as a single draw, with standard errors from the observed information."""
    progress("optimisation", 0, 0)
    start = time.perf_counter()
    mode = find_mode(program, jacobian=False, max_iterations=settings.max_iterations, seed=seed)
    errors = _standard_errors(program, mode)
    timings = Timings(warmup=time.perf_counter() - start)
    lp = np.array([[mode.value]])
    return Draws(mode.z[None, None], timings, {"lp": lp}, "point", standard_errors=errors)


def run_laplace(program: Program, settings: LaplaceSettings, seed: int, progress: Progress) -> Draws:
    """Draws from the Laplace approximation, reweighted to the posterior; whitened NUTS where that cannot be trusted."""
    progress("optimisation", 0, 0)
    start = time.perf_counter()
    mode = find_mode(program, jacobian=True, max_iterations=settings.max_iterations, seed=seed)
    rng = np.random.default_rng(seed)
    factor, middle = mode.factor, time.perf_counter()
    white = rng.standard_normal((settings.draws, program.dim))
    z = mode.z + white @ factor.T
    log_density = _values(program, z, progress)
    log_weights, k_hat = az.psislw(log_density + 0.5 * np.sum(white**2, axis=1))
    weights = np.exp(log_weights)
    chosen = _systematic(weights / weights.sum(), rng)
    draws = Draws(
        z=z[chosen][None],
        timings=Timings(warmup=middle - start, sampling=time.perf_counter() - middle),
        stats={"lp": log_density[chosen][None]},
        chain_method="independent",
        ess=float(weights.sum() ** 2 / np.sum(weights**2)),
        pareto_k=float(k_hat),
    )
    if not draws.pareto_k > K_HAT_LIMIT or settings.fallback == "none":  # type: ignore[operator]
        return draws
    nuts = CollapsedNutsSettings(n_nodes=settings.n_nodes)
    fallen = _nuts_from(program, mode, nuts, seed, progress)
    spent = replace(fallen.timings, warmup=fallen.timings.warmup + draws.timings.total)
    return replace(fallen, timings=spent, pareto_k=draws.pareto_k)


def run_collapsed_nuts(program: Program, settings: CollapsedNutsSettings, seed: int, progress: Progress) -> Draws:
    """NUTS on the item parameters in the coordinates in which the Laplace approximation is a standard normal."""
    progress("optimisation", 0, 0)
    start = time.perf_counter()
    mode = find_mode(program, jacobian=True, max_iterations=settings.max_iterations, seed=seed)
    spent = time.perf_counter() - start
    draws = _nuts_from(program, mode, settings, seed, progress)
    return replace(draws, timings=replace(draws.timings, warmup=draws.timings.warmup + spent))


def _nuts_from(program: Program, mode: Mode, settings: CollapsedNutsSettings, seed: int, progress: Progress) -> Draws:
    factor = mode.factor

    def density(w: Array) -> tuple[Array, Array]:
        value, gradient = program.value_and_grad(mode.z + factor @ w)
        return value, factor.T @ gradient

    chains: list[tuple[Array, list[dict[str, Any]]]] = []
    seconds = np.zeros(2)
    for c, child in enumerate(np.random.SeedSequence(seed).spawn(settings.chains)):
        rng = np.random.default_rng(child)
        sampler = Sampler(density, rng.standard_normal(program.dim), rng, settings.max_tree_depth)
        seconds += _run_chain(sampler, settings, chains, c, progress)
    z = mode.z + np.stack([draws for draws, _ in chains]) @ factor.T
    names = chains[0][1][0]
    stats = {name: np.array([[draw[name] for draw in rows] for _, rows in chains]) for name in names}
    return Draws(z, Timings(warmup=float(seconds[0]), sampling=float(seconds[1])), stats, "sequential")


def _run_chain(
    sampler: Sampler, settings: CollapsedNutsSettings, chains: list[Any], chain: int, progress: Progress
) -> Array:
    """Warm up and draw; the chain is appended, the seconds of both stages are returned."""
    times = [time.perf_counter()]
    step = StepSize(len(sampler.here.w) ** -0.25, settings.target_accept)
    for t in range(settings.warmup):
        step.update(sampler.draw(float(np.exp(step.log_step)))[1]["acceptance_rate"])
        progress("warm-up", chain * settings.warmup + t + 1, settings.chains * settings.warmup)
    times.append(time.perf_counter())
    draws = []
    for t in range(settings.draws):
        draws.append(sampler.draw(float(np.exp(step.log_mean))))
        progress("sampling", chain * settings.draws + t + 1, settings.chains * settings.draws)
    times.append(time.perf_counter())
    chains.append((np.stack([w for w, _ in draws]), [stats for _, stats in draws]))
    return np.diff(times)


def _values(program: Program, z: Array, progress: Progress) -> Array:
    """Log densities of many points, in batches."""
    parts = []
    for start in range(0, len(z), BATCH):
        parts.append(program.value(z[start : start + BATCH]))
        progress("sampling", min(start + BATCH, len(z)), len(z))
    values = np.concatenate(parts)
    return np.where(np.isfinite(values), values, -np.inf)


def k_hat(program: Program, z: Array, log_q: Array, progress: Progress) -> float:
    """Pareto k-hat of draws from an approximation as importance draws for the posterior (Yao et al. 2018).

    Above 0.7 the approximation is too far from the posterior to be corrected by reweighting, let alone trusted.

    Parameters
    ----------
    program : Program
        Whose density is the target.
    z : ndarray, shape (draw, dim)
        Draws from the approximation.
    log_q : ndarray, shape (draw,)
        Their log densities under it.
    progress : callable
        Progress callback.
    """
    return float(az.psislw(_values(program, z, progress) - log_q)[1])


def _systematic(weights: Array, rng: np.random.Generator) -> NDArray[np.intp]:
    """Systematic resampling, in random order: as many draws as weights, each as often as its weight says."""
    points = (rng.uniform() + np.arange(len(weights))) / len(weights)
    return rng.permutation(np.searchsorted(np.cumsum(weights), points).clip(max=len(weights) - 1))


def _standard_errors(program: Program, mode: Mode) -> dict[str, Array]:
    """Square roots of the diagonal of the inverse observed information, by the delta method (full arrays)."""
    step, factor = 1e-6, mode.factor
    upper = reported(program.layout, program.constrain(mode.z + step * factor.T))
    lower = reported(program.layout, program.constrain(mode.z - step * factor.T))
    slopes = {name: (upper[name][1] - lower[name][1]) / (2 * step) for name in upper}
    return {name: np.sqrt(np.sum(slope**2, axis=0)) for name, slope in slopes.items()}
