"""A spec as distributions of TFP: the joint distribution of its sites and the responses, and the log density."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from irtbridge.model.cumulants import CumulantTable
from irtbridge.model.layout import Layout
from irtbridge.model.observations import POSSIBLE
from irtbridge.model.priors import Exactly
from irtbridge.model.slot import Slot
from irtbridge_tfp.arguments import line_up
from irtbridge_tfp.collapsed import pattern_distribution, place_abilities
from irtbridge_tfp.families import response_distribution
from irtbridge_tfp.priors import site_bijector, site_distribution

tfd = tfp.distributions
Tensor = Any


class Model:
    """A layout in TensorFlow. It holds no data: they are arguments.

    `data` is (response codes,) where none is missing, else (response codes, whether each is observed); with the
    abilities integrated out (statistics of patterns, their counts).

    Parameters
    ----------
    layout : Layout
        The spec over the data's shape.
    dtype : str
        ``float64`` or ``float32``.
    table : CumulantTable, optional
        Tabulate the likelihood of patterns.

    Attributes
    ----------
    bijectors : dict of str to tfb.Bijector
        From unconstrained coordinates to the site, by variable.
    """

    def __init__(self, layout: Layout, dtype: str, table: CumulantTable | None = None) -> None:
        self.layout, self.dtype, self.table = layout, dtype, table
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
        for name in self.layout.spec.names:
            if name in self.layout.derived:
                full[name] = self.known(name, full)
            elif name in self.layout.slots:
                slot = self.layout.slots[name]
                full[name] = self.expand(slot, (yield site_distribution(slot, self.arguments(slot, full))))
        yield self.response(full, *observed)

    def response(self, full: Mapping[str, Tensor], *observed: Tensor) -> Any:
        """Distribution of the response matrix, or of response patterns, given full parameter arrays."""
        if self.layout.collapse is not None:
            return pattern_distribution(self.layout, full, *observed, table=self.table)
        spec = self.layout.spec
        each = response_distribution(spec.family, full, spec.dims, self.layout.exists)
        if observed:
            each = tfd.Masked(each, *observed, safe_sample_fn=self._possible)
        return tfd.Independent(each, 2, name="response")

    def _possible(self, each: Any) -> Tensor:
        """A response that stands for a missing one."""
        return tf.constant(POSSIBLE[self.layout.spec.family.kind], each.dtype)

    def expand(self, slot: Slot, site: Tensor) -> Tensor:
        """Site (..., *site_shape) to full array (..., *shape); what is not estimated is 0, or known."""
        if slot.basis is not None:
            return tf.tensordot(site, self.constant(slot.basis.T), 1)
        if slot.index is None:
            return site
        flat = tf.tensordot(site, self.constant(slot.place), 1)
        if slot.values is not None:
            flat += self.constant(np.where(slot.estimated, 0.0, np.nan_to_num(slot.fill())).ravel())
        return tf.reshape(flat, tf.concat([tf.shape(site)[:-1], slot.shape], 0))

    def known(self, name: str, full: Mapping[str, Tensor]) -> Tensor:
        """Full array (..., *shape) of a variable that nothing is estimated of, given those before it."""
        slot = self.layout.derived[name]
        prior, shape = slot.variable.prior, slot.shape
        if not isinstance(prior, Exactly):
            return self.constant(np.nan_to_num(slot.fill()))
        given = {k: self.constant(v) for k, v in prior.numbers().items()}
        given |= {k: line_up(self.layout, name, k, full[v]) for k, v in prior.references().items()}
        return given["value"] + tf.zeros(shape, self.dtype)

    def arguments(self, slot: Slot, full: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A prior's arguments, broadcast to (..., *site_shape); a matrix to one for each row of the site."""
        prior = slot.variable.prior
        given = {k: self.constant(value) for k, value in prior.numbers().items()}
        given |= {k: line_up(self.layout, slot.name, k, full[name]) for k, name in prior.references().items()}
        return {
            argument: _insert_axes(value, len(slot.shape) - 1, before=2)
            if argument == "scale_tril"
            else self._broadcast(slot, value)
            for argument, value in given.items()
        }

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
        for derived in self.layout.derived:
            full[derived] = self.known(derived, full)
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
