"""What every prior has: arguments, a support, a density, a sampler, and the rules that hold for it alone."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from irtbridge.data.labels import labels_of
from irtbridge.errors import SpecError
from irtbridge.model.priors.predictor import Predictor

Array = NDArray[np.float64]
Argument = float | str | tuple[Any, ...] | Predictor


@dataclass(frozen=True)
class Prior:
    """A prior distribution: a family name and its arguments.

    Attributes
    ----------
    support : str
        One of ``real``, ``positive``, ``interval``, ``ordered``, ``cholesky``: what a backend must map its
        unconstrained coordinates to.
    direction : int
        Of an ordered support: 1 where vectors increase, -1 where they decrease.
    event_ndim : int
        How many of the last axes of a variable form one draw of the prior (0: elementwise).
    ragged : bool
        Whether the last axis may be shorter for some items than for others, as numbers of categories differ.
    numbers_only, positive : tuple of str
        Arguments that must be numbers, and those that must be positive.
    """

    support: ClassVar[str] = "real"
    direction: ClassVar[int] = 1
    event_ndim: ClassVar[int] = 0
    ragged: ClassVar[bool] = True
    numbers_only: ClassVar[tuple[str, ...]] = ()
    positive: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for name, value in self.arguments().items():
            value = _plain(value)
            object.__setattr__(self, name, value)
            if isinstance(value, (str, Predictor)):
                if name in self.numbers_only:
                    raise SpecError(f"{type(self).__name__}: {name}={value!r} must be a number, not a variable.")
                continue
            numbers = np.asarray(value, dtype=float)
            if not np.all(np.isfinite(numbers) | (name in ("low", "high"))) or np.any(np.isnan(numbers)):
                raise SpecError(f"{type(self).__name__}: {name}={value!r} is not finite.")
            if name in self.positive and np.any(numbers <= 0):
                raise SpecError(f"{type(self).__name__}: {name}={value!r} must be positive.")

    def arguments(self) -> dict[str, Argument]:
        """Arguments by name, in the order they are written."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def references(self) -> dict[str, str]:
        """The arguments that rest on other variables: argument name to variable name (a predictor's weights)."""
        named = {name: _named(value) for name, value in self.arguments().items()}
        return {name: value for name, value in named.items() if value is not None}

    def predictors(self) -> dict[str, Predictor]:
        """The arguments that are linear predictors of covariates."""
        return {name: value for name, value in self.arguments().items() if isinstance(value, Predictor)}

    def numbers(self) -> dict[str, float | tuple[Any, ...]]:
        """The arguments that are numbers or arrays of them."""
        return {name: v for name, v in self.arguments().items() if not isinstance(v, (str, Predictor))}

    def bounds(self) -> tuple[float, float]:
        """Lower and upper end of the support of one element."""
        return {"positive": (0.0, np.inf)}.get(self.support, (-np.inf, np.inf))

    @property
    def isotropic(self) -> bool:
        """Whether a vector of independent elements has a density that no rotation changes, as zero-sum ones need."""
        return False

    def symmetric(self, element: int | None = None) -> bool:
        """Whether the density is the same after a change of sign: of all values, or of one element of the last axis."""
        return False

    def free(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Which elements of an array of this shape vary freely; the others follow from them."""
        return np.ones(shape, dtype=bool)

    def reported(self, name: str, dims: tuple[str, ...], value: Array) -> tuple[str, tuple[str, ...], Array]:
        """Name, dims and values (..., *shape) under which users read a variable: its own, unless a prior says so."""
        return name, dims, value

    def log_density(self, x: Array, **arguments: Array) -> Array:
        """Log density at `x`; arguments broadcast against `x`. Shape: that of `x` less `event_ndim` axes."""
        raise Unstated(self)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], **arguments: Array) -> Array:
        """Draw an array of the full shape `shape` (event axes included)."""
        raise Unstated(self)

    def __str__(self) -> str:
        return f"{type(self).__name__}({', '.join(_show(v) for v in self.arguments().values())})"

    def to_dict(self) -> dict[str, Any]:
        """As plain data: ``{"Normal": {"loc": 0.0, "scale": 1.0}}``."""
        return {type(self).__name__: {k: _as_list(v) for k, v in self.arguments().items()}}


class Unstated(SpecError):
    """A prior class that lacks a density or a sampler."""

    def __init__(self, prior: Prior) -> None:
        super().__init__(f"prior {type(prior).__name__} must define log_density and sample.")


def _named(value: Argument) -> str | None:
    if isinstance(value, Predictor):
        return value.weights
    return value if isinstance(value, str) else None


def _plain(value: ArrayLike | str | Predictor) -> Argument:
    if isinstance(value, Predictor):
        return value
    if isinstance(value, str):
        return Predictor.read(value) if "@" in value else float(value) if value in ("inf", "-inf") else value
    if labels_of(value) is not None:
        raise SpecError("prior arguments are taken by position, not by labels; give .to_numpy() in the data's order.")
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise SpecError(f"prior argument {value!r} is neither a number, an array nor a variable's name.") from error
    return float(array) if array.ndim == 0 else _as_tuple(array.tolist())


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(v) for v in value) if isinstance(value, list) else value


def _as_list(value: Any) -> Any:
    """Plain data; an infinite bound as text, which JSON has no number for."""
    if isinstance(value, tuple):
        return [_as_list(v) for v in value]
    return str(value) if isinstance(value, Predictor) or value in (np.inf, -np.inf) else value


def _show(value: Argument) -> str:
    if isinstance(value, (str, Predictor)):
        return str(value)
    if isinstance(value, tuple):
        return f"array{np.asarray(value).shape}"
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def is_zero(value: Argument, element: int | None) -> bool:
    """Whether an argument is 0 everywhere, or for one element of the last axis; False of one that is a variable."""
    if isinstance(value, (str, Predictor)):
        return False
    numbers = np.asarray(value)
    one = element is not None and numbers.ndim > 0 and numbers.shape[-1] > 1
    return not np.any(numbers[..., element] if one else numbers)
