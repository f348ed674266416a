"""The Pyro program: one model function, and the contract's methods around it."""

# mypy: allow-untyped-calls, allow-subclassing-any, no-warn-return-any
from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from numpy.typing import NDArray
from pyro import poutine
from torch import Tensor
from torch.distributions import biject_to
from torch.distributions.transforms import Transform
from torch.jit._trace import TracerWarning

from irtbridge.data.responses import Responses
from irtbridge.model.cumulants import table_cells
from irtbridge.model.layout import Layout, Slot
from irtbridge.model.noncentred import from_noncentred, to_noncentred
from irtbridge.model.patterns import pattern_data
from irtbridge.plugin.backend import check_dtype
from irtbridge.plugin.program import Program, Progress, silent
from irtbridge.results.draws import Draws
from irtbridge_pyro.collapsed import make_collapsed_response, place_abilities
from irtbridge_pyro.families import response_builder
from irtbridge_pyro.priors import OrderedRows, builder
from irtbridge_pyro.sampling import fit_guides, nuts, to_numpy
from irtbridge_pyro.stacking import PyroStack
from irtbridge_pyro.tracing import TracedDensity

if TYPE_CHECKING:
    from irtbridge import NutsSettings, ViSettings
    from irtbridge_pyro import PyroOptions

Array = NDArray[np.float64]
Model = Callable[[Tensor, Tensor], Tensor]
Plates = Mapping[str, Any]
PLATES = ("person", "item")
CELLS, MOST_POINTS = {"cpu": 2**19, "cuda": 2**24}, 32


class Site:
    """How one variable stands in the Pyro model: its plates, its shape there, its distribution.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape.
    slot : Slot
        The variable's place in it.
    like : Tensor
        Has the dtype and the device.
    """

    def __init__(self, layout: Layout, slot: Slot, like: Tensor) -> None:
        self.layout, self.slot, self.name = layout, slot, slot.name
        self.build = builder(slot.variable.prior)
        self.plates = _plates(slot)
        batch = _batch_shape(self.plates, slot.shape)
        self.shape = (*batch, *slot.site_shape[len(self.plates) :])
        self.event_dim = len(self.shape) - len(batch)
        self.index = None if slot.index is None else torch.as_tensor(slot.index, device=like.device)
        self.basis = None if slot.basis is None else like.new_tensor(slot.basis)
        self.constants = self._constants(like)

    def _constants(self, like: Tensor) -> dict[str, Any]:
        """The prior's arguments that are numbers."""
        prior = self.slot.variable.prior
        numbers = {k: like.new_tensor(v) for k, v in prior.arguments().items() if not isinstance(v, str)}
        constants: dict[str, Any] = {k: v if k == "scale_tril" else self._place(v) for k, v in numbers.items()}
        if prior.support == "ordered" and self.slot.exists is not None:
            constants["support"] = OrderedRows(torch.as_tensor(self.slot.exists, device=like.device))
        return constants

    def _place(self, argument: Tensor) -> Tensor:
        """From broadcasting against the full array to the site's shape."""
        if self.index is not None:
            return argument.broadcast_to(self.slot.shape).reshape(-1)[self.index]
        return argument.broadcast_to(self.slot.site_shape).reshape(self.shape)

    def _reference(self, argument: str, name: str, value: Tensor) -> Tensor:
        """Line another variable up, dim by dim, as an argument of this one's prior."""
        if argument == "scale_tril":
            return value
        own, other = self.slot.variable.dims, self.layout.spec[name].dims
        order = [other.index(d) for d in own if d in other]
        return self._place(value.permute(order).reshape(self.layout.aligned_shape(name, self.name)))

    def distribution(self, values: Mapping[str, Tensor]) -> dist.TorchDistribution:
        """Prior of this site given the full arrays of the variables before it."""
        prior = self.slot.variable.prior
        references = {k: self._reference(k, name, values[name]) for k, name in prior.references().items()}
        d = self.build(**self.constants, **references)
        return d.to_event(self.event_dim - d.event_dim)

    def to_full(self, value: Tensor) -> Tensor:
        """Site value to full array; 0 where nothing is estimated."""
        value = value.reshape(self.slot.site_shape)
        if self.basis is not None:
            return value @ self.basis.T
        if self.index is None:
            return value
        size = int(np.prod(self.slot.shape))
        return value.new_zeros(size).index_copy(0, self.index, value).reshape(self.slot.shape)


def _plates(slot: Slot) -> tuple[str, ...]:
    """The leading dims that are plates; the others belong to the event."""
    if slot.index is not None:
        return ()
    dims, event_ndim = slot.variable.dims, max(slot.variable.prior.event_ndim, int(slot.variable.zero_sum))
    leading = dims[: len(dims) - event_ndim]
    for plates in (PLATES, PLATES[:1], PLATES[1:]):
        if leading[: len(plates)] == plates:
            return plates
    return ()


def _batch_shape(plates: tuple[str, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Batch shape with persons in dim -2 and items in dim -1."""
    return (shape[0], 1) if plates == ("person",) else shape[: len(plates)]


def make_model(layout: Layout, sites: Sequence[Site], exists: Tensor, like: Tensor, *, cells: int = 0) -> Model:
    """Write a spec as a Pyro model of the responses, or of response patterns where abilities are integrated out.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape.
    sites : sequence of Site
        One for each variable, in order.
    exists : Tensor of bool, shape (item, category)
        Which categories each item has.
    like : Tensor
        Has the dtype and the device.
    cells : int
        Cells of a table of the likelihood of response patterns (see `irtbridge.model.cumulants`), 0 for none.
    """
    sizes, respond = layout.sizes, _make_response(layout, exists)
    if layout.collapse is not None:
        respond = make_collapsed_response(layout, exists, like, cells=cells)

    def model(response: Tensor | None, observed: Tensor | bool = True) -> Tensor:
        plates = {name: pyro.plate(name, sizes[name], dim=dim) for name, dim in zip(PLATES, (-2, -1), strict=True)}
        values: dict[str, Tensor] = {}
        for site in sites:
            with _inside(plates[name] for name in site.plates):
                values[site.name] = site.to_full(pyro.sample(site.name, site.distribution(values)))
        return respond(plates, values, response, observed)

    return model


def _make_response(layout: Layout, exists: Tensor) -> Callable[..., Tensor]:
    """The response statement: codes (person, item), which count where they are observed."""
    build, dims = response_builder(layout.spec.family), layout.spec.dims

    def respond(
        plates: Plates, values: Mapping[str, Tensor], response: Tensor | None, observed: Tensor | bool
    ) -> Tensor:
        with plates["person"], plates["item"]:
            return pyro.sample("response", build(values, dims, exists).mask(observed), obs=response)

    return respond


@contextmanager
def _inside(plates: Iterator[Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for plate in plates:
            stack.enter_context(plate)
        yield


class PyroProgram(Program):
    """A spec as a Pyro program over data of one shape.

    `native` is a Pyro model, ``model(response, observed)``: persons in a plate at dim -2, items in a plate at dim -1,
    one sample site for each variable, and the site ``response``. `data` are its arguments. With the abilities
    integrated out it is ``model(indicators, counts)``, over a plate of response patterns.
    """

    data: tuple[Tensor, ...]

    def __init__(
        self,
        layout: Layout,
        responses: Responses,
        *,
        device: str,
        dtype: str,
        options: PyroOptions,
    ) -> None:
        self.spec, self.layout, self.options = layout.spec, layout, options
        self.device, self.dtype = device, check_dtype(dtype)
        self.like = torch.empty(0, dtype=getattr(torch, dtype), device=device)
        self.sites = [Site(self.layout, slot, self.like) for slot in self.layout.slots.values()]
        self.native = self._make_model()
        self._take(responses)
        self.weights = self.like.new_zeros(()), self.like.new_ones(())
        self.bound = False
        start = time.perf_counter()
        with self.isolated():
            self.transforms = self._find_transforms()
            inputs = self.like.new_zeros(self.dim), self.weights[True], *self.data
            density = cheaper = partial(self._log_density_at, self.native)
            if cells := self._cells():
                cheaper = partial(self._log_density_at, self._make_model(cells))
            if self._cells(gradient=True):
                density = cheaper
            self.traced = TracedDensity(density, inputs, self._points_at_once(), options.jit, cheaper, self.isolated)
        self.compile_seconds = time.perf_counter() - start

    def _make_model(self, cells: int = 0) -> Model:
        return make_model(self.layout, self.sites, self._tensor(self.layout.exists), self.like, cells=cells)

    def _cells(self, *, gradient: bool = False) -> int:
        """Cells of the table of the likelihood of patterns, for values or for gradients too; 0 for none."""
        return 0 if self.layout.collapse is None else table_cells(self.layout, self.data[0].shape, gradient=gradient)

    def _take(self, responses: Responses, before: tuple[Tensor, ...] = ()) -> None:
        """Hold data, in the shape of those that the program was compiled for where they allow it."""
        self.responses = responses
        if self.layout.collapse is not None:
            shape = tuple(before[0].shape) if before else None
            indicators, counts = pattern_data(self.layout, responses, shape)
            self.data = self.like.new_tensor(indicators), self.like.new_tensor(counts)
            return
        codes = self.like.new_tensor(np.maximum(responses.values, 0))
        # Complete data need no mask, which would cost a pass over them in each direction.
        masked = len(before) == 2 or not responses.observed.all()
        self.data = (codes, self._tensor(responses.observed)) if masked else (codes,)

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.as_tensor(array, device=self.device)

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
        full = {site.name: site.to_full(values[site.name]) for site in self.sites if site.name != name}
        standard = values[name].reshape(self.layout.sizes["person"], -1)
        abilities, log_det = place_abilities(self.layout, standard, full)
        values[name] = abilities.reshape(values[name].shape)
        return log_det

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
        inside = np.all([_inside_bounds(site, sites[site.name]) for site in self.sites], axis=0)
        batch = inside.shape
        values = {s.name: self.like.new_tensor(sites[s.name]).reshape((-1, *s.shape)) for s in self.sites}
        with self.isolated(), torch.no_grad():
            rows = [{name: v[i] for name, v in values.items()} for i in range(inside.size)]
            density = [self._log_joint(self.native, row, *self.data).item() for row in rows]
        return np.where(inside, np.reshape(density, batch), -np.inf)

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
        if self._cells():
            return MOST_POINTS
        collapse = self.layout.collapse
        columns = self.layout.sizes["item"] if collapse is None else collapse.size(len(self.spec.traits))
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
        return from_noncentred(self.layout, params)

    def unconstrain(self, params: Mapping[str, Array]) -> Array:
        params, parts = to_noncentred(self.layout, params), []
        for site in self.sites:
            value = site.slot.to_site(params[site.name])
            batch = value.shape[: value.ndim - len(site.slot.site_shape)]
            x = self.transforms[site.name].inv(self.like.new_tensor(value).reshape((*batch, *site.shape)))
            parts.append(to_numpy(x).reshape(*batch, site.slot.size))
        return np.concatenate(parts, axis=-1)

    def bind(self, responses: Responses) -> PyroProgram:
        self.check_same_shape(responses)
        bound = copy.copy(self)
        bound.compile_seconds, bound.bound = 0.0, True
        bound._take(responses, self.data)
        if [part.shape for part in bound.data] != [part.shape for part in self.data]:
            # More patterns than the program was traced for, or the first missing responses.
            return PyroProgram(self.layout, responses, device=self.device, dtype=self.dtype, options=self.options)
        return bound

    def stack(self, programs: Sequence[Program]) -> PyroStack:
        return PyroStack([program for program in programs if isinstance(program, PyroProgram)])

    def with_mask(self) -> tuple[Tensor, ...]:
        """The data with a mask of the observed responses, also where all are."""
        return self.data if len(self.data) > 1 else (*self.data, torch.ones_like(self.data[0], dtype=torch.bool))

    def nuts(self, settings: NutsSettings, seed: int, progress: Progress = silent) -> Draws:
        return nuts(self, settings, seed, progress)

    def vi(self, settings: ViSettings, seed: int, progress: Progress = silent) -> Draws:
        def gradient(z: Tensor) -> tuple[Tensor, Tensor]:
            gradient, value = self.gradient_and_value(z[0])
            return gradient[None], value[None]

        return fit_guides(self, gradient, settings, [seed], progress)[0]

    def running(self) -> AbstractContextManager[None]:
        """Context of a gradient."""
        # What is traced knows nothing of Pyro, and isolating it would take a third of a small gradient's time.
        return self.threaded() if self.options.jit else self.isolated()

    @contextmanager
    def threaded(self) -> Iterator[None]:
        """Run with the threads of the options, and leave torch's as they were."""
        threads = torch.get_num_threads()
        torch.set_num_threads(self.options.threads or threads)
        try:
            yield
        finally:
            torch.set_num_threads(threads)

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


def _inside_bounds(site: Site, value: Array) -> NDArray[np.bool_]:
    """Whether a site's value (..., *site_shape) lies in the support of its prior."""
    low, high = site.slot.variable.prior.bounds()
    axes = tuple(range(-len(site.slot.site_shape), 0))
    return np.asarray(np.all((value >= low) & (value <= high), axis=axes))
