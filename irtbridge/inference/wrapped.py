"""Programs that stand for another program."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from inspect import get_annotations
from typing import Self

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.plugin.arrays import Arrays
from irtbridge.plugin.program import Program

Array = NDArray[np.float64]


class WrappedProgram(Program):
    """A program that has the attributes of another and does what it does, but for what a subclass says.

    Native methods of the other would draw in its coordinates and from its data: a wrapper has none.

    Parameters
    ----------
    program : Program
        The other.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        for name in get_annotations(Program):
            setattr(self, name, getattr(program, name))

    def log_density(self, params: Mapping[str, Array]) -> Array:
        return self.program.log_density(params)

    def value(self, z: Array) -> Array:
        return self.program.value(z)

    def value_and_grad(self, z: Array, *, jacobian: bool = True) -> tuple[Array, Array]:
        return self.program.value_and_grad(z, jacobian=jacobian)

    def constrain(self, z: Array) -> dict[str, Array]:
        return self.program.constrain(z)

    def unconstrain(self, params: Mapping[str, Array]) -> Array:
        return self.program.unconstrain(params)

    @property
    def arrays(self) -> Arrays:
        return self.program.arrays

    def prepare(self) -> Self:
        return self._around(self.program.prepare())

    def for_chains(self) -> Self:
        return self._around(self.program.for_chains())

    def with_data(self, responses: Responses) -> Self:
        return self._around(self.program.with_data(responses))

    def _around(self, program: Program) -> Self:
        """This wrapper around another program of the same model."""
        other = copy.copy(self)
        WrappedProgram.__init__(other, program)
        return other
