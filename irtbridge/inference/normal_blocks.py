"""Blocks of a joint posterior given the shared coordinates: a normal approximation, from gradients alone.

Given the shared coordinates the blocks are independent, so that one gradient of the joint density moves all of them at
once: the curvature of N blocks of k coordinates costs k + 1 gradients, whatever N.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from irtbridge.inference.blocks import Blocks
from irtbridge.plugin.program import Program
from irtbridge.plugin.starts import in_convention

Array = NDArray[np.float64]
# None of these changes what NUTS draws, only how many steps it takes.
STEP = 1e-4  # of differences of gradients; coordinates are of order 1, so that 1e-4 of the curvature is lost
BATCH = 32  # points of one call
NEWTON_STEPS = 8  # Newton's method doubles its digits in each
LARGEST_MOVE = 2.0  # prior standard deviations: beyond, a quadratic tells nothing of a logistic curve
CONVERGED = 1e-7
NOTABLE = 1e-3  # log density; what a step loses less of is rounding


@dataclass(frozen=True, eq=False)
class Blocked:
    """A joint program, its coordinates in blocks that are independent given the shared ones.

    Attributes
    ----------
    program : Program
        With its abilities.
    blocks : Blocks
    """

    program: Program
    blocks: Blocks

    @classmethod
    def of(cls, program: Program) -> Blocked:
        """With a block for each person or item, whichever are more."""
        return cls(program, Blocks.fewest_shared(program.layout))

    def start(self) -> Array:
        """Where to begin: in convention, and abilities that are shared where they then are likeliest."""
        z, persons = in_convention(self.program, np.zeros(self.program.dim)), Blocks.of_persons(self.program.layout)
        if np.isin(persons.own, self.blocks.own).all():
            return z
        own, shared = persons.split(z)
        return persons.join(NormalBlocks.of(Blocked(self.program, persons), shared, own).mean, shared)

    def gradients(self, own: Array, shared: Array) -> tuple[Array, Array]:
        """Gradients of the log joint density for both, in batches."""
        z = self.blocks.join(own, shared)
        rows = z.reshape(-1, self.program.dim)
        parts = [self.program.value_and_grad(rows[i : i + BATCH])[1] for i in range(0, len(rows), BATCH)]
        return self.blocks.split(np.concatenate(parts).reshape(z.shape))


@dataclass(frozen=True, eq=False)
class NormalBlocks:
    """Normal approximation of the blocks given the shared coordinates.

    Attributes
    ----------
    mean : ndarray, shape (block, k)
        Their conditional modes; 0 where a block has no such coordinate.
    factor : ndarray, shape (block, k, k)
        C with C C' = covariance, the inverse of the curvature at the mode.
    """

    mean: Array
    factor: Array

    @classmethod
    def of(cls, joint: Blocked, shared: Array, start: Array, steps: int = NEWTON_STEPS) -> NormalBlocks:
        """Newton's method for all blocks at once; a step that ends steeper down than it began up is halved.

        A block that comes where its gradient is not finite begins anew at 0.

        Parameters
        ----------
        joint : Blocked
            The program.
        shared : ndarray, shape (shared,)
            The shared coordinates.
        start : ndarray, shape (block, k)
            Where to begin.
        steps : int
            At most.
        """
        move, slope = np.zeros_like(start), np.full(len(start), np.inf)
        for _ in range(steps):
            gradient, values, axes = _curvature(joint, shared, start)
            finite = np.isfinite(gradient).all(axis=1, keepdims=True)
            start, gradient = (np.where(finite, array, 0.0) for array in (start, gradient))
            too_far = np.einsum("nk,nk->n", gradient, move) < -np.maximum(slope, NOTABLE)
            newton = np.einsum("nij,nj,nkj,nk->ni", axes, 1 / values, axes, gradient)
            move = np.where(too_far[:, None], -move / 2, np.clip(newton, -LARGEST_MOVE, LARGEST_MOVE))
            slope = np.where(too_far, np.inf, np.einsum("nk,nk->n", gradient, move))
            start = start + move
            if np.abs(move).max() < CONVERGED and finite.all():
                break
        # The symmetric root: it moves smoothly with the shared coordinates, as the eigenvectors' signs do not.
        return cls(start, np.einsum("nij,nj,nkj->nik", axes, values**-0.5, axes))

    def centred(self, joint: Blocked, shared: Array, noise: Array) -> NormalBlocks:
        """Moved to where the gradient vanishes on average, as the best normals are (Opper & Archambeau 2009)."""
        slope = joint.gradients(self.draws(noise), shared)[0].mean(axis=0)
        move = np.einsum("nij,nkj,nk->ni", self.factor, self.factor, slope)
        return NormalBlocks(self.mean + np.clip(move, -LARGEST_MOVE, LARGEST_MOVE), self.factor)

    def draws(self, noise: Array) -> Array:
        """Blocks (2 x pair, block, k): the mean plus and minus the factor times the noise."""
        away = np.einsum("nij,knj->kni", self.factor, noise)
        return np.asarray(self.mean + np.concatenate([away, -away]))


def _curvature(joint: Blocked, shared: Array, own: Array) -> tuple[Array, Array, Array]:
    """Each block's gradient, and the absolute eigenvalues and the axes of the curvature, kept off 0.

    Where the density is not concave, a step along an axis is as long as its curvature says, and not longer (Dauphin et
    al. 2014). Where one is not finite the gradient is NaN and the curvature that of a standard normal.
    """
    moved = np.concatenate([own[None], own + STEP * np.eye(own.shape[-1])[:, None]])
    gradient = joint.gradients(moved, shared)[0]
    precision = np.eye(own.shape[-1]) * ~joint.blocks.exists[:, :, None]
    precision = precision - np.moveaxis(gradient[1:] - gradient[0], 0, -1) / STEP
    lost = ~np.isfinite(precision).all(axis=(1, 2), keepdims=True)
    precision, slope = np.where(lost, np.eye(own.shape[-1]), precision), np.where(lost[..., 0], np.nan, gradient[0])
    values, axes = np.linalg.eigh((precision + np.swapaxes(precision, 1, 2)) / 2)
    return slope, np.maximum(np.abs(values), 1e-2 * np.abs(values).max(axis=1, keepdims=True)), axes


@dataclass(frozen=True, eq=False)
class Response:
    """How the blocks' normals move with the shared coordinates, to first order.

    Attributes
    ----------
    mean : ndarray, shape (block x k, shared)
        Of the conditional modes.
    spread : ndarray, shape (shared, k, k)
        Of the conditional covariances, averaged over blocks in their own standard deviations: lower triangular, the
        logarithms of the scales on the diagonal.
    """

    mean: Array
    spread: Array

    def factor(self, away: Array) -> Array:
        """What multiplies standard normal blocks when the shared coordinates are `away` from the centre."""
        change = np.tensordot(away, self.spread, 1)
        diagonal = np.einsum("...kk->...k", change)
        return np.asarray(change + (np.exp(diagonal) - diagonal)[..., None, :] * np.eye(change.shape[-1]))
