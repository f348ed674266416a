"""What the response families share: variables in roles, the predictor, and the rules that hold for all of them.

Every family starts from the same two arrays. With ability theta (person, trait), discrimination a and location b
(item, category: one location for each category above the lowest),

- one trait:       ``slope = D a theta``,    ``shift = D a b``   so that  ``slope - shift = D a (theta - b)``;
- several traits:  ``slope = D a . theta``,  ``shift = b``       so that  ``slope - shift = D a . theta - b``;
- one trait, a discrimination (item, category) of each category: ``slope_k = D a_k theta``,  ``shift_k = b_k``.

With ``parameterization="intercept"`` the locations are intercepts d, for one trait or several: ``shift = -d``, so that
``slope - shift = D a theta + d``. Without a discrimination, a = 1; beyond `STEEPEST` it counts as that. All arrays may
have the same leading axes, as draws have.

Given the ability every family is an exponential family in the response::

    log p(y) = statistics(y) . natural + base

so that the log likelihood of all persons at all nodes of a grid of abilities is one matrix product: statistics (person,
item x statistic) times natural parameters (item x statistic, node). A missing response has no statistic and no base.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from irtbridge.data.kinds import CATEGORIES
from irtbridge.data.labels import few
from irtbridge.data.responses import Responses
from irtbridge.errors import DataError, SpecError, UnknownName
from irtbridge.model.variable import Variable

Array = NDArray[np.float64]
Params = Mapping[str, Array]
Dims = tuple[str, ...]
RoleDims = Mapping[str, tuple[Dims, ...]]

# The curve of an item so steep is a step for every person there could be, and sums over items keep their digits: with
# a thousand times more, what is left of a likelihood in single precision is rounding, and soon in double too.
STEEPEST = 1e4
# In the order in which a spec prints them.
ROLES = ("ability", "discrimination", "lower", "upper", "deviation", "location", "cutpoint", "precision")
# Roles of what a family has besides slopes and locations.
SHAPES = ("lower", "upper", "deviation", "cutpoint", "precision")
PARAMETERIZATIONS = ("difficulty", "intercept")


class ExponentialForm(NamedTuple):
    """A family given the ability: ``log p(y) = statistics(y) . natural + base``.

    Attributes
    ----------
    natural : ndarray, shape (..., person, item, statistic)
        Natural parameters.
    base : ndarray, shape (..., person, item)
        Log density of a response whose statistics are all 0.
    """

    natural: Array
    base: Array


class Spec(Protocol):
    """What a family reads of the model that it stands in: a `ModelSpec`, whose module imports the families."""

    @property
    def name(self) -> str:
        """Name of the model."""

    def __getitem__(self, name: str) -> Variable:
        """A variable by its name."""


@dataclass(frozen=True)
class Family(ABC):
    """A response family and the names of the variables that play each role.

    Parameters
    ----------
    ability : str
        Variable of dims (person,) or (person, trait).
    discrimination : str, optional
        Variable of dims (), (item,) or (item, trait), or (item, category) where the family allows it; None means a = 1.
    location : tuple of str
        Variables that add up to the locations: dims (item,), (category,) or (item, category).
    lower, upper : str, optional
        Asymptotes, dims (item,), of a family that has them.
    scaling : float
        D: 1 for the logistic metric, 1.702 to approximate the normal ogive.
    parameterization : str
        ``difficulty``, ``D a (theta - b)``, or ``intercept``, ``D a theta + d``: what the location is.

    Attributes
    ----------
    name : str
        As in a spec's data.
    location_word : str
        What a location b of one trait is called.
    kind : str
        What responses are: ``categories``, ``fractions`` or ``counts``; see `Responses`.
    max_categories : int or None
        The most categories that an item may have; None for any number.
    role_dims : mapping of str to tuple
        The roles that the family has, and the dims that a variable may have in each.
    """

    ability: str = "ability"
    discrimination: str | None = "discrimination"
    location: tuple[str, ...] = ("difficulty",)
    lower: str | None = None
    upper: str | None = None
    scaling: float = 1.0
    parameterization: str = "difficulty"
    name: ClassVar[str] = ""
    location_word: ClassVar[str] = "difficulty"
    kind: ClassVar[str] = CATEGORIES
    max_categories: ClassVar[int | None] = None
    role_dims: ClassVar[RoleDims] = {
        "ability": (("person",), ("person", "trait")),
        "discrimination": ((), ("item",), ("item", "trait")),
        "location": (("item",), ("category",), ("item", "category")),
    }

    def __post_init__(self) -> None:
        if not isinstance(self.scaling, (int, float)) or not 0 < self.scaling < np.inf:
            raise SpecError(f"scaling={self.scaling!r} must be a positive number; 1 is logistic, 1.702 near the ogive.")
        object.__setattr__(self, "scaling", float(self.scaling))
        if self.parameterization not in PARAMETERIZATIONS:
            raise UnknownName("parameterization", self.parameterization, PARAMETERIZATIONS)

    @property
    def linear(self) -> bool:
        """Whether the natural parameters are linear in the abilities."""
        return False

    def roles(self) -> tuple[tuple[str, str], ...]:
        """Role and variable, for each variable that has a role; several locations share one role."""
        named: dict[str, Any] = {role: getattr(self, role, None) for role in ROLES}
        each = {role: names if role == "location" else (names,) for role, names in named.items()}
        return tuple((role, name) for role, names in each.items() for name in names if name is not None)

    def __str__(self) -> str:
        word = "intercept" if self.parameterization == "intercept" else "location"
        said = ", ".join(f"{word if role == 'location' else role}={name}" for role, name in self.roles())
        return f"{self.name}({said})"

    def shapes(self, values: Mapping[str, Any], dims: Mapping[str, Dims]) -> dict[str, Any]:
        """What shapes the curves besides slopes and locations, by role, out of arrays by variable name.

        Returns
        -------
        dict of str to array, shape (..., item or 1) or (..., item or 1, category)
        """
        named = {role: name for role, name in self.roles() if role in SHAPES}
        return {role: _with_items(values[name], dims[name]) for role, name in named.items()}

    def scales_locations(self, dims: Mapping[str, Dims]) -> bool:
        """Whether locations are multiplied by discriminations, as in ``D a (theta - b)``; else ``D a . theta - b``."""
        alone = dims[self.ability] == ("person",) and "category" not in dims.get(self.discrimination or "", ())
        return alone and self.parameterization == "difficulty"

    def check(self, spec: Spec) -> None:
        """Raise `SpecError` unless the variables make sense in their roles; a family adds rules of its own.

        Parameters
        ----------
        spec : ModelSpec
            The model, which has all the variables of the family.
        """
        for role, name in self.roles():
            allowed, dims = self.role_dims.get(role), spec[name].dims
            if allowed is None:
                roles = ", ".join(self.role_dims)
                raise SpecError(f"model {spec.name!r}: the {self.name} family has no {role}, only {roles}.")
            if dims not in allowed:
                valid = " or ".join(str(d) for d in allowed)
                raise SpecError(f"model {spec.name!r}: {role} {name!r} has dims {dims}; it must have {valid}.")
        several = "trait" in spec[self.ability].dims
        if self.discrimination is None:
            if several:
                raise SpecError(f"model {spec.name!r}: several traits need a discrimination of dims (item, trait).")
        elif several != ("trait" in spec[self.discrimination].dims):
            raise SpecError(
                f"model {spec.name!r}: ability has dims {spec[self.ability].dims} but "
                f"{self.discrimination} has dims {spec[self.discrimination].dims}."
            )

    def check_responses(self, spec: Spec, responses: Responses) -> None:
        """Raise `DataError` unless the family and its locations can serve items with these numbers of categories."""
        if responses.kind != self.kind:
            raise DataError(f"model {spec.name!r} is for {self.kind}, and the responses are {responses.kind}.")
        counts, most = responses.n_categories, self.max_categories
        if most is not None and counts.max() > most:
            place = int(counts.argmax())
            item = responses.items[place]
            raise DataError(
                f"model {spec.name!r} takes {most} categories, item {item!r} has {counts.max()}: "
                f"{few(map(str, responses.categories[place]))}; if one means missing, name it with missing=; if it is "
                f"no item, keep it beside the responses with covariates={item!r} or leave it out with drop={item!r}; "
                "else use grm, gpcm or pcm, or pick the items with items=[...]."
            )
        shared = [spec[name] for name in self.location if spec[name].dims == ("category",)]
        if shared and len(set(counts.tolist())) > 1:
            by_item = dict(zip(responses.items, counts.tolist(), strict=True))
            raise DataError(
                f"model {spec.name!r} needs the same number of categories for every item, got {by_item}; use pcm."
            )
        if any(v.zero_sum for v in shared) and counts.max() < 3:
            raise DataError(f"model {spec.name!r} needs items with three or more categories; for two use 1pl.")

    def n_categories(self, responses: Responses) -> NDArray[np.int64]:
        """Categories that the family tells apart, shape (item,): those of the data, unless it has its own."""
        return responses.n_categories

    @abstractmethod
    def n_statistics(self, exists: NDArray[np.bool_]) -> int:
        """Statistics of one response."""

    @abstractmethod
    def statistics(self, values: NDArray[Any], exists: NDArray[np.bool_]) -> Array:
        """Sufficient statistics of responses (..., item), -1 where missing.

        Returns
        -------
        ndarray, shape (..., item, statistic)
            0 where a response is missing.
        """

    @abstractmethod
    def exponential(self, params: Params, dims: Mapping[str, Dims], exists: NDArray[np.bool_]) -> ExponentialForm:
        """Natural parameters and base, given the abilities.

        Parameters
        ----------
        params : mapping of str to ndarray
            Full arrays by variable name, all with the same leading axes, if any.
        dims : mapping of str to tuple of str
            The dims of each variable.
        exists : ndarray of bool, shape (item, category)
            Which categories each item has (the lowest included).
        """

    def log_density(
        self, values: NDArray[Any], params: Params, dims: Mapping[str, Dims], exists: NDArray[np.bool_]
    ) -> Array:
        """Log density of responses (person, item), shape (..., person, item); any number where one is missing."""
        natural, base = self.exponential(params, dims, exists)
        return np.asarray(np.sum(self.statistics(values, exists) * natural, axis=-1) + base)

    @abstractmethod
    def moments(self, params: Params, dims: Mapping[str, Dims], exists: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Mean and variance of a response, each (..., person, item); categories count as their codes 0, 1, ..."""

    @abstractmethod
    def information(
        self, params: Params, dims: Mapping[str, Dims], exists: NDArray[np.bool_], direction: ArrayLike = 1.0
    ) -> Array:
        """Fisher information of a response on the ability, ``E[(d log p(y) / d theta)^2]``, (..., person, item).

        Parameters
        ----------
        params, dims, exists
            As in `exponential`.
        direction : array_like, shape (trait,)
            With several traits, along which the ability moves: a unit vector for one of them, the others known
            (Reckase & McKinley 1991).
        """

    def tangent(self, params: Params, dims: Mapping[str, Dims], direction: ArrayLike = 1.0) -> Array:
        """By how much the slope part grows with the ability: as `predictor` gives it, with one person."""
        ability = np.asarray(params[self.ability])
        several = "trait" in dims[self.ability]
        lead, traits = ability.shape[: -2 if several else -1], ability.shape[-1:] if several else ()
        along = np.broadcast_to(np.asarray(direction, dtype=float), (*lead, 1, *traits))
        return self.predictor({**params, self.ability: along}, dims)[0]

    @abstractmethod
    def draw(
        self, rng: np.random.Generator, params: Params, dims: Mapping[str, Dims], exists: NDArray[np.bool_]
    ) -> NDArray[Any]:
        """Responses drawn at parameters, shape (..., person, item)."""

    def replicate(
        self,
        rng: np.random.Generator,
        values: NDArray[Any],
        params: Params,
        dims: Mapping[str, Dims],
        exists: NDArray[np.bool_],
    ) -> tuple[Array, Array]:
        """Log density of responses, as `log_density`, and of as many that are drawn, each (..., person, item)."""
        drawn = self.draw(rng, params, dims, exists)
        return self.log_density(values, params, dims, exists), self.log_density(drawn, params, dims, exists)

    @abstractmethod
    def steps(self, responses: Responses) -> float:
        """Of a test of two categories an item, the length that would tell about as much of an ability."""

    def predictor(self, params: Params, dims: Mapping[str, Dims]) -> tuple[Array, Array]:
        """The slope part and the shift; of one trait, abilities may come without their axis for traits.

        Returns
        -------
        slope : ndarray, shape (..., person, item, 1), or (..., person, item, category - 1)
            The latter where the discrimination has a category axis.
        shift : ndarray, shape (..., item, category - 1)
            NaN where an item lacks the category.
        """
        ability, a, of = self.scaling * params[self.ability], *self._discrimination(params, dims)
        location = self._located(params, dims)
        shift = -location if self.parameterization == "intercept" else location
        if "category" in of:
            return ability[..., None, None] * np.nan_to_num(a)[..., None, :, :], shift
        if "trait" in of:
            ability = ability if ability.ndim >= a.ndim else ability[..., None]
            return (ability @ np.swapaxes(a, -1, -2))[..., None], shift
        by_item = a if of else a[..., None]
        slope = (ability[..., None] * by_item[..., None, :])[..., None]
        return slope, self.scaling * by_item[..., None] * location if self.scales_locations(dims) else shift

    def _discrimination(self, params: Params, dims: Mapping[str, Dims]) -> tuple[Array, Dims]:
        """Discriminations, at most `STEEPEST` in size, and their dims; 1 where there are none."""
        if self.discrimination is None:
            return np.ones(()), ()
        return np.clip(params[self.discrimination], -STEEPEST, STEEPEST), dims[self.discrimination]

    def derives(self, dims: Mapping[str, Dims]) -> tuple[str, ...]:
        """Names of `derived`."""
        one_slope = dims.get(self.discrimination or "", ()) in ((), ("item",))
        return (self.location_word,) if self.parameterization == "intercept" and one_slope else ()

    def derived(self, params: Params, dims: Mapping[str, Dims]) -> dict[str, tuple[Dims, Array]]:
        """What users read besides the variables: dims and full arrays by name.

        Of one trait with intercepts d the locations ``b = -d / (D a)``, infinite where a is 0.
        """
        if not self.derives(dims):
            return {}
        location = self.locations(params, dims)
        several = any("category" in dims[name] for name in self.location)
        return {self.location_word: (("item", "category"), location) if several else (("item",), location[..., 0])}

    def locations(self, params: Params, dims: Mapping[str, Dims]) -> Array:
        """Where on the scale of its one trait an item's curves lie, ``b`` of ``D a (theta - b)``.

        Returns
        -------
        ndarray, shape (..., item or 1, category - 1 or 1)
            Of intercepts d, ``-d / (D a)``: infinite where a is 0.
        """
        location = self._located(params, dims)
        if self.parameterization == "difficulty":
            return location
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(-location / self._per_item(params, dims))

    def _located(self, params: Params, dims: Mapping[str, Dims]) -> Array:
        """Sum of the variables in the role of location, (..., item or 1, category - 1 or 1)."""
        return np.asarray(sum(_by_item_and_category(params[name], dims[name]) for name in self.location))

    def _per_item(self, params: Params, dims: Mapping[str, Dims]) -> Array:
        """Of one trait, ``D a``, (..., item or 1, 1)."""
        a, of = self._discrimination(params, dims)
        return np.asarray(self.scaling * (a[..., None] if of else a[..., None, None]))

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        if self.parameterization == type(self).parameterization:
            del values["parameterization"]
        return {"name": self.name} | {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def padded(x: Array, before: int, after: int) -> Array:
    """With zeros at the ends of the last axis."""
    return np.pad(x, [*((0, 0),) * (x.ndim - 1), (before, after)])


def log_sigmoids(x: Array) -> tuple[Array, Array]:
    """Log sigma(x) and log sigma(-x)."""
    # As exact as -logaddexp(0, -x), and several times faster: NumPy vectorises exp and log1p.
    shared = np.log1p(np.exp(-np.abs(x)))
    return np.asarray(np.minimum(x, 0.0) - shared), np.asarray(np.minimum(-x, 0.0) - shared)


def sigmoids(x: Array) -> tuple[Array, Array]:
    """Sigma(x) and sigma(-x), each exact to rounding."""
    small = np.exp(-np.abs(x))
    larger = 1 / (1 + small)
    small *= larger
    return np.where(x > 0, larger, small), np.where(x > 0, small, larger)


def _by_item_and_category(value: Array, dims: Dims) -> Array:
    return value if dims == ("item", "category") else value[..., None] if dims == ("item",) else value[..., None, :]


def _with_items(value: Any, dims: Dims) -> Any:
    """An array (..., *dims) with an axis for items, of length 1 where all share it; NumPy's or a backend's own."""
    if dims == ("category",):
        return value[..., None, :]
    return value if "item" in dims else value[..., None]
