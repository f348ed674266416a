"""TensorFlow's tensors of persons by nodes, on the program's device."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow.experimental.numpy as tnp
from numpy.typing import NDArray

from irtbridge.plugin import DeviceArrays


class TensorFlowArrays(DeviceArrays):
    """Tensors on a device, in double precision: of single numbers a GPU would round the factors of products."""

    xp = tnp

    def __init__(self, device: str) -> None:
        super().__init__("float64")
        self.device = device

    def put(self, array: NDArray[Any]) -> Any:
        with tf.device(self.device):
            return tf.constant(array, tf.float64)
