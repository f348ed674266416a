"""A spec as a Pyro model: its variables as sample sites in plates, and the response statement."""

# mypy: allow-untyped-calls, allow-subclassing-any, no-warn-return-any
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from irtbridge.model.cumulants import CumulantTable
from irtbridge.model.priors import Exactly
from irtbridge.model.slot import Slot
from irtbridge.plugin import Layout
from irtbridge_pyro.arguments import Arguments
from irtbridge_pyro.collapsed import make_collapsed_response
from irtbridge_pyro.families import response_builder
from irtbridge_pyro.priors import OrderedRows, builder

Model = Callable[[Tensor, Tensor], Tensor]
Plates = Mapping[str, Any]
PLATES = ("person", "item")


class Known:
    """How a variable that nothing is estimated of stands in the Pyro model: as a deterministic site.

    Parameters
    ----------
    layout, slot, like
        As for `Site`.
    """

    def __init__(self, layout: Layout, slot: Slot, like: Tensor) -> None:
        self.name, self.shape = slot.name, slot.shape
        self.arguments = Arguments(layout, slot.name, like)
        exactly = isinstance(slot.variable.prior, Exactly)
        numbers = slot.variable.prior.numbers().get("value", 0.0) if exactly else slot.fill()
        self.number = like.new_tensor(np.nan_to_num(numbers))

    def value(self, values: Mapping[str, Tensor]) -> Tensor:
        """Full array given those of the variables before it."""
        given = self.arguments.of(values)
        return given.get("value", self.number).broadcast_to(self.shape)


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
        places = () if slot.index is None else slot.spread
        self.spread = tuple(torch.as_tensor(part, device=like.device) for part in places)
        self.known = None if slot.values is None else like.new_tensor(np.nan_to_num(slot.fill())).flatten()
        self.arguments = Arguments(layout, self.name, like)
        self.basis = None if slot.basis is None else like.new_tensor(slot.basis)
        self.constants = self._constants(like)

    def _constants(self, like: Tensor) -> dict[str, Any]:
        """The prior's arguments that are numbers."""
        prior = self.slot.variable.prior
        numbers = {k: like.new_tensor(v) for k, v in prior.numbers().items()}
        constants: dict[str, Any] = {k: v if k == "scale_tril" else self._place(v) for k, v in numbers.items()}
        if prior.support == "ordered" and self.slot.index is not None:
            own = np.zeros(self.slot.shape, dtype=bool)
            own.ravel()[self.slot.index] = True
            constants["support"] = OrderedRows(torch.as_tensor(own, device=like.device))
        return constants

    def _place(self, argument: Tensor) -> Tensor:
        """From broadcasting against the full array to the site's shape."""
        if self.index is not None:
            return argument.broadcast_to(self.slot.shape).reshape(-1)[self.index]
        return argument.broadcast_to(self.slot.site_shape).reshape(self.shape)

    def distribution(self, values: Mapping[str, Tensor]) -> dist.TorchDistribution:
        """Prior of this site given the full arrays of the variables before it."""
        given = self.arguments.of(values)
        references = {k: v if k == "scale_tril" else self._place(v) for k, v in given.items()}
        d = self.build(**self.constants, **references)
        return d.to_event(self.event_dim - d.event_dim)

    def to_full(self, value: Tensor) -> Tensor:
        """Site value to full array; what is not estimated is 0, or known."""
        value = value.reshape(self.slot.site_shape)
        if self.basis is not None:
            return value @ self.basis.T
        if not self.spread:
            return value
        positions, source = self.spread
        known = value.new_zeros(int(np.prod(self.slot.shape))) if self.known is None else self.known
        spread = value if self.slot.ties is None else value[source]
        return known.index_copy(0, positions, spread).reshape(self.slot.shape)


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


def make_model(
    layout: Layout, sites: Mapping[str, Site], exists: Tensor, like: Tensor, table: CumulantTable | None = None
) -> Model:
    """Write a spec as a Pyro model of the responses, or of response patterns where abilities are integrated out.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape.
    sites : mapping of str to Site
        One for each variable that is estimated.
    exists : Tensor of bool, shape (item, category)
        Which categories each item has.
    like : Tensor
        Has the dtype and the device.
    table : CumulantTable, optional
        Tabulate the likelihood of response patterns.
    """
    sizes, respond = layout.sizes, _make_response(layout, exists)
    known = {name: Known(layout, slot, like) for name, slot in layout.derived.items()}
    if layout.collapse is not None:
        respond = make_collapsed_response(layout, exists, like, table)

    def model(response: Tensor | None, observed: Tensor | bool = True) -> Tensor:
        plates = {name: pyro.plate(name, sizes[name], dim=dim) for name, dim in zip(PLATES, (-2, -1), strict=True)}
        values: dict[str, Tensor] = {}
        for name in layout.spec.names:
            if name in known:
                values[name] = pyro.deterministic(name, known[name].value(values))
            elif name in sites:
                site = sites[name]
                with _inside(plates[plate] for plate in site.plates):
                    values[name] = site.to_full(pyro.sample(name, site.distribution(values)))
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
