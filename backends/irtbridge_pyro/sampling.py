"""Pyro's own NUTS and variational inference over a program.

`nuts` runs each chain by `run_chain`, here or by `chains_in_processes`; Pyro's kernel takes its gradients through
`Potential`. `fit_guides` fits the normals of one or several data sets by Adam.
"""

# mypy: allow-untyped-calls, allow-subclassing-any, no-warn-return-any
from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyro.distributions as dist
import torch
from numpy.typing import NDArray
from pyro.distributions import constraints
from pyro.infer.mcmc import NUTS
from torch import Tensor
from torch.distributions import transform_to

from irtbridge.errors import NumericalError
from irtbridge.plugin import Draws, Layout, Progress, Responses, Timings, in_convention, in_processes, starting_point
from irtbridge.plugin.memory import keep_freed_memory
from irtbridge_pyro.density import PyroDensity
from irtbridge_pyro.tracing import to_numpy

if TYPE_CHECKING:
    from irtbridge import NutsSettings, ViSettings
    from irtbridge_pyro import PyroOptions

Array = NDArray[np.float64]
Stats = dict[str, float]
Adapted = Mapping[str, Array]
GradientAndValue = Callable[[Tensor], tuple[Tensor, Tensor]]


class Potential(torch.autograd.Function):
    """Minus the log density, whose gradient comes with its value."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, gradient_and_value: GradientAndValue) -> Tensor:
        gradient, value = gradient_and_value(z)
        ctx.save_for_backward(gradient)
        return -value

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return -gradient * outputs[0][..., None], None


class Chain(NamedTuple):
    """One chain.

    Attributes
    ----------
    z : ndarray, shape (draw, dim)
        Draws.
    stats : list of dict
        Their statistics.
    seconds : tuple of float
        Of warm-up and of sampling.
    process : int
        The process that ran it.
    adaptation : dict of str to ndarray
        What it needs to go on: where it is (dim,), its step size and the diagonal of its inverse mass matrix (dim,).
    """

    z: Array
    stats: list[Stats]
    seconds: tuple[float, float]
    process: int
    adaptation: dict[str, Array]


class RecordingNUTS(NUTS):
    """Pyro's NUTS that keeps the statistics of its last draw."""

    def sample(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        self._leaves: list[tuple[Tensor, Tensor]] = []
        step_size = self.step_size
        params = super().sample(params)
        accept_probs, diverging = zip(*self._leaves, strict=True)
        self.last = {
            "diverging": bool(torch.stack(diverging).any()),
            "acceptance_rate": torch.stack(accept_probs).mean().item(),
            "n_steps": len(self._leaves),
            "tree_depth": len(self._leaves).bit_length(),
            "step_size": step_size,
            "energy": self._energy.item(),
            "lp": -self.potential_energy.item(),
        }
        return params

    @property
    def potential_energy(self) -> Tensor:
        """Potential energy of the last draw, shape ()."""
        return self._fetch_from_cache()[1]

    def _build_basetree(self, *args: Any) -> Any:
        leaf = super()._build_basetree(*args)
        self._energy = args[-1]
        self._leaves.append((leaf.sum_accept_probs, leaf.diverging))
        return leaf


def nuts(
    program: PyroDensity,
    settings: NutsSettings,
    seed: int,
    progress: Progress,
    adaptation: Mapping[str, Array] | None = None,
) -> Draws:
    """Run the chains one after another, or in processes; a chain depends on its own seed only.

    Given what chains have adapted to, they go on from where they are, without another warm-up.
    """
    seeds = np.random.SeedSequence(seed).spawn(settings.chains)
    kept = [None if adaptation is None else {k: v[c] for k, v in adaptation.items()} for c in range(settings.chains)]
    if program.options.processes > 1:
        chains, timings = chains_in_processes(program, settings, seeds, kept, progress)
    else:
        reports = [partial(_report, progress, settings, c) for c in range(settings.chains)]
        chains = [run_chain(program, settings, *how) for how in zip(seeds, kept, reports, strict=True)]
        warmup, sampling = np.sum([chain.seconds for chain in chains], axis=0).tolist()
        timings = Timings(warmup=warmup, sampling=sampling)
    return Draws(
        z=np.stack([chain.z for chain in chains]),
        stats={name: np.array([[draw[name] for draw in c.stats] for c in chains]) for name in chains[0].stats[0]},
        timings=timings,
        chain_method="processes" if program.options.processes > 1 else "sequential",
        adaptation={name: np.stack([c.adaptation[name] for c in chains]) for name in chains[0].adaptation},
    )


def run_chain(
    program: PyroDensity,
    settings: NutsSettings,
    seed: np.random.SeedSequence,
    kept: Adapted | None,
    report: Callable[[int], None],
) -> Chain:
    """One chain, from its seed or, given what it has adapted to, from where it is."""
    with program.isolated():
        start = time.perf_counter()
        torch.manual_seed(int(seed.generate_state(1)[0]))
        kernel, params = _kernel(program, settings, seed) if kept is None else _kept_kernel(program, settings, kept)
        for t in range(settings.warmup if kept is None else 0):
            params = kernel.sample(params)
            report(t + 1)
        middle = time.perf_counter()
        draws, stats = [], []
        for t in range(settings.draws):
            params = kernel.sample(params)
            draws.append(params["z"])
            stats.append(kernel.last)
            report(settings.warmup + t + 1)
        seconds = middle - start, time.perf_counter() - middle
        (inverse_mass_matrix,) = kernel.inverse_mass_matrix.values()
        adaptation = {
            "last": to_numpy(params["z"]),
            "step_size": np.asarray(kernel.step_size, dtype=np.float64),
            "inverse_mass_matrix": to_numpy(inverse_mass_matrix),
        }
        return Chain(to_numpy(torch.stack(draws)), stats, seconds, os.getpid(), adaptation)


@dataclass
class Workplace:
    """What another process needs for chains: the model, which it compiles before the first one."""

    layout: Layout
    responses: Responses
    device: str
    dtype: str
    options: PyroOptions

    @cached_property
    def program(self) -> PyroDensity:
        """Compiled when first asked for."""
        keep_freed_memory()
        return PyroDensity(self.layout, self.responses, self.device, self.dtype, self.options)

    def run(self, settings: NutsSettings, seed: np.random.SeedSequence, kept: Adapted | None) -> Chain:
        """Run one chain, without progress."""
        return run_chain(self.program, settings, seed, kept, lambda done: None)


def chains_in_processes(
    program: PyroDensity,
    settings: NutsSettings,
    seeds: Sequence[np.random.SeedSequence],
    kept: Sequence[Adapted | None],
    progress: Progress,
) -> tuple[list[Chain], Timings]:
    """Chains in processes of their own, and the wall clock: what the process that worked longest did.

    What remains of it, starting processes and compiling in them, counts as compilation.
    """
    workplace = Workplace(program.layout, program.responses, program.device, program.dtype, program.options)
    start, chains = time.perf_counter(), []
    calls = ((settings, *how) for how in zip(seeds, kept, strict=True))
    for chain in in_processes(Workplace.run, workplace, calls, program.options.processes):
        chains.append(chain)
        progress("sampling", len(chains) * settings.draws, settings.chains * settings.draws)
    elapsed = time.perf_counter() - start
    busy = {c.process: np.sum([other.seconds for other in chains if other.process == c.process], 0) for c in chains}
    warmup, sampling = max(busy.values(), key=np.sum).tolist()
    return chains, Timings(elapsed - warmup - sampling, warmup, sampling)


def _kernel(
    program: PyroDensity, settings: NutsSettings, seed: np.random.SeedSequence
) -> tuple[RecordingNUTS, Mapping[str, Tensor]]:
    """A kernel that is ready to warm up, and where it starts."""
    start = starting_point(program, np.random.default_rng(seed), settings.init_radius)
    kernel = RecordingNUTS(
        potential_fn=lambda params: Potential.apply(params["z"], program.gradient_and_value),
        target_accept_prob=settings.target_accept,
        max_tree_depth=settings.max_tree_depth,
    )
    kernel.initial_params = {"z": program.vector(start)}
    kernel.setup(settings.warmup)
    if not torch.isfinite(kernel.potential_energy):
        raise NumericalError("the log density is not finite where the chain starts; look at the priors and the data.")
    return kernel, kernel.initial_params


def _kept_kernel(
    program: PyroDensity, settings: NutsSettings, kept: Adapted
) -> tuple[RecordingNUTS, Mapping[str, Tensor]]:
    """A kernel with the step size and the metric of a chain, and where that is."""
    kernel = RecordingNUTS(
        potential_fn=lambda params: Potential.apply(params["z"], program.gradient_and_value),
        step_size=float(kept["step_size"]),
        adapt_step_size=False,
        adapt_mass_matrix=False,
        max_tree_depth=settings.max_tree_depth,
    )
    kernel.initial_params = {"z": program.vector(kept["last"])}
    kernel.setup(0)
    kernel.mass_matrix_adapter.inverse_mass_matrix = {("z",): program.vector(kept["inverse_mass_matrix"])}
    return kernel, kernel.initial_params


def _report(progress: Progress, settings: NutsSettings, chain: int, done: int) -> None:
    """Report now and then, over all chains."""
    for stage, before, steps in (("warm-up", 0, settings.warmup), ("sampling", settings.warmup, settings.draws)):
        if 0 < done - before <= steps and _is_milestone(done - before, steps):
            progress(stage, chain * steps + done - before, settings.chains * steps)


def _is_milestone(done: int, total: int) -> bool:
    return done == total or done % max(1, total // 50) == 0


def fit_guides(
    program: PyroDensity,
    gradient_and_value: GradientAndValue,
    settings: ViSettings,
    seeds: Sequence[int],
    progress: Progress,
) -> list[Draws]:
    """Fit a mean-field normal in the unconstrained coordinates to each of some data sets, by Adam on the ELBO.

    Parameters
    ----------
    program : PyroDensity
        Of one of the data sets.
    gradient_and_value : callable
        Of coordinates (set, dim): gradients of the log densities, and their values (set,).
    settings : ViSettings
        The settings.
    seeds : sequence of int
        One for each data set, whose random numbers depend on nothing else.
    progress : callable
        Progress callback.
    """
    begin, sources = time.perf_counter(), [np.random.default_rng(seed) for seed in seeds]

    def noise(size: int) -> Tensor:
        return program.vector(np.stack([rng.standard_normal((size, program.dim)) for rng in sources], 1))

    with program.isolated():
        start = np.tile(in_convention(program, np.zeros(program.dim)), (len(seeds), 1))
        guide = Guide(program.vector(start), settings.init_scale)
        elbo = _optimise(guide, gradient_and_value, settings, noise, progress)
        fitted = time.perf_counter()
        with torch.no_grad():
            z = guide.place(noise(settings.draws))
            log_q = guide.posterior.log_prob(z)
    timings = Timings(warmup=fitted - begin, sampling=time.perf_counter() - fitted)
    kept = [{"centre": mean, "scale": scale} for mean, scale in zip(*guide.moments, strict=True)]
    each = zip(to_numpy(z.movedim(1, 0)), to_numpy(log_q.T), elbo, kept, strict=True)
    ess = float(settings.draws)
    return [
        Draws(z[None], timings, {}, "independent", elbo, ess, log_q=log_q[None], adaptation=guide)
        for z, log_q, elbo, guide in each
    ]


class Guide:
    """Normals without covariances, as Pyro's `AutoDiagonalNormal`, for several data sets.

    Parameters
    ----------
    mean : Tensor, shape (set, dim)
        Where to start.
    scale : float
        Standard deviations at the start.
    """

    def __init__(self, mean: Tensor, scale: float) -> None:
        self.to_scale = transform_to(constraints.softplus_positive)
        self.mean, self.unconstrained = mean, self.to_scale.inv(torch.full_like(mean, scale))
        for parameter in self.parameters:
            parameter.requires_grad_(True)

    @property
    def parameters(self) -> list[Tensor]:
        """The tensors that the optimiser moves: means and log standard deviations, shape (set, dim)."""
        return [self.mean, self.unconstrained]

    @property
    def posterior(self) -> dist.TorchDistribution:
        """The normals as a distribution, batch shape (set,), event shape (dim,)."""
        return dist.Normal(self.mean, self.to_scale(self.unconstrained)).to_event(1)

    @property
    def moments(self) -> tuple[Array, Array]:
        """Means and standard deviations, shape (set, dim)."""
        return to_numpy(self.mean.detach()), to_numpy(self.to_scale(self.unconstrained).detach())

    def place(self, noise: Tensor) -> Tensor:
        """Draws (..., set, dim) from standard normal numbers."""
        return self.mean + self.to_scale(self.unconstrained) * noise


def _optimise(
    guide: Guide,
    gradient_and_value: GradientAndValue,
    settings: ViSettings,
    noise: Callable[[int], Tensor],
    progress: Progress,
) -> Array:
    """Adam on the parameters of the guides; the ELBO (set, step)."""
    optimiser, elbo = torch.optim.Adam(guide.parameters, lr=settings.learning_rate), []
    for step in range(1, settings.steps + 1):
        optimiser.zero_grad()
        # What `Trace_ELBO` estimates, by the program's own density and gradient: both are traced already, together.
        draws = guide.place(noise(settings.particles))
        potential = torch.stack([Potential.apply(z, gradient_and_value) for z in draws])
        loss = (guide.posterior.log_prob(draws) + potential).mean(0)
        loss.sum().backward()
        optimiser.step()
        elbo.append(-loss.detach())
        if _is_milestone(step, settings.steps):
            progress("optimisation", step, settings.steps)
    return to_numpy(torch.stack(elbo, 1))
