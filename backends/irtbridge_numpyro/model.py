"""A spec as a NumPyro model: its variables as sample sites in plates, and the response statement."""

# mypy: allow-untyped-calls, no-warn-return-any
from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import Array

from irtbridge.model.slot import Slot
from irtbridge.plugin import Layout
from irtbridge_numpyro.arguments import arguments_of
from irtbridge_numpyro.collapsed import respond_collapsed
from irtbridge_numpyro.families import response as response_of
from irtbridge_numpyro.priors import DISTRIBUTIONS

Values = Mapping[str, Array]
PLATES = {"person": -2, "item": -1}
IN_PLATES = (("person", "item"), ("person",), ("item",), ())


def make_model(layout: Layout) -> Callable[..., Array]:
    """Write a spec as a NumPyro model of the responses, or of response patterns where abilities are integrated out."""

    def model(response: Array | None = None, observed: Any = True) -> Array:
        plates = {name: numpyro.plate(name, layout.sizes[name], dim=dim) for name, dim in PLATES.items()}
        values: dict[str, Array] = {}
        for name in layout.spec.names:
            if name in layout.derived:
                values[name] = numpyro.deterministic(name, known(layout, name, values))
            elif name in layout.slots:
                slot = layout.slots[name]
                with ExitStack() as stack:
                    for plate in plates_of(slot):
                        stack.enter_context(plates[plate])
                    values[name] = to_full(slot, numpyro.sample(name, prior_of(layout, slot, values)))
        if layout.collapse is not None:
            return respond_collapsed(layout, values, response, observed)
        each = response_of(layout.spec.family, values, layout.spec.dims, layout.exists)
        with plates["person"], plates["item"]:
            return numpyro.sample("response", each.mask(observed), obs=response)

    return model


def known(layout: Layout, name: str, values: Values) -> Array:
    """Full array of a variable that nothing is estimated of, given those of the variables before it."""
    slot, arguments = layout.derived[name], arguments_of(layout, name, values)
    return jnp.broadcast_to(jnp.asarray(arguments.get("value", np.nan_to_num(slot.fill()))), slot.shape)


def plates_of(slot: Slot) -> tuple[str, ...]:
    """The leading dims that are plates; the others belong to the event."""
    dims, event_ndim = slot.variable.dims, max(slot.variable.prior.event_ndim, int(slot.variable.zero_sum))
    leading = dims[: len(dims) - event_ndim] if slot.index is None else ()
    return next(
        plates for plates in (("person", "item"), ("person",), ("item",), ()) if leading[: len(plates)] == plates
    )


def site_shape(slot: Slot) -> tuple[int, ...]:
    """Shape of a variable's site: persons on axis -2 and items on axis -1 of the batch, then the event."""
    plates = plates_of(slot)
    batch = (slot.shape[0], 1) if plates == ("person",) else slot.shape[: len(plates)]
    return (*batch, *slot.site_shape[len(plates) :])


def prior_of(layout: Layout, slot: Slot, values: Values) -> dist.Distribution:
    """Prior of a variable's site given the full arrays of the variables before it."""
    arguments, shape = arguments_of(layout, slot.name, values), site_shape(slot)
    placed = {k: v if k == "scale_tril" else _place(slot, v, shape) for k, v in arguments.items()}
    each = DISTRIBUTIONS[type(slot.variable.prior)](slot, **placed)
    plates = plates_of(slot)
    batch_dim = 2 if "person" in plates else len(plates)
    return each.to_event(len(shape) - batch_dim - each.event_dim)


def _place(slot: Slot, argument: Array, shape: tuple[int, ...]) -> Array:
    """From broadcasting against the full array to the site's shape."""
    if slot.index is not None:
        return jnp.broadcast_to(argument, slot.shape).reshape(-1)[slot.index]
    return jnp.broadcast_to(argument, slot.site_shape).reshape(shape)


def to_full(slot: Slot, site: Array) -> Array:
    """A site's value to the full array; what is not estimated is 0, or known."""
    site = site.reshape(slot.site_shape)
    if slot.basis is not None:
        return site @ slot.basis.T
    if slot.index is None:
        return site
    positions, source = slot.spread
    fill = jnp.asarray(np.nan_to_num(slot.fill()).ravel(), site.dtype)
    return fill.at[positions].set(site[source]).reshape(slot.shape)
