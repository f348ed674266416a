"""TFP programs over several data sets, computed together on a leading axis."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from irtbridge.plugin import Draws, Stack, silent, stacked_arrays
from irtbridge_tfp.density import TfpDensity
from irtbridge_tfp.sampling import nuts, vi

if TYPE_CHECKING:
    from irtbridge import NutsSettings, ViSettings

Array = NDArray[np.float64]


class TfpStack(Stack):
    """One model at a point of each data set, the data with a leading axis.

    Parameters
    ----------
    programs : sequence of TfpDensity
        Bound from one.
    """

    def __init__(self, programs: Sequence[TfpDensity]) -> None:
        start = time.perf_counter()
        self.program = programs[-1]
        arrays = stacked_arrays(self.program.layout, [(program.responses, program.shapes) for program in programs])
        with self.program.on_device():
            self.data = tuple(self.program.tensor(part) for part in arrays)
            shapes = tuple(tuple(part.shape) for part in self.data)
            self._gradient = self.program.compiled(("stacked", *shapes), self._trace_gradient)
        self.compile_seconds = time.perf_counter() - start

    def value_and_grad(self, z: Array, jacobian: NDArray[np.bool_]) -> tuple[Array, Array]:
        constant = self.program.model.constant
        with self.program.on_device():
            value, gradient = self._gradient(constant(z), constant(jacobian.astype(float)), *self.data)
        return np.asarray(value, dtype=float), np.asarray(gradient, dtype=float)

    def nuts(self, settings: NutsSettings, seeds: Sequence[int]) -> list[Draws]:
        return nuts(self.program, self.data, settings, seeds, silent)

    def vi(self, settings: ViSettings, seeds: Sequence[int]) -> list[Draws]:
        return vi(self.program, self.data, settings, seeds, silent)

    def _trace_gradient(self) -> Callable[..., Any]:
        """Graph function of (z, weight, *data)."""
        sets, dtype = len(self.data[0]), self.program.dtype
        point = [tf.TensorSpec([sets, self.program.dim], dtype), tf.TensorSpec([sets], dtype)]
        signature = [*point, *(tf.TensorSpec(part.shape, part.dtype) for part in self.data)]
        traced = tf.function(self.program.model.value_and_grad, signature, autograph=False)
        traced.get_concrete_function()
        return traced  # type: ignore[no-any-return]
