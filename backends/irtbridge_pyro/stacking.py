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

from irtbridge.plugin.program import Stack, silent
from irtbridge.results.draws import Draws
from irtbridge_pyro.sampling import fit_guides, to_numpy

if TYPE_CHECKING:
    from irtbridge import ViSettings
    from irtbridge_pyro.program import PyroProgram

Array = NDArray[np.float64]


class PyroStack(Stack):
    """The gradient of one program, mapped over data sets.

    Parameters
    ----------
    programs : sequence of PyroProgram
        Bound from one.
    """

    def __init__(self, programs: Sequence[PyroProgram]) -> None:
        start = time.perf_counter()
        # A density made for complete data may be tabulated, which missing responses forbid: take that of the widest.
        self.program, sets = max(programs, key=lambda program: program.data[0].shape[1]), len(programs)
        rows, columns = np.max([program.data[0].shape for program in programs], axis=0).tolist()
        masked = max(len(program.data) for program in programs) > 1
        wide = (program.widened(rows, columns, masked=masked) for program in programs)
        self.data = tuple(torch.stack(parts) for parts in zip(*wide, strict=True))
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
