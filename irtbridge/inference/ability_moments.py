"""Moments of all abilities over the draws of the item parameters, without draws of the abilities themselves.

Given the item parameters, the moments of an ability are sums over the nodes; over the draws of the parameters they are
averaged (Rao-Blackwell), so that a part of the draws tells more than as many draws of the abilities would.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.inference.abilities import draw_abilities, flattened, grid_for_draws, shifted_nodes
from irtbridge.inference.node_posterior import AtNodes, of_persons
from irtbridge.model.layout import Layout
from irtbridge.model.patterns import table_width
from irtbridge.plugin.arrays import Arrays
from irtbridge.results.ability_moments import AbilityMoments

Array = NDArray[np.float64]
Params = Mapping[str, Array]
Sums = Callable[[Params, NDArray[np.intp]], Array]
KEPT = 2**26  # numbers: half a GiB of doubles, and a summary of them by ArviZ takes four times as much
ENOUGH = 128  # draws of the item parameters; see `_settled`
PLAUSIBLE = 10  # values; tables of multiple imputation have five to ten (Mislevy 1991; von Davier et al. 2009)
ROWS = 2**11  # persons at once, at least: a block's draws share its statistics


def too_many(layout: Layout, draws: int) -> bool:
    """Whether draws of all abilities would not fit (`KEPT`), so that their moments are taken."""
    return layout.collapse is not None and draws * layout.sizes["person"] * len(layout.spec.traits) > KEPT


def ability_moments(layout: Layout, params: Params, responses: Responses, seed: int, arrays: Arrays) -> AbilityMoments:
    """Moments of all abilities, and some plausible values.

    Of as many draws of the item parameters, at even distances, as make the means at least as exact as draws of the
    abilities with all of them would be.

    Parameters
    ----------
    layout : Layout
        A layout with a quadrature.
    params : mapping of str to ndarray
        Full arrays with leading axes (chain, draw).
    responses : Responses
        The data.
    seed : int
        Of the plausible values, and of the places of the nodes.
    arrays : Arrays
        Where persons by nodes are computed.
    """
    _, flat = flattened(layout, params)
    n_draws = len(next(iter(flat.values())))
    add = _sampled(layout, responses, seed) if layout.reduction else _summed(layout, flat, responses, seed, arrays)
    used = _evenly(n_draws, n_draws if layout.reduction else ENOUGH)
    sums = add(flat, used)
    if not _settled(sums, len(used), n_draws):
        left = np.setdiff1d(np.arange(n_draws), used)
        sums, used = sums + add(flat, left), np.arange(n_draws)
    at = _evenly(n_draws, PLAUSIBLE)
    some = {name: value[at][None] for name, value in flat.items()}
    values = draw_abilities(layout, some, responses, seed, arrays)[0]
    mean, sd, skewness, kurtosis, mcse = (part.reshape(values.shape[1:]) for part in _moments(sums, len(used)))
    return AbilityMoments(mean, sd, skewness, kurtosis, mcse, values, at)


def _evenly(draws: int, number: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, draws - 1, min(number, draws)).round().astype(np.intp))


def _settled(sums: Array, used: int, draws: int) -> bool:
    """Whether the mean over so few draws is as exact as that of draws of the abilities with all of them would be.

    Its error is the variance between draws over `used`; that of the other is the whole variance over `draws`.
    """
    mean, square, _, _, of_means = sums / used
    between, whole = of_means - mean**2, square - mean**2
    return used == draws or bool((between * draws <= whole * used).all())


def _moments(sums: Array, used: int) -> tuple[Array, Array, Array, Array, Array]:
    """Mean, SD, skewness, kurtosis above 3, and error of the mean, from sums (5, person, trait)."""
    mean, square, cube, fourth, of_means = sums / used
    variance = np.maximum(square - mean**2, np.finfo(float).tiny)
    third = cube - 3 * mean * square + 2 * mean**3
    fourth = fourth - 4 * mean * cube + 6 * mean**2 * square - 3 * mean**4
    error = np.sqrt(np.maximum(of_means - mean**2, 0.0) / used)
    return mean, np.sqrt(variance), third / variance**1.5, fourth / variance**2 - 3, error


def _summed(layout: Layout, flat: Params, responses: Responses, seed: int, arrays: Arrays) -> Sums:
    """Adds up, over some draws, the first four moments given each, and the squares of the means: (5, person, trait)."""
    patterns = of_persons(layout, responses, np.float32)
    layout = replace(layout, collapse=grid_for_draws(layout, flat, patterns))
    blocks = [(rows, arrays.put(patterns[:, rows])) for rows in _blocks(layout, arrays, patterns.shape[1])]
    size = max(1, arrays.cells // (table_width(layout) * (blocks[0][0].stop - blocks[0][0].start)))
    rng, traits = np.random.default_rng([seed, 2]), len(layout.spec.traits)

    def add(params: Params, used: NDArray[np.intp]) -> Array:
        sums = np.zeros((5, patterns.shape[1], traits))
        for some in _parts(used, size):
            draws = {name: value[some] for name, value in params.items()}
            at = AtNodes.of(layout, draws, shifted_nodes(layout, len(some), rng), arrays)
            powers = arrays.put(_powers(at.nodes))
            for rows, held in blocks:
                sums[:, rows] += _of_block(arrays, powers, at.weights(held, rows)).reshape(5, traits, -1).swapaxes(1, 2)
        return sums

    return add


def _parts(draws: NDArray[np.intp], size: int) -> list[NDArray[np.intp]]:
    """Of so many draws at most; a power of 2 of them, which for `ENOUGH` draws are of one size.

    A library that compiles, compiles for each size.
    """
    number = 2 ** math.ceil(math.log2(max(1.0, len(draws) / size)))
    return np.array_split(draws, min(number, len(draws)))


def _blocks(layout: Layout, arrays: Arrays, persons: int) -> Iterator[slice]:
    """Persons, as many at a time as the array library holds at a few draws."""
    size = min(max(ROWS, arrays.cells // (16 * table_width(layout))), persons)
    return (slice(start, min(start + size, persons)) for start in range(0, persons, size))


def _powers(nodes: Array) -> Array:
    """1, then the first to fourth powers of each trait's abilities at the nodes, shape (draw, 1 + 4 trait, node)."""
    x = np.moveaxis(nodes.reshape(*nodes.shape[:2], -1), -1, 1)
    return np.concatenate([np.ones_like(x[:, :1]), *(x**power for power in (1, 2, 3, 4))], axis=1)


def _of_block(arrays: Arrays, powers: Any, weights: Any) -> Array:
    """Sums over draws for some persons, shape (5 trait, person)."""
    totals = arrays.product(powers, weights)
    moments = totals[:, 1:] / totals[:, :1]
    means = moments[:, : moments.shape[1] // 4]
    both = arrays.xp.concatenate([moments, means * means], axis=1)
    return np.asarray(arrays.get(arrays.xp.sum(both, axis=0)), dtype=float)


def _sampled(layout: Layout, responses: Responses, seed: int) -> Sums:
    """The same from draws of the abilities, of a model whose integral over them is reduced."""

    def add(params: Params, used: NDArray[np.intp]) -> Array:
        sums = np.zeros((5, responses.n_persons, len(layout.spec.traits)))
        for number, some in enumerate(np.array_split(used, math.ceil(len(used) / PLAUSIBLE))):
            draws = {name: value[some][None] for name, value in params.items()}
            child = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
            drawn = draw_abilities(layout, draws, responses, child)[0]
            sums += np.stack([np.sum(drawn**power, axis=0) for power in (1, 2, 3, 4, 2)])
        return sums

    return add
