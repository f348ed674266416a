"""TensorFlow's tensors of persons by nodes and by items, on a device."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import tensorflow as tf
import tensorflow.experimental.numpy as tnp
from numpy.typing import NDArray

from irtbridge.plugin import DeviceArrays


class TensorFlowArrays(DeviceArrays):
    """Tensors on a device, by default in double precision.

    Parameters
    ----------
    device : str
        TensorFlow's name.
    dtype : str
    """

    xp = tnp

    def __init__(self, device: str, dtype: str = "float64") -> None:
        super().__init__(dtype)
        self.device = device

    def running(self) -> AbstractContextManager[None]:
        return tf.device(self.device)  # type: ignore[no-any-return]

    def put(self, array: NDArray[Any], dtype: str = "") -> Any:
        with tf.device(self.device):
            return tf.constant(array, tf.as_dtype(dtype or self.dtype))

    def product(self, left: Any, right: Any) -> Any:
        """In double precision where a GPU would round the factors of single numbers."""
        if left.dtype == tf.float32 and "GPU" in self.device:
            return tf.cast(tf.matmul(tf.cast(left, tf.float64), tf.cast(right, tf.float64)), tf.float32)
        return left @ right
