"""The plugin contract: what a backend gives, and what irtbridge gives it.

A backend is one subclass of `Backend`, named in the entry-point group ``irtbridge.backends``. Its `compile` returns a
`Program`. Everything after a program's draws is the same code for every backend.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib import metadata
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from irtbridge.collapse import Quadrature
from irtbridge.data import Responses
from irtbridge.errors import (
    BackendUnavailable,
    ConfigError,
    DataError,
    DeviceError,
    UnknownName,
    Unsupported,
    nearest_first,
)
from irtbridge.families import FAMILIES
from irtbridge.layout import Layout
from irtbridge.priors import PRIORS
from irtbridge.spec import ModelSpec

Array = NDArray[np.float64]
Progress = Callable[[str, int, int], None]
DTYPES = ("float64", "float32")
DEVICES = ("auto", "cpu", "cuda")
FEWEST_DRAWS = 4


def silent(stage: str, done: int, total: int) -> None:
    """Progress callback that shows nothing: (stage, steps done, steps in all; 0 where unknown)."""


@dataclass(frozen=True)
class NutsSettings:
    """Settings of the No-U-Turn sampler (Hoffman & Gelman 2014).

    Parameters
    ----------
    chains, warmup, draws : int
        Number of chains; of adaptation steps, which are not kept; of kept draws in each chain.
    target_accept : float
        Mean acceptance probability that the step size is adapted to.
    max_tree_depth : int
        At most 2^max_tree_depth - 1 gradient steps a draw.
    init_radius : float
        Chains start uniformly within this distance of 0 in each unconstrained coordinate.
    noncentred : bool
        Sample standardised abilities: pays where their prior has parameters and each person has few responses.
    """

    chains: int = 4
    warmup: int = 500
    draws: int = 500
    target_accept: float = 0.8
    max_tree_depth: int = 10
    init_radius: float = 0.5
    noncentred: bool = False

    def __post_init__(self) -> None:
        check_positive(self, "chains", "warmup", "draws", "max_tree_depth", "init_radius")
        check_probability(self, "target_accept")


@dataclass(frozen=True)
class ViSettings:
    """Settings of mean-field variational inference with Adam (Kucukelbir et al. 2017; Kingma & Ba 2015).

    Parameters
    ----------
    learning_rate : float
        Adam's step size.
    steps : int
        Number of optimisation steps.
    particles : int
        Draws of the guide for each estimate of the ELBO.
    draws : int
        Draws taken from the fitted guide.
    init_scale : float
        Standard deviation of the guide at the start, in unconstrained coordinates.
    """

    learning_rate: float = 0.03
    steps: int = 4000
    particles: int = 1
    draws: int = 1000
    init_scale: float = 0.1

    def __post_init__(self) -> None:
        check_positive(self, "learning_rate", "steps", "particles", "draws", "init_scale")


def check_positive(settings: Any, *names: str) -> None:
    """Raise `ConfigError` unless the named fields are positive, and integers where their type says so."""
    for name in names:
        value = getattr(settings, name)
        integer = {f.name: f.type for f in fields(settings)}[name] == "int"
        if isinstance(value, bool) or not isinstance(value, int if integer else (int, float)) or not value > 0:
            raise ConfigError(f"{name}={value!r} must be a positive {'integer' if integer else 'number'}.")
        if name == "draws" and value < FEWEST_DRAWS:
            raise ConfigError(f"draws={value} are too few for any diagnostic; at least {FEWEST_DRAWS}.")


def check_probability(settings: Any, name: str) -> None:
    """Raise `ConfigError` unless the named field lies between 0 and 1."""
    value = getattr(settings, name)
    if not isinstance(value, (int, float)) or not 0 < value < 1:
        raise ConfigError(f"{name}={value!r} must lie between 0 and 1.")


@dataclass(frozen=True)
class Timings:
    """Wall-clock seconds: of compiling (tracing and code generation), of warm-up or optimisation, of sampling."""

    compile: float = 0.0
    warmup: float = 0.0
    sampling: float = 0.0

    @property
    def total(self) -> float:
        """Sum of the three."""
        return self.compile + self.warmup + self.sampling

    def to_dict(self) -> dict[str, float]:
        """As plain data, with the total."""
        return {f"{name}_seconds": seconds for name, seconds in (asdict(self) | {"total": self.total}).items()}


@dataclass(frozen=True)
class Optimum:
    """How a mode was found, where a method begins with one.

    Attributes
    ----------
    converged : bool
        Whether the optimiser stopped by itself, where the gradient vanishes.
    distance : float
        How far a Newton step would still lead, in standard errors; NaN where the curvature is not known.
    starts, agreeing : int
        From how many points it climbed, and how many of the climbs reached the highest mode.
    gap : float
        By how much the second highest mode is lower, in log density; infinite where no start found another.
    """

    converged: bool
    distance: float
    starts: int
    agreeing: int
    gap: float


@dataclass(frozen=True, eq=False)
class Draws:
    """What a sampler hands back.

    Attributes
    ----------
    z : ndarray, shape (chain, draw, dim)
        Draws in the program's unconstrained coordinates.
    stats : dict of str to ndarray, shape (chain, draw)
        Sample statistics by their ArviZ names: ``diverging``, ``acceptance_rate``, ``tree_depth``, ``step_size``,
        ``energy``, ``n_steps``, ``lp``; those that the library gives.
    timings : Timings
        Wall-clock seconds.
    chain_method : str
        How the chains ran: ``sequential``, ``processes`` or ``batched``.
        ``independent`` draws have no chains, a ``point`` is a single estimate.
    elbo : ndarray, shape (step,), optional
        ELBO at each step of an optimisation.
    ess : float, optional
        Effective sample size by the method's own rule, where it is not that of a Markov chain.
    pareto_k : float, optional
        k-hat of importance weights; above 0.7 they cannot be trusted.
    log_q : ndarray, shape (chain, draw), optional
        Log density of the draws under the fitted guide they come from; irtbridge computes k-hat with it.
    standard_errors : dict of str to ndarray, optional
        Of a point estimate, full arrays.
    optimum : Optimum, optional
        How the mode was found that the method began with.
    around : ndarray, shape (point, dim), optional
        Of a point estimate, points a standard error or so away.
    """

    z: Array
    timings: Timings
    stats: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    chain_method: str = "sequential"
    elbo: Array | None = None
    ess: float | None = None
    pareto_k: float | None = None
    log_q: Array | None = None
    standard_errors: Mapping[str, Array] | None = None
    optimum: Optimum | None = None
    around: Array | None = None


class Program(ABC):
    """A model compiled for one shape of data by one backend.

    `native` is the library's own object (a Pyro model function, a TFP joint distribution): take it and walk away.
    Every array in and out is NumPy, float64, whatever the backend computes in. Leading axes are batches. `together` is
    the number of data sets whose programs are computed together (see `irtbridge.lockstep`).
    """

    spec: ModelSpec
    layout: Layout
    responses: Responses
    native: Any
    device: str
    dtype: str
    compile_seconds: float = 0.0
    together: int = 1

    @property
    def dim(self) -> int:
        """Number of unconstrained coordinates."""
        return self.layout.dim

    @abstractmethod
    def log_density(self, params: Mapping[str, Array]) -> Array:
        """Log joint density at constrained values: full arrays (batch, *shape) to (batch,); no batch gives ()."""

    @abstractmethod
    def value_and_grad(self, z: Array, *, jacobian: bool = True) -> tuple[Array, Array]:
        """Log density at unconstrained coordinates, and its gradient.

        Parameters
        ----------
        z : ndarray, shape (dim,) or (batch, dim)
        jacobian : bool
            Whether the density is that of the coordinates (True), or of the constrained parameters at that point.

        Returns
        -------
        value : ndarray, shape () or (batch,)
        gradient : ndarray, shape of `z`
        """

    def value(self, z: Array) -> Array:
        """The value of `value_and_grad` alone, which a backend may have cheaper."""
        return self.value_and_grad(z)[0]

    def for_chains(self) -> Program:
        """The same program, for thousands of gradients one after another, on which a backend may compile longer."""
        return self

    @abstractmethod
    def constrain(self, z: Array) -> dict[str, Array]:
        """Coordinates (..., dim) to full arrays (..., *shape) by variable name."""

    @abstractmethod
    def unconstrain(self, params: Mapping[str, Array]) -> Array:
        """Full arrays (..., *shape) to coordinates (..., dim); the inverse of `constrain`."""

    @abstractmethod
    def bind(self, responses: Responses) -> Program:
        """The same compiled program over other data of the same shape, without compiling again."""

    def starting_point(self, rng: np.random.Generator, radius: float) -> Array:
        """A point (dim,) where a method may begin: within `radius` of the origin in each coordinate, in convention."""
        return self.in_convention(rng.uniform(-radius, radius, self.dim))

    def in_convention(self, z: Array) -> Array:
        """Coordinates (dim,) with positive slopes, as a higher ability goes with higher categories.

        Where the prior lets a discrimination be negative it becomes ``exp(z)``, at most half its upper bound, and
        items of two categories are as difficult as the data say. From the origin each slope's sign would be a toss,
        each combination of signs has a mode of its own nearby, and a chain's first steps may lead from one to another.
        """
        name = self.spec.family.discrimination
        low, high = (0.0, 0.0) if name is None else self.spec[name].prior.bounds()
        if name is None or low >= 0:
            return z
        params, slot = self.constrain(z), self.layout.slots[name]
        positive = np.minimum(np.exp(z[self.layout.places[name]]), high / 2)
        slopes = slot.to_full(positive.reshape(slot.site_shape))
        return self.unconstrain({**params, name: slopes, **self._difficulties_of_data(slopes)})

    def _difficulties_of_data(self, slopes: Array) -> dict[str, Array]:
        """Where a person of mean ability gets items of two categories right as often as the persons of the data do."""
        family, location = self.spec.family, self.spec[self.spec.family.location[0]]
        if family.max_categories != 2 or location.dims != ("item",) or location.prior.support != "real":
            return {}
        right, observed = np.sum(self.responses.values == 1, axis=0), self.responses.observed.sum(axis=0)
        log_odds = np.log((right + 0.5) / (observed - right + 0.5))
        single = len(self.spec[family.ability].dims) == 1
        return {location.name: -log_odds / (family.scaling * slopes if single else 1.0)}

    def stack(self, programs: Sequence[Program]) -> Stack:
        """Programs that were bound to several data sets, itself among them, to be computed together."""
        raise Unsupported(type(self).__name__, "several data sets at once")

    def nuts(self, settings: NutsSettings, seed: int, progress: Progress = silent) -> Draws:
        """Draw from the posterior with the library's own NUTS."""
        raise Unsupported(type(self).__name__, "method 'nuts'")

    def vi(self, settings: ViSettings, seed: int, progress: Progress = silent) -> Draws:
        """Fit a mean-field normal guide with the library's own tools and draw from it."""
        raise Unsupported(type(self).__name__, "method 'vi'")

    def check_same_shape(self, responses: Responses) -> None:
        """Raise `DataError` unless `responses` have the shape this program was compiled for."""
        same_items = np.array_equal(responses.n_categories, self.layout.n_categories)
        if not same_items or responses.n_persons != self.layout.sizes["person"]:
            raise DataError(
                f"this program was compiled for {self.layout.sizes['person']} persons and categories "
                f"{self.layout.n_categories.tolist()}; got {responses.n_persons} and {responses.n_categories.tolist()}."
            )
        if self.layout.spec.items not in (None, responses.items):
            raise DataError(
                f"this program's Q-matrix stands for the items {', '.join(self.layout.spec.items or ())}, in this "
                f"order; got {', '.join(responses.items)}. Read all data with the same items=[...]."
            )


class Stack(ABC):
    """Programs of one model over several data sets, computed together on a leading axis."""

    compile_seconds: float = 0.0

    @abstractmethod
    def value_and_grad(self, z: Array, jacobian: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Log density of each data set at a point of its own, and its gradient.

        Parameters
        ----------
        z : ndarray, shape (set, dim)
        jacobian : ndarray of bool, shape (set,)
            As for `Program.value_and_grad`.

        Returns
        -------
        value : ndarray, shape (set,)
        gradient : ndarray, shape (set, dim)
        """

    def nuts(self, settings: NutsSettings, seeds: Sequence[int]) -> list[Draws]:
        """As `Program.nuts`, for each data set; the timings are those of all together."""
        raise Unsupported(type(self).__name__, "method 'nuts' on several data sets at once")

    def vi(self, settings: ViSettings, seeds: Sequence[int]) -> list[Draws]:
        """As `Program.vi`, for each data set; the timings are those of all together."""
        raise Unsupported(type(self).__name__, "method 'vi' on several data sets at once")


class Backend(ABC):
    """A probabilistic programming library that can run irtbridge's models.

    Class attributes
    ----------------
    name : str
        As in the entry point.
    description : str
        One line.
    requires : tuple of str
        Distributions that must be installed, as pip names them.
    install : str
        The command that installs them.
    methods : tuple of str
        Methods that run natively: of ``nuts``, ``vi``.
    priors, families : tuple of str
        What it can translate, by class name and by family name; all by default.
    collapses : bool
        Whether `compile` can integrate abilities out; the methods ``map``, ``laplace``, ``nuts_collapsed`` and
        ``vi_collapsed`` then run on it.
    noncentres : bool
        Whether `compile` can standardise the coordinates of the abilities.
    stacks : tuple of str
        What its programs compute on several data sets at once: of ``gradients``, ``nuts``, ``vi``.
    options_class : type
        A dataclass of the backend's own options, all with defaults; it becomes the backend's Hydra config group.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    requires: ClassVar[tuple[str, ...]] = ()
    install: ClassVar[str] = ""
    methods: ClassVar[tuple[str, ...]] = ()
    priors: ClassVar[tuple[str, ...]] = tuple(PRIORS)
    families: ClassVar[tuple[str, ...]] = tuple(FAMILIES)
    collapses: ClassVar[bool] = False
    noncentres: ClassVar[bool] = False
    stacks: ClassVar[tuple[str, ...]] = ()
    options_class: ClassVar[type]

    def __init__(self, **options: Any) -> None:
        valid = [f.name for f in fields(self.options_class)]
        for option in options:
            if option not in valid:
                raise UnknownName(f"option of backend {self.name!r}", option, valid)
        self.options = self.options_class(**options)

    @abstractmethod
    def devices(self) -> tuple[str, ...]:
        """Devices that the library sees: ``cpu`` and, where there is one, ``cuda``."""

    @abstractmethod
    def compile(
        self,
        spec: ModelSpec,
        responses: Responses,
        *,
        device: str = "auto",
        dtype: str = "float64",
        collapse: Quadrature | None = None,
        noncentred: bool = False,
    ) -> Program:
        """Translate a spec into a program of this library over data of this shape.

        Parameters
        ----------
        spec : ModelSpec
            The model.
        responses : Responses
            The data; their shape is compiled in, their values are not.
        device, dtype : str
            Where and in which precision to compute.
        collapse : Quadrature, optional
            Integrate the abilities out on this grid: the program is then one of the other variables alone.
        noncentred : bool
            Let the coordinates of the abilities be standardised ones (see `irtbridge.noncentred`).

        Raises
        ------
        Unsupported
            The spec has a prior or a family that the backend does not know.
        DeviceError
            No such device.
        """

    @classmethod
    def versions(cls) -> dict[str, str | None]:
        """Installed version of each required distribution; None where it is missing."""
        return {name: _version(name) for name in cls.requires}

    @classmethod
    def check_installed(cls) -> None:
        """Raise `BackendUnavailable` with the pip command unless everything required is installed."""
        missing = [name for name, version in cls.versions().items() if version is None]
        if missing:
            raise BackendUnavailable(f"backend {cls.name!r} needs {', '.join(missing)}; install with: {cls.install}")

    def check_supports(self, spec: ModelSpec) -> None:
        """Raise `Unsupported`, naming who does, unless every prior and the family of a spec can be translated."""
        from irtbridge.plugins import backends_with

        for variable in spec.variables:
            prior = type(variable.prior).__name__
            if prior not in self.priors:
                raise Unsupported(self.name, f"prior {prior}", backends_with("priors", prior))
        if spec.family.name not in self.families:
            family = spec.family.name
            raise Unsupported(self.name, f"response family {family!r}", backends_with("families", family))

    def device_name(self, device: str) -> str:
        """The model of a GPU; empty for a processor, and where the library does not tell."""
        return ""

    def resolve_device(self, device: str) -> str:
        """``auto`` to the best device there is.

        Raises
        ------
        DeviceError
            The device is not there.
        """
        available = self.devices()
        if device == "auto":
            return "cuda" if "cuda" in available else "cpu"
        if device not in available:
            raise DeviceError(
                f"device {device!r} is not available to backend {self.name!r}; available: {', '.join(available)}. "
                "Use device=auto."
            )
        return device


def check_dtype(dtype: str) -> str:
    """Return `dtype` or raise `UnknownName`."""
    if dtype not in DTYPES:
        raise UnknownName("dtype", dtype, DTYPES)
    return dtype


def check_device(device: str) -> str:
    """Return `device` or raise `DeviceError`; whether it is there, `Backend.resolve_device` says."""
    if device not in DEVICES:
        raise DeviceError(f"no device called {device!r}; valid: {', '.join(nearest_first(str(device), DEVICES))}.")
    return device


@cache  # which keeps no exception: what is installed later is found
def _installed_version(distribution: str) -> str:
    return metadata.version(distribution)


def _version(distribution: str) -> str | None:
    try:
        return _installed_version(distribution)
    except metadata.PackageNotFoundError:
        return None
