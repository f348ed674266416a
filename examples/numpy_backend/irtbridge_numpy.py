"""A complete backend in one file: the place to start when you write your own.

It computes densities with irtbridge's own reference, so it is right and slow. It declares no sampler of
its own, but it can integrate abilities out: so ``method=map``, ``laplace`` and ``nuts_collapsed`` run on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.model.density import log_joint
from irtbridge.model.layout import Layout
from irtbridge.model.quadrature import Quadrature
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.backend import Backend, check_dtype
from irtbridge.plugin.program import Program
from irtbridge.testing.coordinates import to_coordinates, to_params

Array = NDArray[np.float64]


@dataclass(frozen=True)
class NumpyOptions:
    """Options of the backend: fields appear on the command line as ``backend.numpy.step``."""

    step: float = 1e-5


class NumpyProgram(Program):
    """A model over one shape of data."""

    def __init__(self, layout: Layout, responses: Responses, device: str, dtype: str, step: float) -> None:
        self.spec, self.layout, self.responses = layout.spec, layout, responses
        self.device, self.dtype, self.step = device, dtype, step
        self.slots = list(self.layout.slots.values())
        self.native = lambda params: log_joint(self.layout, params, self.responses)

    def log_density(self, params: Mapping[str, Array]) -> Array:
        lead = self._lead(params)
        rows = [{k: np.asarray(v)[i] for k, v in params.items()} for i in np.ndindex(lead)]
        return np.array([self.native(row) for row in rows]).reshape(lead)

    def value_and_grad(self, z: Array, *, jacobian: bool = True) -> tuple[Array, Array]:
        rows = np.atleast_2d(z)
        values = np.array([self._value(row, jacobian) for row in rows])
        gradients = [[self._slope(row, h, jacobian) for h in np.eye(self.dim)] for row in rows]
        return values.reshape(np.shape(z)[:-1]), np.array(gradients).reshape(np.shape(z))

    def constrain(self, z: Array) -> dict[str, Array]:
        lead = np.shape(z)[:-1]
        rows = [to_params(self.slots, row)[0] for row in np.reshape(z, (-1, self.dim))]
        return {s.name: np.stack([row[s.name] for row in rows]).reshape((*lead, *s.shape)) for s in self.slots}

    def unconstrain(self, params: Mapping[str, Array]) -> Array:
        lead = self._lead(params)
        rows = [{k: np.asarray(v)[i] for k, v in params.items()} for i in np.ndindex(lead)]
        return np.array([to_coordinates(self.slots, row) for row in rows]).reshape((*lead, self.dim))

    def bind(self, responses: Responses) -> NumpyProgram:
        self.check_same_shape(responses)
        layout = Layout.of(self.spec, responses, self.layout.collapse)
        return NumpyProgram(layout, responses, self.device, self.dtype, self.step)

    def _value(self, z: Array, jacobian: bool) -> float:
        params, log_jacobian = to_params(self.slots, z)
        return float(self.native(params)) + log_jacobian * jacobian

    def _slope(self, z: Array, direction: Array, jacobian: bool) -> float:
        ends = (self._value(z + sign * self.step * direction, jacobian) for sign in (1, -1))
        return (next(ends) - next(ends)) / (2 * self.step)

    def _lead(self, params: Mapping[str, Array]) -> tuple[int, ...]:
        slot = self.slots[0]
        shape = np.shape(params[slot.name])
        return shape[: len(shape) - len(slot.shape)]


class NumpyBackend(Backend):
    """The class that the entry point names."""

    name = "numpy"
    description = "An example of a plugin, in NumPy."
    requires = ("numpy",)
    install = "pip install irtbridge-numpy"
    collapses = True
    options_class = NumpyOptions

    def devices(self) -> tuple[str, ...]:
        return ("cpu",)

    def compile(
        self,
        spec: ModelSpec,
        responses: Responses,
        *,
        device: str = "auto",
        dtype: str = "float64",
        collapse: Quadrature | None = None,
    ) -> NumpyProgram:
        self.check_supports(spec)
        layout = Layout.of(spec, responses, collapse)
        return NumpyProgram(layout, responses, self.resolve_device(device), check_dtype(dtype), self.options.step)
