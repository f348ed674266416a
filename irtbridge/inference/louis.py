"""The curvature of a log density whose abilities are integrated out, without a gradient for each coordinate.

It is that of the complete data, averaged over the abilities given the data, less what is lost by not knowing them
(Louis 1982)::

    J = B - L L',    L L' = sum over persons of the covariance of the complete data's score at the person's nodes.

B has a block for each item and a border for what items share, so that a few gradients tell it: J in a direction that
moves one coordinate of every item at once is a difference of gradients, and L L' in it is known. The scores are
functions on the nodes, of which few are independent; so are a person's, by whose weights they are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import special

from irtbridge.data.responses import Responses
from irtbridge.errors import NumericalError
from irtbridge.inference.blocks import Blocks
from irtbridge.inference.curvature import Arrow, Curvature, ItemCurvature, WholeCurvature
from irtbridge.model.density import exponential_form
from irtbridge.model.layout import Layout
from irtbridge.model.noncentred import nodes_of
from irtbridge.model.patterns import Patterns
from irtbridge.plugin.program import Program

Array = NDArray[np.float64]
ValueAndGrad = Callable[[Array], tuple[Array, Array]]
FEWEST = 65  # coordinates; fewer take one batch of gradients (`irtbridge.inference.climbing.BATCH`)
MOST_NODES = 1024  # of the grid, whose functions' Gram matrix is 8 MiB
MOST_SHARED = 16  # coordinates that items share: each takes as much as one of every item
SCORE_STEP = 1e-5  # of central differences of log probabilities: their error is near 1e-10
STEP, COARSE_STEP = 1e-4, 2e-2  # of central differences of gradients, and where these have few digits
# `LostInformation.left_out` where standard errors come from it: what is left out changes no variance by more than a few
# 1e-7 of itself (tests/inference/test_louis.py).
FUNCTIONS, DIRECTIONS = 1e-12, 1e-9
CELLS = 2**22  # numbers of a chunk of persons


def serves(program: Program) -> bool:
    """Whether `curvature_at` can be had of a program, and is less work than a gradient for each coordinate."""
    layout = program.layout
    if layout.collapse is None or layout.reduction is not None or layout.dim < FEWEST:
        return False
    return len(layout.standard_nodes) <= MOST_NODES and len(Blocks.of_items(layout).shared) <= MOST_SHARED


def curvature_at(program: Program, density: ValueAndGrad, z: Array) -> Curvature:
    """Minus the second derivatives of a log density at coordinates (dim,).

    As a matrix where the persons' directions are more than the coordinates, or where it is not positive, else by items
    and directions.

    Parameters
    ----------
    program : Program
        Abilities integrated out; see `serves`.
    density : callable
        Its log density and gradient at coordinates (batch, dim), with or without a Jacobian.
    z : ndarray, shape (dim,)
        Where; the gradient should be near 0.
    """
    blocks = Blocks.of_items(program.layout)
    lost = LostInformation.of(program, blocks, z)
    observed = _along(density, z, blocks.directions, COARSE_STEP if program.dtype == "float32" else STEP)
    if lost.rank < program.dim:
        with suppress(NumericalError):
            return _by_items(blocks, observed, np.concatenate(list(lost.rows())))
    squares = np.zeros((program.dim, program.dim))
    for rows in lost.rows():
        squares += rows.T @ rows
    return WholeCurvature(_whole(blocks, *_parts(blocks, observed + blocks.directions @ squares)) - squares)


def _by_items(blocks: Blocks, observed: Array, low_rank: Array) -> ItemCurvature:
    complete = observed + blocks.directions @ low_rank.T @ low_rank
    return ItemCurvature.of(blocks, Arrow.of(*_parts(blocks, complete)), low_rank)


def _along(density: ValueAndGrad, z: Array, directions: Array, step: float) -> Array:
    """J times each direction, by central differences of gradients."""
    up, down = density(z + step * directions)[1], density(z - step * directions)[1]
    return (down - up) / (2 * step)


def _parts(blocks: Blocks, complete: Array) -> tuple[Array, Array, Array]:
    """Blocks, border and shared block of B, from B times each of the blocks' directions."""
    widest, exists = blocks.own.shape[1], blocks.exists
    own, shared = blocks.split(complete)
    each = np.moveaxis(own[:widest], 0, -1) * exists[:, None, :]
    each = (each + np.swapaxes(each, 1, 2)) / 2 + np.eye(widest) * ~exists[:, :, None]
    return each, np.moveaxis(own[widest:], 0, -1), (shared[widest:] + shared[widest:].T) / 2


def _whole(blocks: Blocks, own: Array, border: Array, shared: Array) -> Array:
    """B as a matrix (dim, dim)."""
    whole, rows = np.zeros((blocks.dim + 1, blocks.dim + 1)), blocks.own[:, :, None]
    whole[rows, blocks.own[:, None, :]] = own
    whole[rows, blocks.shared] = border
    whole[blocks.shared[:, None, None], blocks.own] = np.moveaxis(border, -1, 0)
    whole[np.ix_(blocks.shared, blocks.shared)] = shared
    return whole[:-1, :-1]


@dataclass(frozen=True, eq=False)
class LostInformation:
    """What is lost by not knowing the abilities: L L', person by person.

    Attributes
    ----------
    layout : Layout
    patterns : Patterns
        Rows that some person gave.
    blocks : Blocks
    terms : ndarray, shape (node, column)
        Log likelihood of each statistic at the nodes.
    log_weights : ndarray, shape (1 or pattern, node)
    slopes : ndarray, shape (direction, node, item, statistic)
        Derivatives of `terms` along the blocks' directions.
    prior_slopes : ndarray, shape (direction, 1 or pattern, node)
        Of `log_weights`.
    left_out : tuple of float
        Shares of the largest sum of squares, of the scores' functions and of a person's directions, below which they
        are left out.
    """

    layout: Layout
    patterns: Patterns
    blocks: Blocks
    terms: Array
    log_weights: Array
    slopes: Array
    prior_slopes: Array
    left_out: tuple[float, float] = (FUNCTIONS, DIRECTIONS)

    @classmethod
    def of(cls, program: Program, blocks: Blocks, z: Array, responses: Responses | None = None) -> LostInformation:
        """At coordinates (dim,) of a program, for its responses or those of some of its persons."""
        layout, directions = program.layout, SCORE_STEP * blocks.directions
        patterns = Patterns.of(program.responses if responses is None else responses, by_person=layout.by_person)
        given = patterns.counts > 0
        params = program.constrain(np.concatenate([z[None], z + directions, z - directions]))
        terms, weights = at_nodes(layout, params)
        return cls(
            layout,
            Patterns(patterns.values[given], patterns.counts[given]),
            blocks,
            terms[0].reshape(len(terms[0]), -1),
            weights[0],
            _difference(terms[1:]),
            _difference(weights[1:]),
        )

    def _chunks(self, rows: int) -> Iterator[tuple[slice, Array, Array]]:
        """Some patterns at a time: which, their statistics (pattern, item, statistic), and weights (pattern, node)."""
        n_items = self.layout.sizes["item"]
        for start in range(0, len(self.patterns.values), rows):
            here = slice(start, start + rows)
            some = Patterns(self.patterns.values[here], self.patterns.counts[here])
            flat = some.statistics(self.layout, missing=True)
            own, absent = np.split(flat, [self.layout.n_columns], axis=1)
            each = np.concatenate([own.reshape(len(flat), n_items, -1), 1 - absent[..., None]], axis=2)
            prior = self.log_weights if len(self.log_weights) == 1 else self.log_weights[here]
            log_posterior = each.reshape(len(flat), -1) @ self.terms.T + prior
            yield here, each, some.counts[:, None] * special.softmax(log_posterior, axis=1)

    @cached_property
    def _rows(self) -> int:
        """Patterns of a chunk."""
        return int(max(1, CELLS // (self.blocks.dim * 16 + self.terms.shape[1] + self.terms.shape[0])))

    @cached_property
    def _mass(self) -> Array:
        """Persons that the posterior puts at each node, shape (node,)."""
        return np.asarray(sum(weights.sum(axis=0) for _, _, weights in self._chunks(self._rows)))

    @cached_property
    def _basis(self) -> Array:
        """Orthonormal functions (function, node) that span the scores, each node weighted by its persons."""
        functions = np.moveaxis(self.slopes, 1, -1).reshape(-1, len(self.terms))
        functions = np.concatenate([functions, self.prior_slopes.reshape(-1, len(self.terms))])
        functions *= np.sqrt(self._mass)
        values, axes = np.linalg.eigh(functions.T @ functions)
        return np.asarray(axes[:, values > self.left_out[0] * values[-1]].T)

    @cached_property
    def _own(self) -> Array:
        """Coefficients (item, statistic, k x function) of the items' scores."""
        inside = self._inside(self.slopes[: self.blocks.own.shape[1]])
        return np.moveaxis(inside, 0, 2).reshape(*inside.shape[1:3], -1)

    @cached_property
    def _shared(self) -> tuple[Array, Array]:
        """Coefficients (item x statistic, shared x function) of the shared scores, and (pattern, ...) of the prior."""
        inside = self._inside(self.slopes[self.blocks.own.shape[1] :])
        prior = self.prior_slopes[self.blocks.own.shape[1] :] * np.sqrt(self._mass) @ self._basis.T
        flat = np.moveaxis(inside, 0, 2).reshape(self.terms.shape[1], -1)
        return flat, np.moveaxis(prior, 0, 1).reshape(prior.shape[1], -1)

    def _inside(self, slopes: Array) -> Array:
        """Functions (direction, node, item, statistic) in the basis: (direction, item, statistic, function)."""
        return np.moveaxis(slopes, 1, -1) * np.sqrt(self._mass) @ self._basis.T

    @cached_property
    def rank(self) -> int:
        """Rows of L' in all, as the first persons tell."""
        first = next(self._chunks(self._rows))
        return int(self._roots(first[2]).shape[2] * len(self.patterns.values))

    def rows(self) -> Iterator[Array]:
        """L', shape (row, dim), for some persons at a time."""
        size, widest = len(self._basis), self.blocks.own.shape[1]
        for here, each, weights in self._chunks(self._rows):
            roots = self._roots(weights)
            own = np.matmul(each.swapaxes(0, 1), self._own).reshape(-1, len(each), widest, size)
            flat, prior = self._shared
            shared = each.reshape(len(each), -1) @ flat + (prior if len(prior) == 1 else prior[here])
            shared = shared.reshape(len(each), len(self.blocks.shared), size) @ roots
            own = np.moveaxis(own, 0, 1).reshape(len(each), -1, size) @ roots
            own = np.swapaxes(own, 1, 2).reshape(-1, len(self.blocks.own), widest)
            yield self.blocks.join(own, np.swapaxes(shared, 1, 2).reshape(len(own), -1))

    def _roots(self, weights: Array) -> Array:
        """Roots (pattern, function, direction) of the covariances of the functions over each person's nodes."""
        mass = np.maximum(self._mass, np.finfo(float).tiny)
        size, counts = len(self._basis), weights.sum(axis=1)
        products = (self._basis[:, None] * self._basis).reshape(size**2, -1)
        mean = weights / np.sqrt(mass) @ self._basis.T
        squares = (weights / mass @ products.T).reshape(-1, size, size)
        squares -= mean[:, :, None] * mean[:, None] / counts[:, None, None]
        values, axes = np.linalg.eigh(squares)
        most = np.sum(values > self.left_out[1] * values[:, -1:], axis=1).max()
        return np.asarray(axes[:, :, -most:] * np.sqrt(np.maximum(values[:, None, -most:], 0.0)))


def at_nodes(layout: Layout, params: Mapping[str, Array], grid: Array | None = None) -> tuple[Array, Array]:
    """Log likelihood of each statistic at the nodes, the base last, and log weights of the nodes.

    Parameters
    ----------
    layout : Layout
        Abilities integrated out.
    params : mapping of str to ndarray
        Full arrays (..., *shape).
    grid : ndarray, shape (node, trait), optional
        Where the prior of the abilities differs from person to person: what both are of.

    Returns
    -------
    terms : ndarray, shape (..., node, item, statistic)
    log_weights : ndarray, shape (..., 1 or person, node)
    """
    values, standard = layout.complete(params), layout.standard_nodes
    lead, ability = layout.batch_shape(values), layout.spec.family.ability
    rows = layout.rows(values) if layout.spec[ability].prior.references() else [values]
    nodes, log_weights = zip(*(nodes_of(layout, standard, row, grid) for row in rows), strict=True)
    natural, base = exponential_form(layout, {**values, ability: _over(lead, nodes)})
    terms = np.concatenate([natural, base[..., None]], axis=-1)
    weights = _over(lead, [np.atleast_2d(each) for each in log_weights])
    return np.nan_to_num(terms, copy=False, posinf=0.0, neginf=0.0), weights


def _over(lead: tuple[int, ...], arrays: Sequence[Array]) -> Array:
    """An array for each index of leading axes, or one for all, with those axes."""
    shape = arrays[0].shape
    return np.broadcast_to(np.reshape(arrays, (*(lead if len(arrays) > 1 else ()), *shape)), (*lead, *shape))


def _difference(moved: Array) -> Array:
    """Central differences of values at steps up, then down."""
    up, down = np.split(moved, 2)
    return (up - down) / (2 * SCORE_STEP)
