"""Logistic models over their observed responses alone, in NumPy and SciPy: what was not asked costs nothing.

The log odds are ``D a . theta + d`` (``- b``, or ``- D a b``), so that the gradient is two products of a matrix of
residuals. That of few responses is sparse: time and memory grow with the responses that there are, not with persons
times items. Of many it is made some persons at a time, and beside it there are the codes alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.errors import SpecError
from irtbridge.inference.binary_responses import Cells, Entries, responses_held
from irtbridge.model.families import Binary
from irtbridge.model.layout import Layout
from irtbridge.model.priors import Exactly, LogNormal, Normal, Prior
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.memory import keep_freed_memory
from irtbridge.plugin.program import Program

Array = NDArray[np.float64]


class EntriesProgram(Program):
    """A logistic model over its observed responses, with normal priors, or lognormal ones of slopes.

    Its coordinates are the parameters themselves; of lognormal slopes their logarithms.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape; see `check_entries`.
    responses : Responses
        The data.
    entries : Entries or Cells, optional
        Of the data, where they are there already.
    """

    def __init__(self, layout: Layout, responses: Responses, entries: Entries | Cells | None = None) -> None:
        super().__init__(layout, responses, "cpu", "float64")
        keep_freed_memory()
        check_entries(layout.spec)
        self.entries = responses_held(responses) if entries is None else entries
        self.positive = {name for name in layout.slots if isinstance(layout.spec[name].prior, LogNormal)}
        priors = {name: layout.arguments(name, {}) for name in layout.slots}
        self.loc, self.scale = (
            self._sites({n: np.broadcast_to(priors[n][k], slot.shape) for n, slot in layout.slots.items()})
            for k in ("loc", "scale")
        )

    @property
    def precision(self) -> Array:
        """Of the coordinates' priors, shape (dim,)."""
        return np.asarray(self.scale**-2)

    def value_and_grad(self, z: Array, *, jacobian: bool = True) -> tuple[Array, Array]:
        if z.ndim > 1:
            pairs = [self.value_and_grad(one) for one in z]
            return np.array([value for value, _ in pairs]), np.stack([gradient for _, gradient in pairs])
        away = (z - self.loc) / self.scale
        prior = -0.5 * away @ away - np.sum(np.log(self.scale)) - 0.5 * len(z) * np.log(2 * np.pi)
        value, gradient = self._likelihood(self.constrain(z))
        gradient -= away / self.scale
        if not jacobian:
            for name in self.positive:
                prior -= z[self.layout.places[name]].sum()
                gradient[self.layout.places[name]] -= 1.0
        return np.asarray(value + prior), gradient

    def log_likelihood(self, params: Mapping[str, Array]) -> float:
        """Log likelihood at full arrays."""
        return self._likelihood(params)[0]

    def _likelihood(self, params: Mapping[str, Array]) -> tuple[float, Array]:
        """Log likelihood and its gradient by the coordinates."""
        family, ((ability, slopes), (name,)) = self.spec.family, (self._factors(params), self.spec.family.location)
        sign = 1.0 if family.parameterization == "intercept" else -1.0
        lead, move = np.ones(len(slopes)), np.zeros((len(slopes), 1))
        if family.scales_locations(self.spec.dims):
            lead, move = slopes[:, 0], sign * params[name][:, None]
        value, by_person, by_item, sums = self.entries.likelihood(ability, slopes, sign * lead * params[name])
        parts = {
            family.ability: by_person,
            family.discrimination: family.scaling * (by_item + move * sums[:, None]),
            name: sign * lead * sums,
        }
        for positive in self.positive:
            parts[positive] = np.ravel(parts[positive]) * np.ravel(params[positive])
        return value, self._sites({n: np.reshape(parts[n], slot.shape) for n, slot in self.layout.slots.items()})

    def _factors(self, params: Mapping[str, Array]) -> tuple[Array, Array]:
        """Abilities (person, trait), and slopes (item, trait) times D."""
        family, (persons, items) = self.spec.family, self.entries.shape
        if family.ability not in self.layout.slots:
            return np.zeros((persons, 0)), np.zeros((items, 0))
        ability = params[family.ability].reshape(persons, -1)
        slopes = np.ones(items) if family.discrimination is None else params[family.discrimination]
        return ability, family.scaling * slopes.reshape(items, -1)

    def log_density(self, params: Mapping[str, Array]) -> Array:
        return self.value_and_grad(self.unconstrain(params), jacobian=False)[0]

    def constrain(self, z: Array) -> dict[str, Array]:
        slots, places = self.layout.slots, self.layout.places
        own = {name: z[..., places[name]].reshape(*z.shape[:-1], *slots[name].site_shape) for name in slots}
        own |= {name: np.exp(own[name]) for name in self.positive}
        return self.layout.complete({name: slots[name].to_full(site) for name, site in own.items()})

    def unconstrain(self, params: Mapping[str, Array]) -> Array:
        z = self._sites({name: np.asarray(params[name], dtype=float) for name in self.layout.slots})
        for name in self.positive:
            z[..., self.layout.places[name]] = np.log(z[..., self.layout.places[name]])
        return z

    def _sites(self, full: Mapping[str, Array]) -> Array:
        """What is estimated of full arrays (..., *shape), side by side, shape (..., dim)."""
        lead = self.layout.batch_shape(full)
        return np.concatenate(
            [slot.to_site(full[name]).reshape(*lead, slot.size) for name, slot in self.layout.slots.items()], axis=-1
        )

    def with_data(self, responses: Responses) -> EntriesProgram:
        return EntriesProgram(self.layout, responses)

    def with_spec(self, spec: ModelSpec) -> EntriesProgram:
        """The same data under other priors."""
        return EntriesProgram(Layout.of(spec, self.responses), self.responses, self.entries)


def check_entries(spec: ModelSpec) -> None:
    """Raise `SpecError` where a model is none of log odds that are linear in slopes, with normal priors."""
    family = spec.family
    plain = isinstance(family, Binary) and family.linear and len(family.location) == 1
    name = family.discrimination
    slopes = name is None or "item" in spec[name].dims
    shapes = all(v.reference is None and v.equal is None for v in spec.variables)
    normal = all(
        isinstance(v.prior, Exactly) or _plain(v.prior, (Normal, LogNormal) if v.name == name else (Normal,))
        for v in spec.variables
    )
    if not (plain and slopes and shapes and normal):
        raise SpecError(
            f"model {spec.name!r}: observed_only=true is for 1pl and lfm, with priors=true for 2pl too, and for m2pl "
            "with normal slopes; leave it out."
        )


def _plain(prior: Prior, kinds: tuple[type[Prior], ...]) -> bool:
    return isinstance(prior, kinds) and not prior.references()
