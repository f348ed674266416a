"""Abilities given item parameters: draws from their exact conditional distribution, means and standard deviations."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from irtbridge.data.responses import Responses
from irtbridge.inference.node_posterior import (
    AtNodes,
    Parts,
    log_posterior_at,
    of_persons,
    parts_of,
    reduced_posterior,
)
from irtbridge.model.layout import Layout
from irtbridge.model.patterns import table_width
from irtbridge.model.quadrature import Quadrature
from irtbridge.plugin.arrays import Arrays
from irtbridge.plugin.program import Program
from irtbridge.results.draws import Draws

Array = NDArray[np.float64]


def add_abilities(program: Program, draws: Draws, seed: int) -> tuple[Draws, Array | None]:
    """Abilities to go with draws of item parameters, where the program has integrated them out.

    A point estimate gets expected abilities, and their standard deviations as standard errors. Those that a method has
    drawn itself are taken as they are.

    Returns
    -------
    draws : Draws
        With the seconds added.
    abilities : ndarray, shape (chain, draw, person) or (chain, draw, person, trait), or None
    """
    layout, responses = program.layout, program.responses
    if layout.collapse is None or draws.abilities is not None:
        return replace(draws, abilities=None), draws.abilities
    start = time.perf_counter()
    params = program.constrain(draws.z)
    if draws.standard_errors is None:
        abilities = draw_abilities(layout, params, responses, seed, program.arrays)
    else:
        mean, sd = expected_abilities(layout, {name: value[0, 0] for name, value in params.items()}, responses)
        abilities = mean[None, None]
        draws = replace(draws, standard_errors={**draws.standard_errors, layout.spec.family.ability: sd})
    sampling = draws.timings.sampling + time.perf_counter() - start
    return replace(draws, timings=replace(draws.timings, sampling=sampling)), abilities


def draw_abilities(
    layout: Layout, params: Mapping[str, Array], responses: Responses, seed: int, arrays: Arrays | None = None
) -> Array:
    """Draw each person's ability once for each draw of the item parameters.

    An even grid is shifted by a uniform fraction of its step, anew for each draw; a node is then taken with its
    conditional probability. As the sum over a shifted grid hardly depends on the shift, the draws have the conditional
    density itself, not a discrete one. See `grid_for_draws` for the step.

    Parameters
    ----------
    layout : Layout
        A layout with a quadrature.
    params : mapping of str to ndarray
        Full arrays with leading axes (chain, draw).
    responses : Responses
        The data.
    seed : int
        Seed of the draws.
    arrays : Arrays, optional
        Where persons by nodes are computed: NumPy by default, as are models whose integral is reduced.

    Returns
    -------
    ndarray, shape (chain, draw, person) or (chain, draw, person, trait)
    """
    arrays, rng = arrays or Arrays(), np.random.default_rng([seed, 1])
    patterns = of_persons(layout, responses, np.float32)
    lead, flat = flattened(layout, params)
    layout = replace(layout, collapse=grid_for_draws(layout, flat, patterns))
    size = max(1, arrays.cells // (table_width(layout) * responses.n_persons))
    draw: Callable[..., Array] = partial(_draw, arrays=arrays) if layout.reduction is None else _draw_reduced
    held = arrays.put(patterns) if layout.reduction is None else parts_of(layout, patterns)
    starts = range(0, math.prod(lead), size)
    rows = [draw(layout, {k: v[i : i + size] for k, v in flat.items()}, held, rng) for i in starts]
    return np.concatenate(rows).reshape(*lead, *rows[0].shape[1:])


def flattened(layout: Layout, params: Mapping[str, Array]) -> tuple[tuple[int, ...], dict[str, Array]]:
    """Axes of the draws, and full arrays with one axis in their place."""
    lead = layout.batch_shape(params)
    return lead, {name: v.reshape(-1, *np.shape(v)[len(lead) :]) for name, v in params.items()}


def expected_abilities(layout: Layout, params: Mapping[str, Array], responses: Responses) -> tuple[Array, Array]:
    """Mean and standard deviation of each person's ability at one set of item parameters (EAP, Bock & Mislevy 1982).

    Parameters
    ----------
    layout : Layout
        A layout with a quadrature.
    params : mapping of str to ndarray
        Full arrays, no leading axes.
    responses : Responses
        The data.

    Returns
    -------
    mean, sd : ndarray, shape (person,) or (person, trait)
    """
    assert layout.collapse is not None
    single = {name: np.asarray(value)[None] for name, value in params.items()}
    patterns, standard = of_persons(layout, responses, np.float64), layout.standard_nodes[None]
    if layout.reduction is not None:
        return reduced_posterior(layout, single, parts_of(layout, patterns), standard).moments()
    (nodes,), (log_posterior,) = log_posterior_at(layout, single, patterns, standard)
    log_posterior -= log_posterior.max(axis=0)
    weights = np.exp(log_posterior, out=log_posterior)
    weights = (weights / weights.sum(axis=0)).T
    mean = weights @ nodes
    return mean, np.sqrt(np.maximum(weights @ nodes**2 - mean**2, 0.0))


def grid_for_draws(layout: Layout, params: Mapping[str, Array], patterns: NDArray[Any]) -> Quadrature:
    """The quadrature's grid, or half or two thirds of its nodes if a shift then changes no sum by a thousandth.

    The density of the draws departs from the right one by as much, but with the grid's own period, over which means and
    variances average. Tried with some of the draws, of the persons and of the shifts.
    """
    assert layout.collapse is not None
    tables = 1 if layout.reduction is None else len(layout.reduction.blocks)
    every = 1 if layout.by_person else 1 + tables * patterns.shape[1] // 1000
    some_persons = patterns[:, ::every].astype(float)
    shifts = np.random.default_rng(0).uniform(-0.5, 0.5, (6, 1, len(layout.spec.traits)))
    few = np.linspace(0, len(next(iter(params.values()))) - 1, 3).astype(int)
    some_draws = [{name: value[[i] * 6] for name, value in params.items()} for i in few]
    for share in (1 / 2, 2 / 3):
        grid = replace(layout.collapse, n_nodes=math.ceil(share * layout.collapse.n_nodes))
        coarse = replace(layout, collapse=grid)
        standard = coarse.standard_nodes + grid.step * shifts
        each = (_first_sum(coarse, draw, some_persons, standard) for draw in some_draws)
        if all(np.ptp(special.logsumexp(log_posterior, axis=1), axis=0).max() < 1e-3 for log_posterior in each):
            return grid
    return layout.collapse


def _first_sum(layout: Layout, params: Mapping[str, Array], patterns: NDArray[Any], standard: Array) -> NDArray[Any]:
    """The log posterior at the nodes, of the general trait alone where there is a reduction; as `log_posterior_at`."""
    if layout.reduction is not None:
        return reduced_posterior(layout, params, parts_of(layout, patterns), standard).log_general
    return log_posterior_at(layout, params, patterns, standard)[1]


def shifted_nodes(layout: Layout, draws: int, rng: np.random.Generator) -> Array:
    """Standard nodes (draw, node, trait), all of a draw moved by the same part of a step."""
    assert layout.collapse is not None
    shift = layout.collapse.step * rng.uniform(-0.5, 0.5, (draws, 1, len(layout.spec.traits)))
    return np.asarray(layout.standard_nodes + shift)


def _draw(
    layout: Layout, params: Mapping[str, Array], patterns: Any, rng: np.random.Generator, arrays: Arrays
) -> Array:
    """All abilities once for each of some draws, shape (draw, person) or (draw, person, trait)."""
    n_draws = len(next(iter(params.values())))
    at = AtNodes.of(layout, params, shifted_nodes(layout, n_draws, rng), arrays)
    chosen = arrays.choose(at.weights(patterns), 1 - rng.uniform(size=(n_draws, patterns.shape[1])))
    return np.asarray(at.nodes[np.arange(n_draws)[:, None], chosen])


def _draw_reduced(layout: Layout, params: Mapping[str, Array], patterns: Parts, rng: np.random.Generator) -> Array:
    """The same where the integral over the abilities is reduced."""
    standard, arrays = shifted_nodes(layout, len(next(iter(params.values()))), rng), Arrays()

    def choose(weights: NDArray[np.float32]) -> NDArray[Any]:
        return arrays.choose(weights, 1 - rng.uniform(size=weights[:, 0].shape))

    return reduced_posterior(layout, params, patterns, standard).draw(choose)
