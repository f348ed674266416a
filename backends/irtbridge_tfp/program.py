"""A model as a TFP joint distribution, compiled for one shape of data."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.model.cumulants import table_cells
from irtbridge.model.layout import Layout, Slot
from irtbridge.model.noncentred import to_noncentred
from irtbridge.model.patterns import pattern_data
from irtbridge.plugin.program import Program, Progress, silent
from irtbridge.results.draws import Draws
from irtbridge_tfp.collapsed import pattern_distribution, place_abilities
from irtbridge_tfp.families import response_distribution
from irtbridge_tfp.priors import site_bijector, site_distribution

if TYPE_CHECKING:
    from irtbridge import NutsSettings, ViSettings
    from irtbridge_tfp.stacking import TfpStack

tfd = tfp.distributions
Array = NDArray[np.float64]
Tensor = Any


class Model:
    """A layout in TensorFlow. It holds no data: they are arguments.

    `data` is (response codes,) where none is missing, else (response codes, whether each is observed); with the
    abilities integrated out (indicators of patterns, their counts).

    Parameters
    ----------
    layout : Layout
        The spec over the data's shape.
    dtype : str
        ``float64`` or ``float32``.
    cells : int
        Cells of a table of the likelihood of patterns (see `irtbridge.model.cumulants`), 0 for none.

    Attributes
    ----------
    bijectors : dict of str to tfb.Bijector
        From unconstrained coordinates to the site, by variable.
    """

    def __init__(self, layout: Layout, dtype: str, cells: int = 0) -> None:
        self.layout, self.dtype, self.cells = layout, dtype, cells
        self.bijectors = {name: site_bijector(slot, dtype) for name, slot in layout.slots.items()}

    def joint(self, *observed: Tensor) -> Any:
        """Joint distribution of the sites and ``response``, given the data after the first."""

        def model() -> Iterator[Any]:
            statements, drawn = self.statements(*observed), None
            for root in (*(not s.variable.prior.references() for s in self.layout.slots.values()), False):
                one = statements.send(drawn)
                drawn = yield tfd.JointDistributionCoroutine.Root(one) if root else one

        return tfd.JointDistributionCoroutine(model)

    def statements(self, *observed: Tensor) -> Generator[Any, Tensor, None]:
        """The distribution of each site in turn, given the values sent for those before, and of the response."""
        full: dict[str, Tensor] = {}
        for name, slot in self.layout.slots.items():
            full[name] = self.expand(slot, (yield site_distribution(slot, self.arguments(slot, full))))
        yield self.response(full, *observed)

    def response(self, full: Mapping[str, Tensor], *observed: Tensor) -> Any:
        """Distribution of the response matrix, or of response patterns, given full parameter arrays."""
        if self.layout.collapse is not None:
            return pattern_distribution(self.layout, full, *observed, cells=self.cells)
        spec = self.layout.spec
        each = response_distribution(spec.family, full, spec.dims, self.layout.exists)
        if observed:
            each = tfd.Masked(each, *observed, safe_sample_fn=lambda d: tf.zeros([], d.dtype))
        return tfd.Independent(each, 2, name="response")

    def expand(self, slot: Slot, site: Tensor) -> Tensor:
        """Site (..., *site_shape) to full array (..., *shape); 0 where nothing is estimated."""
        if slot.basis is not None:
            return tf.tensordot(site, self.constant(slot.basis.T), 1)
        if slot.index is None:
            return site
        place = np.eye(int(np.prod(slot.shape)))[slot.index]
        flat = tf.tensordot(site, self.constant(place), 1)
        return tf.reshape(flat, tf.concat([tf.shape(site)[:-1], slot.shape], 0))

    def arguments(self, slot: Slot, full: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A prior's arguments, broadcast to (..., *site_shape); a matrix to one for each row of the site."""
        values = {}
        for argument, value in slot.variable.prior.arguments().items():
            if argument == "scale_tril":
                matrix = full[value] if isinstance(value, str) else self.constant(value)
                values[argument] = _insert_axes(matrix, len(slot.shape) - 1, before=2)
            elif isinstance(value, str):
                values[argument] = self._broadcast(slot, self._aligned(slot.name, value, full[value]))
            else:
                values[argument] = self._broadcast(slot, self.constant(value))
        return values

    def _aligned(self, name: str, argument: str, value: Tensor) -> Tensor:
        """The variable `argument` with its dims where those of the variable `name` are."""
        dims = self.layout.spec.dims
        lead = value.shape.rank - len(dims[argument])
        axes = [lead + dims[argument].index(d) for d in dims[name] if d in dims[argument]]
        value = tf.transpose(value, [*range(lead), *axes])
        return tf.reshape(value, tf.concat([tf.shape(value)[:lead], self.layout.aligned_shape(argument, name)], 0))

    def _broadcast(self, slot: Slot, value: Tensor) -> Tensor:
        if slot.variable.prior.support == "cholesky":
            return value
        if slot.index is None:
            return value + tf.zeros(slot.site_shape, value.dtype)
        value = value + tf.zeros(slot.shape, value.dtype)
        lead = tf.shape(value)[: value.shape.rank - len(slot.shape)]
        return tf.gather(tf.reshape(value, tf.concat([lead, [-1]], 0)), slot.index, axis=-1)

    def constant(self, value: Any) -> Tensor:
        """A constant of the model's dtype."""
        return tf.constant(value, self.dtype)

    def sites(self, z: Tensor) -> tuple[list[Tensor], Tensor]:
        """Coordinates (..., dim) to sites, and the log determinant of the Jacobian (...)."""
        sites, log_det, lead = [], tf.zeros(tf.shape(z)[:-1], z.dtype), _lead(z)
        parts = tf.split(z, [slot.size for slot in self.layout.slots.values()], axis=-1)
        for slot, part in zip(self.layout.slots.values(), parts, strict=True):
            bijector, shape = self.bijectors[slot.name], _unconstrained_shape(slot)
            part = tf.reshape(part, (*lead, *shape))
            sites.append(bijector.forward(part))
            log_det += bijector.forward_log_det_jacobian(part, len(shape))
        if self.layout.noncentred:
            log_det += self._move_abilities(sites, lead)
        return sites, log_det

    def _move_abilities(self, sites: list[Tensor], lead: Sequence[int]) -> Tensor:
        """Standardised abilities to abilities, in place; the log determinant of the Jacobian (...)."""
        slots, name = self.layout.slots, self.layout.spec.family.ability
        place, persons = list(slots).index(name), self.layout.sizes["person"]
        full = {slot.name: self.expand(slot, site) for slot, site in zip(slots.values(), sites, strict=True)}
        standard = tf.reshape(sites[place], (*lead, persons, slots[name].size // persons))
        abilities, log_det = place_abilities(self.layout, standard, full)
        sites[place] = tf.reshape(abilities, tf.shape(sites[place]))
        return log_det

    def coordinates(self, sites: list[Tensor]) -> Tensor:
        """Sites, abilities standardised where the layout says so, to coordinates (batch, dim)."""
        slots = self.layout.slots.values()
        parts = [self.bijectors[s.name].inverse(site) for s, site in zip(slots, sites, strict=True)]
        return tf.concat([tf.reshape(p, (-1, s.size)) for s, p in zip(slots, parts, strict=True)], axis=-1)

    def log_density(self, sites: list[Tensor], *data: Tensor) -> Tensor:
        """Log joint density (...) at sites."""
        # The joint distribution's own log_prob says the same, but traces a draw of every variable besides.
        statements, drawn, terms = self.statements(*data[1:]), None, []
        for value in (*sites, data[0]):
            terms.append(statements.send(drawn).log_prob(value))
            drawn = value
        return sum(terms)

    def target(self, z: Tensor, *data: Tensor) -> Tensor:
        """Log density (...) of the coordinates; where data have a leading axis, it is that before the last of z."""
        return self.weighted_target(z, 1.0, *data)

    def weighted_target(self, z: Tensor, weight: Tensor, *data: Tensor) -> Tensor:
        """Log density (...) in which the Jacobian's logarithm counts with a weight, 1 or 0."""
        sites, log_det = self.sites(z)
        return self.log_density(sites, *data) + weight * log_det

    def value_and_grad(self, z: Tensor, weight: Tensor, *data: Tensor) -> tuple[Tensor, Tensor]:
        """`weighted_target` and its gradient (..., dim)."""
        value, gradient = tfp.math.value_and_gradient(lambda x: self.weighted_target(x, weight, *data), z)
        return value, gradient


class TfpProgram(Program):
    """A TFP joint distribution over the spec's sites and ``response``, bound to data.

    `native` is that joint distribution. Its variables are sites: an array with fixed or missing elements (a Q-matrix,
    items with fewer categories) is a flat vector of the elements that are estimated. With the abilities integrated out
    ``response`` is the matrix of indicators of the response patterns (see `irtbridge.model.patterns`).
    """

    data: tuple[Tensor, ...]

    def __init__(
        self,
        layout: Layout,
        responses: Responses,
        *,
        device: str,
        dtype: str,
        xla: bool,
    ) -> None:
        start = time.perf_counter()
        self.spec, self.layout = layout.spec, layout
        self.device, self.dtype, self.xla = device, dtype, xla
        self.chained = False
        self._functions: dict[Any, Callable[..., Any]] = {}
        with self.on_device():
            self.model = Model(self.layout, dtype)
            self._hold(responses)
            self._gradient(one=True)
        self.compile_seconds = time.perf_counter() - start

    def on_device(self) -> Any:
        """Scope of the program's device."""
        return tf.device("/GPU:0" if self.device == "cuda" else "/CPU:0")

    def compiled(self, key: Any, build: Callable[[], Callable[..., Any]]) -> Callable[..., Any]:
        """The function kept under `key`, built once for this program and all it was bound to."""
        if key not in self._functions:
            self._functions[key] = build()
        return self._functions[key]

    def log_density(self, params: Mapping[str, Array]) -> Array:
        lead = _lead_shape(self.layout, params)
        with self.on_device():
            value = self.compiled("log_density", self._trace_log_density)(self._sites(params), *self.data)
        return _to_numpy(value).reshape(lead)

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

    def for_chains(self) -> TfpProgram:
        """With gradients at single points compiled by XLA, which takes seconds and halves their time."""
        other = copy.copy(self)
        other.chained = self.xla
        return other

    def constrain(self, z: Array) -> dict[str, Array]:
        z = np.asarray(z, dtype=float)
        with self.on_device():
            sites, _ = self.model.sites(self._batch(z))
        slots = self.layout.slots.values()
        arrays = [_to_numpy(site).reshape((*z.shape[:-1], *site.shape[1:])) for site in sites]
        return {slot.name: slot.to_full(array) for slot, array in zip(slots, arrays, strict=True)}

    def unconstrain(self, params: Mapping[str, Array]) -> Array:
        lead = _lead_shape(self.layout, params)
        with self.on_device():
            z = self.model.coordinates(self._sites(to_noncentred(self.layout, params)))
        return _to_numpy(z).reshape(*lead, self.dim)

    def bind(self, responses: Responses) -> TfpProgram:
        self.check_same_shape(responses)
        other = copy.copy(self)
        other.compile_seconds = 0.0
        other._hold(responses, self.data)
        if len(other.data) != len(self.data):  # the first missing responses
            return TfpProgram(self.layout, responses, device=self.device, dtype=self.dtype, xla=self.xla)
        return other

    def stack(self, programs: Sequence[Program]) -> TfpStack:
        from irtbridge_tfp.stacking import TfpStack

        return TfpStack([program for program in programs if isinstance(program, TfpProgram)])

    def with_mask(self) -> tuple[Tensor, ...]:
        """The data with a mask of the observed responses, also where all are."""
        return self.data if len(self.data) > 1 else (*self.data, tf.ones(self.data[0].shape, tf.bool))

    def nuts(self, settings: NutsSettings, seed: int, progress: Progress = silent) -> Draws:
        from irtbridge_tfp.sampling import nuts

        return nuts(self, self.data, settings, [seed], progress)[0]

    def vi(self, settings: ViSettings, seed: int, progress: Progress = silent) -> Draws:
        from irtbridge_tfp.sampling import vi

        return vi(self, self.data, settings, [seed], progress)[0]

    def _hold(self, responses: Responses, before: tuple[Tensor, ...] = ()) -> None:
        """Hold data, in the shape of those that the program was compiled for where they allow it."""
        self.responses = responses
        with self.on_device():
            if self.layout.collapse is None:
                codes = tf.constant(np.maximum(responses.values, 0), tf.int32)
                # Complete data need no mask, which would cost a pass over them in each direction.
                masked = len(before) == 2 or not responses.observed.all()
                self.data = (codes, tf.constant(responses.observed)) if masked else (codes,)
            else:
                shape = tuple(before[0].shape) if before else None
                indicators, counts = pattern_data(self.layout, responses, shape)
                self.data = (self.model.constant(indicators), self.model.constant(counts))
            self.native = self.model.joint(*self.data[1:])
        # Of the table of the likelihood of patterns; 0 for none.
        self.value_cells, self.gradient_cells = (
            0 if self.layout.collapse is None else table_cells(self.layout, self.data[0].shape, gradient=gradient)
            for gradient in (False, True)
        )

    def _gradient(self, *, one: bool) -> Callable[..., Any]:
        """Graph function of (z, weight, *data), traced once for all data, at one point or for every size of batch."""
        # A known size spares arithmetic of shapes; with abilities integrated out a second trace would cost more.
        rows, cells = 1 if one and self.layout.collapse is None else None, self.gradient_cells

        def trace() -> Callable[..., Any]:
            scalar = tf.TensorSpec([], self.dtype)
            signature = [tf.TensorSpec([rows, self.dim], self.dtype), scalar, *self._data_signature()]
            traced = tf.function(self._tabulated(cells).value_and_grad, signature, autograph=False)
            # Traced here, but called as it is: a concrete function takes milliseconds to match its arguments.
            traced.get_concrete_function()
            return traced  # type: ignore[no-any-return]

        return self.compiled(("value_and_grad", rows, cells), trace)

    def _chained_gradient(self) -> Callable[..., Any]:
        """As `_gradient`, at one point, compiled by XLA for data of one shape."""

        def trace() -> Callable[..., Any]:
            point = [tf.TensorSpec([1, self.dim], self.dtype), tf.TensorSpec([], self.dtype)]
            data = [tf.TensorSpec(part.shape, part.dtype) for part in self.data]
            function = self._tabulated(self.gradient_cells).value_and_grad
            return tf.function(function, [*point, *data], autograph=False, jit_compile=True)  # type: ignore[no-any-return]

        return self.compiled(("chained", *(tuple(part.shape) for part in self.data)), trace)

    def _value(self) -> Callable[..., Any]:
        """Graph function of (z, *data) to the log density alone, the likelihood of patterns tabulated where it pays."""
        signature = [tf.TensorSpec([None, self.dim], self.dtype), *self._data_signature()]
        cells = self.value_cells

        def trace() -> Callable[..., Any]:
            return tf.function(self._tabulated(cells).target, signature, autograph=False)  # type: ignore[no-any-return]

        return self.compiled(("value", cells), trace)

    def _tabulated(self, cells: int) -> Model:
        return Model(self.layout, self.dtype, cells) if cells else self.model

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


def _lead(z: Tensor) -> Sequence[int]:
    """Leading axes of coordinates; only one may be of any length."""
    return (-1,) if z.shape.rank == 2 else tuple(z.shape[:-1])


def _unconstrained_shape(slot: Slot) -> tuple[int, ...]:
    return (slot.size,) if slot.variable.prior.support == "cholesky" else slot.site_shape


def _insert_axes(value: Tensor, count: int, before: int) -> Tensor:
    """`count` axes of length 1 before the last `before` ones."""
    for _ in range(count):
        value = tf.expand_dims(value, -before - 1)
    return value


def _lead_shape(layout: Layout, params: Mapping[str, Array]) -> tuple[int, ...]:
    """Leading (batch) axes of full arrays."""
    slot = next(iter(layout.slots.values()))
    shape = np.shape(params[slot.name])
    return shape[: len(shape) - len(slot.shape)]


def _to_numpy(value: Tensor) -> Array:
    return np.asarray(value.numpy(), dtype=np.float64)
