"""Units in which a joint density of abilities and items is climbed in few steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from irtbridge.inference.joint_blocks import JointBlocks
from irtbridge.inference.schur import Side
from irtbridge.plugin.program import Program

Array = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class BlockUnits:
    """Units of a program's coordinates in which each person's and each item's block of the information is the identity.

    Attributes
    ----------
    sides : tuple of tuple of ndarray
        Of abilities and of items: coordinates (block, k), `dim` where there is none, and the inverses of the blocks'
        lower Cholesky factors (block, k, k).
    """

    sides: tuple[tuple[Places, Array], ...]

    @classmethod
    def at(cls, program: Program, z: Array) -> BlockUnits:
        """Those at a point (dim,) of a program that `has_blocks`.

        Raises
        ------
        LinAlgError
            A block is not positive.
        """
        persons, none = np.arange(program.layout.sizes["person"]), np.zeros(0)
        blocks = JointBlocks(program, z, persons, np.zeros(program.dim, dtype=bool), none)
        sides = [(places, Side(blocks.blocks(places), none).roots) for places in (blocks.abilities, blocks.items)]
        return cls(tuple(sides))

    def spread(self, w: Array) -> Array:
        """Steps in these units (dim,) as steps of coordinates."""
        return self._each(w, transposed=True)

    def pull(self, gradient: Array) -> Array:
        """A gradient by coordinates (dim,) as one by these units."""
        return self._each(gradient, transposed=False)

    def _each(self, x: Array, transposed: bool) -> Array:
        padded = np.append(x, 0.0)
        for places, roots in self.sides:
            turned = np.swapaxes(roots, 1, 2) if transposed else roots
            padded[places] = (turned @ padded[places][..., None])[..., 0]
            padded[-1] = 0.0
        return padded[:-1]
