"""JAX's arrays of persons by nodes and by items, on a device."""

# mypy: allow-untyped-calls, no-warn-return-any
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
from numpy.typing import NDArray

from irtbridge.plugin import DeviceArrays


class JaxArrays(DeviceArrays):
    """Arrays on a device, in single precision, which JAX has in every session, or in double where `running`.

    Parameters
    ----------
    device : jax.Device
    dtype : str
    """

    xp = jnp

    def __init__(self, device: Any, dtype: str = "float32") -> None:
        super().__init__(dtype)
        self.device = device

    @contextmanager
    def running(self) -> Iterator[None]:
        with jax.enable_x64(self.dtype == "float64"), jax.default_device(self.device):
            yield

    def put(self, array: NDArray[Any], dtype: str = "") -> jax.Array:
        return jax.device_put(array.astype(dtype or self.dtype), self.device)

    def cleared(self, flags: jax.Array, rows: NDArray[Any], columns: NDArray[Any]) -> jax.Array:
        return flags.at[rows, columns].set(False)

    def product(self, left: jax.Array, right: jax.Array) -> jax.Array:
        return jnp.matmul(left, right, precision="highest")  # a GPU would round the factors otherwise
