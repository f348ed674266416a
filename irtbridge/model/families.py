"""Response families: the log probability of each category, with the maths, in NumPy.

Every family starts from the same two arrays. With ability theta (person, trait), discrimination a and location b
(item, category: one location for each category above the lowest),

- one trait:       ``slope = D a theta``,    ``shift = D a b``   so that  ``slope - shift = D a (theta - b)``;
- several traits:  ``slope = D a . theta``,  ``shift = b``       so that  ``slope - shift = D a . theta - b``.

Without a discrimination, a = 1; beyond `STEEPEST` it counts as that. A family turns them into log probabilities
(person, item, category). All arrays may have the same leading axes, as draws have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from irtbridge.errors import SpecError, UnknownName

Array = NDArray[np.float64]
Params = Mapping[str, Array]

IMPOSSIBLE = -np.inf
# The curve of an item so steep is a step for every person there could be, and sums over items keep their digits: with
# a thousand times more, what is left of a likelihood in single precision is rounding, and soon in double too.
STEEPEST = 1e4
ENDS = (("lower", 0.0), ("upper", 1.0))


@dataclass(frozen=True)
class Family:
    """A response family and the names of the variables that play each role.

    Parameters
    ----------
    ability : str
        Variable of dims (person,) or (person, trait).
    discrimination : str, optional
        Variable of dims (), (item,) or (item, trait); None means a = 1.
    location : tuple of str
        Variables that add up to the locations: dims (item,), (category,) or (item, category).
    lower, upper : str, optional
        Asymptotes, dims (item,); binary family only.
    scaling : float
        D: 1 for the logistic metric, 1.702 to approximate the normal ogive.
    """

    ability: str = "ability"
    discrimination: str | None = "discrimination"
    location: tuple[str, ...] = ("difficulty",)
    lower: str | None = None
    upper: str | None = None
    scaling: float = 1.0
    name: ClassVar[str] = ""
    max_categories: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        if not isinstance(self.scaling, (int, float)) or not 0 < self.scaling < np.inf:
            raise SpecError(f"scaling={self.scaling!r} must be a positive number; 1 is logistic, 1.702 near the ogive.")
        object.__setattr__(self, "scaling", float(self.scaling))

    @property
    def linear(self) -> bool:
        """Whether ``log P(Y = k) - log P(Y = 0)`` is linear in the abilities, for every category."""
        return False

    def roles(self) -> dict[str, str]:
        """Role to variable name, for the roles that are filled; several locations share one role."""
        single = ("ability", "discrimination", "lower", "upper")
        named = {role: getattr(self, role) for role in single if getattr(self, role) is not None}
        return named | {f"location{i}": name for i, name in enumerate(self.location)}

    def log_probs(self, params: Params, dims: Mapping[str, tuple[str, ...]], exists: NDArray[np.bool_]) -> Array:
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
        asymptotes = {role: params[getattr(self, role)] for role in ("lower", "upper") if getattr(self, role)}
        log_probs = self.categories(slope[..., None], np.nan_to_num(shift)[..., None, :, :], exists, **asymptotes)
        return np.where(exists, log_probs, IMPOSSIBLE)

    def predictor(self, params: Params, dims: Mapping[str, tuple[str, ...]]) -> tuple[Array, Array]:
        """The slope part (..., person, item) and the shift (..., item, category above the lowest)."""
        ability = params[self.ability]
        location = sum(_to_item_category(params[name], dims[name]) for name in self.location)
        several = len(dims[self.ability]) == 2
        if self.discrimination is None:
            slope = ability.sum(axis=-1, keepdims=True) if several else ability[..., None]
            return self.scaling * slope, np.asarray(location if several else self.scaling * location)
        discrimination = np.clip(params[self.discrimination], -STEEPEST, STEEPEST)
        if several:
            return self.scaling * ability @ np.swapaxes(discrimination, -1, -2), np.asarray(location)
        by_item = discrimination if dims[self.discrimination] else discrimination[..., None]
        shift = self.scaling * by_item[..., None] * location
        return self.scaling * ability[..., None] * by_item[..., None, :], shift

    def categories(
        self, slope: Array, shift: Array, exists: NDArray[np.bool_], **asymptotes: Array
    ) -> Array:  # pragma: no cover - every family defines it
        """Log probabilities from ``slope`` (..., person, item, 1) and ``shift`` (..., 1, item, category - 1)."""
        raise TypeError(f"family {type(self).__name__} must define categories().")

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {"name": self.name} | {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


@dataclass(frozen=True)
class Binary(Family):
    """Two categories, with optional lower and upper asymptotes (Birnbaum 1968; Barton & Lord 1981).

    With x = slope - shift, lower asymptote c and upper asymptote d (c = 0 and d = 1 where absent)::

        P(Y = 1) = c + (d - c) / (1 + exp(-x))

    computed as c sigma(-x) + d sigma(x), which is a probability for every c and d in [0, 1].
    """

    name: ClassVar[str] = "binary"
    max_categories: ClassVar[int | None] = 2

    @property
    def linear(self) -> bool:
        return self.lower is None and self.upper is None

    def categories(self, slope: Array, shift: Array, exists: NDArray[np.bool_], **asymptotes: Array) -> Array:
        x = slope - shift
        above, below = _log_sigmoids(x)
        if not asymptotes:
            return np.concatenate([below, above], axis=-1)
        lower, upper = (np.asarray(asymptotes.get(role, [end]))[..., None, :, None] for role, end in ENDS)
        with np.errstate(divide="ignore"):
            right = np.logaddexp(np.log(lower) + below, np.log(upper) + above)
            wrong = np.logaddexp(np.log1p(-lower) + below, np.log1p(-upper) + above)
        return np.concatenate([np.asarray(wrong), np.asarray(right)], axis=-1)


@dataclass(frozen=True)
class Graded(Family):
    """Ordered categories by cumulative logits (Samejima 1969).

    With u_k = slope - shift_k::

        P(Y >= k) = sigma(u_k),   P(Y = k) = sigma(u_k) - sigma(u_{k+1})
                                           = sigma(u_k) sigma(-u_{k+1}) (1 - exp(-(shift_{k+1} - shift_k)))

    The last form keeps its digits in the tails, and its last factor does not depend on the person.
    """

    name: ClassVar[str] = "graded"

    def categories(self, slope: Array, shift: Array, exists: NDArray[np.bool_], **asymptotes: Array) -> Array:
        u = slope - shift
        between = exists[:, 2:]
        gap = np.where(between, np.diff(shift, axis=-1), 1.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            log_gap = np.where(between, np.log(-np.expm1(-gap)), 0.0)
        above, below = _log_sigmoids(u)
        at_least = _padded(above, 1, 0)
        not_above = _padded(np.where(exists[:, 1:], below, 0.0), 0, 1)
        return np.asarray(at_least + not_above + _padded(log_gap, 1, 1))


@dataclass(frozen=True)
class PartialCredit(Family):
    """Ordered categories by adjacent logits (Masters 1982; with discriminations Muraki 1992; Andrich 1978).

    With u_k = slope - shift_k::

        log P(Y = k) = sum_{h<=k} u_h - log sum_m exp(sum_{h<=m} u_h)

    Steps need not increase.
    """

    name: ClassVar[str] = "partial_credit"

    @property
    def linear(self) -> bool:
        return True

    def categories(self, slope: Array, shift: Array, exists: NDArray[np.bool_], **asymptotes: Array) -> Array:
        score = np.arange(exists.shape[1])
        log_odds = score * slope - _padded(np.cumsum(shift, axis=-1), 1, 0)
        log_odds = np.where(exists, log_odds, IMPOSSIBLE)
        return np.asarray(log_odds - np.logaddexp.reduce(log_odds, axis=-1, keepdims=True))


FAMILIES: dict[str, type[Family]] = {family.name: family for family in (Binary, Graded, PartialCredit)}


def family_from_dict(data: Mapping[str, Any]) -> Family:
    """Rebuild a family from `Family.to_dict`.

    Raises
    ------
    UnknownName
        No family of that name.
    """
    name = data["name"]
    if name not in FAMILIES:
        raise UnknownName("response family", name, FAMILIES)
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k != "name"}
    return FAMILIES[name](**values)  # type: ignore[arg-type]


def _to_item_category(value: Array, dims: tuple[str, ...]) -> Array:
    return value if dims == ("item", "category") else value[..., None] if dims == ("item",) else value[..., None, :]


def _padded(x: Array, before: int, after: int) -> Array:
    """With zeros at the ends of the last axis."""
    return np.pad(x, [*((0, 0),) * (x.ndim - 1), (before, after)])


def _log_sigmoids(x: Array) -> tuple[Array, Array]:
    """Log sigma(x) and log sigma(-x)."""
    # As exact as -logaddexp(0, -x), and several times faster: NumPy vectorises exp and log1p.
    shared = np.log1p(np.exp(-np.abs(x)))
    return np.asarray(np.minimum(x, 0.0) - shared), np.asarray(np.minimum(-x, 0.0) - shared)
