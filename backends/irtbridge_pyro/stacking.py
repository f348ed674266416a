"""Pyro programs over several data sets, for variational inference on all of them at once."""

# mypy: allow-untyped-calls, no-warn-return-any
from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from irtbridge.plugin import Draws, Stack, silent, stacked_arrays
from irtbridge_pyro.density import PyroDensity
from irtbridge_pyro.sampling import fit_guides

if TYPE_CHECKING:
    from irtbridge import ViSettings


class PyroStack(Stack):
    """The gradient of one program, mapped over data sets.

    Parameters
    ----------
    programs : sequence of PyroDensity
        Bound from one, abilities and all.
    """

    def __init__(self, programs: Sequence[PyroDensity]) -> None:
        start, self.program = time.perf_counter(), programs[0]
        arrays, like = stacked_arrays([program.responses for program in programs]), self.program.like
        self.data = tuple(self.program.tensor(part) for part in arrays)
        self.weight = like.new_ones(len(programs))
        inputs = like.new_zeros(len(programs), self.program.dim), self.weight, *self.data
        self._gradient = self.program.traced.stacked(inputs)
        self.compile_seconds = time.perf_counter() - start

    def gradient_and_value(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients (set, dim) and values (set,) of the log densities at points (set, dim)."""
        with torch.no_grad():
            gradient, value = self._gradient(z.to(self.program.device), self.weight, *self.data)
        return gradient.to(z.device), value.to(z.device)

    def vi(self, settings: ViSettings, seeds: Sequence[int]) -> list[Draws]:
        return fit_guides(self.program, self.gradient_and_value, settings, seeds, silent)
