"""The NumPyro backend. Importing this package does not import jax."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from irtbridge.plugin import Backend, Layout, Responses

if TYPE_CHECKING:
    from irtbridge_numpyro.program import NumpyroProgram

ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


@dataclass(frozen=True)
class NumpyroOptions:
    """Options of the NumPyro backend.

    Parameters
    ----------
    threads : int
        1: XLA computes in one thread, unless ``XLA_FLAGS`` says otherwise; 0 leaves the number to XLA. Counts before
        JAX first computes.
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
    stacks: ClassVar[tuple[str, ...]] = ("nuts", "vi")
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

    def _jax(self) -> Any:
        """JAX, which reads the flags of XLA when it first computes."""
        if self.options.threads == 1:
            os.environ.setdefault("XLA_FLAGS", ONE_THREAD)
        import jax

        return jax
