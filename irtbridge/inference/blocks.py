"""Coordinates of a model in blocks that are independent given the others: items, or persons.

Given the abilities and what they share, the items are independent; given the item parameters, the persons. So what is
asked of one coordinate of a block can be asked of the same coordinate of every block at once (Curtis, Powell & Reid
1974): as many steps as a block has coordinates, however many blocks there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from irtbridge.model.layout import Layout
from irtbridge.model.slot import Slot

Array = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Blocks:
    """The unconstrained coordinates of a model, block by block.

    Attributes
    ----------
    dim : int
        Number of coordinates.
    own : ndarray of int, shape (block, k)
        Each block's coordinates; `dim`, where it has fewer than others.
    shared : ndarray of int, shape (shared,)
        All others.
    """

    dim: int
    own: Places
    shared: Places

    @classmethod
    def of_items(cls, layout: Layout) -> Blocks:
        """A block for each item: all that is its own."""
        owner = np.full(layout.dim, -1)
        for name, slot in layout.slots.items():
            if slot.variable.dims[:1] == ("item",):
                owner[layout.places[name]] = _owners(slot)
        number = _numbered(owner)
        has_owner = np.flatnonzero(owner >= 0)
        widest = 1 + int(number[has_owner].max(initial=-1))
        own = np.full((layout.sizes["item"], widest), layout.dim)
        own[owner[has_owner], number[has_owner]] = has_owner
        return cls(layout.dim, own, np.flatnonzero(owner < 0))

    @classmethod
    def of_persons(cls, layout: Layout) -> Blocks:
        """A block for each person: the abilities."""
        places = layout.places[layout.spec.family.ability]
        own = places.reshape(layout.sizes["person"], -1)
        return cls(layout.dim, own, np.setdiff1d(np.arange(layout.dim), places))

    @classmethod
    def fewest_shared(cls, layout: Layout) -> Blocks:
        """Items or persons, whichever leave fewer coordinates shared: those on the longer side of the data."""
        persons, items = cls.of_persons(layout), cls.of_items(layout)
        return items if len(items.shared) < len(persons.shared) else persons

    @cached_property
    def in_order(self) -> Blocks:
        """The same blocks of coordinates in another order: block after block, then what is shared."""
        own = np.where(self.exists, np.cumsum(self.exists).reshape(self.own.shape) - 1, self.dim)
        return Blocks(self.dim, own, np.arange(self.dim - len(self.shared), self.dim))

    @property
    def exists(self) -> NDArray[np.bool_]:
        """Which places of `own` are coordinates, shape (block, k)."""
        return self.own < self.dim

    @cached_property
    def directions(self) -> Array:
        """One coordinate of every block at once, for each of theirs; then each shared one. Shape (k + shared, dim)."""
        steps = np.zeros((self.own.shape[1] + len(self.shared), self.dim + 1))
        steps[np.arange(self.own.shape[1])[:, None], self.own.T] = 1
        steps[np.arange(self.own.shape[1], len(steps)), self.shared] = 1
        return steps[:, :-1]

    def split(self, x: Array) -> tuple[Array, Array]:
        """Coordinates (..., dim) as the blocks' own (..., block, k), 0 where there is none, and the shared ones."""
        padded = np.concatenate([x, np.zeros((*x.shape[:-1], 1))], axis=-1)
        return padded[..., self.own], x[..., self.shared]

    def join(self, own: Array, shared: Array) -> Array:
        """The inverse of `split`; each batched or not."""
        x = np.empty((*np.broadcast_shapes(own.shape[:-2], shared.shape[:-1]), self.dim + 1))
        x[..., self.own] = own
        x[..., self.shared] = shared
        return x[..., :-1]


def _numbered(owner: Places) -> Places:
    """Place of each coordinate among those of its owner."""
    order = np.argsort(owner, kind="stable")
    _, first, counts = np.unique(owner[order], return_index=True, return_counts=True)
    number = np.empty_like(owner)
    number[order] = np.arange(len(owner)) - np.repeat(first, counts)
    return number


def _owners(slot: Slot) -> Places:
    """The item of each coordinate of a variable by item; -1 where it is of several."""
    if slot.size != int(np.prod(slot.site_shape)) or (slot.variable.zero_sum and len(slot.shape) == 1):
        return np.full(slot.size, -1)
    if slot.index is None:
        return np.repeat(np.arange(slot.shape[0]), slot.size // slot.shape[0])
    positions, source = slot.spread
    items, owner = positions // int(np.prod(slot.shape[1:], dtype=int)), np.full(slot.size, -1)
    first, last = (np.full(slot.size, start) for start in (slot.shape[0], -1))
    np.minimum.at(first, source, items)
    np.maximum.at(last, source, items)
    owner[first == last] = first[first == last]
    return owner
