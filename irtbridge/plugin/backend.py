"""The plugin contract: what a backend gives, and what irtbridge gives it.

A backend is one subclass of `Backend`, named in the entry-point group ``irtbridge.backends``. Its `compile` returns a
`Program`. Everything after a program's draws is the same code for every backend.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields
from functools import cache
from importlib import metadata
from typing import Any, ClassVar

from irtbridge.data.responses import Responses
from irtbridge.errors import BackendUnavailable, DeviceError, UnknownName, Unsupported, nearest_first
from irtbridge.model.families import FAMILIES
from irtbridge.model.priors import PRIORS
from irtbridge.model.quadrature import Quadrature
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.entry_points import backends_with
from irtbridge.plugin.program import Program

DTYPES = ("float64", "float32")
DEVICES = ("auto", "cpu", "cuda")


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
        Native methods that run on several data sets at once: of ``nuts``, ``vi``.
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
            Let the coordinates of the abilities be standardised ones (see `irtbridge.model.noncentred`).

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
