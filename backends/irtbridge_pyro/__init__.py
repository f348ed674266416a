"""The Pyro backend. Importing this package does not import torch."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from irtbridge.plugin import Backend, DataSection, Layout, Recipe, Responses, check_positive

if TYPE_CHECKING:
    from irtbridge_pyro.arrays import TorchArrays
    from irtbridge_pyro.program import PyroProgram


@dataclass(frozen=True)
class PyroOptions:
    """Options of the Pyro backend.

    Parameters
    ----------
    jit : bool
        Trace the log density and its gradient once, instead of running the Python model at every step.
    threads : int
        Threads of torch while it runs; 0 leaves torch's own setting, which pays for large data on an idle machine if
        NumPy's own threads keep out of the way (``OPENBLAS_NUM_THREADS=1`` in the environment).
    processes : int
        Spread the chains of NUTS over so many processes, each of which compiles the model. The draws are the same.
    """

    jit: bool = True
    threads: int = 1
    processes: int = 1

    def __post_init__(self) -> None:
        check_positive(self, "processes")


class PyroBackend(Backend):
    """Pyro (Bingham et al. 2019), on PyTorch."""

    name: ClassVar[str] = "pyro"
    description: ClassVar[str] = "Pyro on PyTorch: NUTS and variational inference, on CPU or CUDA."
    requires: ClassVar[tuple[str, ...]] = ("torch", "pyro-ppl")
    install: ClassVar[str] = 'pip install "irtbridge[pyro]"'
    methods: ClassVar[tuple[str, ...]] = ("nuts", "vi")
    collapses: ClassVar[bool] = True
    noncentres: ClassVar[bool] = True
    has_arrays: ClassVar[bool] = True
    stacks: ClassVar[tuple[str, ...]] = ("vi",)
    exports: ClassVar[tuple[str, ...]] = ("nuts", "vi")
    options_class: ClassVar[type] = PyroOptions

    def preload(self) -> None:
        if "tensorflow" in sys.modules:
            # Triton ends the process if it is loaded after TensorFlow (see `irtbridge_tfp`); torch does without it.
            sys.modules.setdefault("triton", None)  # type: ignore[arg-type]
        import irtbridge_pyro.program  # noqa: F401

    def devices(self) -> tuple[str, ...]:
        import torch

        return ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)

    def device_name(self, device: str) -> str:
        import torch

        return str(torch.cuda.get_device_name()) if device == "cuda" else ""

    def build(self, layout: Layout, responses: Responses, device: str, dtype: str) -> PyroProgram:
        self.preload()
        from irtbridge_pyro.program import PyroProgram

        return PyroProgram(layout, responses, device, dtype, self.options)

    def build_arrays(self, device: str, dtype: str) -> TorchArrays:
        from irtbridge_pyro.arrays import TorchArrays

        return TorchArrays(device, dtype, self.options.threads)

    def script(self, layout: Layout, responses: Responses, data: DataSection, recipe: Recipe) -> str:
        from irtbridge_pyro.script import PyroScript

        return PyroScript(recipe.dtype).script(layout, responses, data, recipe)
