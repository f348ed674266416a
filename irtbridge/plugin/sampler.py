"""Optional: programs of libraries that have samplers, but give neither densities nor coordinates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from irtbridge.errors import Unsupported
from irtbridge.model.coordinates import to_coordinates, to_params
from irtbridge.model.density import log_joint
from irtbridge.plugin.program import Program

Array = NDArray[np.float64]


class SamplerProgram(Program):
    """A program whose density and coordinates are irtbridge's reference in NumPy; the library gives draws alone.

    Its backend declares ``gradients = False``.
    """

    def log_density(self, params: Mapping[str, Array]) -> Array:
        values = [log_joint(self.layout, row, self.responses) for row in self.layout.rows(params)]
        return np.reshape(values, self.layout.batch_shape(params))

    def value(self, z: Array) -> Array:
        values = [self._value(row) for row in z.reshape(-1, self.dim)]
        return np.reshape(values, z.shape[:-1])

    def _value(self, z: Array) -> float:
        params, log_jacobian = to_params(list(self.layout.slots.values()), z)
        return log_joint(self.layout, params, self.responses) + log_jacobian

    def value_and_grad(self, z: Array, *, jacobian: bool = True) -> tuple[Array, Array]:
        raise Unsupported(type(self).__name__, "gradients")

    def constrain(self, z: Array) -> dict[str, Array]:
        slots, lead = self.layout.slots, z.shape[:-1]
        rows = [to_params(list(slots.values()), row)[0] for row in z.reshape(-1, self.dim)]
        params = {name: np.reshape([row[name] for row in rows], (*lead, *slots[name].shape)) for name in slots}
        return self.layout.complete(params)

    def unconstrain(self, params: Mapping[str, Array]) -> Array:
        rows = [to_coordinates(list(self.layout.slots.values()), row) for row in self.layout.rows(params)]
        return np.reshape(rows, (*self.layout.batch_shape(params), self.dim))
