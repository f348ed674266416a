"""Item parameters at the maximum of the likelihood given the persons' sum scores (Andersen 1972).

Where the log weights of an item's categories are linear in the ability with the category's number, as in the Rasch, the
partial credit and the rating scale model, the sum score is sufficient for the ability, and the likelihood given it has
no abilities. It is log-concave, so that Newton's method finds its one maximum.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

from irtbridge.errors import NumericalError
from irtbridge.inference.climbing import ARRIVED
from irtbridge.model.elementary_symmetric import Moments, informative, score_moments, score_table
from irtbridge.model.estimable import unestimable, unused
from irtbridge.model.layout import Layout
from irtbridge.results.draws import Optimum

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
TOLERANCE = 1e-8  # of the gradient, over the root of the persons: about so many standard errors from the maximum
FIRST = 4.0  # logits: the length of Newton's first step at most
INFINITE = 50.0  # logits: a standard error above it is that of an estimate that is not finite


@dataclass(frozen=True, eq=False)
class CategoryWeights:
    """Log weights of the items' categories as linear functions of the item parameters.

    Attributes
    ----------
    design : ndarray, shape (item, category, parameter)
        Of the categories above the lowest; 0 where an item lacks one.
    offset : ndarray, shape (item, category)
        Log weights where all parameters are 0; minus infinity where an item lacks the category.
    """

    design: Array
    offset: Array

    @classmethod
    def of(cls, layout: Layout) -> CategoryWeights:
        """Of a model with sufficient scores, over data; parameters as `full_arrays` has them."""
        n = sum(layout.slots[name].size for name in estimated(layout))
        shift = shifts(layout, np.concatenate([np.zeros((1, n)), np.eye(n)]))
        log_weights = -np.cumsum(np.nan_to_num(shift), axis=-1)
        exists = layout.exists[:, 1:]
        design = np.where(exists[..., None], np.moveaxis(log_weights[1:] - log_weights[0], 0, -1), 0.0)
        return cls(design, np.where(exists, log_weights[0], -np.inf))

    @property
    def n_categories(self) -> Codes:
        """Of each item."""
        return np.asarray(1 + np.isfinite(self.offset).sum(axis=1))

    @property
    def n_free(self) -> int:
        """Parameters that sum scores leave to be estimated."""
        return int(self.basis.shape[1])

    def at(self, parameters: Array) -> Array:
        """Log weights (item, category) at parameters."""
        return self.offset + self.design @ parameters

    def select(self, items: NDArray[np.intp] | NDArray[np.bool_]) -> CategoryWeights:
        """Of some items, with the parameters that these have."""
        design = self.design[items]
        width = int(np.isfinite(self.offset[items]).sum(axis=1).max())
        own = np.abs(design).sum(axis=(0, 1)) > 0
        return replace(self, design=design[:, :width, own], offset=self.offset[items][:, :width])

    @cached_property
    def locations(self) -> Array:
        """Design (item, parameter) of the items' locations: the means of their steps, times D."""
        steps = np.isfinite(self.offset).sum(axis=1)
        return np.asarray(-self.design[np.arange(len(steps)), steps - 1] / steps[:, None])

    def infinite(self, values: Codes) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Items that have no finite estimate in these responses: as `unestimable` says, or for `unused` categories.

        Steps that items share are told by any of them, and so are locations that are made of others.
        """
        n_items, _, n_parameters = self.design.shape
        apart, empty = unestimable(values, self.n_categories), unused(values, self.n_categories)
        if n_parameters < n_items:
            apart[:] = False
        if n_parameters < np.isfinite(self.offset).sum():
            empty &= empty.all(axis=0)
        return apart, np.asarray(empty.any(axis=1))

    @cached_property
    def basis(self) -> Array:
        """Orthonormal basis (parameter, free) of parameters whose mean location is zero, as scores leave it open.

        The location of an item is the mean of its steps, that of the items the mean of theirs. Where known items hold
        the scale, all parameters are free.
        """
        exists, (_, _, n) = np.isfinite(self.offset), self.design.shape
        if n == 0:
            return np.eye(n)
        scores = np.where(exists, np.arange(1, exists.shape[1] + 1), 0)
        flat = self.design.reshape(-1, n)
        along = linalg.lstsq(flat, scores.ravel())[0]
        if not np.allclose(flat @ along, scores.ravel(), atol=1e-6):
            return np.eye(n)
        return np.asarray(linalg.null_space(self.locations.mean(axis=0)[None]))


@dataclass(frozen=True, eq=False)
class Conditional:
    """The maximum of the conditional likelihood.

    Attributes
    ----------
    parameters : ndarray, shape (parameter,)
    factor : ndarray, shape (parameter, free)
        Factor F of their covariance F F', the inverse of the observed information.
    log_likelihood : float
    optimum : Optimum
        How it was found.
    """

    parameters: Array
    factor: Array
    log_likelihood: float
    optimum: Optimum


def estimated(layout: Layout) -> list[str]:
    """Variables that the conditional likelihood knows: all but the distribution of the abilities."""
    ability = layout.spec[layout.spec.family.ability]
    of_persons = {ability.name, *ability.prior.references().values()}
    return [name for name in layout.slots if name not in of_persons]


def full_arrays(layout: Layout, parameters: Array) -> dict[str, Array]:
    """Full arrays (..., *shape) of the estimated variables out of parameters (..., parameter), one after another."""
    names = estimated(layout)
    if not names:
        return {}
    ends = np.cumsum([layout.slots[name].size for name in names])[:-1]
    parts = np.split(parameters, ends, axis=-1)
    shapes = [(*parameters.shape[:-1], *layout.slots[name].site_shape) for name in names]
    return {
        name: layout.slots[name].to_full(part.reshape(shape))
        for name, part, shape in zip(names, parts, shapes, strict=True)
    }


def shifts(layout: Layout, parameters: Array) -> Array:
    """Locations times D, shape (..., item, category), at parameters."""
    family, dims = layout.spec.family, layout.spec.dims
    nobody = {family.ability: np.zeros((*parameters.shape[:-1], 1))}
    shift = family.predictor({**layout.complete(full_arrays(layout, parameters)), **nobody}, dims)[1]
    return np.broadcast_to(shift, (*parameters.shape[:-1], *layout.exists[:, 1:].shape))


def maximise(weights: CategoryWeights, values: Codes, persons: Array, max_iterations: int = 100) -> Conditional:
    """Maximise the likelihood of the responses given their sums, by Newton's method in a trust region.

    Where all items are known nothing is left to estimate, and the likelihood is that of these.

    Parameters
    ----------
    weights : CategoryWeights
        The model.
    values : ndarray, shape (person, item)
        Category codes, -1 where missing.
    persons : ndarray, shape (person,)
        How many persons each row stands for.
    max_iterations : int
        Of Newton's method.

    Raises
    ------
    NumericalError
        An estimate is not finite, which `unestimable` has not foreseen.
    """
    told = informative(values, weights.n_categories)
    misfit = _Misfit(weights, values[told], persons[told])
    if weights.n_free == 0:
        return Conditional(
            np.zeros(0), np.zeros((0, 0)), -misfit.n * misfit.value(np.zeros(0)), Optimum(True, 0.0, 1, 1, float("inf"))
        )
    options: Any = {"gtol": TOLERANCE / np.sqrt(misfit.n), "maxiter": max_iterations, "initial_trust_radius": FIRST}
    how: Any = {"jac": misfit.slope, "hess": misfit.curvature, "method": "trust-exact", "options": options}
    start = weights.basis.T @ _start(weights, values[told], persons[told])
    free = np.asarray(optimize.minimize(misfit.value, start, **how).x)
    factor, distance = _factor(misfit.n * misfit.curvature(free), misfit.n * misfit.slope(free))
    optimum = Optimum(distance < ARRIVED, distance, 1, 1, float("inf"))
    return Conditional(weights.basis @ free, weights.basis @ factor, -misfit.n * misfit.value(free), optimum)


class _Misfit:
    """Minus the mean conditional log likelihood of a person, with derivatives, in coordinates of the basis."""

    def __init__(self, weights: CategoryWeights, values: Codes, persons: Array) -> None:
        self.weights, self.table, self.n = weights, score_table(values, persons), float(persons.sum())
        counts = np.stack([persons @ (values == k) for k in range(1, weights.offset.shape[1] + 1)], axis=1)
        self.constant = float(np.sum(np.where(np.isfinite(weights.offset), weights.offset, 0.0) * counts)) / self.n
        self.design = weights.design.reshape(counts.size, -1) @ weights.basis
        self.observed = self.design.T @ counts.ravel() / self.n
        self._at, self._moments = np.array([]), Moments(0.0, np.array([]), np.array([]))

    def value(self, free: Array) -> float:
        return float(self._moments_at(free).log_gamma / self.n - self.observed @ free - self.constant)

    def slope(self, free: Array) -> Array:
        return np.asarray(self.design.T @ self._moments_at(free).mean.ravel() / self.n - self.observed)

    def curvature(self, free: Array) -> Array:
        return np.asarray(self.design.T @ self._moments_at(free).covariance @ self.design / self.n)

    def _moments_at(self, free: Array) -> Moments:
        """Kept from one call to the next: value and derivatives at a point are asked for one after another."""
        if not np.array_equal(free, self._at):
            at = self.weights.at(self.weights.basis @ free)
            self._at, self._moments = free.copy(), score_moments(self.table, at)
        return self._moments


def _start(weights: CategoryWeights, values: Codes, persons: Array) -> Array:
    """Parameters at which the log odds of the categories are about those among all persons."""
    counts = np.stack([persons @ (values == k) for k in range(weights.offset.shape[1] + 1)], axis=1) + 0.5
    log_odds = np.log(counts[:, 1:] / counts[:, :1])
    there = np.isfinite(weights.offset)
    return np.asarray(linalg.lstsq(weights.design[there], (log_odds - np.where(there, weights.offset, 0.0))[there])[0])


def _factor(information: Array, gradient: Array) -> tuple[Array, float]:
    """Factor of the inverse information, and how many standard errors a Newton step would still lead."""
    try:
        root = linalg.cholesky(information, lower=True)
        factor = np.asarray(linalg.solve_triangular(root, np.eye(len(root)), lower=True).T)
    except linalg.LinAlgError:
        factor = np.full_like(information, np.inf)
    if not (np.sqrt(np.sum(factor**2, axis=1)) < INFINITE).all():
        raise NumericalError(
            "the conditional likelihood has no finite maximum: some difference of item parameters, or of steps, grows "
            "without end. Use method=map, whose priors hold every estimate, or data with fewer categories (key=)."
        )
    return factor, float(np.linalg.norm(factor.T @ gradient))
