"""A joint posterior as blocks around shared coordinates: a normal approximation, from gradients alone.

The blocks are the persons or the items, whichever leave fewer coordinates shared (`irtbridge.inference.blocks`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from irtbridge.inference.normal_blocks import CONVERGED, STEP, Blocked, NormalBlocks, Response
from irtbridge.plugin.program import Program

Array = NDArray[np.float64]
# None of these changes what NUTS draws, only how many steps it takes.
SHARED_STEP = 1e-3  # longer, as the blocks' modes are known to CONVERGED only
CLIMB_STEPS = 200
POLISH_STEPS = 3
LEAST_INFORMATION = 0.02  # of the complete data's: no direction is stretched more than sevenfold on their account
NO_INFORMATION = 1e-8  # of the largest: below, a direction's scale would be rounding


@dataclass(frozen=True, eq=False)
class NormalPosterior:
    """Normal approximation of the joint posterior: shared coordinates, and the blocks given them.

    With w and v standard normal, ``shared = centre + factor w`` and each block is ``normals.mean`` moved with the
    shared coordinates, plus ``normals.factor T v``, where T lets the spread follow them too.

    Attributes
    ----------
    joint : Blocked
    centre : ndarray, shape (shared,)
    factor : ndarray, shape (shared, shared)
    normals : NormalBlocks
    response : Response
    """

    joint: Blocked
    centre: Array
    factor: Array
    normals: NormalBlocks
    response: Response

    def arrays(self) -> dict[str, Array]:
        """All but the program, as arrays by name."""
        return {
            "centre": self.centre,
            "factor": self.factor,
            "blocks_mean": self.normals.mean,
            "blocks_factor": self.normals.factor,
            "response_mean": self.response.mean,
            "response_spread": self.response.spread,
        }

    @classmethod
    def from_arrays(cls, program: Program, arrays: Mapping[str, Array]) -> NormalPosterior:
        """Rebuild the approximation from `arrays`, those of others among them."""
        normals = NormalBlocks(arrays["blocks_mean"], arrays["blocks_factor"])
        response = Response(arrays["response_mean"], arrays["response_spread"])
        return cls(Blocked.of(program), arrays["centre"], arrays["factor"], normals, response)

    def coordinates(self, white: Array) -> Array:
        """Standard normal coordinates (..., dim), the blocks' first, to the program's."""
        v, w = self.joint.blocks.in_order.split(white)
        away = w @ self.factor.T
        spread = np.swapaxes(self.response.factor(away), -1, -2)
        own = self.normals.mean + (away @ self.response.mean.T).reshape(v.shape)
        own += np.einsum("nij,...nj->...ni", self.normals.factor, v @ spread)
        return self.joint.blocks.join(own, self.centre + away)

    def density(self, white: Array) -> tuple[Array, Array]:
        """Log density of the program and its gradient, both in the standard normal coordinates (dim,)."""
        value, gradient = self.joint.program.value_and_grad(self.coordinates(white))
        of_blocks, of_shared = self.joint.blocks.split(gradient)
        v, w = self.joint.blocks.in_order.split(white)
        away, counts = self.factor @ w, self.joint.blocks.exists.sum(axis=0)
        change, spread = np.tensordot(away, self.response.spread, 1), self.response.factor(away)
        of_spread = np.einsum("nij,ni->nj", self.normals.factor, of_blocks)
        slope = np.tril(of_spread.T @ v)
        slope[np.diag_indices_from(slope)] *= np.diag(spread)
        slope[np.diag_indices_from(slope)] += counts
        of_shared = of_shared + of_blocks.ravel() @ self.response.mean + np.tensordot(self.response.spread, slope, 2)
        value = value + counts @ np.diag(change)
        return value, self.joint.blocks.in_order.join(of_spread @ spread, self.factor.T @ of_shared)


def normal_posterior(program: Program, seed: int, progress: Callable[[int, int], None]) -> NormalPosterior:
    """Approximate a joint posterior near the mode of the shared coordinates' marginal.

    The marginal's gradient is the complete data's, averaged over the blocks given the data (Fisher's identity; Louis
    1982). L-BFGS leads near the mode, Newton's method with differences of that gradient to it. The average is over a
    few antithetic draws of the normal approximation, the same ones throughout. All of this only sets the coordinates in
    which NUTS moves: where the blocks are far from normal NUTS is slower, not wrong.

    Parameters
    ----------
    program : Program
        With its abilities, which have a normal prior.
    seed : int
        Of those draws.
    progress : callable
        Called with (steps done, steps in all).
    """
    joint = Blocked.of(program)
    noise = np.random.default_rng([seed, 2]).standard_normal((2, *joint.blocks.own.shape))
    total = CLIMB_STEPS + len(joint.blocks.shared)
    centre, normals = _climb(joint, noise, lambda k: progress(min(k, CLIMB_STEPS), total))
    normals = NormalBlocks.of(joint, centre, normals.mean)
    precision, response = _marginal_curvature(joint, centre, normals, noise, lambda k: progress(CLIMB_STEPS + k, total))
    factor = _factor(precision, _complete_data_factor(joint, centre, normals.draws(noise[:1])))
    for _ in range(POLISH_STEPS):
        normals = normals.centred(joint, centre, noise)
        move = factor @ _shortened(factor.T @ _score(joint, centre, normals, noise))
        start = normals.mean + (response.mean @ move).reshape(normals.mean.shape)
        centre, normals = centre + move, NormalBlocks.of(joint, centre + move, start, steps=2)
    normals = normals.centred(joint, centre, noise)
    return NormalPosterior(joint, centre, factor, normals, response)


def _marginal_curvature(
    joint: Blocked, shared: Array, normals: NormalBlocks, noise: Array, report: Callable[[int], None]
) -> tuple[Array, Response]:
    """Minus the second derivatives of the log marginal density, and how the blocks move, by differences."""
    here, n_shared, widest = _score(joint, shared, normals, noise), len(shared), normals.mean.shape[1]
    hessian, means = np.empty((n_shared, n_shared)), np.empty((normals.mean.size, n_shared))
    spreads, inverse = np.empty((n_shared, widest, widest)), np.linalg.inv(normals.factor)
    for j, away in enumerate(SHARED_STEP * np.eye(n_shared)):
        moved = NormalBlocks.of(joint, shared + away, normals.mean, steps=1)
        hessian[j] = (_score(joint, shared + away, moved, noise) - here) / SHARED_STEP
        means[:, j] = (moved.mean - normals.mean).ravel() / SHARED_STEP
        relative = inverse @ moved.factor
        spreads[j] = (np.einsum("nij,nkj->ik", relative, relative) / len(relative) - np.eye(widest)) / SHARED_STEP
        report(j + 1)
    half = np.tril(np.ones((widest, widest))) - 0.5 * np.eye(widest)
    return -(hessian + hessian.T) / 2, Response(means, spreads * half)


def _score(joint: Blocked, shared: Array, normals: NormalBlocks, noise: Array) -> Array:
    """Gradient of the log marginal density of the shared coordinates."""
    return np.asarray(joint.gradients(normals.draws(noise), shared)[1].mean(axis=0))


def _climb(joint: Blocked, noise: Array, report: Callable[[int], None]) -> tuple[Array, NormalBlocks]:
    """Near the mode of the marginal: L-BFGS on the complete data's density averaged over the normal approximation.

    With its entropy this is a lower bound of the log marginal density. That the approximation moves is left out of the
    gradient, in which it matters little.
    """
    own, start = joint.blocks.split(joint.start())
    normals = NormalBlocks.of(joint, start, own)

    def objective(shared: Array) -> tuple[float, Array]:
        nonlocal normals
        normals = NormalBlocks.of(joint, shared, normals.mean, steps=2)
        value, gradient = joint.program.value_and_grad(joint.blocks.join(normals.draws(noise), shared))
        bound = value.mean() + np.linalg.slogdet(normals.factor)[1].sum()
        return -float(bound), -joint.blocks.split(gradient)[1].mean(axis=0)

    steps = itertools.count(1)
    options: Any = {"maxiter": CLIMB_STEPS, "maxcor": 30, "ftol": CONVERGED}
    found = optimize.minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        options=options,
        callback=lambda _: report(next(steps)),
    )
    return np.asarray(found.x), normals


def _complete_data_factor(joint: Blocked, shared: Array, own: Array) -> Array:
    """F with F F' = inverse of the curvature of the shared coordinates, the blocks known, averaged over draws."""
    here = joint.gradients(own, shared)[1].mean(axis=0)
    moved = shared + STEP * np.eye(len(shared))[:, None]
    rows = joint.gradients(own, moved)[1].mean(axis=1)
    curvature = -((rows - here) + (rows - here).T) / (2 * STEP)
    diagonal = np.abs(np.diag(curvature))
    scale = np.sqrt(np.maximum(diagonal, NO_INFORMATION * diagonal.max()))
    values, axes = np.linalg.eigh(curvature / scale / scale[:, None])
    return np.asarray(axes / np.sqrt(np.maximum(values, LEAST_INFORMATION)) / scale[:, None])


def _factor(precision: Array, complete: Array) -> Array:
    """F with F F' = inverse of the precision, which is kept above a part of that of the complete data."""
    values, axes = np.linalg.eigh(complete.T @ precision @ complete)
    return np.asarray(complete @ (axes / np.sqrt(np.maximum(values, LEAST_INFORMATION))))


def _shortened(white: Array) -> Array:
    """A step in standard deviations, no longer than a standard normal would be."""
    return np.asarray(white * min(1.0, np.sqrt(len(white)) / max(float(np.linalg.norm(white)), 1e-12)))
