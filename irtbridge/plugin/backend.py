"""What an author writes first: a class with a name, what it needs and can do, and `build`.

It is named in the entry-point group ``irtbridge.backends``. Everything after the draws of the `Program` that it builds
is the same code for every backend.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from irtbridge.data.kinds import CATEGORIES
from irtbridge.data.responses import Responses
from irtbridge.errors import BackendUnavailable, UnknownName, Unsupported
from irtbridge.model.families import FAMILIES
from irtbridge.model.layout import Layout
from irtbridge.model.priors import PRIORS, Exactly
from irtbridge.model.quadrature import Quadrature
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.arrays import Arrays
from irtbridge.plugin.devices import DTYPES, check_dtype, resolve_device
from irtbridge.plugin.entry_points import check_declared, installed_version
from irtbridge.plugin.memory import keep_freed_memory
from irtbridge.plugin.program import Program
from irtbridge.plugin.scripts.data import DataSection
from irtbridge.plugin.scripts.recipe import Export, Recipe


@dataclass(frozen=True)
class NoOptions:
    """The options of a backend that has none."""


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
        Methods that its programs run natively: of ``nuts``, ``vi``, ``gibbs``.
    gradients : bool
        Whether its programs have gradients of the log density, which most methods need.
    dtypes : tuple of str
        Precisions that it computes in: of ``float64``, ``float32``.
    priors, families : tuple of str
        What it can translate, by class name and by family name; all by default.
    collapses : bool
        Whether `build` can integrate abilities out (``layout.collapse``); the methods ``map``, ``laplace``,
        ``nuts_collapsed`` and ``vi_collapsed`` then run on it.
    noncentres : bool
        Whether `build` can standardise the coordinates of the abilities (``layout.noncentred``).
    has_arrays : bool
        Whether `build_arrays` says what its library's arrays are; adaptive tests can then be simulated on its device.
    stacks : tuple of str
        Native methods that run on several data sets at once: of ``nuts``, ``vi``. See `Stackable`.
    exports : tuple of str
        Native methods whose programs can be taken away as scripts. See `script`.
    options_class : type
        A dataclass of the backend's own options, all with defaults; it becomes the backend's Hydra config group, and
        ``self.options`` has its values.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    requires: ClassVar[tuple[str, ...]] = ()
    install: ClassVar[str] = ""
    methods: ClassVar[tuple[str, ...]] = ()
    gradients: ClassVar[bool] = True
    dtypes: ClassVar[tuple[str, ...]] = DTYPES
    priors: ClassVar[tuple[str, ...]] = tuple(PRIORS)
    families: ClassVar[tuple[str, ...]] = tuple(FAMILIES)
    collapses: ClassVar[bool] = False
    noncentres: ClassVar[bool] = False
    has_arrays: ClassVar[bool] = False
    stacks: ClassVar[tuple[str, ...]] = ()
    exports: ClassVar[tuple[str, ...]] = ()
    options_class: ClassVar[type] = NoOptions

    @abstractmethod
    def build(self, layout: Layout, responses: Responses, device: str, dtype: str) -> Program:
        """Translate a model into a program of this library.

        Parameters
        ----------
        layout : Layout
            The model over the data's shape: ``layout.spec`` and where each variable's numbers stand. It asks only for
            what the class declares.
        responses : Responses
            The data; their shape is compiled in, their values are not.
        device : str
            One of `devices`.
        dtype : str
            ``float64`` or ``float32``.
        """

    def build_arrays(self, device: str, dtype: str) -> Arrays:
        """The library's arrays, without a model.

        Parameters
        ----------
        device, dtype : str
            As of `build`.
        """
        raise Unsupported(self.name, "arrays without a model")

    def script(self, layout: Layout, responses: Responses, data: DataSection, recipe: Recipe) -> str:
        """The model, and how it is fitted, as a script in this library alone, which does not import irtbridge.

        For a library of arrays and distributions `irtbridge.plugin.scripts.Frame` does most of it.

        Parameters
        ----------
        layout, responses
            As of `build`.
        data : DataSection
            The lines that read the data, and what they define.
        recipe : Recipe
            The method, one of `exports`, its settings, seed and precision.
        """
        raise Unsupported(self.name, "export")

    def preload(self) -> None:
        """Import the library, before anything is timed; by default as much of it as `devices` needs."""
        self.devices()

    def devices(self) -> tuple[str, ...]:
        """Devices that the library sees: ``cpu`` and, where there is one, ``cuda``."""
        return ("cpu",)

    def device_name(self, device: str) -> str:
        """The model of a GPU; empty for a processor, and where the library does not tell."""
        return ""

    def __init__(self, **options: Any) -> None:
        valid = [f.name for f in fields(self.options_class)]
        for option in options:
            if option not in valid:
                raise UnknownName(f"option of backend {self.name!r}", option, valid)
        self.options = self.options_class(**options)

    def compile(
        self,
        spec: ModelSpec,
        responses: Responses,
        *,
        device: str = "auto",
        dtype: str = "float64",
        collapse: Quadrature | None = None,
        noncentred: bool = False,
        gradients: bool = True,
    ) -> Program:
        """Check that a model can be translated, and `build` it.

        From then on the process keeps freed memory for the next gradient; see `irtbridge.plugin.memory`.

        Parameters
        ----------
        spec : ModelSpec
            The model.
        responses : Responses
            The data.
        device, dtype : str
            Where and in which precision to compute.
        collapse : Quadrature, optional
            Integrate the abilities out on this grid: the program is then one of the other variables alone.
        noncentred : bool
            Let the coordinates of the abilities be standardised ones (see `irtbridge.model.noncentred`).
        gradients : bool
            Compile for gradients at once (see `Program.prepare`).

        Raises
        ------
        Unsupported
            The spec has a prior or a family that the backend does not know, or the backend does not compute in this
            precision, or cannot integrate abilities out or standardise them; names who can.
        DeviceError
            No such device.
        UnknownName
            No such dtype.
        """
        self._check_translates(spec, dtype)
        if collapse is not None:
            check_declared(self, "collapses", "integrating abilities out")
        if noncentred:
            check_declared(self, "noncentres", "noncentred=true")
        keep_freed_memory()
        device = resolve_device(device, self.devices(), self.name)
        layout = Layout.of(spec, responses, collapse, noncentred=noncentred)
        program = self.build(layout, responses, device, dtype)
        return program.prepare() if gradients else program

    def arrays(self, device: str = "auto", dtype: str = "float64") -> Arrays:
        """Check that the library can lend its arrays, and `build_arrays`.

        Raises
        ------
        Unsupported
            It has none, or not in this precision; names who has.
        DeviceError
            No such device.
        UnknownName
            No such dtype.
        """
        check_declared(self, "has_arrays", "computing without a model")
        check_declared(self, "dtypes", f"dtype={dtype}", check_dtype(dtype))
        return self.build_arrays(resolve_device(device, self.devices(), self.name), dtype)

    def export(self, spec: ModelSpec, responses: Responses, recipe: Recipe, path: str, beside: str) -> Export:
        """Check that a model can be translated, and write it as a `script`.

        Parameters
        ----------
        spec, responses
            As of `compile`; no response pattern has a weight.
        recipe : Recipe
            How the script fits.
        path : str
            The csv that the data are from; empty where there is none.
        beside : str
            The csv that the script reads where it cannot read the other.

        Raises
        ------
        Unsupported
            The spec has something that the backend, or its scripts, cannot say; names who can.
        """
        self._check_translates(spec, recipe.dtype)
        check_declared(self, "exports", f"export with method={recipe.method}", recipe.method)
        if getattr(recipe.settings, "noncentred", False):
            raise Unsupported(self.name, "export with noncentred=true")
        if responses.kind == CATEGORIES and responses.n_categories.min() < 2:
            raise Unsupported(self.name, "export of items to which all gave the same response")
        layout = Layout.of(spec, responses)
        data = DataSection.of(layout, responses, path, beside)
        return Export(self.script(layout, responses, data, recipe), data.table)

    def _check_translates(self, spec: ModelSpec, dtype: str) -> None:
        """Raise `Unsupported` where the spec has a prior or a family, or the precision is one, that is not declared."""
        for variable in (v for v in spec.variables if not isinstance(v.prior, Exactly)):
            prior = type(variable.prior).__name__
            check_declared(self, "priors", f"prior {prior}", prior)
        check_declared(self, "families", f"response family {spec.family.name!r}", spec.family.name)
        check_declared(self, "dtypes", f"dtype={dtype}", check_dtype(dtype))

    @classmethod
    def versions(cls) -> dict[str, str | None]:
        """Installed version of each required distribution; None where it is missing."""
        return {name: installed_version(name) for name in cls.requires}

    @classmethod
    def check_installed(cls) -> None:
        """Raise `BackendUnavailable` with the pip command unless everything required is installed."""
        missing = [name for name, version in cls.versions().items() if version is None]
        if missing:
            raise BackendUnavailable(f"backend {cls.name!r} needs {', '.join(missing)}; install with: {cls.install}")
