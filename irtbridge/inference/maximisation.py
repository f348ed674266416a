"""The M-step: a Newton step of all items at once up the expected log density of the complete data.

``Q(z) = sum over items of Q_j(own coordinates of j, shared ones) + Q_0(shared ones)``, with Q_j the expected statistics
times the natural parameters and the base at the nodes, and the item's log prior. Its derivatives come by central
differences along `Blocks.directions`: those of every item at once. One step is as good as many (Lange 1995), as Q
is another after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from irtbridge.errors import ConfigError
from irtbridge.inference.blocks import Blocks
from irtbridge.inference.curvature import Arrow
from irtbridge.inference.expectation import Expected
from irtbridge.inference.louis import MOST_SHARED, at_nodes
from irtbridge.model.density import log_prior_by_item
from irtbridge.plugin.program import Program

Array = NDArray[np.float64]
STEP = 1e-4  # of central differences of values: gradients have errors near 1e-8 of a curvature, curvatures of 1e-5
CELLS = 2**19  # of tables at the nodes, some points together: 4 MiB of doubles, more take as long
COARSE_STEP = 2e-2  # where parameters have few digits
LONGEST = 2.0  # coordinates of one step: a slope by the factor 7
HALVINGS = 12
FLAT = 1e-8  # share of the largest curvature of a block below which another counts as that


@dataclass(frozen=True, eq=False)
class Maximisation:
    """Newton's method on Q.

    Attributes
    ----------
    program : Program
        Abilities integrated out; its coordinates are those of the steps, its density that of the parameters.
    blocks : Blocks
    """

    program: Program
    blocks: Blocks

    @classmethod
    def of(cls, program: Program) -> Maximisation:
        """Of a program.

        Raises
        ------
        ConfigError
            Items share very many coordinates.
        """
        blocks = Blocks.of_items(program.layout)
        if len(blocks.shared) > MOST_SHARED:
            raise ConfigError(
                f"method='em' serves models whose items share {MOST_SHARED} parameters at most, this one has "
                f"{len(blocks.shared)}; use method=map, which ends at the same mode."
            )
        return cls(program, blocks)

    def step(self, z: Array, expected: Expected) -> Array:
        """From coordinates (dim,) to others of a higher Q."""
        here, own, shared = self._uphill(z, expected)
        reach = np.maximum(np.abs(own).max(axis=1, initial=0.0), np.abs(shared).max(initial=0.0))
        length, rounding = LONGEST / np.maximum(reach, LONGEST), 64 * np.finfo(float).eps * (1 + np.abs(here))
        for _ in range(HALVINGS):
            there = z + self.blocks.join(length[:, None] * own, length.min() * shared)
            rise = self.parts(there[None], expected)[0] - here + rounding
            # What items share moves all of them, which are then judged together.
            fell = ~(rise[:-1] >= 0) if not shared.size else np.full(len(own), not rise.sum() >= 0)
            if not fell.any():
                return there
            length[fell] /= 2
        return z

    def parts(self, z: Array, expected: Expected) -> Array:
        """Q_j of each item, and last Q_0, at coordinates (batch, dim); shape (batch, item + 1)."""
        cells = expected.statistics.size + (0 if expected.weights is None else expected.weights.size)
        some = max(1, CELLS // cells)
        return np.concatenate([self._parts(z[i : i + some], expected) for i in range(0, len(z), some)])

    def _parts(self, z: Array, expected: Expected) -> Array:
        layout, params = self.program.layout, self.program.constrain(z)
        terms, log_weights = at_nodes(layout, params, expected.grid)
        rows = log_prior_by_item(layout, params)
        rows[:, :-1] += np.einsum("njs,bnjs->bj", expected.statistics, terms)
        if expected.weights is not None:
            rows[:, -1] += np.einsum("pn,bpn->b", expected.weights, log_weights)
        return rows

    def gradient(self, z: Array, expected: Expected) -> Array:
        """First derivatives of Q at coordinates (dim,); where these gave `expected`, also of the log density."""
        steps = self._step * self.blocks.directions
        up, down = self.parts(z + steps, expected), self.parts(z - steps, expected)
        return self.blocks.join(*self._slopes((up - down) / (2 * self._step)))

    @property
    def _step(self) -> float:
        return COARSE_STEP if self.program.dtype == "float32" else STEP

    def _slopes(self, first: Array) -> tuple[Array, Array]:
        """Derivatives along the blocks' directions (direction, item + 1) as those of each coordinate."""
        k = self.blocks.own.shape[1]
        return first[:k, :-1].T * self.blocks.exists, first[k:].sum(axis=-1)

    def _uphill(self, z: Array, expected: Expected) -> tuple[Array, Array, Array]:
        """Q by parts, and Newton's step: of each item's coordinates (item, k), and of the shared ones."""
        here, slopes, arrow = self._curved(z, expected)
        return here, *arrow.solve_transposed(*arrow.solve(*slopes))

    def curvature(self, z: Array, expected: Expected) -> Arrow:
        """Minus the second derivatives of Q, each of its parts bent downwards."""
        return self._curved(z, expected)[2]

    def _curved(self, z: Array, expected: Expected) -> tuple[Array, tuple[Array, Array], Arrow]:
        """Q by parts, its first derivatives (item, k) and (shared,), and its curvature."""
        here, first, second = self._derivatives(z, expected)
        k, exists = self.blocks.own.shape[1], self.blocks.exists
        both = exists[:, :, None] & exists[:, None, :]
        own = positive(np.where(both, -np.moveaxis(second[:k, :k, :-1], -1, 0), np.eye(k)))
        border = -np.moveaxis(second[:k, k:, :-1], -1, 0) * exists[:, :, None]
        through = np.einsum("jks,jkt->st", border, np.linalg.solve(own, border))
        arrow = Arrow.of(own, border, positive(-second[k:, k:].sum(axis=-1) - through) + through)
        return here, self._slopes(first), arrow

    def _derivatives(self, z: Array, expected: Expected) -> tuple[Array, Array, Array]:
        """Q by parts (item + 1,), its first derivatives (direction, item + 1), and its second ones."""
        h = self._step
        steps = h * self.blocks.directions
        m = len(steps)
        one, other = np.triu_indices(m, 1)
        moved = np.concatenate([np.zeros((1, len(z))), steps, -steps, steps[one] + steps[other]])
        here, up, down, both = np.split(self.parts(z + moved, expected), [1, m + 1, 2 * m + 1])
        second = np.zeros((m, m, here.shape[1]))
        second[np.arange(m), np.arange(m)] = (up + down - 2 * here) / h**2
        second[one, other] = second[other, one] = (both - up[one] - up[other] + here) / h**2
        return here[0], (up - down) / (2 * h), second


def positive(curvature: Array) -> Array:
    """Matrices (..., k, k) with the absolute values of their eigenvalues: where a density bends upwards, a step leads
    as far as where it bends as much downwards."""
    values, axes = np.linalg.eigh(curvature)
    size = np.abs(values)
    size = np.maximum(size, FLAT * size.max(axis=-1, keepdims=True, initial=0.0))
    return np.asarray((axes * size[..., None, :]) @ np.swapaxes(axes, -1, -2))
