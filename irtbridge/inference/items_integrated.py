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
        n_parameters = len(item_parameters(layout))
        tried = sorted(itertools.product(COUNTS, repeat=n_parameters), key=lambda counts: int(np.prod(counts)))
        for counts in tried:
            if np.prod(counts) > LARGEST:
                return None
            density = cls(layout, values, observed, counts)
            if density._constant(start):
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

    def by_node(self, abilities: Array, standard: Array) -> tuple[Array, Array, Array]:
        """Log probability of each item's responses and of the node together, (item, node); and how they come about.

        Returns
        -------
        by_node : ndarray, shape (item, node)
        probability : ndarray, shape (person, node)
            Of the higher category.
        slope : ndarray, shape (node,)
            By how much the log odds grow with the ability.
        """
        family, dims = self.layout.spec.family, self.layout.spec.dims
        at = {**self.parameters(standard), family.ability: abilities}
        exists = np.ones((len(standard), 2), dtype=bool)
        natural, base = family.exponential(at, dims, exists)
        log_prior = -0.5 * np.sum(standard**2, axis=1)
        by_node = self.statistics @ natural[..., 0] + self.observed @ base + special.log_softmax(log_prior)
        slope = np.broadcast_to(family.tangent(at, dims)[0, :, 0], len(standard))
        return by_node, special.expit(natural[..., 0]), slope

    def value_and_grad(self, abilities: Array) -> tuple[float, Array]:
        """Log density of standard normal abilities (person,) and all responses, and its gradient."""
        by_node, probability, slope = self.by_node(abilities, self.nodes)
        marginal = special.logsumexp(by_node, axis=1)
        weights = np.exp(by_node - marginal[:, None])
        gradient = (self.statistics.T @ weights - probability * (self.observed.T @ weights)) @ slope
        loc, scale = prior_of(self.layout)
        away = (abilities - loc) / scale
        return float(marginal.sum() - 0.5 * away @ away), gradient - away / scale

    def draw(self, abilities: Array, rng: np.random.Generator) -> tuple[float, Array]:
        """The log density, and item parameters drawn given the abilities, as standard coordinates (item, parameter).

        The grid is shifted by a uniform fraction of its step: so the draws have the conditional density itself, not a
        discrete one. In single precision.
        """
        standard = self.nodes + self.step * rng.uniform(-0.5, 0.5, len(self.counts))
        by_node = self._single.by_node(abilities.astype(np.float32), standard.astype(np.float32))[0]
        largest = by_node.max(axis=1, keepdims=True)
        running = np.cumsum(np.exp(by_node - largest), axis=1)
        threshold = rng.uniform(size=len(running)).astype(running.dtype) * running[:, -1]
        chosen = (running < threshold[:, None]).sum(axis=1).clip(max=len(standard) - 1)
        loc, scale = prior_of(self.layout)
        away = (abilities - loc) / scale
        marginal = np.sum(np.log(running[:, -1], dtype=float) + largest[:, 0])
        return float(marginal - 0.5 * away @ away), standard[chosen]

    @cached_property
    def _single(self) -> ItemsIntegrated:
        """The same in single precision."""
        arrays = (self.statistics.astype(np.float32), self.observed.astype(np.float32))
        return ItemsIntegrated(self.layout, *arrays, self.counts)

    def _constant(self, abilities: Array) -> bool:
        """Whether shifting the grid by half a step, along any parameter, changes no item's probability."""
        moved = [
            self.nodes + self.step * shift / 2
            for shift in np.vstack([np.zeros(len(self.counts)), np.eye(len(self.counts))])
        ]
        sums = [special.logsumexp(self.by_node(abilities, standard)[0], axis=1) for standard in moved]
        return bool(np.ptp(sums, axis=0).max() < CONSTANT)


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
