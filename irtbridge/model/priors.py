"""The prior vocabulary: what each prior means, its log density and a sampler, in NumPy and SciPy.

A prior's argument is a number, an array, or the name of another variable of the same spec (then the model is
hierarchical). The functions here are the reference that every backend is held to.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from irtbridge.data.labels import labels_of
from irtbridge.errors import SpecError, UnknownName

Array = NDArray[np.float64]
Argument = float | str | tuple[Any, ...]
MAX_TRIES = 10_000  # of a rejection sampler: enough where one draw in 1,000 is accepted


@dataclass(frozen=True)
class Prior:
    """A prior distribution: a family name and its arguments.

    Attributes
    ----------
    support : str
        One of ``real``, ``positive``, ``interval``, ``ordered``, ``cholesky``: what a backend must map its
        unconstrained coordinates to.
    event_ndim : int
        How many of the last axes of a variable form one draw of the prior (0: elementwise).
    """

    support: ClassVar[str] = "real"
    event_ndim: ClassVar[int] = 0
    numbers_only: ClassVar[tuple[str, ...]] = ()
    positive: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for name, value in self.arguments().items():
            value = _plain(value)
            object.__setattr__(self, name, value)
            if isinstance(value, str):
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
        """The arguments that are names of other variables: argument name to variable name."""
        return {name: value for name, value in self.arguments().items() if isinstance(value, str)}

    def bounds(self) -> tuple[float, float]:
        """Lower and upper end of the support of one element."""
        return {"positive": (0.0, np.inf)}.get(self.support, (-np.inf, np.inf))

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


@dataclass(frozen=True)
class Normal(Prior):
    """Normal with mean `loc` and standard deviation `scale`."""

    loc: Argument = 0.0
    scale: Argument = 1.0
    positive: ClassVar[tuple[str, ...]] = ("scale",)

    def log_density(self, x: Array, **arguments: Array) -> Array:
        return _normal_log_density(x, arguments["loc"], arguments["scale"])

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], **arguments: Array) -> Array:
        return rng.normal(arguments["loc"], arguments["scale"], shape)


@dataclass(frozen=True)
class HalfNormal(Prior):
    """Absolute value of a normal with mean 0 and standard deviation `scale`."""

    scale: Argument = 1.0
    support: ClassVar[str] = "positive"
    positive: ClassVar[tuple[str, ...]] = ("scale",)

    def log_density(self, x: Array, **arguments: Array) -> Array:
        return _inside(_normal_log_density(x, 0.0, arguments["scale"]) + np.log(2), x >= 0)

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
            density = _normal_log_density(log_x, arguments["loc"], arguments["scale"]) - log_x
        return _inside(density, x > 0)

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

    def log_density(self, x: Array, **arguments: Array) -> Array:
        loc, scale = arguments["loc"], arguments["scale"]
        low, high = self.bounds()
        mass = _log_normal_mass((low - loc) / scale, (high - loc) / scale)
        return _inside(_normal_log_density(x, loc, scale) - mass, (x >= low) & (x <= high))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], **arguments: Array) -> Array:
        loc, scale = arguments["loc"], arguments["scale"]
        low, high = self.bounds()
        ends = (low - loc) / scale, (high - loc) / scale
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

    def log_density(self, x: Array, **arguments: Array) -> Array:
        low, high = self.bounds()
        return _inside(np.full(np.shape(x), -np.log(high - low)), (x >= low) & (x <= high))

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
        return _inside(kernel - special.betaln(alpha, beta), (x >= 0) & (x <= 1))

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
        return _inside(kernel + special.xlogy(shape, rate) - special.gammaln(shape), x >= 0)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], **arguments: Array) -> Array:
        return rng.gamma(arguments["concentration"], 1 / np.asarray(arguments["rate"]), shape)


@dataclass(frozen=True)
class OrderedNormal(Prior):
    """Independent normals on the cone of increasing vectors, along the last axis.

    The density is the product of the stated normals where the vector increases and 0 elsewhere; it is not
    renormalised by the probability of the cone (a constant when the arguments are numbers).
    """

    loc: Argument = 0.0
    scale: Argument = 1.0
    support: ClassVar[str] = "ordered"
    event_ndim: ClassVar[int] = 1
    positive: ClassVar[tuple[str, ...]] = ("scale",)

    def log_density(self, x: Array, **arguments: Array) -> Array:
        """Sum over the last axis; entries that are NaN (categories an item does not have) count nothing."""
        terms = np.where(np.isnan(x), 0.0, _normal_log_density(x, arguments["loc"], arguments["scale"]))
        return _inside(np.sum(terms, axis=-1), increasing(x))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], **arguments: Array) -> Array:
        """Draw exactly; an element whose `loc` is NaN (a category an item does not have) is NaN.

        Normals are sorted where their arguments are the same along the last axis; else a row is drawn until it
        increases. Where arguments that differ are variables, the mass of the cone belongs to the density of these: the
        rows are then plain normals, and `draw_from_prior` draws all variables until every row increases.

        Raises
        ------
        SpecError
            Hardly any vector of these normals increases.
        """
        loc, scale = np.broadcast_to(arguments["loc"], shape), np.broadcast_to(arguments["scale"], shape)
        draw = rng.normal(loc, scale, shape)
        if not (_differs_in_a_row(loc) or _differs_in_a_row(np.where(np.isnan(loc), np.nan, scale))):
            return np.sort(draw, axis=-1)
        return draw if self.references() else self._until_increasing(draw, loc, scale, rng)

    def _until_increasing(self, draw: Array, loc: Array, scale: Array, rng: np.random.Generator) -> Array:
        for _ in range(MAX_TRIES):
            wrong = ~increasing(draw)
            if not wrong.any():
                return draw
            draw[wrong] = rng.normal(loc[wrong], scale[wrong])
        raise SpecError(f"{self}: of {MAX_TRIES} draws none increases; let loc increase, or take a smaller scale.")


@dataclass(frozen=True)
class MultivariateNormal(Prior):
    """Multivariate normal along the last axis, with mean `loc` and lower Cholesky factor `scale_tril`.

    `scale_tril` is a matrix or the name of a variable with an `LKJCholesky` prior.
    """

    loc: Argument = 0.0
    scale_tril: Argument = ((1.0,),)
    event_ndim: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.scale_tril, str):
            return
        factor = np.asarray(self.scale_tril, dtype=float)
        square = factor.ndim == 2 and factor.shape[0] == factor.shape[1]
        if not square or np.any(np.triu(factor, 1)) or np.any(np.diag(factor) <= 0):
            raise SpecError("MultivariateNormal: scale_tril must be lower triangular with a positive diagonal.")

    def log_density(self, x: Array, **arguments: Array) -> Array:
        factor = arguments["scale_tril"]
        size = x.shape[-1]
        white = (x - arguments["loc"]) @ np.linalg.inv(factor).T
        log_det = np.sum(np.log(np.diagonal(factor)))
        return np.asarray(-0.5 * np.sum(white**2, axis=-1) - log_det - 0.5 * size * np.log(2 * np.pi))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], **arguments: Array) -> Array:
        white = rng.normal(size=shape)
        return np.asarray(arguments["loc"] + white @ np.swapaxes(arguments["scale_tril"], -1, -2))


@dataclass(frozen=True)
class LKJCholesky(Prior):
    """Cholesky factor of a correlation matrix R whose density is proportional to det(R)^(eta-1).

    The density is that of the factor L, over its elements below the diagonal:
    ``log p(L) = sum_{k=2}^{K} (K - k + 2 eta - 2) log L_kk - log c(K, eta)`` (Lewandowski, Kurowicka & Joe 2009,
    equations 16 and 17, with the Jacobian of L -> L L').
    """

    eta: Argument = 1.0
    support: ClassVar[str] = "cholesky"
    event_ndim: ClassVar[int] = 2
    positive: ClassVar[tuple[str, ...]] = ("eta",)
    numbers_only: ClassVar[tuple[str, ...]] = ("eta",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.eta, float):
            raise SpecError(f"{self}: eta must be a single number.")

    def log_density(self, x: Array, **arguments: Array) -> Array:
        size = x.shape[-1]
        eta = float(np.asarray(arguments["eta"]))
        k = np.arange(2, size + 1)
        diagonal = np.diagonal(x, axis1=-2, axis2=-1)[..., 1:]
        return np.asarray(np.sum((size - k + 2 * eta - 2) * np.log(diagonal), axis=-1) - _log_lkj(size, eta))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], **arguments: Array) -> Array:
        """Vine-free sampler: row k has a Beta(k/2, eta + (K-1-k)/2) squared length below the diagonal."""
        size = shape[-1]
        eta = float(np.asarray(arguments["eta"]))
        factor = np.zeros(shape)
        factor[..., 0, 0] = 1.0
        for k in range(1, size):
            squared = rng.beta(k / 2, eta + (size - 1 - k) / 2, shape[:-2])
            direction = rng.normal(size=(*shape[:-2], k))
            direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
            factor[..., k, :k] = np.sqrt(squared)[..., None] * direction
            factor[..., k, k] = np.sqrt(1 - squared)
        return factor


PRIORS: dict[str, type[Prior]] = {
    prior.__name__: prior
    for prior in (
        Normal,
        HalfNormal,
        LogNormal,
        TruncatedNormal,
        Uniform,
        Beta,
        Gamma,
        OrderedNormal,
        MultivariateNormal,
        LKJCholesky,
    )
}


def as_prior(value: Prior | str | Mapping[str, Any]) -> Prior:
    """Read a prior from an object, a string such as ``"LogNormal(0, 0.5)"``, or plain data.

    Raises
    ------
    UnknownName
        No prior of that name.
    SpecError
        A string that does not read as ``Name(argument, ...)``, or wrong arguments.
    """
    if isinstance(value, Prior):
        return value
    if isinstance(value, str):
        name, positional, named = _parse_call(value)
    else:
        (name, named), positional = _single_item(value), []
    if name not in PRIORS:
        raise UnknownName("prior", name, PRIORS)
    try:
        return PRIORS[name](*positional, **named)
    except TypeError as error:
        arguments = ", ".join(f.name for f in fields(PRIORS[name]))
        raise SpecError(f"prior {value!r}: {name} takes ({arguments}).") from error


def _single_item(value: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    items = list(value.items()) if isinstance(value, Mapping) else []
    if len(items) != 1 or not isinstance(items[0][1], Mapping):
        raise SpecError(f"prior {value!r}: give one name with its arguments, as {{Normal: {{loc: 0, scale: 1}}}}.")
    name, arguments = items[0]
    return name, dict(arguments)


def _parse_call(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Parse ``Name(1, scale='sigma')``; a bare word is the name of a variable."""
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            raise ValueError(text)
        positional = [_literal(node) for node in call.args]
        named = {str(k.arg): _literal(k.value) for k in call.keywords}
    except (SyntaxError, ValueError) as error:
        raise SpecError(f"cannot read the prior {text!r}; write it as 'Normal(0, 1)' or 'Normal(mu, 1)'.") from error
    return call.func.id, positional, named


def _literal(node: ast.expr) -> Any:
    if ast.unparse(node) == "-inf":
        return -np.inf
    if isinstance(node, ast.Name):
        return np.inf if node.id == "inf" else node.id
    return ast.literal_eval(node)


def _plain(value: ArrayLike | str) -> Argument:
    if isinstance(value, str):
        return float(value) if value in ("inf", "-inf") else value
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
    return str(value) if value in (np.inf, -np.inf) else value


def _show(value: Argument) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return f"array{np.asarray(value).shape}"
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _check_interval(prior: Prior) -> None:
    arguments = prior.arguments()
    if not isinstance(arguments["low"], float) or not isinstance(arguments["high"], float):
        raise SpecError(f"{prior}: low and high must be single numbers.")
    if not arguments["low"] < arguments["high"]:
        raise SpecError(f"{prior}: low must be less than high.")


def increasing(x: Array) -> NDArray[np.bool_]:
    """Whether each vector along the last axis increases, what is NaN left out at its end."""
    with np.errstate(invalid="ignore"):
        return np.asarray(~np.any(np.diff(x, axis=-1) <= 0, axis=-1))


def _differs_in_a_row(x: Array) -> bool:
    return bool(np.any(np.nanmax(x, axis=-1) > np.nanmin(x, axis=-1)))


def _inside(density: Array, condition: NDArray[np.bool_]) -> Array:
    return np.where(condition, density, -np.inf)


def _normal_log_density(x: Array, loc: Array | float, scale: Array | float) -> Array:
    with np.errstate(invalid="ignore"):
        return np.asarray(-0.5 * ((x - loc) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi))


def _log_normal_mass(low: Array, high: Array) -> Array:
    """Log of Phi(high) - Phi(low), taken in the lower tail, where it keeps its digits."""
    low, high = np.where(low > 0, -high, low), np.where(low > 0, -low, high)
    log_high, log_low = special.log_ndtr(high), special.log_ndtr(low)
    return np.asarray(log_high + np.log1p(-np.exp(log_low - log_high)))


def _log_lkj(size: int, eta: float) -> float:
    """Log normaliser of the LKJ density, Lewandowski et al. (2009), equation 16."""
    k = np.arange(1, size)
    alpha = eta + (size - 1 - k) / 2
    return float(np.sum(k * np.log(np.pi) / 2 + special.gammaln(alpha) - special.gammaln(alpha + k / 2)))
