"""The density of a TFP model, its gradient and its coordinates, in functions compiled for one shape of data."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from irtbridge.model.cumulants import CumulantTable
from irtbridge.model.noncentred import to_noncentred
from irtbridge.model.observations import Shapes
from irtbridge.plugin import Arrays, Layout, Program, Responses, held_arrays
from irtbridge.plugin.recent import Recent
from irtbridge_tfp.arrays import TensorFlowArrays
from irtbridge_tfp.model import Model

Array = NDArray[np.float64]
Tensor = Any
Functions = dict[Any, Callable[..., Any]]
RECENT = Recent[Functions]()


class TfpDensity(Program):
    """A TFP joint distribution over the spec's sites and ``response``, bound to data, but for the samplers.

    `native` is that joint distribution. Its variables are sites: an array with fixed or missing elements (a Q-matrix,
    items with fewer categories) is a flat vector of the elements that are estimated. With the abilities integrated out
    ``response`` is the matrix of statistics of the response patterns (see `irtbridge.model.patterns`).
    """

    data: tuple[Tensor, ...]

    def __init__(self, layout: Layout, responses: Responses, device: str, dtype: str, xla: bool) -> None:
        start = time.perf_counter()
        super().__init__(layout, responses, device, dtype)
        self.xla = xla
        self.chained = False
        with self.on_device():
            self.model = Model(self.layout, dtype)
            self._hold(responses)
            self._functions = RECENT.get((layout.fingerprint, self.shapes, device, dtype), dict, self.shapes)
            self._gradient(one=True)
        self.compile_seconds = time.perf_counter() - start

    def on_device(self) -> Any:
        """Scope of the program's device."""
        return tf.device("/GPU:0" if self.device == "cuda" else "/CPU:0")

    @property
    def arrays(self) -> Arrays:
        return TensorFlowArrays("/GPU:0") if self.device == "cuda" else super().arrays

    def compiled(self, key: Any, build: Callable[[], Callable[..., Any]]) -> Callable[..., Any]:
        """The function kept under `key`, built once for this program and all it was bound to."""
        if key not in self._functions:
            self._functions[key] = build()
        return self._functions[key]

    def log_density(self, params: Mapping[str, Array]) -> Array:
        lead = self.layout.batch_shape(params)
        with self.on_device():
            value = self.compiled("log_density", self._trace_log_density)(self._sites(params), *self.data)
        return np.where(self.layout.inside(params), _to_numpy(value).reshape(lead), -np.inf)

    def value_and_grad(self, z: Array, *, jacobian: bool = True) -> tuple[Array, Array]:
        z = np.asarray(z, dtype=float)
        with self.on_device():
            weight = self.model.constant(float(jacobian))
            one = z.ndim == 1
            function = self._chained_gradient() if self.chained and one else self._gradient(one=one)
            value, gradient = function(self._batch(z), weight, *self.data)
        return _to_numpy(value).reshape(z.shape[:-1]), _to_numpy(gradient).reshape(z.shape)

    def value(self, z: Array) -> Array:
        z = np.asarray(z, dtype=float)
        with self.on_device():
            value = self._value()(self._batch(z), *self.data)
        return _to_numpy(value).reshape(z.shape[:-1])

    def for_chains(self) -> Self:
        """With gradients at single points compiled by XLA, which takes seconds and halves their time."""
        other = copy.copy(self)
        other.chained = self.xla
        return other

    def constrain(self, z: Array) -> dict[str, Array]:
        z = np.asarray(z, dtype=float)
        with self.on_device():
            sites = self.compiled("sites", self._trace_sites)(self._batch(z))
        slots = self.layout.slots.values()
        arrays = [_to_numpy(site).reshape((*z.shape[:-1], *site.shape[1:])) for site in sites]
        return self.layout.complete({s.name: s.to_full(array) for s, array in zip(slots, arrays, strict=True)})

    def unconstrain(self, params: Mapping[str, Array]) -> Array:
        lead = self.layout.batch_shape(params)
        with self.on_device():
            z = self.model.coordinates(self._sites(to_noncentred(self.layout, params)))
        return _to_numpy(z).reshape(*lead, self.dim)

    def with_data(self, responses: Responses) -> Self:
        other = copy.copy(self)
        other.compile_seconds = 0.0
        other._hold(responses, self.shapes)
        if len(other.data) != len(self.data):  # the first missing responses
            return type(self)(self.layout, responses, self.device, self.dtype, self.xla)
        return other

    @property
    def shapes(self) -> Shapes:
        """Shapes of the data that the program holds."""
        return tuple(tuple(part.shape) for part in self.data)

    def tensor(self, array: NDArray[Any]) -> Tensor:
        """An array as TensorFlow takes data: codes as 32-bit integers, numbers in the program's precision."""
        return tf.constant(array, {"i": tf.int32, "b": tf.bool, "f": self.dtype}[array.dtype.kind])

    def _hold(self, responses: Responses, compiled_for: Shapes | None = None) -> None:
        self.responses = responses
        with self.on_device():
            self.data = tuple(self.tensor(part) for part in held_arrays(self.layout, responses, compiled_for))
            self.native = self.model.joint(*self.data[1:])
        self.value_table = CumulantTable.for_values(self.layout, self.shapes[0])
        self.gradient_table = CumulantTable.for_gradients(self.layout, self.shapes[0])

    def _gradient(self, *, one: bool) -> Callable[..., Any]:
        """Graph function of (z, weight, *data), traced once for all data, at one point or for every size of batch."""
        # A known size spares arithmetic of shapes; with abilities integrated out a second trace would cost more.
        rows, table = 1 if one and self.layout.collapse is None else None, self.gradient_table

        def trace() -> Callable[..., Any]:
            scalar = tf.TensorSpec([], self.dtype)
            signature = [tf.TensorSpec([rows, self.dim], self.dtype), scalar, *self._data_signature()]
            traced = tf.function(self._tabulated(table).value_and_grad, signature, autograph=False)
            # Traced here, but called as it is: a concrete function takes milliseconds to match its arguments.
            traced.get_concrete_function()
            return traced  # type: ignore[no-any-return]

        return self.compiled(("value_and_grad", rows, table), trace)

    def _chained_gradient(self) -> Callable[..., Any]:
        """As `_gradient`, at one point, compiled by XLA for data of one shape."""

        def trace() -> Callable[..., Any]:
            point = [tf.TensorSpec([1, self.dim], self.dtype), tf.TensorSpec([], self.dtype)]
            data = [tf.TensorSpec(part.shape, part.dtype) for part in self.data]
            function = self._tabulated(self.gradient_table).value_and_grad
            return tf.function(function, [*point, *data], autograph=False, jit_compile=True)  # type: ignore[no-any-return]

        return self.compiled(("chained", *self.shapes), trace)

    def _value(self) -> Callable[..., Any]:
        """Graph function of (z, *data) to the log density alone, the likelihood of patterns tabulated where it pays."""
        signature = [tf.TensorSpec([None, self.dim], self.dtype), *self._data_signature()]
        table = self.value_table

        def trace() -> Callable[..., Any]:
            return tf.function(self._tabulated(table).target, signature, autograph=False)  # type: ignore[no-any-return]

        return self.compiled(("value", table), trace)

    def _tabulated(self, table: CumulantTable | None) -> Model:
        return Model(self.layout, self.dtype, table) if table else self.model

    def _trace_sites(self) -> Callable[..., Any]:
        """Graph function of z to the sites: one by one, TensorFlow's operations take ten times as long."""
        signature = [tf.TensorSpec([None, self.dim], self.dtype)]
        traced: Callable[..., Any] = tf.function(lambda z: self.model.sites(z)[0], signature, autograph=False)
        return traced

    def _trace_log_density(self) -> Callable[..., Any]:
        sites = [tf.TensorSpec([None, *slot.site_shape], self.dtype) for slot in self.layout.slots.values()]
        traced: Callable[..., Any] = tf.function(
            self.model.log_density, [sites, *self._data_signature()], autograph=False
        )
        return traced

    def _data_signature(self) -> list[Any]:
        if self.layout.collapse is not None:
            return [tf.TensorSpec([None, None], self.dtype), tf.TensorSpec([None], self.dtype)]
        return [tf.TensorSpec(part.shape, part.dtype) for part in self.data]

    def _batch(self, z: Array) -> Tensor:
        return tf.convert_to_tensor(z.reshape(-1, self.dim), self.dtype)

    def _sites(self, params: Mapping[str, Array]) -> list[Tensor]:
        sites = [(slot, slot.to_site(params[name])) for name, slot in self.layout.slots.items()]
        return [tf.constant(site.reshape(-1, *slot.site_shape), self.dtype) for slot, site in sites]


def _to_numpy(value: Tensor) -> Array:
    return np.asarray(value.numpy(), dtype=np.float64)
