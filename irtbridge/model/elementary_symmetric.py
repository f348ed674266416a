"""Elementary symmetric functions of items: what a conditional likelihood given the sum score is made of.

With a weight ``e_ik`` for category k of item i, gamma_r is the sum over all response patterns of sum score r of the
products of their weights (Andersen 1972): the coefficient of ``z^r`` in the product over items of ``sum_k e_ik z^k``.
It is taken as Cauchy's integral over a circle, which the trapezoid rule gives exactly with more nodes than there are
points. The radius is the exponential of an ability near the one at which the score is the expected one (the saddle
point; the distribution given the score is the same at all): gamma_r is then a probability near the largest of its
distribution, and the integrand falls off around the positive axis, so that no digits are lost, however many items there
are. The difference algorithm loses them (Verhelst, Glas & van der Sluis 1984).

Derivatives by log weights are integrals of the same product times ``q_ik = e_ik z^k / sum_l e_il z^l``: first ones of
one item's q, second ones of two items'. So the second derivatives of all pairs are one matrix product. Scores of
persons who answered the same items share nodes, where one ability serves them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]
CELLS = 1 << 19  # complex numbers at once: 8 MiB, which a cache holds
STEPS = 50  # of Newton's method, one logit at most, towards the ability where a score is the expected one
WINDOW = 6.0  # standard deviations of the sum score between the ends of what one ability serves: two digits
NEAR = 1e-2  # logits from there
NIL, SMALL = 1e-30, 1e-4  # in the place of a factor that vanishes, and what counts as small of one
NEGLIGIBLE = 1e-26  # share of an integral, with small factors left out, below which a node adds nothing to doubles


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Persons by the items that they have answered and by sum score.

    Attributes
    ----------
    observed : ndarray of bool, shape (row, item)
        Which items the persons of a row have answered; rows with the same items stand together, by score.
    score : ndarray of int, shape (row,)
        Their sum score.
    persons : ndarray, shape (row,)
        How many they are.
    """

    observed: NDArray[np.bool_]
    score: NDArray[np.int64]
    persons: Array


class Moments(NamedTuple):
    """Log gamma of the scores with its derivatives, which are moments of the categories given the scores.

    All are sums over persons, of the categories above the lowest.

    Attributes
    ----------
    log_gamma : float
    mean : ndarray, shape (item, category)
        First derivatives: how many persons are expected in the category.
    covariance : ndarray, shape (item x category, item x category)
        Second derivatives.
    """

    log_gamma: float
    mean: Array
    covariance: Array


def score_table(values: NDArray[np.int64], weights: Array) -> ScoreTable:
    """The table of all persons.

    Parameters
    ----------
    values : ndarray, shape (person, item)
        Category codes, -1 where missing.
    weights : ndarray, shape (person,)
        How many persons each row stands for.
    """
    observed, score = values >= 0, np.maximum(values, 0).sum(axis=1)
    key = np.column_stack([np.packbits(observed, axis=1), score.astype(">u4").view(np.uint8).reshape(-1, 4)])
    _, first, row = np.unique(key, axis=0, return_index=True, return_inverse=True)
    return ScoreTable(observed[first], score[first], np.bincount(row.ravel(), weights).astype(float))


def informative(values: NDArray[np.int64], n_categories: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whose responses, given their sum, say something of the items: with two answers, and neither no points nor all."""
    observed = values >= 0
    most = np.where(observed, n_categories - 1, 0).sum(axis=1)
    score = np.where(observed, values, 0).sum(axis=1)
    return np.asarray((observed.sum(axis=1) > 1) & (score > 0) & (score < most))


def score_moments(table: ScoreTable, log_weights: Array) -> Moments:
    """Log gamma of the persons' scores, with first and second derivatives.

    Parameters
    ----------
    table : ScoreTable
        The persons, at least one: those who are `informative`.
    log_weights : ndarray, shape (item, category)
        Logarithms of the weights of the categories above the lowest, whose weight is 1; minus infinity where an item
        lacks the category.
    """
    n_items, width = log_weights.shape
    every = np.arange(width)
    full = np.pad(log_weights, ((0, 0), (1, 0)))
    ability, sd = _saddle_points(table, full)
    starts = _windows(table, ability, sd)
    size = max(1, CELLS // (n_items * (n_items * width // 2 + 1)))
    total, mean, covariance = 0.0, np.zeros((n_items, width)), np.zeros((n_items, width) * 2)
    for some in (starts[at : at + size + 1] for at in range(0, len(starts) - 1, size)):
        rows = slice(some[0], some[-1])
        items = np.flatnonzero(table.observed[rows].any(axis=0))
        part = ScoreTable(table.observed[rows, items], table.score[rows], table.persons[rows])
        own = _moments(part, full[items], some - some[0], ability[rows])
        total += own.log_gamma
        mean[items] += own.mean
        shape = (len(items), width, len(items), width)
        covariance[np.ix_(items, every, items, every)] += own.covariance.reshape(shape)
    return Moments(total, mean, covariance.reshape(n_items * width, -1))


def _saddle_points(table: ScoreTable, log_weights: Array) -> tuple[Array, Array]:
    """The ability where each row's score is the expected one, and the standard deviation of the score there."""
    size = max(1, CELLS // log_weights.size)
    rows = (slice(start, start + size) for start in range(0, len(table.score), size))
    found = [_saddle_points_of(table.observed[some], table.score[some], log_weights) for some in rows]
    ability, sd = (np.concatenate(each) for each in zip(*found, strict=True))
    return ability, sd


def _saddle_points_of(observed: NDArray[np.bool_], score: NDArray[np.int64], log_weights: Array) -> tuple[Array, Array]:
    ability, variance, codes = np.zeros(len(score)), np.ones(len(score)), np.arange(log_weights.shape[1])
    for _ in range(STEPS):
        probs = _probs(observed, log_weights, ability)
        expected = probs @ codes
        variance = np.maximum((probs @ codes**2 - expected**2).sum(axis=1), SMALL)
        step = np.clip((score - expected.sum(axis=1)) / variance, -1, 1)
        ability += step
        if np.abs(step).max() < NEAR:
            break
    return ability, np.sqrt(variance)


def _windows(table: ScoreTable, ability: Array, sd: Array) -> NDArray[np.intp]:
    """Where rows begin that share an ability, and where the last of them end."""
    other = np.append(True, (table.observed[1:] != table.observed[:-1]).any(axis=1))
    along = np.cumsum(np.where(other, 0.0, np.diff(ability, prepend=0.0) * sd))
    first = np.maximum.accumulate(np.where(other, np.arange(len(other)), 0))
    place = (along - along[first]) // WINDOW
    return np.append(np.flatnonzero(other | (np.diff(place, prepend=0.0) != 0)), len(other))


def _moments(table: ScoreTable, log_weights: Array, starts: NDArray[np.intp], ability: Array) -> Moments:
    """As `score_moments`, of rows in windows that begin at `starts`; log weights also of the lowest categories."""
    shared, window = (ability[starts[:-1]] + ability[starts[1:] - 1]) / 2, _repeated(starts)
    observed = table.observed[starts[:-1]]
    probs = _probs(observed, log_weights, shared)
    angles, there = _nodes(probs)
    turned = np.exp(1j * np.outer(np.arange(probs.shape[-1]), angles))
    factors = probs @ turned
    squares = factors.real**2 + factors.imag**2
    factors[squares < NIL**2] = NIL  # derivatives divide by a factor: what it is cancels there
    summand = (there * factors.prod(axis=1))[window] * np.exp(-1j * np.outer(table.score, angles))
    integral = summand.real.sum(axis=1)
    nodes = _counting(squares, np.minimum.reduceat(integral, starts[:-1]))
    share = (table.persons / integral)[:, None] * summand[:, :nodes]
    q = probs[..., None, 1:] * turned.T[:nodes, 1:] / factors[..., :nodes, None]
    q = np.moveaxis(q, 1, 2).reshape(len(probs), nodes, -1)
    each = np.concatenate([(share[slice(*ends)] @ own).real for ends, own in zip(pairwise(starts), q, strict=True)])
    log_norm = np.where(observed, special.logsumexp(_at(log_weights, shared), axis=-1), 0.0).sum(axis=1)
    log_gamma = np.log(integral) + log_norm[window] - shared[window] * table.score
    covariance = _covariance(q, np.add.reduceat(share, starts[:-1], axis=0), each, table.persons, probs.shape[-1] - 1)
    return Moments(float(table.persons @ log_gamma), each.sum(axis=0).reshape(len(log_weights), -1), covariance)


def _repeated(starts: NDArray[np.intp]) -> NDArray[np.intp]:
    """The window of each row."""
    return np.repeat(np.arange(len(starts) - 1), np.diff(starts))


def _nodes(probs: Array) -> tuple[Array, Array]:
    """Angles of the nodes on and above the real axis, and their weights: those below are mirror images."""
    points = int((np.count_nonzero(probs, axis=-1) - 1).sum(axis=1).max())
    number = points + 1 + points % 2  # odd, so that none but the first is its own image
    angles = 2 * np.pi / number * np.arange(number // 2 + 1)
    return angles.astype(float), np.where(angles == 0, 1.0, 2.0) / number


def _counting(squares: Array, least: Array) -> int:
    """How many nodes count in any window, from the real axis on, where the integrals are at least so large."""
    sizes = np.sqrt(np.maximum(squares, SMALL**2).prod(axis=1))
    return int(np.flatnonzero((sizes > NEGLIGIBLE * least[:, None]).any(axis=0)).max()) + 1


def _covariance(q: NDArray[Any], share: NDArray[Any], each: Array, persons: Array, width: int) -> Array:
    """Covariances, summed over persons; the categories of one item exclude one another."""
    rooted = (np.sqrt(share)[..., None] * q).reshape(-1, q.shape[-1])
    real, imaginary = np.ascontiguousarray(rooted.real), np.ascontiguousarray(rooted.imag)
    both = real.T @ real - imaginary.T @ imaginary
    blocks, items = both.reshape(-1, width, both.shape[0] // width, width), np.arange(both.shape[0] // width)
    blocks[items, :, items, :] = each.sum(axis=0).reshape(-1, width, 1) * np.eye(width)
    means = each / np.sqrt(persons)[:, None]
    return np.asarray(both - means.T @ means)


def _at(log_weights: Array, ability: Array) -> Array:
    """Log weights at abilities, shape (row, item, category)."""
    return np.asarray(log_weights + ability[:, None, None] * np.arange(log_weights.shape[1]))


def _probs(observed: NDArray[np.bool_], log_weights: Array, ability: Array) -> Array:
    """Of each item's categories, shape (row, item, category); of an item not answered, of the lowest alone."""
    lowest = np.arange(log_weights.shape[1]) == 0
    return np.asarray(np.where(observed[..., None], special.softmax(_at(log_weights, ability), axis=-1), lowest))
