"""NumPyro's own NUTS and variational inference over one data set or several at once.

All arrays have an axis for data sets first; chains are a batch. What XLA compiles is a block of steps, whose number is
an argument: the same code warms up and samples, and reports between blocks.
"""

# mypy: allow-untyped-calls, no-warn-return-any
from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import Array
from numpy.typing import NDArray
from numpyro import handlers
from numpyro.distributions import constraints
from numpyro.infer import SVI, Trace_ELBO
from numpyro.infer.hmc import HMCState, hmc
from numpyro.infer.util import ParamInfo
from numpyro.optim import Adam

from irtbridge.errors import NumericalError
from irtbridge.plugin import Draws, Progress, Timings, in_convention, starting_point
from irtbridge_numpyro.density import Density, NumpyroDensity

if TYPE_CHECKING:
    from irtbridge import NutsSettings, ViSettings

Numbers = NDArray[np.float64]
Data = tuple[Array, ...]
Step = Callable[[Any, Data], tuple[Any, Any]]
BLOCKS = 20  # in which the longer of two stages is run


class Run:
    """Steps of a sampler or an optimiser, compiled for data of one shape.

    Parameters
    ----------
    begin : callable
        Of where to begin, a seed and data, to a state.
    step : callable
        Of a state and data, to the next state and what is kept of it.
    block : int
        The most steps at once.
    arguments : tuple
        Such as `begin` will get, with an axis for data sets.
    """

    def __init__(self, begin: Callable[..., Any], step: Step, block: int, arguments: tuple[Any, ...]) -> None:
        start, self.block, sets = time.perf_counter(), block, len(arguments[1])
        begin, step = _over_sets(begin, sets), _over_sets(step, sets)
        self.begin = jax.jit(begin).lower(*arguments).compile()
        state = jax.eval_shape(begin, *arguments)
        self.advance = jax.jit(partial(_repeated, step, block)).lower(state, 0, arguments[-1]).compile()
        self.compile_seconds = time.perf_counter() - start

    def steps(self, state: Any, number: int, data: Data, report: Callable[[int], None]) -> tuple[Any, Any]:
        """The state after some steps, and what is kept of each: NumPy arrays (set, step, ...)."""
        blocks = []
        for done in range(0, number, self.block):
            now = min(self.block, number - done)
            state, kept = self.advance(state, now, data)
            blocks.append({name: np.asarray(value)[:now] for name, value in kept.items()})
            report(done + now)
        return state, {name: np.moveaxis(np.concatenate([b[name] for b in blocks]), 0, 1) for name in blocks[0]}


def _over_sets(function: Callable[..., Any], sets: int) -> Callable[..., Any]:
    """A function of each data set; of one alone without an axis, which would make other products of matrices."""
    if sets > 1:
        return jax.vmap(function)
    return lambda *each: jax.tree.map(lambda x: x[None], function(*jax.tree.map(lambda x: x[0], each)))


def _repeated(step: Step, block: int, state: Any, number: Array, data: Data) -> tuple[Any, Any]:
    shapes = jax.eval_shape(step, state, data)[1]
    kept = {name: jnp.zeros((block, *one.shape), one.dtype) for name, one in shapes.items()}

    def body(i: Array, carried: Any) -> Any:
        state, one = step(carried[0], data)
        return state, {name: value.at[i].set(one[name]) for name, value in carried[1].items()}

    return jax.lax.fori_loop(0, number, body, (state, kept))


def nuts(
    programs: Sequence[NumpyroDensity],
    data: Data,
    settings: NutsSettings,
    seeds: Sequence[int],
    progress: Progress,
    adaptation: Mapping[str, Numbers] | None = None,
) -> list[Draws]:
    """All chains of all data sets together; a chain depends on its own seed only.

    Parameters
    ----------
    programs : sequence of NumpyroDensity
        Bound from one.
    data : tuple of Array
        Theirs, on a leading axis.
    settings, progress
        As of `Program.nuts`.
    seeds : sequence of int
        One for each program.
    adaptation : mapping of str to ndarray, optional
        What the chains of the only program have adapted to: they go on from where they are, without a warm-up.
    """
    sources = [np.random.SeedSequence(seed).spawn(settings.chains) for seed in seeds]
    keys = np.array([[source.generate_state(1)[0] for source in each] for each in sources])
    starts = [_starts(settings, *one) for one in zip(programs, sources, strict=True)]
    starts = starts if adaptation is None else [adaptation["last"]]
    places = [_places(*one) for one in zip(programs, starts, strict=True)]
    arguments = ParamInfo(*(np.array(part, programs[0].dtype) for part in zip(*places, strict=True))), keys, data
    report = [partial(_report, progress, settings.chains, stage) for stage in ("warm-up", "sampling")]
    with programs[0].running():
        run, compiling = _run(programs[0].density, _nuts_run, settings, arguments)
        begun = time.perf_counter()
        state = run.begin(*arguments)
        if adaptation is None:
            state, _ = run.steps(state, settings.warmup, data, partial(report[0], settings.warmup))
        else:
            state = _adapted(state, settings.warmup, adaptation)
        warm = time.perf_counter()
        state, kept = run.steps(state, settings.draws, data, partial(report[1], settings.draws))
    timings = Timings(compiling, warm - begun, time.perf_counter() - warm)
    last = {"last": state.z, "step_size": state.adapt_state.step_size}
    last["inverse_mass_matrix"] = state.adapt_state.inverse_mass_matrix
    return [_draws(kept, last, i, timings) for i in range(len(programs))]


def _starts(settings: NutsSettings, program: NumpyroDensity, sources: Sequence[np.random.SeedSequence]) -> Numbers:
    """A point (chain, dim) for each chain."""
    points = [starting_point(program, np.random.default_rng(source), settings.init_radius) for source in sources]
    return np.array(points)


def _places(program: NumpyroDensity, z: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Points (chain, dim), their potential energies and the gradients of these, which `init` need not compile."""
    value, gradient = program.value_and_grad(z)
    if not np.isfinite(value).all():
        raise NumericalError("the log density is not finite where a chain starts; look at the priors and the data.")
    return z, -value, -gradient


def _nuts_run(density: Density, settings: NutsSettings, arguments: tuple[Any, ...]) -> Run:
    """Chains of one data set as a batch."""
    init, sample = hmc(potential_fn_gen=lambda *data: lambda z: -density.at(z, 1.0, *data), algo="NUTS")
    how = {"target_accept_prob": settings.target_accept, "max_tree_depth": settings.max_tree_depth}

    def begin(place: ParamInfo, key: Array, data: Data) -> HMCState:
        return init(place, settings.warmup, model_args=data, rng_key=jax.random.key(key), **how)

    def step(state: HMCState, data: Data) -> tuple[HMCState, dict[str, Array]]:
        size, state = state.adapt_state.step_size, sample(state, data)
        return state, {
            "z": state.z,
            "diverging": state.diverging,
            "acceptance_rate": state.accept_prob,
            "n_steps": state.num_steps,
            "step_size": size,
            "energy": state.energy,
            "lp": -state.potential_energy,
        }

    block = -(-max(settings.warmup, settings.draws) // BLOCKS)
    return Run(jax.vmap(begin, (0, 0, None)), jax.vmap(step, (0, None)), block, arguments)


def _adapted(state: HMCState, warmup: int, adaptation: Mapping[str, Numbers]) -> HMCState:
    """Chains past their warm-up, with step sizes and metrics that they have adapted to."""
    size, variance = (
        jnp.asarray(adaptation[name], state.z.dtype)[None] for name in ("step_size", "inverse_mass_matrix")
    )
    roots = {"mass_matrix_sqrt": variance**-0.5, "mass_matrix_sqrt_inv": variance**0.5}
    adapted = state.adapt_state._replace(step_size=size, inverse_mass_matrix=variance, **roots)
    return state._replace(i=jnp.full_like(state.i, warmup), adapt_state=adapted)


def _draws(kept: Mapping[str, NDArray[Any]], last: Mapping[str, Array], i: int, timings: Timings) -> Draws:
    """Those of one data set, from arrays (set, draw, chain, ...) and (set, chain, ...)."""
    stats = {name: np.moveaxis(value[i], 0, 1) for name, value in kept.items()}
    z = stats.pop("z").astype(np.float64)
    stats["tree_depth"] = np.frexp(stats["n_steps"])[1]
    adaptation = {name: np.asarray(value[i], dtype=np.float64) for name, value in last.items()}
    return Draws(z, timings, stats, "batched", adaptation=adaptation)


def vi(
    programs: Sequence[NumpyroDensity], data: Data, settings: ViSettings, seeds: Sequence[int], progress: Progress
) -> list[Draws]:
    """Fit a mean-field normal in the unconstrained coordinates to each data set, by SVI; arguments as for `nuts`."""
    start = np.array([in_convention(one, np.zeros(one.dim)) for one in programs], dtype=programs[0].dtype)
    arguments = start, np.array([np.random.SeedSequence(seed).generate_state(1)[0] for seed in seeds]), data
    with programs[0].running():
        run, compiling = _run(programs[0].density, _vi_run, settings, arguments)
        begun = time.perf_counter()
        report = partial(_report, progress, 1, "optimisation", settings.steps)
        _, kept = run.steps(run.begin(*arguments), settings.steps, data, report)
        fitted = time.perf_counter()
    moments = (kept[name][:, -1].astype(np.float64) for name in ("loc", "scale"))
    timings = Timings(compiling, fitted - begun)
    each = zip(*moments, kept["elbo"].astype(np.float64), seeds, strict=True)
    return [_of_guide(settings.draws, timings, *one) for one in each]


def _vi_run(density: Density, settings: ViSettings, arguments: tuple[Any, ...]) -> Run:
    dim = density.layout.dim

    def model(*data: Array) -> None:
        z = numpyro.sample("z", dist.ImproperUniform(constraints.real, (), (dim,)))
        with handlers.block():  # the sites of the model that the density is of
            value = density.at(z, 1.0, *data)
        numpyro.factor("log_density", value)

    def guide(*data: Array) -> None:
        loc = numpyro.param("loc", jnp.zeros(dim))
        scale = numpyro.param("scale", jnp.ones(dim), constraint=constraints.softplus_positive)
        numpyro.sample("z", dist.Normal(loc, scale).to_event(1))

    svi = SVI(model, guide, Adam(settings.learning_rate), Trace_ELBO(settings.particles))

    def begin(z: Array, key: Array, data: Data) -> Any:
        init = {"loc": z, "scale": jnp.full(dim, settings.init_scale)}
        return svi.init(jax.random.key(key), *data, init_params=init)

    def step(state: Any, data: Data) -> tuple[Any, dict[str, Array]]:
        state, loss = svi.update(state, *data)
        return state, {"elbo": -loss, **svi.get_params(state)}

    return Run(begin, step, -(-settings.steps // BLOCKS), arguments)


def _of_guide(draws: int, timings: Timings, loc: Numbers, scale: Numbers, elbo: Numbers, seed: int) -> Draws:
    """Draws of a fitted guide, and their log density under it."""
    white = np.random.default_rng(seed).standard_normal((draws, len(loc)))
    log_q = -0.5 * np.sum(white**2 + np.log(2 * np.pi), axis=1) - np.log(scale).sum()
    z, kept = (loc + scale * white)[None], {"centre": loc, "scale": scale}
    return Draws(z, timings, {}, "independent", elbo, float(draws), log_q=log_q[None], adaptation=kept)


def _run(density: Density, make: Callable[..., Run], settings: Any, arguments: tuple[Any, ...]) -> tuple[Run, float]:
    """What is compiled for settings and data of these shapes, and the seconds that compiling it took now."""
    key = settings, tuple((part.shape, str(part.dtype)) for part in jax.tree.leaves(arguments))
    if key in density.compiled:
        return density.compiled[key], 0.0
    run = density.compiled[key] = make(density, settings, arguments)
    return run, run.compile_seconds


def _report(progress: Progress, chains: int, stage: str, total: int, done: int) -> None:
    progress(stage, chains * done, chains * total)
