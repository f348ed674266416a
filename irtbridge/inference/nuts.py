"""The No-U-Turn sampler in NumPy, for densities that cost far more than a Python step.

Multinomial sampling along the trajectory and the generalised U-turn criterion (Betancourt 2017, appendix A); step
size by dual averaging (Hoffman & Gelman 2014, algorithm 6). The metric is the identity: whiten first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from irtbridge.inference.method import SHORT_CHAIN, Method
from irtbridge.plugin.options import check_positive, check_probability
from irtbridge.plugin.program import Program, Progress
from irtbridge.results.draws import Draws

Array = NDArray[np.float64]
ValueAndGrad = Callable[[Array], tuple[Array, Array]]
MAX_ENERGY_ERROR = 1000.0  # Hoffman & Gelman 2014, section 3.1.1, and Stan


@dataclass(frozen=True)
class NutsSettings:
    """Settings of the No-U-Turn sampler (Hoffman & Gelman 2014).

    Parameters
    ----------
    chains, warmup, draws : int
        Number of chains; of adaptation steps, which are not kept; of kept draws in each chain.
    target_accept : float
        Mean acceptance probability that the step size is adapted to.
    max_tree_depth : int
        At most 2^max_tree_depth - 1 gradient steps a draw.
    init_radius : float
        Chains start uniformly within this distance of 0 in each unconstrained coordinate.
    noncentred : bool
        Sample standardised abilities: pays where their prior has parameters and each person has few responses.
    """

    chains: int = 4
    warmup: int = 500
    draws: int = 500
    target_accept: float = 0.8
    max_tree_depth: int = 10
    init_radius: float = 0.5
    noncentred: bool = False

    def __post_init__(self) -> None:
        check_positive(self, "chains", "warmup", "draws", "max_tree_depth", "init_radius")
        check_probability(self, "target_accept")


@dataclass(eq=False)
class Point:
    """A point of phase space: position w and momentum p (dim,), log density and gradient at w."""

    w: Array
    p: Array
    value: float
    gradient: Array

    @property
    def energy(self) -> float:
        """The Hamiltonian: kinetic energy less log density."""
        return float(0.5 * self.p @ self.p) - self.value


@dataclass(eq=False)
class Tree:
    """A stretch of a trajectory: its ends, a point drawn from it, and sums over its points."""

    left: Point
    right: Point
    chosen: Point
    log_weight: float
    momentum: Array
    accept: float
    steps: int
    diverging: bool = False
    turning: bool = False

    @property
    def stopped(self) -> bool:
        """Whether the trajectory must not be extended: it diverged or made a U-turn."""
        return self.diverging or self.turning


class StepSize:
    """Dual averaging of the step size towards a target acceptance rate."""

    def __init__(self, initial: float, target: float) -> None:
        self.mu, self.target = np.log(10 * initial), target
        self.log_step = self.log_mean = float(np.log(initial))
        self.error, self.t = 0.0, 0

    def update(self, accept: float) -> None:
        """Take in the acceptance rate of one draw."""
        self.t += 1
        self.error += (self.target - accept - self.error) / (self.t + 10)
        self.log_step = float(self.mu - np.sqrt(self.t) / 0.05 * self.error)
        self.log_mean += self.t**-0.75 * (self.log_step - self.log_mean)


class Sampler:
    """One chain on a whitened density.

    Parameters
    ----------
    density : callable
        Value and gradient at a point (dim,).
    start : ndarray, shape (dim,)
        First point.
    rng : Generator
        Source of randomness.
    max_tree_depth : int
        At most 2^max_tree_depth - 1 gradients a draw.
    """

    def __init__(self, density: ValueAndGrad, start: Array, rng: np.random.Generator, max_tree_depth: int) -> None:
        self.density, self.rng, self.max_tree_depth = density, rng, max_tree_depth
        value, gradient = density(start)
        self.here = Point(start, np.zeros_like(start), float(value), gradient)

    def draw(self, step: float) -> tuple[Array, dict[str, float]]:
        """Move once; the new point and its statistics."""
        self.here.p = self.rng.standard_normal(len(self.here.w))
        energy = self.here.energy
        tree = Tree(self.here, self.here, self.here, 0.0, self.here.p, 0.0, 0)
        depth = 0
        while depth < self.max_tree_depth and not tree.stopped:
            direction = 1 if self.rng.uniform() < 0.5 else -1
            end = tree.right if direction == 1 else tree.left
            branch = self._build(end, direction * step, depth, energy)
            tree = self._join(tree, branch, direction, biased=True)
            depth += 1
        self.here = tree.chosen
        return self.here.w, {
            "acceptance_rate": tree.accept / tree.steps,
            "n_steps": tree.steps,
            "tree_depth": depth,
            "diverging": tree.diverging,
            "step_size": step,
            "energy": energy,
            "lp": self.here.value,
        }

    def _build(self, end: Point, step: float, depth: int, energy: float) -> Tree:
        """2^depth further steps from an end of the trajectory."""
        if depth == 0:
            point = self._leap(end, step)
            error = point.energy - energy
            diverging = not error < MAX_ENERGY_ERROR
            weight = -np.inf if diverging else -error
            return Tree(point, point, point, weight, point.p, float(np.exp(min(0.0, weight))), 1, diverging)
        direction = 1 if step > 0 else -1
        first = self._build(end, step, depth - 1, energy)
        if first.stopped:
            return first
        outer = first.right if direction == 1 else first.left
        return self._join(first, self._build(outer, step, depth - 1, energy), direction, biased=False)

    def _leap(self, point: Point, step: float) -> Point:
        p = point.p + 0.5 * step * point.gradient
        w = point.w + step * p
        value, gradient = self.density(w)
        return Point(w, p + 0.5 * step * gradient, float(value), gradient)

    def _join(self, tree: Tree, branch: Tree, direction: int, *, biased: bool) -> Tree:
        """Both stretches as one; `biased` prefers the new one, as the top level does."""
        total = float(np.logaddexp(tree.log_weight, branch.log_weight))
        log_odds = branch.log_weight - (tree.log_weight if biased else total)
        takes = not branch.stopped and np.log(self.rng.uniform()) < log_odds
        left, right = (tree, branch) if direction == 1 else (branch, tree)
        momentum = tree.momentum + branch.momentum
        turning = (
            branch.turning
            or _turns(momentum, left.left, right.right)
            or _turns(left.momentum + right.left.p, left.left, right.left)
            or _turns(right.momentum + left.right.p, left.right, right.right)
        )
        return Tree(
            left.left,
            right.right,
            branch.chosen if takes else tree.chosen,
            total,
            momentum,
            tree.accept + branch.accept,
            tree.steps + branch.steps,
            branch.diverging,
            turning,
        )


def _turns(momentum: Array, left: Point, right: Point) -> bool:
    return bool(momentum @ left.p <= 0 or momentum @ right.p <= 0)


def resume_native_nuts(
    program: Program, settings: NutsSettings, before: Draws, draws: int, seed: int, progress: Progress
) -> Draws:
    """Go on with the chains by the library's own sampler."""
    return program.resume_nuts(replace(settings, draws=draws), before.kept_adaptation, seed, progress)


METHOD = Method(
    "nuts",
    NutsSettings,
    lambda program, *how: program.nuts(*how),
    summary="the library's No-U-Turn sampler on all parameters and abilities; windowed adaptation of step size and "
    "diagonal mass matrix",
    colour="#0072B2",
    smoke=SHORT_CHAIN,
    native=True,
    resume=resume_native_nuts,
)
