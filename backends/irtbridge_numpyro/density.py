"""The density of a NumPyro model, its gradient and its coordinates, compiled by XLA."""

# mypy: allow-untyped-calls, no-warn-return-any
from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray
from numpyro import handlers
from numpyro.distributions.transforms import biject_to
from numpyro.infer.util import log_density

from irtbridge.model.noncentred import from_noncentred, to_noncentred
from irtbridge.model.slot import Slot
from irtbridge.plugin import Arrays, Layout, Program, Responses, held_arrays
from irtbridge_numpyro.arrays import JaxArrays
from irtbridge_numpyro.collapsed import place_abilities
from irtbridge_numpyro.model import known, make_model, site_shape, to_full

Numbers = NDArray[np.float64]
Sites = dict[str, Array]


class Density:
    """Pure functions of coordinates and data; those that others compile into their own are not compiled here.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape.
    data : sequence of Array
        Some data of that shape.

    Attributes
    ----------
    model : callable
        The NumPyro model.
    gradient, value, joint, sites, coordinates : callable
        Compiled: value and gradient of `at`, `at`, the log density of the sites' values, `constrained`, its inverse.
    compiled : dict
        What samplers have compiled.
    """

    def __init__(self, layout: Layout, data: Sequence[Array]) -> None:
        self.layout, self.model = layout, make_model(layout)
        traced: dict[str, Any] = {}

        def trace() -> None:
            traced.update(handlers.trace(handlers.seed(self.model, jax.random.key(0))).get_trace(*data))

        jax.eval_shape(trace)
        self.transforms = {name: biject_to(traced[name]["fn"].support) for name in layout.slots}
        self.gradient, self.value = jax.jit(jax.value_and_grad(self.at)), jax.jit(self.at)
        self.joint = jax.jit(lambda sites, *data: log_density(self.model, data, {}, sites)[0])
        self.compiled: dict[Any, Any] = {}
        self.sites, self.coordinates = jax.jit(jax.vmap(self.constrained)), jax.jit(jax.vmap(self.unconstrained))

    def at(self, z: Array, jacobian: Array | float, *data: Array) -> Array:
        """Log density at coordinates (dim,); the Jacobian's logarithm counts with a weight, 1 or 0."""
        sites = self.constrained(z)
        log_det = sum(
            jnp.sum(self.transforms[name].log_abs_det_jacobian(self._part(slot, z), sites[name]))
            for name, slot in self.layout.slots.items()
        )
        if self.layout.noncentred:
            log_det = log_det + self._move_abilities(sites)
        return log_density(self.model, data, {}, sites)[0] + jacobian * log_det

    def constrained(self, z: Array) -> Sites:
        """Values of the sites, abilities standardised where the layout says so."""
        return {name: self.transforms[name](self._part(slot, z)) for name, slot in self.layout.slots.items()}

    def unconstrained(self, sites: Sites) -> Array:
        """The inverse of `constrained`."""
        return jnp.concatenate([jnp.ravel(self.transforms[name].inv(sites[name])) for name in self.layout.slots])

    def _part(self, slot: Slot, z: Array) -> Array:
        first = self.layout.places[slot.name][0]
        part = z[first : first + slot.size]  # a slice, whose gradient is one too
        return part.reshape(self.transforms[slot.name].inverse_shape(site_shape(slot)))

    def _move_abilities(self, sites: Sites) -> Array:
        """Standardised abilities to abilities, in place; the log determinant of the Jacobian."""
        layout, ability, full = self.layout, self.layout.spec.family.ability, Sites()
        for name in layout.spec.names:
            if name in layout.derived:
                full[name] = known(layout, name, full)
            elif name != ability:
                full[name] = to_full(layout.slots[name], sites[name])
        standard = sites[ability].reshape(layout.sizes["person"], -1)
        abilities, log_det = place_abilities(layout, standard, full)
        sites[ability] = abilities.reshape(sites[ability].shape)
        return log_det


class NumpyroDensity(Program):
    """A NumPyro program over data of one shape, but for the samplers.

    `native` is a NumPyro model, ``model(response, observed)``: persons in a plate at dim -2, items in a plate at dim
    -1, one sample site for each variable, and the site ``response``. `data` are its arguments. With the abilities
    integrated out it is ``model(statistics, counts)``, over a plate of response patterns. It computes in the precision
    of the session that it is taken into: ``numpyro.enable_x64()`` makes it double, as ``with program.running()`` does.
    """

    data: tuple[Array, ...]

    def __init__(self, layout: Layout, responses: Responses, device: str, dtype: str) -> None:
        start = time.perf_counter()
        super().__init__(layout, responses, device, dtype)
        self._hold(responses)
        with self.running():
            self.density = Density(layout, self.data)
            self.density.gradient(jnp.zeros(self.dim), 1.0, *self.data)
        self.native, self.compile_seconds = self.density.model, time.perf_counter() - start

    def running(self) -> AbstractContextManager[None]:
        """Context in which JAX computes on the program's device, in its precision."""
        return JaxArrays(self._device, self.dtype).running()

    @cached_property
    def _device(self) -> Any:
        return jax.devices(self.device)[0]

    @property
    def arrays(self) -> Arrays:
        return JaxArrays(self._device) if self.device == "cuda" else super().arrays

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the data that the program holds."""
        return tuple(part.shape for part in self.data)

    def _hold(self, responses: Responses, compiled_for: tuple[tuple[int, ...], ...] | None = None) -> None:
        self.responses = responses
        with self.running():
            self.data = tuple(jnp.asarray(part) for part in held_arrays(self.layout, responses, compiled_for))

    def log_density(self, params: Mapping[str, Numbers]) -> Numbers:
        lead, sites = self.layout.batch_shape(params), self._sites(params)
        with self.running():
            values = [self.density.joint({k: v[i] for k, v in sites.items()}, *self.data) for i in np.ndindex(lead)]
        return np.where(self.layout.inside(params), _to_numpy(values).reshape(lead), -np.inf)

    def value(self, z: Numbers) -> Numbers:
        with self.running():
            values = [self.density.value(point, 1.0, *self.data) for point in self._points(z)]
        return _to_numpy(values).reshape(np.shape(z)[:-1])

    def value_and_grad(self, z: Numbers, *, jacobian: bool = True) -> tuple[Numbers, Numbers]:
        weight = float(jacobian)
        with self.running():
            pairs = [self.density.gradient(point, weight, *self.data) for point in self._points(z)]
        values, gradients = zip(*pairs, strict=True)
        return _to_numpy(values).reshape(np.shape(z)[:-1]), _to_numpy(gradients).reshape(np.shape(z))

    def _points(self, z: Numbers) -> Numbers:
        return np.reshape(np.asarray(z, dtype=self.dtype), (-1, self.dim))

    def constrain(self, z: Numbers) -> dict[str, Numbers]:
        with self.running():
            sites = self.density.sites(self._points(z))
        lead, slots = np.shape(z)[:-1], self.layout.slots.items()
        arrays = {name: _to_numpy(sites[name]).reshape((*lead, *slot.site_shape)) for name, slot in slots}
        params = {name: slot.to_full(arrays[name]) for name, slot in slots}
        return from_noncentred(self.layout, self.layout.complete(params))

    def unconstrain(self, params: Mapping[str, Numbers]) -> Numbers:
        lead, sites = self.layout.batch_shape(params), self._sites(to_noncentred(self.layout, params))
        with self.running():
            flat = {k: v.reshape(-1, *v.shape[len(lead) :]) for k, v in sites.items()}
            return _to_numpy(self.density.coordinates(flat)).reshape(*lead, self.dim)

    def _sites(self, params: Mapping[str, Numbers]) -> dict[str, Numbers]:
        """Values (batch, *site) of the sites."""
        lead = self.layout.batch_shape(params)
        return {
            name: slot.to_site(params[name]).reshape((*lead, *site_shape(slot))).astype(self.dtype)
            for name, slot in self.layout.slots.items()
        }

    def with_data(self, responses: Responses) -> Self:
        other = copy.copy(self)
        other.compile_seconds = 0.0
        other._hold(responses, self.shapes)
        return other


def _to_numpy(value: Any) -> Numbers:
    return np.asarray(value, dtype=np.float64)
