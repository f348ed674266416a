"""Logistic models over their observed responses alone, in NumPy and SciPy: what was not asked costs nothing.

The log odds are ``D a . theta + d`` (or ``- b``), so that the gradient is two products of a sparse matrix of residuals:
time and memory grow with the responses that there are, not with persons times items.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from irtbridge.data.responses import Responses
from irtbridge.errors import SpecError
from irtbridge.model.families import Binary
from irtbridge.model.layout import Layout
from irtbridge.model.priors import Exactly, Normal
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.program import Program

Array = NDArray[np.float64]
AT_ONCE = 1000  # numbers of at most 2, whose product is less than the largest double, 2^1024
CHUNK = 2**16  # responses of one pass, whose working memory stays in the cache


@dataclass(frozen=True, eq=False)
class Entries:
    """Observed responses, person by person.

    Attributes
    ----------
    starts : ndarray of int, shape (person + 1,)
        Where each person's responses begin.
    items : ndarray of int32, shape (response,)
        Item of each response.
    persons : ndarray of int32, shape (response,)
        Person of each response.
    signs : ndarray of float64, shape (response,)
        1 where it is the higher category, else -1.
    shape : tuple of int
        Persons and items.
    """

    starts: NDArray[np.int64]
    items: NDArray[np.int32]
    persons: NDArray[np.int32]
    signs: Array
    shape: tuple[int, int]

    @classmethod
    def of(cls, responses: Responses) -> Entries:
        """Of responses of two categories."""
        entries = responses.entries
        starts = np.asarray(entries.indptr, dtype=np.int64)
        persons = np.repeat(np.arange(len(starts) - 1, dtype=np.int32), np.diff(starts))
        signs = np.where(entries.data > 0, 1.0, -1.0)
        return cls(starts, entries.indices.astype(np.int32), persons, signs, entries.shape)

    def value_and_residuals(self, ability: Array, slopes: Array, intercept: Array) -> tuple[float, Array]:
        """Log likelihood, and its derivative by the log odds of each response, shape (response,).

        Parameters
        ----------
        ability : ndarray, shape (person, trait)
        slopes : ndarray, shape (item, trait)
        intercept : ndarray, shape (item,)
        """
        residuals, value = np.empty(len(self.items)), 0.0
        for start in range(0, len(self.items), CHUNK):
            part = slice(start, start + CHUNK)
            odds = intercept[self.items[part]]
            for own, of_item in zip(ability.T, slopes.T, strict=True):
                odds += own[self.persons[part]] * of_item[self.items[part]]
            odds *= self.signs[part]
            small = np.exp(-np.abs(odds))
            value += float(np.minimum(odds, 0.0).sum()) - _log_product(1.0 + small)
            np.divide(np.where(odds < 0, 1.0, small), 1.0 + small, out=residuals[part])
            residuals[part] *= self.signs[part]
        return value, residuals

    def by_person_and_item(self, residuals: Array) -> sparse.csr_array:
        """A number for each response as a sparse matrix (person, item)."""
        return sparse.csr_array((residuals, self.items, self.starts), shape=self.shape)


def _log_product(factors: Array) -> float:
    """Sum of the logarithms of numbers between 1 and 2: those of their products are far fewer."""
    starts = np.arange(0, len(factors), AT_ONCE)
    return float(np.log(np.multiply.reduceat(factors, starts)).sum())


class EntriesProgram(Program):
    """A logistic model with normal priors over its observed responses; its coordinates are the parameters themselves.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape; see `check_entries`.
    responses : Responses
        The data.
    entries : Entries, optional
        Of the data, where they are there already.
    """

    def __init__(self, layout: Layout, responses: Responses, entries: Entries | None = None) -> None:
        super().__init__(layout, responses, "cpu", "float64")
        check_entries(layout.spec)
        self.entries = Entries.of(responses) if entries is None else entries
        priors = {name: layout.arguments(name, {}) for name in layout.slots}
        sizes = {name: slot.shape for name, slot in layout.slots.items()}
        full = {k: [np.broadcast_to(priors[n][k], sizes[n]).ravel() for n in sizes] for k in ("loc", "scale")}
        self.loc, self.scale = (np.concatenate(full[k]) for k in ("loc", "scale"))

    def value_and_grad(self, z: Array, *, jacobian: bool = True) -> tuple[Array, Array]:
        if z.ndim > 1:
            pairs = [self.value_and_grad(one) for one in z]
            return np.array([value for value, _ in pairs]), np.stack([gradient for _, gradient in pairs])
        away = (z - self.loc) / self.scale
        prior = -0.5 * away @ away - np.sum(np.log(self.scale)) - 0.5 * len(z) * np.log(2 * np.pi)
        value, gradient = self._likelihood(self.constrain(z))
        return np.asarray(value + prior), gradient - away / self.scale

    def log_likelihood(self, params: Mapping[str, Array]) -> float:
        """Log likelihood at full arrays."""
        return self._likelihood(params)[0]

    def _likelihood(self, params: Mapping[str, Array]) -> tuple[float, Array]:
        """Log likelihood and its gradient by the coordinates."""
        family, slots = self.spec.family, self.layout.slots
        ability, slopes = self._factors(params)
        sign = 1.0 if family.parameterization == "intercept" else -1.0
        unit = family.scaling if family.scales_locations(self.spec.dims) else 1.0
        (name,) = family.location
        value, residuals = self.entries.value_and_residuals(ability, slopes, sign * unit * params[name])
        matrix = self.entries.by_person_and_item(residuals)
        of_items = matrix.T
        parts = {
            family.ability: matrix @ slopes,
            family.discrimination: family.scaling * (of_items @ ability),
            name: sign * unit * np.asarray(of_items.sum(axis=1)),
        }
        return value, np.concatenate([np.ravel(parts[slot]) for slot in slots])

    def _factors(self, params: Mapping[str, Array]) -> tuple[Array, Array]:
        """Abilities (person, trait), and slopes (item, trait) times D."""
        family, (persons, items) = self.spec.family, self.entries.shape
        if family.ability not in self.layout.slots:
            return np.zeros((persons, 0)), np.zeros((items, 0))
        ability = params[family.ability].reshape(persons, -1)
        slopes = np.ones(items) if family.discrimination is None else params[family.discrimination]
        return ability, family.scaling * slopes.reshape(items, -1)

    def log_density(self, params: Mapping[str, Array]) -> Array:
        return self.value(self.unconstrain(params))

    def constrain(self, z: Array) -> dict[str, Array]:
        slots, places = self.layout.slots, self.layout.places
        own = {name: z[..., places[name]].reshape(*z.shape[:-1], *slots[name].shape) for name in slots}
        return self.layout.complete(own)

    def unconstrain(self, params: Mapping[str, Array]) -> Array:
        slots = self.layout.slots.items()
        lead = self.layout.batch_shape(params)
        return np.concatenate([np.asarray(params[n], float).reshape(*lead, slot.size) for n, slot in slots], axis=-1)

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
    slopes = name is None or ("item" in spec[name].dims and not family.scales_locations(spec.dims))
    shapes = all(v.free is None and v.reference is None and v.equal is None for v in spec.variables)
    normal = all(_plain_normal(variable.prior) or isinstance(variable.prior, Exactly) for variable in spec.variables)
    if not (plain and slopes and shapes and normal):
        raise SpecError(
            f"model {spec.name!r}: observed_only=true is for 1pl and lfm, and for m2pl with normal slopes and without "
            "a Q-matrix; leave it out."
        )


def _plain_normal(prior: object) -> bool:
    return isinstance(prior, Normal) and not prior.references()
