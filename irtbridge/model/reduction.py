"""The reduction of dimension of Gibbons & Hedeker (1992): two-dimensional quadrature for any number of specific traits.

Traits are independent, and each item loads on a general trait g and on one other at most, its specific trait u_s. Given
g the specific traits are then independent given the responses too, so that with p_s the probability of the responses to
the items of s, and p_0 that of the items without a specific trait::

    P(pattern) = sum_g w_g p_0(g) prod_s [ sum_u w_u p_s(g, u) ]

With all specific traits at the same u, each item sees its own: one grid of (g, u) gives every log probability needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from irtbridge.model.priors import Normal
from irtbridge.model.spec import ModelSpec

Array = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Reduction:
    """A general trait, and which items belong to each of the others.

    Attributes
    ----------
    general : int
        The general trait.
    specific : tuple of int
        The other traits.
    blocks : tuple of ndarray of int
        Items of each of them.
    alone : ndarray of int
        Items that load on none of them.
    """

    general: int
    specific: tuple[int, ...]
    blocks: tuple[Places, ...]
    alone: Places

    @classmethod
    def of(cls, spec: ModelSpec) -> Reduction | None:
        """The reduction that a model allows; None where it has fewer than three traits, or allows none.

        It allows none where an item loads on two others, traits are correlated, or their prior differs from person to
        person.

        Of several traits that could be the general one it is that with the most items.
        """
        loads, prior = _loadings(spec), spec[spec.family.ability].prior
        alike = all(set(spec[name].dims) <= {"trait"} for name in prior.references().values())
        if loads is None or loads.shape[1] < 3 or not isinstance(prior, Normal) or not alike:
            return None
        beside = loads.sum(axis=1)[:, None] - loads
        candidates = np.flatnonzero(beside.max(axis=0) <= 1)
        if not candidates.size:
            return None
        general = int(max(candidates, key=lambda trait: loads[:, trait].sum()))
        specific = tuple(trait for trait in range(loads.shape[1]) if trait != general)
        blocks = tuple(np.flatnonzero(loads[:, trait]) for trait in specific)
        return cls(general, specific, blocks, np.flatnonzero(beside[:, general] == 0))

    def spread(self, grid: Array) -> Array:
        """Nodes (node, 2) of the general and of a specific trait as nodes (node, trait), all specific ones alike."""
        axis = np.ones(len(self.specific) + 1, dtype=int)
        axis[self.general] = 0
        return grid[:, axis]


def grid_dimensions(spec: ModelSpec) -> int:
    """Dimensions of the grid that the abilities of a model are integrated out on."""
    return len(spec.traits) if Reduction.of(spec) is None else 2


def _loadings(spec: ModelSpec) -> NDArray[np.int64] | None:
    """1 where an item loads on a trait, shape (item, trait); None where the model has no Q-matrix."""
    name = spec.family.discrimination
    if name is None or spec[name].dims != ("item", "trait") or spec[name].free is None:
        return None
    free, values = np.asarray(spec[name].free), spec[name].values
    return np.asarray(free if values is None else free | (np.asarray(values) != 0), dtype=np.int64)
