"""The NumPyro backend. Importing this package does not import jax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from irtbridge.plugin import Backend, Layout, Responses

if TYPE_CHECKING:
    from irtbridge_numpyro.program import NumpyroProgram


@dataclass(frozen=True)
class NumpyroOptions:
    """Options of the NumPyro backend."""


class NumpyroBackend(Backend):
    """NumPyro (Phan, Pradhan & Jankowiak 2019), on JAX."""

    name: ClassVar[str] = "numpyro"
    description: ClassVar[str] = "NumPyro on JAX: NUTS and variational inference, on CPU or CUDA."
    requires: ClassVar[tuple[str, ...]] = ("jax", "numpyro")
    install: ClassVar[str] = 'pip install "irtbridge[numpyro]"'
    methods: ClassVar[tuple[str, ...]] = ("nuts", "vi")
    collapses: ClassVar[bool] = True
    noncentres: ClassVar[bool] = True
    options_class: ClassVar[type] = NumpyroOptions

    def build(self, layout: Layout, responses: Responses, device: str, dtype: str) -> NumpyroProgram:
        from irtbridge_numpyro.program import NumpyroProgram

        return NumpyroProgram(layout, responses, device, dtype)
