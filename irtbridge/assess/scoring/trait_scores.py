"""Several abilities at once: highest points by Newton's method, and posteriors by importance sampling around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.stats import qmc

from irtbridge.assess.scoring.point_scores import FARTHEST
from irtbridge.assess.scoring.score_function import FIRST, OFFSETS, SECOND, STEP
from irtbridge.assess.scoring.weighted_points import WeightedPoints
from irtbridge.data.responses import Responses
from irtbridge.model.density import category_log_probs
from irtbridge.model.layout import Layout
from irtbridge.model.others import layout_of_rows, prior_of_persons

Array = NDArray[np.float64]
POINTS = 2**9  # of the importance sample of each person
CELLS = 2**16  # persons times items at once
MOST_STEPS, LONGEST, CONVERGED = 100, 0.1, 1e-10  # of Newton's method; lengths in `FARTHEST`
ROUNDING = 1e-12  # of a log density, by which it may fall
LEAST_CURVATURE = 1e-8  # of the largest: flatter directions count as this
WIDER = 1.3  # the sample's standard deviations over the mode's, so that its tails are not the lighter ones


@dataclass(frozen=True, eq=False)
class Target:
    """The log posterior, or likelihood, of each person's abilities, at one set of item parameters.

    Items depend on the abilities through ``D a . theta`` alone: so derivatives of each item in this one number, by
    differences over five points, give gradient and curvature in all abilities.
    """

    layout: Layout
    params: Mapping[str, Array]
    values: NDArray[np.generic]
    mean: Array
    precision: Array

    @classmethod
    def of(cls, layout: Layout, params: Mapping[str, Array], responses: Responses, *, prior: bool) -> Target:
        """Of some persons; without a prior, the likelihood alone."""
        mean, precision = prior_of_persons(layout, dict(params))
        return cls(layout, params, responses.values, mean, precision if prior else np.zeros_like(precision))

    @property
    def slopes(self) -> Array:
        """What the abilities are multiplied by, shape (item, trait)."""
        family, unit = self.layout.spec.family, np.eye(len(self.layout.spec.traits))
        return family.predictor({**self.params, family.ability: unit}, self.layout.spec.dims)[0][..., 0].T

    def moved(self, abilities: Array, shift: float) -> dict[str, Array]:
        """Parameters at abilities, with slope parts moved by `shift`."""
        family = self.layout.spec.family
        assert family.discrimination is not None
        # The shift is one more trait, which all items have alike.
        further = np.full((*abilities.shape[:-1], 1), shift / family.scaling)
        slopes = np.pad(self.params[family.discrimination], ((0, 0), (0, 1)), constant_values=1.0)
        both = np.concatenate([abilities, further], axis=-1)
        return {**self.params, family.discrimination: slopes, family.ability: both}

    def log_density(self, abilities: Array, shift: float = 0.0) -> Array:
        """Of each response (..., person, item), 0 where missing, with slope parts moved by `shift`."""
        params, family, dims = self.moved(abilities, shift), self.layout.spec.family, self.layout.spec.dims
        return np.where(self.values != -1, family.log_density(self.values, params, dims, self.layout.exists), 0.0)

    def log_probs(self, abilities: Array, shift: float) -> Array:
        """Of each category (..., person, item, category), with slope parts moved by `shift`."""
        return category_log_probs(self.layout, self.moved(abilities, shift))

    def log_prior(self, abilities: Array) -> Array:
        """Up to a constant, shape (..., person)."""
        away = abilities - self.mean
        return np.asarray(-0.5 * np.einsum("...ni,nij,...nj->...n", away, self.precision, away))

    def derivatives(self, abilities: Array) -> tuple[Array, Array, Array]:
        """Value (person,), gradient (person, trait), and minus the second derivatives (person, trait, trait)."""
        each, slopes = np.stack([self.log_density(abilities, k * STEP) for k in OFFSETS]), self.slopes
        first, second = np.tensordot(FIRST / STEP, each, 1), np.tensordot(SECOND / STEP**2, each, 1)
        away = np.einsum("nij,nj->ni", self.precision, abilities - self.mean)
        curvature = -np.einsum("ni,ia,ib->nab", second, slopes, slopes, optimize=True) + self.precision
        return each[2].sum(axis=-1) + self.log_prior(abilities), first @ slopes - away, curvature


def trait_modes(layout: Layout, params: Mapping[str, Array], responses: Responses, method: str) -> tuple[Array, Array]:
    """As `point_scores` for several traits: MAP and ML, shape (person, trait); see `trait_weighted` for WLE.

    The standard errors are roots of the diagonal of the inverse of minus the second derivatives.
    """
    parts = []
    for target in targets(layout, params, responses, prior=method == "map"):
        mode, curvature = climb(target)
        parts.append(reported(target, mode, curvature, unbounded=method != "map"))
    score, se = map(np.concatenate, zip(*parts, strict=True))
    return score, se


def sampled_points(layout: Layout, params: Mapping[str, Array], responses: Responses) -> Iterator[tuple[Array, Array]]:
    """For some persons after others, weighted points of the posterior of their abilities.

    A normal distribution around the mode, with the curvature there and wider by `WIDER`, at points of a Sobol sequence,
    weighted to the posterior (importance sampling).

    Yields
    ------
    points : ndarray, shape (point, person, trait)
    weights : ndarray, shape (point, person)
        Sum to 1 over the points.
    """
    for target in targets(layout, params, responses, prior=True):
        mode, curvature = climb(target)
        standard = _sobol(mode.shape[1])
        factor = WIDER * np.linalg.cholesky(np.linalg.inv(_positive(curvature)))
        points = mode + np.einsum("nij,kj->kni", factor, standard)
        log_weights = target.log_prior(points) + 0.5 * np.sum(standard**2, axis=1)[:, None]
        each = [target.log_density(abilities).sum(axis=-1) for abilities in points]
        yield points, special.softmax(log_weights + np.stack(each), axis=0)


def by_trait(points: Array, weights: Array) -> list[WeightedPoints]:
    """Points (point, person, trait) of each trait alone."""
    return [WeightedPoints(points[..., trait], weights) for trait in range(points.shape[-1])]


def targets(layout: Layout, params: Mapping[str, Array], responses: Responses, *, prior: bool) -> Iterator[Target]:
    """As `Target.of`, of some persons after others."""
    size = max(1, CELLS // responses.n_items)
    for start in range(0, responses.n_persons, size):
        rows = slice(start, min(start + size, responses.n_persons))
        yield Target.of(layout_of_rows(layout, rows), params, responses.select(rows), prior=prior)


@lru_cache(maxsize=8)
def _sobol(traits: int) -> Array:
    uniform = qmc.Sobol(traits, scramble=True, rng=np.random.default_rng(0)).random(POINTS)
    return np.asarray(special.ndtri(uniform))


def climb(target: Target) -> tuple[Array, Array]:
    """The highest point of each person, and minus the second derivatives there; steps are halved where they fall."""
    reach = FARTHEST * _prior_sd(target)
    at, share = target.mean.copy(), np.ones(len(target.mean))
    value, gradient, curvature = target.derivatives(at)
    for _ in range(MOST_STEPS):
        step = np.linalg.solve(_positive(curvature), gradient[..., None])[..., 0]
        longest = LONGEST / np.maximum(np.abs(step / reach).max(axis=1), LONGEST)
        tried = np.clip(at + (share * longest)[:, None] * step, target.mean - reach, target.mean + reach)
        if np.all(np.abs(tried - at) < CONVERGED * reach):
            break
        there = target.derivatives(tried)
        higher = there[0] >= value - ROUNDING * np.abs(value)
        at = np.where(higher[:, None], tried, at)
        value, gradient = np.where(higher, there[0], value), np.where(higher[:, None], there[1], gradient)
        curvature = np.where(higher[:, None, None], there[2], curvature)
        share = np.where(higher, 1.0, share / 2)
    return at, curvature


def reported(target: Target, mode: Array, curvature: Array, *, unbounded: bool) -> tuple[Array, Array]:
    """Scores and standard errors; infinite where either reaches `FARTHEST`, NaN where a trait has no response."""
    se = np.sqrt(np.diagonal(np.linalg.inv(_positive(curvature)), axis1=1, axis2=2))
    away, farthest = mode - target.mean, (1 - CONVERGED) * FARTHEST * _prior_sd(target)
    infinite = unbounded & ((np.abs(away) > farthest) | (se > farthest))
    answered = (target.values != -1).astype(float) @ (target.slopes != 0)
    score, se = np.where(infinite, np.copysign(np.inf, away), mode), np.where(infinite, np.inf, se)
    unknown = unbounded & (answered == 0)
    return np.where(unknown, np.nan, score), np.where(unknown, np.nan, se)


def _prior_sd(target: Target) -> Array:
    precision = prior_of_persons(target.layout, dict(target.params))[1]
    return np.sqrt(np.diagonal(np.linalg.inv(precision), axis1=1, axis2=2))


def _positive(curvature: Array) -> Array:
    """Symmetric matrices with eigenvalues that are not negative, nor far below the largest."""
    values, axes = np.linalg.eigh((curvature + np.swapaxes(curvature, 1, 2)) / 2)
    least = LEAST_CURVATURE * np.maximum(np.abs(values).max(axis=1, keepdims=True), LEAST_CURVATURE)
    return np.asarray(np.einsum("nij,nj,nkj->nik", axes, np.maximum(np.abs(values), least), axes))
