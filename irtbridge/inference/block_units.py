"""Units in which a joint density of abilities and items is climbed in few steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from irtbridge.inference.coupling import ROUGH, Coupling, roots_of
from irtbridge.inference.joint_blocks import JointBlocks
from irtbridge.inference.observed_entries import EntriesProgram
from irtbridge.plugin.program import Program

Array = NDArray[np.float64]
Places = NDArray[np.intp]
Sides = tuple[Array, Array]


@dataclass(frozen=True, eq=False)
class BlockUnits:
    """Units of a program's coordinates in which the joint information is about the identity.

    Each person's and each item's block is, and what both have in common is where it is large.

    Attributes
    ----------
    dim : int
        Number of coordinates.
    sides : tuple of ndarray
        Coordinates of abilities (person, trait) and of items (item, k); `dim` where there is none.
    coupling : Coupling
        The blocks' roots, and what the sides have in common.
    """

    dim: int
    sides: tuple[Places, Places]
    coupling: Coupling

    @classmethod
    def at(cls, program: Program, z: Array) -> BlockUnits:
        """By the observed blocks alone at a point (dim,) of a program that `has_blocks`.

        Raises
        ------
        LinAlgError
            A block is not positive.
        """
        persons = np.arange(program.layout.sizes["person"])
        blocks = JointBlocks(program, z, persons, np.zeros(program.dim, dtype=bool), np.zeros((len(persons), 1, 0)))
        sides = blocks.abilities, blocks.items
        return cls(program.dim, sides, Coupling.none(*(roots_of(blocks.blocks(places)) for places in sides)))

    @classmethod
    def expected_at(cls, program: EntriesProgram, z: Array) -> BlockUnits:
        """By what is expected at a point (dim,): blocks, and what both sides have in common."""
        blocks = JointBlocks.expected_at(program, z)
        persons, items = (roots_of(side) for side in blocks.blocks_in_one_pass(program.precision))
        return cls(program.dim, (blocks.abilities, blocks.items), blocks.coupling(persons, items, ROUGH))

    def spread(self, w: Array) -> Array:
        """Steps in these units (dim,) as steps of coordinates."""
        return self._joined(self.coupling.spread(*self._parts(w)))

    def pull(self, gradient: Array) -> Array:
        """A gradient by coordinates (dim,) as one by these units."""
        return self._joined(self.coupling.pull(*self._parts(gradient)))

    def _parts(self, x: Array) -> Sides:
        padded = np.append(x, 0.0)
        return padded[self.sides[0]], padded[self.sides[1]]

    def _joined(self, parts: Sides) -> Array:
        x = np.zeros(self.dim + 1)
        for places, part in zip(self.sides, parts, strict=True):
            x[places] = part
        return x[:-1]
