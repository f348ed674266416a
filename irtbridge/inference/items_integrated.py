"""Items integrated out by quadrature: the density of the abilities alone, where persons are few and items many.

Given the abilities the items are independent, and their parameters have the same prior. So one grid of item parameters
serves all items, and the log likelihood of all items at all its nodes is one matrix product: statistics (item, person)
times natural parameters (person, node), as it is with persons and items exchanged (`irtbridge.model.quadrature`).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from irtbridge.data.responses import Responses
from irtbridge.model.families import Binary
from irtbridge.model.layout import Layout
from irtbridge.model.priors import LogNormal, Normal

Array = NDArray[np.float64]
Items = slice | NDArray[np.intp]
EVERY = slice(None)
HALF_WIDTH = 5.0  # prior standard deviations of an item parameter that the grid covers on either side
COUNTS = (15, 21, 31, 43, 61, 85, 121)  # nodes of a parameter that are tried
LARGEST = 2**13  # nodes: half a second for the values of a thousand items
CONSTANT = 1e-3  # by how much a shift of the grid may change the log probability of an item's responses


@dataclass(frozen=True, eq=False)
class ItemsIntegrated:
    """Log density of the abilities, of two categories and one trait, the items integrated out.

    Attributes
    ----------
    layout : Layout
        The model over the data.
    statistics : ndarray, shape (item, person)
        1 where a person gave the higher category.
    observed : ndarray, shape (item, person)
        1 where there is a response.
    counts : tuple of int
        Nodes of each item parameter, in the order of `names`.
    """

    layout: Layout
    statistics: NDArray[Any]
    observed: NDArray[Any]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, layout: Layout, responses: Responses, start: Array) -> ItemsIntegrated | None:
        """With the coarsest grid on which a shift changes no item's probability; None where there is none.

        Parameters
        ----------
        layout : Layout
            A model that `serves` admits.
        responses : Responses
            The data.
        start : ndarray, shape (person,)
            Abilities at which the grid is tried.
        """
        observed = np.asarray(responses.observed.T, dtype=float)
        values = np.where(responses.observed, responses.values, 0).T.astype(float)
        n_parameters, everything = len(item_parameters(layout)), np.arange(len(values))
        tried = sorted(itertools.product(COUNTS, repeat=n_parameters), key=lambda counts: int(np.prod(counts)))
        moved = everything
        for counts in tried:
            if np.prod(counts) > LARGEST:
                return None
            density = cls(layout, values, observed, counts)
            # Those that a coarser grid did not serve first: they are few.
            moved = density._moved(start, moved)
            moved = moved if moved.size else density._moved(start, everything)
            if not moved.size:
                return density
        return None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of the item parameters."""
        return tuple(item_parameters(self.layout))

    @property
    def step(self) -> Array:
        """Distance of neighbouring nodes, in prior standard deviations, shape (parameter,)."""
        return 2 * HALF_WIDTH / (np.array(self.counts) - 1)

    @cached_property
    def nodes(self) -> Array:
        """In prior standard deviations from the prior mean, shape (node, parameter)."""
        lines = [np.linspace(-HALF_WIDTH, HALF_WIDTH, count) for count in self.counts]
        return np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, len(self.counts))

    def parameters(self, standard: Array) -> dict[str, Array]:
        """Item parameters (...) at standard coordinates (..., parameter)."""
        priors = item_parameters(self.layout)
        moved = {name: p.loc + p.scale * standard[..., place] for place, (name, p) in enumerate(priors.items())}
        return {name: np.exp(x) if isinstance(priors[name], LogNormal) else x for name, x in moved.items()}

    @cached_property
    def patterns(self) -> tuple[NDArray[Any], NDArray[np.intp]]:
        """Who answered: the different rows of `observed`, and which of them is each item's."""
        rows, number = np.unique(self.observed, axis=0, return_inverse=True)
        return rows, number.reshape(-1)

    def at(self, abilities: Array, standard: Array) -> AtNodes:
        """What the items' log probabilities at nodes (node, parameter) are made of, given abilities (person,)."""
        family, dims = self.layout.spec.family, self.layout.spec.dims
        here = {**self.parameters(standard), family.ability: np.zeros(1, dtype=standard.dtype)}
        slope = np.broadcast_to(family.tangent(here, dims)[0, :, 0], len(standard))
        intercept = family.exponential(here, dims, np.ones((len(standard), 2), dtype=bool)).natural[0, :, 0]
        log_odds = abilities[:, None] * slope.astype(standard.dtype) + intercept
        small = np.exp(-np.abs(log_odds))
        base = np.minimum(-log_odds, 0) - np.log1p(small)
        log_prior = special.log_softmax(-0.5 * np.sum(standard**2, axis=1))
        return AtNodes(np.stack([slope, intercept]), log_odds, small, self.patterns[0] @ base + log_prior)

    def sums(self, abilities: Array) -> Array:
        """What the log odds of items are multiplied by, (item, 2): abilities of those who gave the higher category,
        summed, and their number."""
        return np.stack([self.statistics @ abilities, self.statistics.sum(axis=1)], axis=1)

    def by_node(self, abilities: Array, standard: Array, items: Items = EVERY) -> Array:
        """Log probability of the responses to some items and of the node together, shape (item, node)."""
        at = self.at(abilities, standard)
        return np.asarray(self.sums(abilities)[items] @ at.lines + at.constant[self.patterns[1][items]])

    @cached_property
    def single(self) -> ItemsIntegrated:
        """The same in single precision."""
        arrays = (self.statistics.astype(np.float32), self.observed.astype(np.float32))
        return ItemsIntegrated(self.layout, *arrays, self.counts)

    def log_prior(self, abilities: Array) -> tuple[float, Array]:
        """Log density of the abilities' normal prior, up to a constant, and its gradient."""
        loc, scale = prior_of(self.layout)
        away = (abilities - loc) / scale
        return float(-0.5 * away @ away), -away / scale

    def _moved(self, abilities: Array, items: NDArray[np.intp]) -> NDArray[np.intp]:
        """Of some items those whose probability changes if the grid is shifted by half a step along a parameter."""
        moved = [
            self.nodes + self.step * shift / 2
            for shift in np.vstack([np.zeros(len(self.counts)), np.eye(len(self.counts))])
        ]
        sums = [special.logsumexp(self.by_node(abilities, standard, items), axis=1) for standard in moved]
        return np.asarray(items[np.ptp(sums, axis=0) >= CONSTANT])


@dataclass(frozen=True, eq=False)
class AtNodes:
    """What log probabilities of items at nodes are made of.

    Attributes
    ----------
    lines : ndarray, shape (2, node)
        The log odds of the higher category: their slope by the ability, and what they are at 0.
    log_odds : ndarray, shape (person, node)
        Of the higher category.
    small : ndarray, shape (person, node)
        Exponentials of minus their size.
    constant : ndarray, shape (pattern of persons who answered, node)
        Log probability of the lower category for all of these, and of the node.
    """

    lines: Array
    log_odds: Array
    small: Array
    constant: Array

    @property
    def probability(self) -> Array:
        """Of the higher category, shape (person, node)."""
        return np.asarray(np.where(self.log_odds > 0, 1, self.small) / (1 + self.small))


def serves(layout: Layout, responses: Responses) -> bool:
    """Whether a model's items can be integrated out: two categories, one trait, one or two parameters an item.

    The parameters are independent, and their priors, normal or lognormal, are the same for all items; abilities are
    normal with known mean and standard deviation, and a row is one person.
    """
    family, spec, items = layout.spec.family, layout.spec, layout.sizes["item"]
    if not isinstance(family, Binary) or not family.linear or spec.dims[family.ability] != ("person",):
        return False
    if layout.derived or spec[family.ability].prior.references() or responses.weights is not None:
        return False
    whole = all(slot.free is None and slot.size == items for slot in layout.slots.values())
    return whole and set(item_parameters(layout)) == set(layout.slots) and bool((responses.n_categories == 2).all())


def item_parameters(layout: Layout) -> Mapping[str, Any]:
    """Priors of the item parameters that a grid can hold, by name."""
    return {
        name: slot.variable.prior
        for name, slot in layout.slots.items()
        if slot.variable.dims == ("item",) and _holds(slot.variable.prior, name == layout.spec.family.discrimination)
    }


def _holds(prior: object, slope: bool) -> bool:
    """Whether a prior is lognormal or, of a location, normal, with numbers for all items."""
    kinds = LogNormal if slope else (LogNormal, Normal)
    return isinstance(prior, kinds) and all(isinstance(x, (int, float)) for x in (prior.loc, prior.scale))


def prior_of(layout: Layout) -> tuple[float, float]:
    """Mean and standard deviation of the abilities."""
    numbers = layout.spec[layout.spec.family.ability].prior.numbers()
    return float(numbers["loc"]), float(numbers["scale"])  # type: ignore[arg-type]
