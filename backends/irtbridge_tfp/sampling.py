"""The library's own NUTS and variational inference, in compiled blocks of steps.

Data, metric, seeds and the number of steps are arguments of a block, so one compilation serves warm-up, sampling and
every data set of one shape. Calling a block for no steps compiles it and does nothing else: so compilation is timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from numpy.typing import NDArray

from irtbridge.plugin import Draws, Progress, Timings, in_convention, starting_point
from irtbridge_tfp.density import TfpDensity
from irtbridge_tfp.model import Model

tfd = tfp.distributions
fold_in = tf.random.experimental.stateless_fold_in
Array = NDArray[np.float64]
Tensor = Any
Kept = dict[str, NDArray[Any]]

if TYPE_CHECKING:
    from irtbridge import NutsSettings, ViSettings

NUTS_BLOCK = 25
VI_BLOCK = 100


class Chains(NamedTuple):
    """All chains between two steps: positions, and dual averaging as Hoffman & Gelman (2014) name it.

    Attributes
    ----------
    z : Tensor, shape (chain, set, dim)
        Positions.
    log_step, log_step_mean : Tensor, shape (set,)
        Logarithms of the step size in use and of its running average, in units of the metric.
    h, mu, t : Tensor, shape (set,)
        Running error of the acceptance probability, the value that log_step shrinks to, and the step count.
    """

    z: Tensor
    log_step: Tensor
    log_step_mean: Tensor
    h: Tensor
    mu: Tensor
    t: Tensor


class Guide(NamedTuple):
    """Mean-field normals, and Adam's moments: each holds (mean, log standard deviation), shape (2, set, dim)."""

    parameters: Tensor
    first: Tensor
    second: Tensor


class Blocks:
    """A compiled block, called as often as a number of steps needs.

    Parameters
    ----------
    program : TfpDensity
        Where the block is kept.
    data : tuple of Tensor
        Of one data set, or of several on a leading axis.
    key : tuple
        What the block was built for.
    body : callable
        Of (state, count, done, seed, data, *arguments): takes `count` steps, at most `size`; returns the new state and
        what each step gave.
    size : int
        Most steps in one call.
    seed : Tensor
        Step t draws its randomness from the seed and t, whatever the blocks.
    """

    def __init__(
        self, program: TfpDensity, data: Any, key: Any, body: Callable[..., Any], size: int, seed: Tensor
    ) -> None:
        self.data, self.size, self.seed, self.done = data, size, seed, 0
        self.block = program.compiled(key, lambda: tf.function(body, autograph=False, jit_compile=program.xla))

    def compile(self, state: Any, *arguments: Any) -> float:
        """Trace and compile the block; seconds it took."""
        start = time.perf_counter()
        self._call(state, 0, arguments)
        return time.perf_counter() - start

    def run(self, steps: int, state: Any, *arguments: Any, report: Callable[[int], None]) -> tuple[Any, Kept]:
        """Take `steps` steps; the new state and what each step gave, with a leading axis for the steps."""
        parts = []
        for start in range(0, steps, self.size):
            count = min(self.size, steps - start)
            state, kept = self._call(state, count, arguments)
            parts.append({name: value.numpy()[:count] for name, value in kept.items()})
            self.done += count
            report(count)
        return state, {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _call(self, state: Any, count: int, arguments: tuple[Any, ...]) -> Any:
        position = tf.constant(count), tf.constant(self.done)
        return self.block(state, *position, self.seed, self.data, *arguments)


def stateless_seed(seed: int | Sequence[int]) -> Tensor:
    """Two numbers, as TensorFlow's stateless generators want them."""
    return tf.constant(np.random.SeedSequence(seed).generate_state(2).astype(np.int64) % 2**31, tf.int32)


def nuts(
    program: TfpDensity, data: Any, settings: NutsSettings, seeds: Sequence[int], progress: Progress
) -> list[Draws]:
    """Draw with `tfp.mcmc.NoUTurnSampler`, all chains of all data sets as one batch.

    Warm-up is Stan's: the step size by dual averaging throughout, the diagonal metric from windows that double. The
    chains of a data set share both.

    Parameters
    ----------
    program : TfpDensity
        Of one of the data sets.
    data : tuple of Tensor
        Of one data set, or of several on a leading axis.
    settings : NutsSettings
        The settings.
    seeds : sequence of int
        One for each data set. Several share their random numbers, which depend on all of the seeds.
    progress : callable
        Progress callback.
    """
    model, start = program.model, _starting_points(program, settings, seeds)
    target_accept = model.constant(settings.target_accept)
    with program.on_device():
        blocks = _nuts_blocks(program, data, settings, seeds)
        state, scale = restarted(model.constant(start)), tf.ones(start.shape[1:], program.dtype)
        compiling = blocks.compile(state, scale, target_accept)
        begin = time.perf_counter()
        report = _Report(progress, "warm-up", settings.warmup)
        for steps, slow in warm_up_windows(settings.warmup):
            state, kept = blocks.run(steps, state, scale, target_accept, report=report)
            if slow:
                state, scale = restarted(state.z), model.constant(_metric(kept["z"]))
        seconds = Timings(compiling, time.perf_counter() - begin)
        return _sampled(blocks, frozen(state), scale, settings, seconds, progress)


def resume_nuts(
    program: TfpDensity, settings: NutsSettings, adaptation: Mapping[str, Array], seed: int, progress: Progress
) -> Draws:
    """Go on with the chains of one data set from where they are, with the step size and the metric that they share."""
    model = program.model
    with program.on_device():
        blocks = _nuts_blocks(program, program.data, settings, [seed])
        log_step = model.constant(np.log(adaptation["step_size"][:1]))
        state = restarted(model.constant(adaptation["last"][:, None]))._replace(log_step_mean=log_step)
        scale = model.constant(np.sqrt(adaptation["inverse_mass_matrix"][:1]))
        compiling = blocks.compile(state, scale, model.constant(settings.target_accept))
        return _sampled(blocks, frozen(state), scale, settings, Timings(compiling), progress)[0]


def _nuts_blocks(program: TfpDensity, data: Any, settings: NutsSettings, seeds: Sequence[int]) -> Blocks:
    """The compiled steps of all chains of all data sets."""
    key = ("nuts", settings.chains, len(seeds), settings.max_tree_depth)
    seed = stateless_seed(seeds[0] if len(seeds) == 1 else list(seeds))
    return Blocks(program, data, key, _nuts_block(program.model, settings.max_tree_depth), NUTS_BLOCK, seed)


def _sampled(
    blocks: Blocks, state: Chains, scale: Tensor, settings: NutsSettings, seconds: Timings, progress: Progress
) -> list[Draws]:
    """Draws of each data set from chains that adapt no longer."""
    begin, report = time.perf_counter(), _Report(progress, "sampling", settings.draws)
    target_accept = tf.constant(settings.target_accept, scale.dtype)
    state, kept = blocks.run(settings.draws, state, scale, target_accept, report=report)
    timings = seconds + Timings(sampling=time.perf_counter() - begin)
    n_sets = scale.shape[0]
    each = [{name: np.swapaxes(value[:, :, i], 0, 1) for name, value in kept.items()} for i in range(n_sets)]
    return [
        Draws(
            np.ascontiguousarray(one.pop("z"), dtype=np.float64),
            timings,
            _statistics(one),
            "batched",
            adaptation=_adaptation(state, scale, i),
        )
        for i, one in enumerate(each)
    ]


def _adaptation(state: Chains, scale: Tensor, place: int) -> dict[str, Array]:
    """Where the chains of a data set are (chain, dim), and what they share, for each of them."""
    last = state.z.numpy()[:, place].astype(np.float64)
    step, metric = np.exp(state.log_step_mean.numpy()[place]), scale.numpy()[place].astype(np.float64) ** 2
    return {
        "last": last,
        "step_size": np.full(len(last), step, dtype=np.float64),
        "inverse_mass_matrix": np.tile(metric, (len(last), 1)),
    }


def restarted(z: Tensor) -> Chains:
    """Chains at `z` whose dual averaging starts anew, from a step size that suits a standard normal of their size."""
    log_step = tf.fill([z.shape[-2]], tf.constant(-0.25 * np.log(z.shape[-1]), z.dtype))
    zero = tf.zeros_like(log_step)
    return Chains(z, log_step, log_step, zero, log_step + np.log(10), zero)


def frozen(chains: Chains) -> Chains:
    """Chains that keep the averaged step size: t = -1 marks the end of adaptation."""
    return chains._replace(log_step=chains.log_step_mean, t=-tf.ones_like(chains.t))


def warm_up_windows(warmup: int) -> list[tuple[int, bool]]:
    """Lengths of Stan's warm-up windows, and whether each one ends in a new metric."""
    if warmup < 20:
        return [(warmup, False)]
    first, size, last = 75, 25, 50
    if first + size + last > warmup:
        first, last = int(0.15 * warmup), int(0.1 * warmup)
        size = warmup - first - last
    windows, left = [(first, False)], warmup - first - last
    while left:
        size = left if left < 3 * size else size
        windows.append((size, True))
        left, size = left - size, 2 * size
    return [*windows, (last, False)]


def adapted(chains: Chains, acceptance: Tensor, target_accept: Tensor) -> Chains:
    """One step of dual averaging (Hoffman & Gelman 2014, algorithm 6), with gamma = 0.05, t0 = 10, kappa = 0.75."""
    t = chains.t + 1
    h = chains.h + (target_accept - acceptance - chains.h) / (t + 10)
    log_step = chains.mu - tf.sqrt(t) / 0.05 * h
    mean = chains.log_step_mean + t**-0.75 * (log_step - chains.log_step_mean)
    return Chains(chains.z, log_step, mean, h, chains.mu, t)


def off_resonance(log_step: Tensor) -> Tensor:
    """Move step sizes of (0.97 to 1.15) 2 pi / 2^k down to 0.97 2 pi / 2^k.

    In units of the metric most coordinates of an item response model are near standard normal and swing with period
    2 pi. At such a step size 2^k steps come round to where they began, no doubling sees its U-turn, and trees grow to
    hundreds of steps. Stan's NUTS checks across subtrees for this; TFP's does not.
    """
    lowest, width = np.log(0.97 * 2 * np.pi), np.log(1.15 / 0.97)
    below = lowest + np.log(2) * tf.floor((log_step - lowest) / np.log(2))
    return tf.where(log_step - below < width, below, log_step)


def _nuts_block(model: Model, max_tree_depth: int) -> Callable[..., Any]:
    def block(
        chains: Chains, count: Tensor, done: Tensor, seed: Tensor, data: Any, scale: Tensor, target_accept: Tensor
    ) -> tuple[Chains, dict[str, Tensor]]:
        # A step size for each coordinate, proportional to its scale, is a diagonal metric.
        kernel = tfp.mcmc.NoUTurnSampler(lambda z: model.target(z, *data), scale, max_tree_depth, parallel_iterations=1)

        def step(i: Tensor, chains: Chains, results: Any, kept: Any) -> Any:
            results = results._replace(step_size=[tf.exp(off_resonance(chains.log_step))[:, None] * scale])
            z, results = kernel.one_step(chains.z, results, seed=fold_in(seed, done + i))
            values = _one_draw(z, chains, results)
            moved = _if_adapting(chains._replace(z=z), tf.reduce_mean(values["acceptance_rate"], 0), target_accept)
            return i + 1, moved, results, {name: kept[name].write(i, value) for name, value in values.items()}

        results = kernel.bootstrap_results(chains.z)
        results = results._replace(step_size=[scale])
        kept = _buffers(_one_draw(chains.z, chains, results), NUTS_BLOCK)
        state = (tf.constant(0), chains, results, kept)
        _, chains, _, kept = tf.while_loop(lambda i, *_: i < count, step, state, parallel_iterations=1)
        return chains, {name: buffer.stack() for name, buffer in kept.items()}

    return block


def _one_draw(z: Tensor, chains: Chains, results: Any) -> dict[str, Tensor]:
    """What is kept of one step; every value (chain, set, ...)."""
    acceptance = tf.exp(tf.minimum(results.log_accept_ratio, 0))
    return {
        "z": z,
        "lp": results.target_log_prob,
        "energy": -results.energy,
        "acceptance_rate": tf.where(tf.math.is_nan(acceptance), tf.zeros_like(acceptance), acceptance),
        "step_size": tf.ones_like(acceptance) * tf.exp(off_resonance(chains.log_step)),
        "n_steps": results.leapfrogs_taken,
        "diverging": results.has_divergence,
    }


def _if_adapting(chains: Chains, acceptance: Tensor, target_accept: Tensor) -> Chains:
    moved = adapted(chains, acceptance, target_accept)
    pairs = zip(chains[1:], moved[1:], strict=True)
    return Chains(chains.z, *(tf.where(chains.t < 0, old, new) for old, new in pairs))


def _buffers(values: Mapping[str, Tensor], size: int) -> dict[str, Any]:
    return {name: tf.TensorArray(v.dtype, size, element_shape=v.shape) for name, v in values.items()}


def _metric(draws: Array) -> Array:
    """Standard deviations (set, dim) within chains of draws (draw, chain, set, dim), shrunk as by Stan."""
    n = draws.shape[0] * draws.shape[1]
    variance = draws.var(axis=0, ddof=1).mean(axis=0)
    return np.asarray(np.sqrt((n * variance + 5e-3) / (n + 5)))


def _statistics(kept: Kept) -> Kept:
    """Sample statistics (chain, draw); a tree of depth d takes up to 2^d - 1 leapfrog steps."""
    return kept | {"tree_depth": np.floor(np.log2(np.maximum(kept["n_steps"], 1))).astype(np.int64) + 1}


def _starting_points(program: TfpDensity, settings: NutsSettings, seeds: Sequence[int]) -> Array:
    """Where the chains start, shape (chain, set, dim)."""
    chains = zip(*(np.random.SeedSequence(seed).spawn(settings.chains) for seed in seeds), strict=True)
    sources = [[np.random.default_rng(one) for one in chain] for chain in chains]
    return np.array([[starting_point(program, rng, settings.init_radius) for rng in chain] for chain in sources])


def vi(program: TfpDensity, data: Any, settings: ViSettings, seeds: Sequence[int], progress: Progress) -> list[Draws]:
    """Fit a mean-field normal to each of some data sets by Adam on the ELBO, and draw from it.

    The parameters are as for `nuts`, but that the random numbers of a data set depend on its own seed only.
    """
    model, zeros = program.model, np.zeros((2, len(seeds), program.dim))
    with program.on_device():
        body, seed = _vi_block(model, settings.particles), tf.stack([stateless_seed(seed) for seed in seeds])
        blocks = Blocks(program, data, ("vi", settings.particles, len(seeds)), body, VI_BLOCK, seed)
        start = np.stack([zeros[0] + in_convention(program, zeros[0, 0]), zeros[1] + np.log(settings.init_scale)])
        guide = Guide(*(model.constant(value) for value in (start, zeros, zeros)))
        rate = model.constant(settings.learning_rate)
        compiling = blocks.compile(guide, rate)
        begin = time.perf_counter()
        guide, kept = blocks.run(settings.steps, guide, rate, report=_Report(progress, "optimisation", settings.steps))
        fitted = time.perf_counter()
        z, log_q = _draw(guide.parameters, settings.draws, seed, settings.steps)
        moments = np.moveaxis(guide.parameters.numpy().astype(np.float64), 1, 0)
        each = zip(np.swapaxes(z.numpy(), 0, 1), log_q.numpy().T, kept["elbo"].T, moments, strict=True)
    timings = Timings(compiling, fitted - begin, time.perf_counter() - fitted)
    return [
        Draws(
            np.ascontiguousarray(z, dtype=np.float64)[None],
            timings,
            chain_method="independent",
            elbo=elbo.astype(np.float64),
            ess=float(settings.draws),
            log_q=log_q.astype(np.float64)[None],
            adaptation={"centre": mean, "scale": np.exp(log_scale)},
        )
        for z, log_q, elbo, (mean, log_scale) in each
    ]


def _draw(parameters: Tensor, size: int, seed: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    """Draws of the guides (draw, set, dim), and their log densities (draw, set); each data set has its own seed."""
    mean, log_scale = tf.unstack(parameters)
    shape, seeds = [size, mean.shape[-1]], [fold_in(one, step) for one in tf.unstack(seed)]
    noise = [tf.random.stateless_normal(shape, one, dtype=mean.dtype) for one in seeds]
    z = mean + tf.exp(log_scale) * tf.stack(noise, axis=1)
    return z, tfd.MultivariateNormalDiag(mean, tf.exp(log_scale)).log_prob(z)


def _vi_block(model: Model, particles: int) -> Callable[..., Any]:
    def block(
        guide: Guide, count: Tensor, done: Tensor, seed: Tensor, data: Any, rate: Tensor
    ) -> tuple[Guide, dict[str, Tensor]]:
        def step(i: Tensor, guide: Guide, kept: Any) -> Any:
            def loss(parameters: Tensor) -> Tensor:
                z, log_q = _draw(parameters, particles, seed, done + i)
                return tf.reduce_mean(log_q - model.target(z, *data), axis=0)

            value, gradient = tfp.math.value_and_gradient(loss, guide.parameters)
            guide = _adam(guide, gradient, rate, tf.cast(done + i + 1, rate.dtype))
            return i + 1, guide, {"elbo": kept["elbo"].write(i, -value)}

        kept = _buffers({"elbo": guide.parameters[0, :, 0]}, VI_BLOCK)
        _, guide, kept = tf.while_loop(
            lambda i, *_: i < count, step, (tf.constant(0), guide, kept), parallel_iterations=1
        )
        return guide, {"elbo": kept["elbo"].stack()}

    return block


def _adam(guide: Guide, gradient: Tensor, rate: Tensor, t: Tensor) -> Guide:
    """One step of Adam (Kingma & Ba 2015, algorithm 1)."""
    first = 0.9 * guide.first + 0.1 * gradient
    second = 0.999 * guide.second + 0.001 * gradient**2
    step = first / (1 - 0.9**t) / (tf.sqrt(second / (1 - 0.999**t)) + 1e-8)
    return Guide(guide.parameters - rate * step, first, second)


class _Report:
    """Counts the steps of one stage for a progress callback."""

    def __init__(self, progress: Progress, stage: str, total: int) -> None:
        self.progress, self.stage, self.total, self.done = progress, stage, total, 0

    def __call__(self, steps: int) -> None:
        self.done += steps
        self.progress(self.stage, self.done, self.total)
