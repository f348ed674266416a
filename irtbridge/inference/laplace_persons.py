"""The Laplace approximation where persons are few and items many: of the abilities, the items integrated out.

The posterior of a person's ability rests on many items and is close to normal, where that of an item's parameters rests
on few persons and is not. Weighted draws of the abilities and, given each, of the items are draws of the posterior.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize, special

from irtbridge.inference.importance import smoothed, systematic
from irtbridge.inference.items_integrated import ItemsIntegrated, prior_of, serves
from irtbridge.inference.nodes_that_count import NodesThatCount
from irtbridge.plugin.program import Program, Progress
from irtbridge.results.draws import Draws, Optimum, Timings

Array = NDArray[np.float64]
STEP = 1e-4  # of differences of the gradient, standard deviations
LEAST = 1e-8  # of the largest curvature: below, a direction's scale would be rounding
PAIRS = 8  # antithetic, over which the gradient is averaged
NORMAL = ("abilities_centre", "abilities_factor")  # names under which a fit keeps the approximation


def items_integrated(program: Program) -> ItemsIntegrated | None:
    """The density of the abilities of a program without them; None where its items cannot be integrated out."""
    if not serves(program.layout, program.responses):
        return None
    return ItemsIntegrated.of(program.layout, program.responses, _start(program))


def run_over_persons(
    program: Program, density: ItemsIntegrated, draws: int, max_iterations: int, seed: int, progress: Progress
) -> Draws:
    """Weighted draws of the abilities, resampled; of each, the items drawn with it, in the program's coordinates."""
    start = time.perf_counter()
    mode, converged = _climbed(density, _start(program), max_iterations)
    near, rng = NodesThatCount.near(density, mode), np.random.default_rng(seed)
    factor = _factor(near, mode)
    normal = {NORMAL[0]: _centre(near, mode, factor, rng), NORMAL[1]: factor}
    optimum = Optimum(converged, float("nan"), 1, 1, float("inf"))
    warmup = time.perf_counter() - start
    drawn = drawn_over_persons(program, density, normal, draws, rng, progress)
    return replace(drawn, timings=replace(drawn.timings, warmup=warmup), optimum=optimum)


def drawn_over_persons(
    program: Program,
    density: ItemsIntegrated,
    normal: Mapping[str, Array],
    draws: int,
    rng: np.random.Generator,
    progress: Progress,
) -> Draws:
    """Draws of the normal approximation of the abilities, reweighted and resampled, with their items."""
    start = time.perf_counter()
    centre, factor = (normal[name] for name in NORMAL)
    near, white = NodesThatCount.near(density, centre), rng.standard_normal((draws, len(centre)))
    log_density, standard = np.empty(draws), np.empty((draws, program.layout.sizes["item"], len(density.names)))
    abilities = centre + white @ factor.T
    for row, each in enumerate(abilities):
        log_density[row], standard[row] = near.draw(each, rng)
        progress("sampling", row + 1, draws)
    weights, k_hat = smoothed(log_density + 0.5 * np.sum(white**2, axis=1))
    chosen = systematic(weights / weights.sum(), rng)
    z = program.unconstrain(density.parameters(standard[chosen]))
    return Draws(
        z=z[None],
        timings=Timings(sampling=time.perf_counter() - start),
        stats={"lp": log_density[chosen][None]},
        chain_method="independent",
        ess=float(weights.sum() ** 2 / np.sum(weights**2)),
        pareto_k=k_hat,
        adaptation=normal,
        abilities=abilities[chosen][None],
    )


def _climbed(density: ItemsIntegrated, start: Array, max_iterations: int) -> tuple[Array, bool]:
    """The mode, and whether L-BFGS stopped by itself: twice, as the first time the nodes are those near the start."""
    options: Any = {"maxiter": max_iterations}
    for _ in range(2):
        near = NodesThatCount.near(density, start)

        def misfit(abilities: Array, near: NodesThatCount = near) -> tuple[float, Array]:
            value, gradient = near.value_and_grad(abilities)
            return -value, -gradient

        found = optimize.minimize(misfit, start, jac=True, method="L-BFGS-B", options=options)
        start = np.asarray(found.x)
    return start, bool(found.success)


def _start(program: Program) -> Array:
    """Each person's log odds of the higher category, with the mean and standard deviation of the abilities' prior."""
    observed, layout = program.responses.observed, program.layout
    score = np.where(observed, program.responses.values, 0).sum(axis=1)
    odds = special.logit((score + 0.5) / (observed.sum(axis=1) + 1))
    loc, scale = prior_of(layout)
    return np.asarray(loc + scale * (odds - odds.mean()) / max(odds.std(), LEAST))


def _factor(density: NodesThatCount, mode: Array) -> Array:
    """F with F F' = inverse of the curvature at the mode, by differences of the gradient."""
    here = density.value_and_grad(mode)[1]
    rows = [density.value_and_grad(mode + away)[1] - here for away in STEP * np.eye(len(mode))]
    precision = -np.array(rows) / STEP
    values, vectors = linalg.eigh((precision + precision.T) / 2)
    return np.asarray(vectors / np.sqrt(np.maximum(values, LEAST * values.max())))


def _centre(density: NodesThatCount, mode: Array, factor: Array, rng: np.random.Generator) -> Array:
    """One Newton step from the mode to where the gradient vanishes on average, as `laplace` does for items."""
    away = rng.standard_normal((PAIRS, len(mode))) @ factor.T
    slopes = [density.value_and_grad(mode + each)[1] for each in np.concatenate([away, -away])]
    return np.asarray(mode + factor @ (factor.T @ np.mean(slopes, axis=0)))
