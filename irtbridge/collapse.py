"""Abilities integrated out: the quadrature, and the response patterns it is taken over.

The log likelihood of all persons at all nodes is one matrix product: indicators of the response patterns (pattern,
item x category) times the family's log probabilities of all categories at the nodes (item x category, node). That
holds for every family, with missing responses and hierarchical priors. The backends take log probabilities relative to
the lowest category, which spares its columns:

    log P(pattern | node) = sum_j log p_j0 + sum_{observed jk, k > 0} (log p_jk - log p_j0) - sum_{missing j} log p_j0

Where those differences are linear in the abilities (2PL, partial credit), the second sum is too: the product is taken
at the corners of the grid, one more than there are traits, and interpolated to the nodes. So far as abilities go, the
weighted sums of a person's responses are sufficient statistics (Andersen 1977). What follows from that for one trait
is in `irtbridge.cumulants`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import special

from irtbridge.data import Responses
from irtbridge.errors import ConfigError, SpecError
from irtbridge.priors import MultivariateNormal, Normal

if TYPE_CHECKING:
    from irtbridge.layout import Layout
    from irtbridge.spec import ModelSpec

Array = NDArray[np.float64]
MAX_TRAITS = 3
SHORT = {1: (41, 45), 2: (31, 30), 3: (25, 30)}
LARGEST_GRID = 100_000


@dataclass(frozen=True)
class Quadrature:
    """The trapezoid rule on an even grid, in standard deviations of the ability.

    For a density as smooth as a posterior of abilities its error falls as exp(-2 pi^2 s^2 / h^2), s being the
    posterior's standard deviation and h the step of the grid (Trefethen & Weideman 2014, section 5).

    Parameters
    ----------
    n_nodes : int
        Nodes for each trait; 0 leaves it to `chosen`.
    half_width : float
        The grid ends this many standard deviations from the mean.
    """

    n_nodes: int = 0
    half_width: float = 6.0

    def __post_init__(self) -> None:
        whole = isinstance(self.n_nodes, int) and not isinstance(self.n_nodes, bool)
        if not whole or not (self.n_nodes == 0 or self.n_nodes >= 3):
            raise ConfigError(f"n_nodes={self.n_nodes!r} must be an integer, 3 or greater, or 0, which chooses.")
        if not self.half_width > 0:
            raise ConfigError(f"half_width={self.half_width!r} must be positive.")

    def chosen(self, n_traits: int, n_categories: NDArray[np.int64]) -> Quadrature:
        """Itself, or with nodes for so many traits and so long a test: 41, 31 and 25 for one, two and three traits.

        A posterior of abilities narrows as the root of the test's length. So beyond 45 steps (categories above the
        lowest, over all items), 30 with several traits, the nodes grow as the root of their number, up to a grid of
        100,000.

        Parameters
        ----------
        n_traits : int
            One to three.
        n_categories : ndarray of int, shape (item,)
            Categories of each item.
        """
        if self.n_nodes > 0:
            return self
        nodes, length = SHORT[n_traits]
        growth = max(1.0, float(np.sum(n_categories - 1)) / length) ** 0.5
        most = int(LARGEST_GRID ** (1 / n_traits))
        return replace(self, n_nodes=min(round(nodes * growth), most))

    def size(self, n_traits: int) -> int:
        """Nodes of the product grid."""
        return int(self.n_nodes**n_traits)

    @property
    def step(self) -> float:
        """Distance between neighbouring nodes."""
        return 2 * self.half_width / (self.n_nodes - 1)

    def standard_nodes(self, n_traits: int) -> Array:
        """All nodes of the product grid, shape (node, trait); to be read only."""
        return _grid(self.n_nodes, self.half_width, n_traits)

    def corners(self, n_traits: int) -> tuple[NDArray[np.intp], Array]:
        """Which nodes are corners, enough of them to interpolate what is linear, and each node's weights on them.

        Returns
        -------
        ndarray of int, shape (corner,)
            The lowest node, and for each trait the node at the grid's upper end on that trait alone.
        ndarray, shape (node, corner)
            Barycentric coordinates: each row's sum is 1.
        """
        ends = (self.n_nodes - 1) * self.n_nodes ** np.arange(n_traits - 1, -1, -1)
        away = (self.standard_nodes(n_traits) + self.half_width) / (2 * self.half_width)
        return np.r_[0, ends], np.c_[1 - away.sum(axis=1), away]

    def log_weights(self, n_traits: int) -> Array:
        """Log weights of the nodes under a standard normal, shape (node,); their exponentials sum to one."""
        log_density = -0.5 * np.sum(self.standard_nodes(n_traits) ** 2, axis=1)
        return np.asarray(log_density - special.logsumexp(log_density), dtype=float)


@dataclass(frozen=True, eq=False)
class Patterns:
    """Response patterns and how many persons gave each.

    Attributes
    ----------
    codes : ndarray of int, shape (pattern, item)
        Category codes, -1 where missing.
    counts : ndarray, shape (pattern,)
        Persons with the pattern; 0 in rows that only fill up the shape.
    n_categories : int
        Largest number of categories.
    """

    codes: NDArray[np.int64]
    counts: Array
    n_categories: int

    @classmethod
    def of(cls, responses: Responses, rows: int | None = None) -> Patterns:
        """Patterns of a data set: distinct ones where there are less than half as many as persons.

        Parameters
        ----------
        responses : Responses
            The data.
        rows : int, optional
            Fill up to this many rows, for a program compiled for as many.
        """
        codes, (first, counts) = responses.values, _distinct(responses)
        if 2 * len(first) > responses.n_persons:
            counts = np.ones(responses.n_persons, dtype=np.int64)
        else:
            codes = codes[first]
        wanted = rows if rows is not None and rows >= len(codes) else _roomy(len(codes), responses.n_persons)
        fill = wanted - len(codes)
        codes = np.concatenate([codes, np.full((fill, codes.shape[1]), -1)])
        return cls(codes, np.r_[counts, np.zeros(fill)].astype(float), responses.max_categories)

    @staticmethod
    def number(responses: Responses) -> int:
        """How many rows `of` gives, those that fill up apart."""
        distinct = len(_distinct(responses)[0])
        return distinct if 2 * distinct <= responses.n_persons else responses.n_persons

    @cached_property
    def one_hot(self) -> Array:
        """1 where the response is the category, shape (pattern, item x category)."""
        hits = self.codes[:, :, None] == np.arange(self.n_categories)
        return np.asarray(hits.reshape(len(self.codes), -1), dtype=float)

    @cached_property
    def some_missing(self) -> bool:
        """Whether any person lacks a response."""
        return bool((self.codes[self.counts > 0] < 0).any())

    def indicators(self, *, missing: bool) -> Array:
        """1 where the response is that category above the lowest; then, if asked for, 1 where there is no response.

        Returns
        -------
        ndarray, shape (pattern, item x (category - 1)) or, with `missing`, (pattern, item x category)
        """
        hits = self.codes[:, :, None] == np.arange(1, self.n_categories)
        blocks = [hits.reshape(len(self.codes), -1)]
        if missing:
            blocks.append((self.codes < 0) & (self.counts > 0)[:, None])
        return np.concatenate(blocks, axis=1, dtype=float)


@lru_cache(maxsize=8)
def _grid(n_nodes: int, half_width: float, n_traits: int) -> Array:
    line = np.linspace(-half_width, half_width, n_nodes)
    grid = np.stack(np.meshgrid(*[line] * n_traits, indexing="ij"), axis=-1).reshape(-1, n_traits)
    grid.flags.writeable = False
    return grid


def pattern_data(layout: Layout, responses: Responses, before: tuple[int, ...] | None = None) -> tuple[Array, Array]:
    """What a program holds of data whose abilities are integrated out: indicators of the patterns, and their counts.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape.
    responses : Responses
        The data.
    before : tuple of int, optional
        Shape of the indicators that the program was compiled for: kept where the data allow it.
    """
    patterns = Patterns.of(responses, rows=None if before is None else before[0])
    masked = before is not None and before[1] > layout.exists[:, 1:].size
    return patterns.indicators(missing=masked or patterns.some_missing), patterns.counts


def ability_at(layout: Layout, standard: Array, params: Mapping[str, Array]) -> Array:
    """Abilities at standard nodes (..., node, trait): mean and scale, or Cholesky factor, of the ability's prior.

    Returns
    -------
    ndarray, shape (..., node) with one trait, else (..., node, trait)
    """
    name = layout.spec.family.ability
    arguments = layout.arguments(name, params)
    if "scale_tril" in arguments:
        return np.asarray(arguments["loc"] + standard @ arguments["scale_tril"].T)
    if layout.spec[name].dims == ("person",):
        standard = standard[..., 0]
    return np.asarray(arguments["loc"] + arguments["scale"] * standard)


def check_normal_abilities(spec: ModelSpec) -> None:
    """Raise `SpecError` unless abilities are normal and nothing but the responses refers to them."""
    ability = spec[spec.family.ability]
    if not isinstance(ability.prior, (Normal, MultivariateNormal)):
        raise SpecError(f"{ability}: this method needs a Normal or multivariate normal ability; use method=nuts.")
    users = [v.name for v in spec.variables if ability.name in v.prior.references().values()]
    if users:
        raise SpecError(f"{ability}: {users[0]!r} refers to it, which this method cannot serve; use method=nuts.")


def check_collapsible(spec: ModelSpec) -> None:
    """Raise `SpecError` unless the abilities of a spec can be integrated out on a grid."""
    check_normal_abilities(spec)
    ability = spec[spec.family.ability]
    if len(spec.traits) > MAX_TRAITS:
        raise SpecError(
            f"model {spec.name!r} has {len(spec.traits)} traits; a grid serves at most {MAX_TRAITS}. "
            "Use method=nuts_whitened."
        )
    for value in (*ability.prior.arguments().values(),):
        by_person = isinstance(value, str) and "person" in spec[value].dims
        if by_person or (not isinstance(value, str) and np.ndim(value) > 0 and ability.dims == ("person",)):
            raise SpecError(
                f"{ability}: a prior that differs from person to person cannot be integrated out; "
                "use method=nuts_whitened."
            )


def _roomy(patterns: int, persons: int) -> int:
    """A power of two, so that data sets of one design mostly share one shape."""
    return min(persons, 1 << (patterns - 1).bit_length())


def _distinct(responses: Responses) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """The first person with each distinct pattern, and how many have it; whole rows are compared as bytes."""
    codes = np.ascontiguousarray(responses.values.astype(np.int16))
    rows = codes.view(np.dtype((np.void, codes.dtype.itemsize * codes.shape[1]))).ravel()
    _, first, counts = np.unique(rows, return_index=True, return_counts=True)
    return first, counts
