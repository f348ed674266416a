"""Pyro programs over several data sets, computed together on a leading axis."""

# mypy: allow-untyped-calls, no-warn-return-any
from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from irtbridge.plugin import Draws, Stack, silent, stacked_arrays
from irtbridge_pyro.density import PyroDensity
from irtbridge_pyro.sampling import fit_guides
from irtbridge_pyro.tracing import to_numpy

if TYPE_CHECKING:
    from irtbridge import ViSettings

Array = NDArray[np.float64]


class PyroStack(Stack):
    """The gradient of one program, mapped over data sets.

    Parameters
    ----------
    programs : sequence of PyroDensity
        Bound from one.
    """

    def __init__(self, programs: Sequence[PyroDensity]) -> None:
        start = time.perf_counter()
        # A density made for complete data may be tabulated, which missing responses forbid: take that of the widest.
        self.program, sets = max(programs, key=lambda program: program.data[0].shape[1]), len(programs)
        arrays = stacked_arrays(self.program.layout, [(program.responses, program.shapes) for program in programs])
        self.data = tuple(self.program.tensor(part) for part in arrays)
        inputs = self.program.like.new_zeros(sets, self.program.dim), self.program.like.new_ones(sets), *self.data
        self._gradient = self.program.traced.stacked(inputs)
        self.compile_seconds = time.perf_counter() - start

    def gradient_and_value(self, z: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients (set, dim) and values (set,); the Jacobian's logarithm counts with a weight (set,), 1 or 0."""
        with torch.no_grad():
            gradient, value = self._gradient(z.to(self.program.device), weight, *self.data)
        return gradient.to(z.device), value.to(z.device)

    def value_and_grad(self, z: Array, jacobian: NDArray[np.bool_]) -> tuple[Array, Array]:
        like = self.program.like
        with self.program.running():
            gradient, value = self.gradient_and_value(like.new_tensor(z), like.new_tensor(jacobian))
        return to_numpy(value), to_numpy(gradient)

    def vi(self, settings: ViSettings, seeds: Sequence[int]) -> list[Draws]:
        weight = self.program.like.new_ones(len(seeds))
        return fit_guides(self.program, lambda z: self.gradient_and_value(z, weight), settings, seeds, silent)
