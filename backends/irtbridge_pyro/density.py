"""The density of a Pyro model, its gradient and its coordinates.

`PyroDensity` holds the model, its data as tensors and the traced functions; everything of a program but the samplers,
which use it and stand in `irtbridge_pyro.sampling`. `running` and `isolated` keep torch's and Pyro's global state.
"""

# mypy: allow-untyped-calls, allow-subclassing-any, no-warn-return-any
from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyro
import torch
from numpy.typing import NDArray
from pyro import poutine
from torch import Tensor
from torch.distributions import biject_to
from torch.distributions.transforms import Transform
from torch.jit._trace import TracerWarning

from irtbridge.model.cumulants import CumulantTable
from irtbridge.model.noncentred import from_noncentred, to_noncentred
from irtbridge.model.observations import Shapes
from irtbridge.model.patterns import table_width
from irtbridge.plugin import Arrays, Layout, Program, Responses, held_arrays
from irtbridge.plugin.recent import Recent
from irtbridge_pyro.arrays import TorchArrays, threaded
from irtbridge_pyro.collapsed import place_abilities
from irtbridge_pyro.model import Known, Model, Site, make_model
from irtbridge_pyro.tracing import TracedDensity, to_numpy

if TYPE_CHECKING:
    from irtbridge_pyro import PyroOptions

Array = NDArray[np.float64]
CELLS, MOST_POINTS = {"cpu": 2**19, "cuda": 2**24}, 32
RECENT = Recent[TracedDensity]()


class PyroDensity(Program):
    """A Pyro program over data of one shape, but for the samplers.

    `native` is a Pyro model, ``model(response, observed)``: persons in a plate at dim -2, items in a plate at dim -1,
    one sample site for each variable, and the site ``response``. `data` are its arguments. With the abilities
    integrated out it is ``model(statistics, counts)``, over a plate of response patterns.
    """

    data: tuple[Tensor, ...]

    def __init__(self, layout: Layout, responses: Responses, device: str, dtype: str, options: PyroOptions) -> None:
        super().__init__(layout, responses, device, dtype)
        self.options = options
        self.like = torch.empty(0, dtype=getattr(torch, dtype), device=device)
        self.sites = [Site(layout, slot, self.like) for slot in layout.slots.values()]
        self.known = {name: Known(layout, slot, self.like) for name, slot in layout.derived.items()}
        self.native = self._make_model()
        self._hold(responses)
        self.weights = self.like.new_zeros(()), self.like.new_ones(())
        self.bound = False
        start = time.perf_counter()
        with self.isolated():
            self.transforms = self._find_transforms()
            self.traced = RECENT.get(
                (layout.fingerprint, self.shapes, device, dtype, options), self._trace, self.shapes
            )
        self.compile_seconds = time.perf_counter() - start

    def prepare(self) -> Self:
        start = time.perf_counter()
        self.traced.gradient  # noqa: B018 (traced here)
        self.compile_seconds += time.perf_counter() - start
        return self

    def _trace(self) -> TracedDensity:
        inputs = self.like.new_zeros(self.dim), self.weights[True], *self.data
        density = cheaper = partial(self._log_density_at, self.native)
        if table := CumulantTable.for_values(self.layout, self.shapes[0]):
            cheaper = partial(self._log_density_at, self._make_model(table))
        if CumulantTable.for_gradients(self.layout, self.shapes[0]):
            density = cheaper
        points = MOST_POINTS if table else self._points_at_once()
        return TracedDensity(density, inputs, points, self.options.jit, cheaper, self.isolated)

    def _make_model(self, table: CumulantTable | None = None) -> Model:
        sites = {site.name: site for site in self.sites}
        return make_model(self.layout, sites, self.tensor(self.layout.exists), self.like, table)

    def _hold(self, responses: Responses, compiled_for: Shapes | None = None) -> None:
        self.responses = responses
        self.data = tuple(self.tensor(part) for part in held_arrays(self.layout, responses, compiled_for))

    @property
    def shapes(self) -> Shapes:
        """Shapes of the data that the program holds."""
        return tuple(tuple(part.shape) for part in self.data)

    def tensor(self, array: NDArray[Any]) -> Tensor:
        """An array on the program's device; numbers in its precision."""
        return torch.as_tensor(array, dtype=None if array.dtype == bool else self.like.dtype, device=self.device)

    def _find_transforms(self) -> dict[str, Transform]:
        nodes: Mapping[str, Any] = poutine.trace(self.native).get_trace(*self.data).nodes
        return {site.name: biject_to(nodes[site.name]["fn"].support) for site in self.sites}

    def gradient_and_value(self, z: Tensor, jacobian: bool = True) -> tuple[Tensor, Tensor]:
        """Gradient and value of the log density at one point (dim,), on the point's device."""
        with torch.no_grad():
            gradient, value = self.traced.gradient(z.to(self.device), self.weights[jacobian], *self.data)
        return gradient.to(z.device), value.to(z.device)

    def vector(self, array: Array) -> Tensor:
        """An array for a sampler to move: in the processor's memory, as a GPU would spend its time on launching."""
        return torch.as_tensor(array, dtype=self.like.dtype)

    @property
    def arrays(self) -> Arrays:
        return TorchArrays(self.device) if self.device == "cuda" else super().arrays

    def _log_density_at(self, model: Model, z: Tensor, weight: Tensor, *data: Tensor) -> Tensor:
        """A model's log density at unconstrained coordinates; the Jacobian's logarithm counts with a weight, 1 or 0."""
        values, log_det = {}, z.new_zeros(())
        for site, x in self._split(z):
            transform = self.transforms[site.name]
            values[site.name] = transform(x)
            log_det = log_det + transform.log_abs_det_jacobian(x, values[site.name]).sum()
        if self.layout.noncentred:
            log_det = log_det + self._move_abilities(values)
        return self._log_joint(model, values, *data) + weight * log_det

    def _move_abilities(self, values: dict[str, Tensor]) -> Tensor:
        """Standardised abilities to abilities, in place; the log determinant of the Jacobian."""
        name = self.spec.family.ability
        full = self._full(values, without=name)
        standard = values[name].reshape(self.layout.sizes["person"], -1)
        abilities, log_det = place_abilities(self.layout, standard, full)
        values[name] = abilities.reshape(values[name].shape)
        return log_det

    def _full(self, values: dict[str, Tensor], without: str) -> dict[str, Tensor]:
        """Full arrays of all variables but one, from the values of the sites."""
        sites, full = {site.name: site for site in self.sites}, {}
        for name in self.spec.names:
            if name in sites and name != without:
                full[name] = sites[name].to_full(values[name])
            elif name in self.known:
                full[name] = self.known[name].value(full)
        return full

    def _log_joint(self, model: Model, values: dict[str, Tensor], *data: Tensor) -> Tensor:
        """Log density of the sites' values: the model itself, run with its sites held."""
        held = poutine.condition(model, data=values)
        return torch.as_tensor(poutine.trace(held).get_trace(*data).log_prob_sum())

    def site_values(self, z: Tensor) -> dict[str, Tensor]:
        """Constrained value of each site, batch axes first."""
        return {site.name: self.transforms[site.name](x) for site, x in self._split(z)}

    def _split(self, z: Tensor) -> Iterator[tuple[Site, Tensor]]:
        """Each site with its unconstrained value, batch axes first."""
        for site, part in zip(self.sites, z.split([s.slot.size for s in self.sites], dim=-1), strict=True):
            yield site, part.reshape((*z.shape[:-1], *self.transforms[site.name].inverse_shape(site.shape)))

    def log_density(self, params: Mapping[str, Array]) -> Array:
        sites = {site.name: site.slot.to_site(params[site.name]) for site in self.sites}
        inside = self.layout.inside(params)
        values = {s.name: self.like.new_tensor(sites[s.name]).reshape((-1, *s.shape)) for s in self.sites}
        with self.isolated(), torch.no_grad():
            rows = [{name: v[i] for name, v in values.items()} for i in range(inside.size)]
            density = [self._log_joint(self.native, row, *self.data).item() for row in rows]
        return np.where(inside, np.reshape(density, inside.shape), -np.inf)

    def value(self, z: Array) -> Array:
        z = np.asarray(z, dtype=float)
        points, arguments = self.like.new_tensor(z).reshape(-1, self.dim), (self.weights[True], *self.data)
        # Tracing takes as long as a thousand values: it pays where there are further data.
        traced = self.bound and self.options.jit
        with self.threaded() if traced else self.isolated(), torch.no_grad():
            if len(points) == 1 or self.traced.rows == 1:
                values = torch.stack([self.traced.value(point, *arguments) for point in points])
            else:
                density = self.traced.traced_values if traced else self.traced.values
                fill = points[:1].expand(-len(points) % self.traced.rows, -1)
                parts = torch.cat([points, fill]).split(self.traced.rows)
                values = torch.cat([density(part, *arguments) for part in parts])[: len(points)]
        return to_numpy(values).reshape(z.shape[:-1])

    def _points_at_once(self) -> int:
        """A power of 2: points whose tables of persons by nodes, or by items, together suit the device."""
        collapse = self.layout.collapse
        columns = self.layout.sizes["item"] if collapse is None else table_width(self.layout)
        most = np.clip(CELLS[self.device] // (len(self.data[0]) * columns), 1, MOST_POINTS)
        return int(2 ** np.floor(np.log2(most)))

    def value_and_grad(self, z: Array, *, jacobian: bool = True) -> tuple[Array, Array]:
        z = np.asarray(z, dtype=float)
        points = self.like.new_tensor(z).reshape(-1, self.dim)
        with self.running():
            pairs = [self.gradient_and_value(point, jacobian) for point in points]
        gradients, values = map(torch.stack, zip(*pairs, strict=True))
        return to_numpy(values).reshape(z.shape[:-1]), to_numpy(gradients).reshape(z.shape)

    def constrain(self, z: Array) -> dict[str, Array]:
        values = self.site_values(self.like.new_tensor(np.asarray(z)))
        shapes = {site.name: (*np.shape(z)[:-1], *site.slot.site_shape) for site in self.sites}
        params = {s.name: s.slot.to_full(to_numpy(values[s.name]).reshape(shapes[s.name])) for s in self.sites}
        return from_noncentred(self.layout, self.layout.complete(params))

    def unconstrain(self, params: Mapping[str, Array]) -> Array:
        params, parts = to_noncentred(self.layout, params), []
        for site in self.sites:
            value = site.slot.to_site(params[site.name])
            batch = value.shape[: value.ndim - len(site.slot.site_shape)]
            x = self.transforms[site.name].inv(self.like.new_tensor(value).reshape((*batch, *site.shape)))
            parts.append(to_numpy(x).reshape(*batch, site.slot.size))
        return np.concatenate(parts, axis=-1)

    def with_data(self, responses: Responses) -> Self:
        bound = copy.copy(self)
        bound.compile_seconds, bound.bound = 0.0, True
        bound._hold(responses, self.shapes)
        if bound.shapes != self.shapes:
            # More patterns than the program was traced for, or the first missing responses.
            return type(self)(self.layout, responses, self.device, self.dtype, self.options).prepare()
        return bound

    def running(self) -> AbstractContextManager[None]:
        """Context in which gradients are computed: the threads of the options, no validation."""
        # What is traced knows nothing of Pyro, and isolating it would take a third of a small gradient's time.
        return self.threaded() if self.options.jit else self.isolated()

    def threaded(self) -> AbstractContextManager[None]:
        """Run with the threads of the options, and leave torch's as they were."""
        return threaded(self.options.threads)

    @contextmanager
    def isolated(self) -> Iterator[None]:
        """Run without validation and tracing's warnings, and leave Pyro's and torch's global state as it was."""
        with ExitStack() as stack:
            stack.enter_context(self.threaded())
            stack.enter_context(pyro.validation_enabled(False))
            stack.enter_context(torch.random.fork_rng([torch.cuda.current_device()] if self.device == "cuda" else []))
            stack.enter_context(pyro.get_param_store().scope())
            stack.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*torch.jit")
            warnings.filterwarnings("ignore", category=TracerWarning)
            warnings.filterwarnings("ignore", message="There is a performance drop")  # of vmap, on rare functions
            warnings.filterwarnings("ignore", message="Synchronization debug mode")
            yield
