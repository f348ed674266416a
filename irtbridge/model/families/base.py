"""What the response families share: variables in roles, the predictor, and the rules that hold for all of them.

Every family starts from the same two arrays. With ability theta (person, trait), discrimination a and location b
(item, category: one location for each category above the lowest),

- one trait:       ``slope = D a theta``,    ``shift = D a b``   so that  ``slope - shift = D a (theta - b)``;
- several traits:  ``slope = D a . theta``,  ``shift = b``       so that  ``slope - shift = D a . theta - b``;
- one trait, a discrimination (item, category) of each category: ``slope_k = D a_k theta``,  ``shift_k = b_k``.

Without a discrimination, a = 1; beyond `STEEPEST` it counts as that. A family turns them into log probabilities
(person, item, category). All arrays may have the same leading axes, as draws have.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.kinds import CATEGORIES
from irtbridge.data.labels import few
from irtbridge.data.responses import Responses
from irtbridge.errors import DataError, SpecError
from irtbridge.model.variable import Variable

T = TypeVar("T")
Array = NDArray[np.float64]
Params = Mapping[str, Array]
Dims = tuple[str, ...]
RoleDims = Mapping[str, tuple[Dims, ...]]

IMPOSSIBLE = -np.inf
# The curve of an item so steep is a step for every person there could be, and sums over items keep their digits: with
# a thousand times more, what is left of a likelihood in single precision is rounding, and soon in double too.
STEEPEST = 1e4
ROLES = ("ability", "discrimination", "lower", "upper", "location")  # in the order in which a spec prints them


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

    Attributes
    ----------
    name : str
        As in a spec's data.
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
    name: ClassVar[str] = ""
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

    @property
    def linear(self) -> bool:
        """Whether ``log P(Y = k) - log P(Y = 0)`` is linear in the abilities, for every category."""
        return False

    def roles(self) -> tuple[tuple[str, str], ...]:
        """Role and variable, for each variable that has a role; several locations share one role."""
        named = {role: getattr(self, role) for role in ROLES}
        each = {role: names if role == "location" else (names,) for role, names in named.items()}
        return tuple((role, name) for role, names in each.items() for name in names if name is not None)

    def asymptotes(self, values: Mapping[str, T]) -> dict[str, T]:
        """The asymptotes there are, by role, out of values by variable name."""
        return {role: values[name] for role, name in self.roles() if role in ("lower", "upper")}

    def scales_locations(self, dims: Mapping[str, Dims]) -> bool:
        """Whether locations are multiplied by discriminations, as in ``D a (theta - b)``; else ``D a . theta - b``."""
        return dims[self.ability] == ("person",) and "category" not in dims.get(self.discrimination or "", ())

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
            raise DataError(
                f"model {spec.name!r} takes {most} categories, item {responses.items[place]!r} has {counts.max()}: "
                f"{few(map(str, responses.categories[place]))}; if one means missing, name it with missing=; else use "
                "grm, gpcm or pcm, or pick the items with items=[...]."
            )
        shared = [spec[name] for name in self.location if spec[name].dims == ("category",)]
        if shared and len(set(counts.tolist())) > 1:
            by_item = dict(zip(responses.items, counts.tolist(), strict=True))
            raise DataError(
                f"model {spec.name!r} needs the same number of categories for every item, got {by_item}; use pcm."
            )
        if any(v.zero_sum for v in shared) and counts.max() < 3:
            raise DataError(f"model {spec.name!r} needs items with three or more categories; for two use 1pl.")

    def log_probs(self, params: Params, dims: Mapping[str, Dims], exists: NDArray[np.bool_]) -> Array:
        """Log probability of each category.

        Parameters
        ----------
        params : mapping of str to ndarray
            Full arrays by variable name, all with the same leading axes, if any.
        dims : mapping of str to tuple of str
            The dims of each variable.
        exists : ndarray of bool, shape (item, category)
            Which categories each item has (the lowest included).

        Returns
        -------
        ndarray, shape (..., person, item, category)
            ``-inf`` where an item does not have the category.
        """
        slope, shift = self.predictor(params, dims)
        shift = np.nan_to_num(shift)[..., None, :, :]
        return np.where(exists, self.categories(slope, shift, exists, **self.asymptotes(params)), IMPOSSIBLE)

    def predictor(self, params: Params, dims: Mapping[str, Dims]) -> tuple[Array, Array]:
        """The slope part and the shift.

        Returns
        -------
        slope : ndarray, shape (..., person, item, 1), or (..., person, item, category - 1)
            The latter where the discrimination has a category axis.
        shift : ndarray, shape (..., item, category - 1)
            NaN where an item lacks the category.
        """
        ability, a, of = self.scaling * params[self.ability], *self._discrimination(params, dims)
        location = np.asarray(sum(_by_item_and_category(params[name], dims[name]) for name in self.location))
        if "category" in of:
            return ability[..., None, None] * np.nan_to_num(a)[..., None, :, :], location
        if "trait" in of:
            return (ability @ np.swapaxes(a, -1, -2))[..., None], location
        by_item = a if of else a[..., None]
        return (ability[..., None] * by_item[..., None, :])[..., None], self.scaling * by_item[..., None] * location

    def _discrimination(self, params: Params, dims: Mapping[str, Dims]) -> tuple[Array, Dims]:
        """Discriminations, at most `STEEPEST` in size, and their dims; 1 where there are none."""
        if self.discrimination is None:
            return np.ones(()), ()
        return np.clip(params[self.discrimination], -STEEPEST, STEEPEST), dims[self.discrimination]

    @abstractmethod
    def categories(self, slope: Array, shift: Array, exists: NDArray[np.bool_], **asymptotes: Array) -> Array:
        """Log probability of each category; anything where an item lacks it.

        Parameters
        ----------
        slope : ndarray, shape (..., person, item, 1), or (..., person, item, category - 1)
            As `predictor` gives it.
        shift : ndarray, shape (..., 1, item, category - 1)
            0 where an item lacks the category.
        exists : ndarray of bool, shape (item, category)
            Which categories each item has (the lowest included).
        **asymptotes : ndarray, shape (..., item)
            Those that there are.

        Returns
        -------
        ndarray, shape (..., person, item, category)
        """

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {"name": self.name} | {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def padded(x: Array, before: int, after: int) -> Array:
    """With zeros at the ends of the last axis."""
    return np.pad(x, [*((0, 0),) * (x.ndim - 1), (before, after)])


def log_sigmoids(x: Array) -> tuple[Array, Array]:
    """Log sigma(x) and log sigma(-x)."""
    # As exact as -logaddexp(0, -x), and several times faster: NumPy vectorises exp and log1p.
    shared = np.log1p(np.exp(-np.abs(x)))
    return np.asarray(np.minimum(x, 0.0) - shared), np.asarray(np.minimum(-x, 0.0) - shared)


def _by_item_and_category(value: Array, dims: Dims) -> Array:
    return value if dims == ("item", "category") else value[..., None] if dims == ("item",) else value[..., None, :]
