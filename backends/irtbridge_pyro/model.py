"""A spec as a Pyro model: its variables as sample sites in plates, and the response statement."""

# mypy: allow-untyped-calls, allow-subclassing-any, no-warn-return-any
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from irtbridge.model.cumulants import CumulantTable
from irtbridge.model.layout import Slot
from irtbridge.plugin import Layout
from irtbridge_pyro.collapsed import make_collapsed_response
from irtbridge_pyro.families import response_builder
from irtbridge_pyro.priors import OrderedRows, builder

Model = Callable[[Tensor, Tensor], Tensor]
Plates = Mapping[str, Any]
PLATES = ("person", "item")


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


def make_model(
    layout: Layout, sites: Sequence[Site], exists: Tensor, like: Tensor, table: CumulantTable | None = None
) -> Model:
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
    table : CumulantTable, optional
        Tabulate the likelihood of response patterns.
    """
    sizes, respond = layout.sizes, _make_response(layout, exists)
    if layout.collapse is not None:
        respond = make_collapsed_response(layout, exists, like, table)

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
