"""A complete backend in one file: the place to start when you write your own.

It computes densities with irtbridge's own reference, so it is right and slow. It declares no sampler of
its own, but it can integrate abilities out: so ``method=map``, ``laplace`` and ``nuts_collapsed`` run on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from irtbridge.model.coordinates import to_coordinates, to_params
from irtbridge.model.density import log_joint
from irtbridge.plugin import Backend, Layout, Program, Responses

Array = NDArray[np.float64]


@dataclass(frozen=True)
class NumpyOptions:
    """Options of the backend: fields appear on the command line as ``backend.numpy.step``."""

    step: float = 1e-5


class NumpyProgram(Program):
    """A model over one shape of data."""

    def __init__(self, layout: Layout, responses: Responses, device: str, dtype: str, step: float) -> None:
        super().__init__(layout, responses, device, dtype)
        self.step, self.slots = step, list(layout.slots.values())
        self.native = partial(log_joint, layout, responses=responses)

    def log_density(self, params: Mapping[str, Array]) -> Array:
        density = [self.native(row) for row in self.layout.rows(params)]
        return np.reshape(density, self.layout.batch_shape(params))

    def value_and_grad(self, z: Array, *, jacobian: bool = True) -> tuple[Array, Array]:
        def density(point: Array) -> float:
            params, log_jacobian = to_params(self.slots, point)
            return self.native(params) + log_jacobian * jacobian

        moves = self.step * np.eye(self.dim)
        upper, lower = (np.apply_along_axis(density, -1, np.expand_dims(z, -2) + move) for move in (moves, -moves))
        return np.apply_along_axis(density, -1, z), (upper - lower) / (2 * self.step)

    def constrain(self, z: Array) -> dict[str, Array]:
        rows = [to_params(self.slots, row)[0] for row in np.reshape(z, (-1, self.dim))]
        lead = np.shape(z)[:-1]
        params = {s.name: np.reshape([row[s.name] for row in rows], (*lead, *s.shape)) for s in self.slots}
        return self.layout.complete(params)

    def unconstrain(self, params: Mapping[str, Array]) -> Array:
        z = [to_coordinates(self.slots, row) for row in self.layout.rows(params)]
        return np.reshape(z, (*self.layout.batch_shape(params), self.dim))

    def with_data(self, responses: Responses) -> NumpyProgram:
        return NumpyProgram(self.layout, responses, self.device, self.dtype, self.step)


class NumpyBackend(Backend):
    """The class that the entry point names."""

    name = "numpy"
    description = "An example of a plugin, in NumPy."
    requires = ("numpy",)
    install = "pip install irtbridge-numpy"
    collapses = True
    options_class = NumpyOptions

    def build(self, layout: Layout, responses: Responses, device: str, dtype: str) -> NumpyProgram:
        return NumpyProgram(layout, responses, device, dtype, self.options.step)
