"""Priors of single elements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import special

from irtbridge.errors import SpecError
from irtbridge.model.priors.base import Argument, Array, Prior, is_zero


@dataclass(frozen=True)
class Normal(Prior):
    """Normal with mean `loc` and standard deviation `scale`."""

    loc: Argument = 0.0
    scale: Argument = 1.0
    positive: ClassVar[tuple[str, ...]] = ("scale",)

    @property
    def isotropic(self) -> bool:
        return self.loc == 0.0 and not isinstance(self.scale, tuple)

    def symmetric(self, element: int | None = None) -> bool:
        return is_zero(self.loc, element)

    def log_density(self, x: Array, **arguments: Array) -> Array:
        return normal_log_density(x, arguments["loc"], arguments["scale"])

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], **arguments: Array) -> Array:
        return rng.normal(arguments["loc"], arguments["scale"], shape)


@dataclass(frozen=True)
class HalfNormal(Prior):
    """Absolute value of a normal with mean 0 and standard deviation `scale`."""

    scale: Argument = 1.0
    support: ClassVar[str] = "positive"
    positive: ClassVar[tuple[str, ...]] = ("scale",)

    def log_density(self, x: Array, **arguments: Array) -> Array:
        return inside(normal_log_density(x, 0.0, arguments["scale"]) + np.log(2), x >= 0)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], **arguments: Array) -> Array:
        return np.abs(rng.normal(0.0, arguments["scale"], shape))


@dataclass(frozen=True)
class LogNormal(Prior):
    """Exponential of a normal; `loc` and `scale` are those of the logarithm."""

    loc: Argument = 0.0
    scale: Argument = 1.0
    support: ClassVar[str] = "positive"
    positive: ClassVar[tuple[str, ...]] = ("scale",)

    def log_density(self, x: Array, **arguments: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            log_x = np.log(x)
            density = normal_log_density(log_x, arguments["loc"], arguments["scale"]) - log_x
        return inside(density, x > 0)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], **arguments: Array) -> Array:
        return np.exp(rng.normal(arguments["loc"], arguments["scale"], shape))


@dataclass(frozen=True)
class TruncatedNormal(Prior):
    """Normal(`loc`, `scale`) restricted to the interval from `low` to `high`, renormalised."""

    loc: Argument = 0.0
    scale: Argument = 1.0
    low: Argument = 0.0
    high: Argument = np.inf
    support: ClassVar[str] = "interval"
    positive: ClassVar[tuple[str, ...]] = ("scale",)
    numbers_only: ClassVar[tuple[str, ...]] = ("low", "high")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_interval(self)

    def bounds(self) -> tuple[float, float]:
        return float(self.low), float(self.high)  # type: ignore[arg-type]

    def symmetric(self, element: int | None = None) -> bool:
        return self.bounds()[0] == -self.bounds()[1] and is_zero(self.loc, element)

    def log_density(self, x: Array, **arguments: Array) -> Array:
        loc, scale = arguments["loc"], arguments["scale"]
        low, high = self.bounds()
        mass = _log_normal_mass((low - loc) / scale, (high - loc) / scale)
        return inside(normal_log_density(x, loc, scale) - mass, (x >= low) & (x <= high))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], **arguments: Array) -> Array:
        loc, scale = arguments["loc"], arguments["scale"]
        low, high = self.bounds()
        ends = (low - loc) / scale, (high - loc) / scale
        from scipy import stats  # here, as it takes longer to import than the whole of the language

        return np.asarray(stats.truncnorm.rvs(*ends, loc=loc, scale=scale, size=shape, random_state=rng))


@dataclass(frozen=True)
class Uniform(Prior):
    """Uniform on the interval from `low` to `high`."""

    low: Argument = 0.0
    high: Argument = 1.0
    support: ClassVar[str] = "interval"
    numbers_only: ClassVar[tuple[str, ...]] = ("low", "high")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_interval(self)
        if not np.all(np.isfinite(self.bounds())):
            raise SpecError(f"{self}: the ends of a Uniform must be finite.")

    def bounds(self) -> tuple[float, float]:
        return float(self.low), float(self.high)  # type: ignore[arg-type]

    def symmetric(self, element: int | None = None) -> bool:
        return self.bounds()[0] == -self.bounds()[1]

    def log_density(self, x: Array, **arguments: Array) -> Array:
        low, high = self.bounds()
        return inside(np.full(np.shape(x), -np.log(high - low)), (x >= low) & (x <= high))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], **arguments: Array) -> Array:
        return np.asarray(rng.uniform(*self.bounds(), shape))


@dataclass(frozen=True)
class Beta(Prior):
    """Beta with density proportional to x^(alpha-1) (1-x)^(beta-1)."""

    alpha: Argument = 1.0
    beta: Argument = 1.0
    support: ClassVar[str] = "interval"
    positive: ClassVar[tuple[str, ...]] = ("alpha", "beta")

    def bounds(self) -> tuple[float, float]:
        return 0.0, 1.0

    def log_density(self, x: Array, **arguments: Array) -> Array:
        alpha, beta = arguments["alpha"], arguments["beta"]
        kernel = special.xlogy(alpha - 1, x) + special.xlog1py(beta - 1, -x)
        return inside(kernel - special.betaln(alpha, beta), (x >= 0) & (x <= 1))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], **arguments: Array) -> Array:
        return rng.beta(arguments["alpha"], arguments["beta"], shape)


@dataclass(frozen=True)
class Gamma(Prior):
    """Gamma with shape `concentration` and `rate` (mean concentration / rate)."""

    concentration: Argument = 1.0
    rate: Argument = 1.0
    support: ClassVar[str] = "positive"
    positive: ClassVar[tuple[str, ...]] = ("concentration", "rate")

    def log_density(self, x: Array, **arguments: Array) -> Array:
        shape, rate = arguments["concentration"], arguments["rate"]
        kernel = special.xlogy(shape - 1, x) - rate * x
        return inside(kernel + special.xlogy(shape, rate) - special.gammaln(shape), x >= 0)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], **arguments: Array) -> Array:
        return rng.gamma(arguments["concentration"], 1 / np.asarray(arguments["rate"]), shape)


def _check_interval(prior: Prior) -> None:
    arguments = prior.arguments()
    if not isinstance(arguments["low"], float) or not isinstance(arguments["high"], float):
        raise SpecError(f"{prior}: low and high must be single numbers.")
    if not arguments["low"] < arguments["high"]:
        raise SpecError(f"{prior}: low must be less than high.")


def inside(density: Array, condition: NDArray[np.bool_]) -> Array:
    """A log density where the condition holds, minus infinity elsewhere."""
    return np.where(condition, density, -np.inf)


def normal_log_density(x: Array, loc: Array | float, scale: Array | float) -> Array:
    """Log density of independent normals; NaN where `x` is."""
    with np.errstate(invalid="ignore"):
        return np.asarray(-0.5 * ((x - loc) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi))


def _log_normal_mass(low: Array, high: Array) -> Array:
    """Log of Phi(high) - Phi(low), taken in the lower tail, where it keeps its digits."""
    low, high = np.where(low > 0, -high, low), np.where(low > 0, -low, high)
    log_high, log_low = special.log_ndtr(high), special.log_ndtr(low)
    return np.asarray(log_high + np.log1p(-np.exp(log_low - log_high)))
