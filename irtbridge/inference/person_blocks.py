"""A joint posterior as persons' blocks around shared parameters: a normal approximation, from gradients alone.

Given the shared parameters the persons are independent, so that one gradient of the joint density moves all of them at
once: the curvature of N persons with D traits each costs D + 1 gradients, whatever N.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from irtbridge.plugin.program import Program
from irtbridge.plugin.starts import in_convention

Array = NDArray[np.float64]
# None of these changes what NUTS draws, only how many steps it takes.
STEP = 1e-4  # of differences of gradients; coordinates are of order 1, so that 1e-4 of the curvature is lost
SHARED_STEP = 1e-3  # longer, as the persons' modes are known to CONVERGED only
BATCH = 32  # points of one call
NEWTON_STEPS = 8  # Newton's method doubles its digits in each
LARGEST_MOVE = 2.0  # prior standard deviations: beyond, a quadratic tells nothing of a logistic curve
CONVERGED = 1e-7
CLIMB_STEPS = 200
POLISH_STEPS = 3
LEAST_INFORMATION = 0.02  # of the complete data's: no direction is stretched more than sevenfold on their account
NO_INFORMATION = 1e-8  # of the largest: below, a direction's scale would be rounding


class Blocks:
    """The coordinates of a joint program: abilities (person, trait), and those of all other variables, the shared ones.

    Parameters
    ----------
    program : Program
        With its abilities.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.n_persons = program.layout.sizes["person"]
        self.persons = program.layout.places[program.spec.family.ability]
        self.shared = np.setdiff1d(np.arange(program.dim), self.persons)

    def join(self, abilities: Array, shared: Array) -> Array:
        """Coordinates (batch, dim) of abilities (batch, person, trait) and shared coordinates, each batched or not."""
        lead = np.broadcast_shapes(abilities.shape[:-2], shared.shape[:-1])
        z = np.empty((*lead, self.program.dim))
        z[..., self.persons] = abilities.reshape(*abilities.shape[:-2], -1)
        z[..., self.shared] = shared
        return z

    def split(self, z: Array) -> tuple[Array, Array]:
        """Abilities (..., person, trait) and shared coordinates; the inverse of `join`."""
        return z[..., self.persons].reshape(*z.shape[:-1], self.n_persons, -1), z[..., self.shared]

    def gradients(self, abilities: Array, shared: Array) -> tuple[Array, Array]:
        """Gradients of the log joint density for both, in batches."""
        z = self.join(abilities, shared)
        rows = z.reshape(-1, self.program.dim)
        parts = [self.program.value_and_grad(rows[i : i + BATCH])[1] for i in range(0, len(rows), BATCH)]
        return self.split(np.concatenate(parts).reshape(z.shape))


@dataclass(frozen=True, eq=False)
class NormalPersons:
    """Normal approximation of the abilities given the shared parameters.

    Attributes
    ----------
    mean : ndarray, shape (person, trait)
        Their conditional modes.
    factor : ndarray, shape (person, trait, trait)
        C with C C' = covariance, the inverse of the curvature at the mode.
    """

    mean: Array
    factor: Array

    @classmethod
    def of(cls, blocks: Blocks, shared: Array, start: Array, steps: int = NEWTON_STEPS) -> NormalPersons:
        """Newton's method for all persons at once.

        Parameters
        ----------
        blocks : Blocks
            The program.
        shared : ndarray, shape (shared,)
            Coordinates of the shared parameters.
        start : ndarray, shape (person, trait)
            Where to begin.
        steps : int
            At most.
        """
        for _ in range(steps):
            gradient, values, axes = _curvature(blocks, shared, start)
            move = np.einsum("nij,nj,nkj,nk->ni", axes, 1 / values, axes, gradient)
            start = start + np.clip(move, -LARGEST_MOVE, LARGEST_MOVE)
            if np.abs(move).max() < CONVERGED:
                break
        # The symmetric root: it moves smoothly with the shared parameters, as the eigenvectors' signs do not.
        return cls(start, np.einsum("nij,nj,nkj->nik", axes, values**-0.5, axes))

    def draws(self, noise: Array) -> Array:
        """Abilities (2 x pair, person, trait): the mean plus and minus the factor times the noise."""
        away = np.einsum("nij,knj->kni", self.factor, noise)
        return np.asarray(self.mean + np.concatenate([away, -away]))


def _curvature(blocks: Blocks, shared: Array, abilities: Array) -> tuple[Array, Array, Array]:
    """Each person's gradient, and the eigenvalues and axes of the curvature, kept positive."""
    n_traits = abilities.shape[-1]
    moved = np.concatenate([abilities[None], abilities + STEP * np.eye(n_traits)[:, None]])
    gradient = blocks.gradients(moved, shared)[0]
    precision = -np.moveaxis(gradient[1:] - gradient[0], 0, -1) / STEP
    values, axes = np.linalg.eigh((precision + np.swapaxes(precision, 1, 2)) / 2)
    return gradient[0], np.maximum(values, 1e-2 * np.abs(values).max(axis=1, keepdims=True)), axes


@dataclass(frozen=True, eq=False)
class Response:
    """How the persons' normals move with the shared parameters, to first order.

    Attributes
    ----------
    mean : ndarray, shape (person x trait, shared)
        Of the conditional modes.
    spread : ndarray, shape (shared, trait, trait)
        Of the conditional covariances, averaged over persons in their own standard deviations: lower triangular, the
        logarithms of the scales on the diagonal.
    """

    mean: Array
    spread: Array

    def factor(self, away: Array) -> Array:
        """What multiplies standard normal abilities when the shared parameters are `away` from the centre."""
        change = np.tensordot(away, self.spread, 1)
        diagonal = np.einsum("...kk->...k", change)
        return np.asarray(change + (np.exp(diagonal) - diagonal)[..., None, :] * np.eye(change.shape[-1]))


@dataclass(frozen=True, eq=False)
class NormalPosterior:
    """Normal approximation of the joint posterior: shared parameters, and the persons given them.

    With w and v standard normal, ``shared = centre + factor w`` and each person's abilities are ``persons.mean`` moved
    with the shared parameters, plus ``persons.factor T v``, where T lets the spread follow them too.

    Attributes
    ----------
    blocks : Blocks
    centre : ndarray, shape (shared,)
    factor : ndarray, shape (shared, shared)
    persons : NormalPersons
    response : Response
    """

    blocks: Blocks
    centre: Array
    factor: Array
    persons: NormalPersons
    response: Response

    def arrays(self) -> dict[str, Array]:
        """All but the program, as arrays by name."""
        return {
            "centre": self.centre,
            "factor": self.factor,
            "persons_mean": self.persons.mean,
            "persons_factor": self.persons.factor,
            "response_mean": self.response.mean,
            "response_spread": self.response.spread,
        }

    @classmethod
    def from_arrays(cls, program: Program, arrays: Mapping[str, Array]) -> NormalPosterior:
        """Rebuild the approximation from `arrays`, those of others among them."""
        persons = NormalPersons(arrays["persons_mean"], arrays["persons_factor"])
        response = Response(arrays["response_mean"], arrays["response_spread"])
        return cls(Blocks(program), arrays["centre"], arrays["factor"], persons, response)

    def coordinates(self, white: Array) -> Array:
        """Standard normal coordinates (..., dim), the persons' first, to the program's."""
        size = self.persons.mean.size
        away = white[..., size:] @ self.factor.T
        v = white[..., :size].reshape(*white.shape[:-1], *self.persons.mean.shape)
        spread = np.swapaxes(self.response.factor(away), -1, -2)
        abilities = self.persons.mean + (away @ self.response.mean.T).reshape(v.shape)
        abilities += np.einsum("nij,...nj->...ni", self.persons.factor, v @ spread)
        return self.blocks.join(abilities, self.centre + away)

    def density(self, white: Array) -> tuple[Array, Array]:
        """Log density of the program and its gradient, both in the standard normal coordinates (dim,)."""
        value, gradient = self.blocks.program.value_and_grad(self.coordinates(white))
        of_persons, of_shared = self.blocks.split(gradient)
        v, away = white[: of_persons.size].reshape(of_persons.shape), self.factor @ white[of_persons.size :]
        change, spread = np.tensordot(away, self.response.spread, 1), self.response.factor(away)
        of_spread = np.einsum("nij,ni->nj", self.persons.factor, of_persons)
        slope = np.tril(of_spread.T @ v)
        slope[np.diag_indices_from(slope)] *= np.diag(spread)
        slope[np.diag_indices_from(slope)] += len(v)
        of_shared = of_shared + of_persons.ravel() @ self.response.mean + np.tensordot(self.response.spread, slope, 2)
        value = value + len(v) * np.trace(change)
        return value, np.concatenate([(of_spread @ spread).ravel(), self.factor.T @ of_shared])


def normal_posterior(program: Program, seed: int, progress: Callable[[int, int], None]) -> NormalPosterior:
    """Approximate a joint posterior at the mode of the shared parameters' marginal.

    The marginal's gradient is the complete data's, averaged over the abilities given the data (Fisher's identity; Louis
    1982). L-BFGS leads near the mode, Newton's method with differences of that gradient to it. The average is over a
    few antithetic draws of the normal approximation, the same ones throughout. All of this only sets the coordinates in
    which NUTS moves: where the persons are far from normal NUTS is slower, not wrong.

    Parameters
    ----------
    program : Program
        With its abilities, which have a normal prior.
    seed : int
        Of those draws.
    progress : callable
        Called with (steps done, steps in all).
    """
    blocks = Blocks(program)
    n_shared, n_traits = len(blocks.shared), len(blocks.persons) // blocks.n_persons
    noise = np.random.default_rng([seed, 2]).standard_normal((2, blocks.n_persons, n_traits))
    total = CLIMB_STEPS + n_shared
    centre, persons = _climb(blocks, noise, lambda k: progress(min(k, CLIMB_STEPS), total))
    persons = NormalPersons.of(blocks, centre, persons.mean)
    precision, response = _marginal_curvature(
        blocks, centre, persons, noise, lambda k: progress(CLIMB_STEPS + k, total)
    )
    factor = _factor(precision, _complete_data_factor(blocks, centre, persons.draws(noise[:1])))
    for _ in range(POLISH_STEPS):
        move = factor @ _shortened(factor.T @ _score(blocks, centre, persons, noise))
        start = persons.mean + (response.mean @ move).reshape(persons.mean.shape)
        centre, persons = centre + move, NormalPersons.of(blocks, centre + move, start, steps=2)
    return NormalPosterior(blocks, centre, factor, persons, response)


def _marginal_curvature(
    blocks: Blocks, shared: Array, persons: NormalPersons, noise: Array, report: Callable[[int], None]
) -> tuple[Array, Response]:
    """Minus the second derivatives of the log marginal density, and how the persons move, by differences."""
    here, n_shared, n_traits = _score(blocks, shared, persons, noise), len(shared), persons.mean.shape[1]
    hessian, means = np.empty((n_shared, n_shared)), np.empty((persons.mean.size, n_shared))
    spreads, inverse = np.empty((n_shared, n_traits, n_traits)), np.linalg.inv(persons.factor)
    for j, away in enumerate(SHARED_STEP * np.eye(n_shared)):
        moved = NormalPersons.of(blocks, shared + away, persons.mean, steps=1)
        hessian[j] = (_score(blocks, shared + away, moved, noise) - here) / SHARED_STEP
        means[:, j] = (moved.mean - persons.mean).ravel() / SHARED_STEP
        relative = inverse @ moved.factor
        spreads[j] = (np.einsum("nij,nkj->ik", relative, relative) / len(relative) - np.eye(n_traits)) / SHARED_STEP
        report(j + 1)
    half = np.tril(np.ones((n_traits, n_traits))) - 0.5 * np.eye(n_traits)
    return -(hessian + hessian.T) / 2, Response(means, spreads * half)


def _score(blocks: Blocks, shared: Array, persons: NormalPersons, noise: Array) -> Array:
    """Gradient of the log marginal density of the shared parameters."""
    return np.asarray(blocks.gradients(persons.draws(noise), shared)[1].mean(axis=0))


def _climb(blocks: Blocks, noise: Array, report: Callable[[int], None]) -> tuple[Array, NormalPersons]:
    """Near the mode of the marginal: L-BFGS on the complete data's density averaged over the normal approximation.

    With its entropy this is a lower bound of the log marginal density. That the approximation moves is left out of the
    gradient, in which it matters little.
    """
    abilities, start = blocks.split(in_convention(blocks.program, np.zeros(blocks.program.dim)))
    persons = NormalPersons.of(blocks, start, abilities)

    def objective(shared: Array) -> tuple[float, Array]:
        nonlocal persons
        persons = NormalPersons.of(blocks, shared, persons.mean, steps=2)
        value, gradient = blocks.program.value_and_grad(blocks.join(persons.draws(noise), shared))
        bound = value.mean() + np.linalg.slogdet(persons.factor)[1].sum()
        return -float(bound), -blocks.split(gradient)[1].mean(axis=0)

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
    return np.asarray(found.x), persons


def _complete_data_factor(blocks: Blocks, shared: Array, abilities: Array) -> Array:
    """F with F F' = inverse of the curvature of the shared parameters when abilities are known, averaged over draws."""
    here = blocks.gradients(abilities, shared)[1].mean(axis=0)
    moved = shared + STEP * np.eye(len(shared))[:, None]
    rows = blocks.gradients(abilities, moved)[1].mean(axis=1)
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
