"""JAX's arrays of persons by nodes, on the program's device."""

# mypy: allow-untyped-calls, no-warn-return-any
from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from numpy.typing import NDArray

from irtbridge.plugin import DeviceArrays


class JaxArrays(DeviceArrays):
    """Arrays on a device, in single precision, which JAX has in every session."""

    xp = jnp

    def __init__(self, device: Any) -> None:
        super().__init__()
        self.device = device

    def put(self, array: NDArray[Any]) -> jax.Array:
        return jax.device_put(array.astype(self.dtype), self.device)

    def product(self, left: jax.Array, right: jax.Array) -> jax.Array:
        return jnp.matmul(left, right, precision="highest")  # a GPU would round the factors otherwise
