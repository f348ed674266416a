"""The NumPyro backend. Importing this package does not import jax."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from irtbridge.plugin import Backend, DataSection, Layout, Recipe, Responses

if TYPE_CHECKING:
    from irtbridge_numpyro.arrays import JaxArrays
    from irtbridge_numpyro.program import NumpyroProgram

# A GPU's matrix products as they are, without trying which way is best: a fit compiles in less than half of the time.
UNTUNED = "--xla_gpu_autotune_level=0 --xla_gpu_enable_triton_gemm=false"


@dataclass(frozen=True)
class NumpyroOptions:
    """Options of the NumPyro backend.

    Parameters
    ----------
    threads : int
        Of XLA on the processor; 0: as many as there are cores. Counts before JAX first computes; the environment
        variable ``NPROC`` goes before it.
    """

    threads: int = 1


class NumpyroBackend(Backend):
    """NumPyro (Phan, Pradhan & Jankowiak 2019), on JAX."""

    name: ClassVar[str] = "numpyro"
    description: ClassVar[str] = "NumPyro on JAX: all chains as one batch, compiled by XLA, on CPU or CUDA."
    requires: ClassVar[tuple[str, ...]] = ("jax", "numpyro")
    install: ClassVar[str] = "pip install irtbridge-numpyro"
    methods: ClassVar[tuple[str, ...]] = ("nuts", "vi")
    collapses: ClassVar[bool] = True
    noncentres: ClassVar[bool] = True
    has_arrays: ClassVar[bool] = True
    stacks: ClassVar[tuple[str, ...]] = ("nuts", "vi")
    exports: ClassVar[tuple[str, ...]] = ("nuts", "vi")
    options_class: ClassVar[type] = NumpyroOptions

    def preload(self) -> None:
        self._jax()
        import irtbridge_numpyro.program  # noqa: F401

    def devices(self) -> tuple[str, ...]:
        return ("cpu", "cuda") if self._jax().default_backend() == "gpu" else ("cpu",)

    def device_name(self, device: str) -> str:
        return str(self._jax().devices(device)[0].device_kind) if device == "cuda" else ""

    def build(self, layout: Layout, responses: Responses, device: str, dtype: str) -> NumpyroProgram:
        self.preload()
        from irtbridge_numpyro.program import NumpyroProgram

        return NumpyroProgram(layout, responses, device, dtype)

    def build_arrays(self, device: str, dtype: str) -> JaxArrays:
        from irtbridge_numpyro.arrays import JaxArrays

        return JaxArrays(self._jax().devices(device)[0], dtype)

    def script(self, layout: Layout, responses: Responses, data: DataSection, recipe: Recipe) -> str:
        from irtbridge_numpyro.script import NumpyroScript

        return NumpyroScript(recipe.dtype).script(layout, responses, data, recipe)

    def _jax(self) -> Any:
        """JAX, whose flags and threads count when it first looks for its devices."""
        os.environ.setdefault("XLA_FLAGS", UNTUNED)
        import jax

        with _cores(self.options.threads):
            jax.devices()
        return jax


@contextmanager
def _cores(number: int) -> Iterator[None]:
    """Context in which XLA takes the processor for one of so many cores, which makes as many threads."""
    if not number or "NPROC" in os.environ:
        yield
        return
    os.environ["NPROC"] = str(number)
    try:
        yield
    finally:
        del os.environ["NPROC"]
