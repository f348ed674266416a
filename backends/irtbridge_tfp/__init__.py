"""TensorFlow Probability backend: a light front; TensorFlow is imported by `TfpBackend.devices` and `build` only."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from irtbridge.errors import ConfigError
from irtbridge.plugin import Backend, DataSection, Layout, Recipe, Responses

if TYPE_CHECKING:
    from irtbridge_tfp.arrays import TensorFlowArrays
    from irtbridge_tfp.program import TfpProgram


@dataclass(frozen=True)
class TfpOptions:
    """Options of the TensorFlow Probability backend.

    Parameters
    ----------
    xla : bool
        Compile the samplers with XLA: seconds of compilation, then many times faster steps.
    threads : int
        Threads of TensorFlow's pools; 0 leaves its default. Must be set before TensorFlow first computes.
    """

    xla: bool = True
    threads: int = 0


class TfpBackend(Backend):
    """TensorFlow Probability: joint distributions, NUTS on all chains as one XLA-compiled batch, mean-field VI."""

    name: ClassVar[str] = "tfp"
    description: ClassVar[str] = "TensorFlow Probability: all chains as one batch, compiled by XLA"
    requires: ClassVar[tuple[str, ...]] = ("tensorflow", "tensorflow-probability", "tf-keras")
    install: ClassVar[str] = 'pip install "irtbridge[tfp]"'
    methods: ClassVar[tuple[str, ...]] = ("nuts", "vi")
    collapses: ClassVar[bool] = True
    noncentres: ClassVar[bool] = True
    has_arrays: ClassVar[bool] = True
    stacks: ClassVar[tuple[str, ...]] = ("nuts", "vi")
    exports: ClassVar[tuple[str, ...]] = ("nuts", "vi")
    options_class: ClassVar[type] = TfpOptions

    def preload(self) -> None:
        _tensorflow()
        _set_threads(self.options.threads)
        import irtbridge_tfp.program  # noqa: F401

    def devices(self) -> tuple[str, ...]:
        return ("cpu", "cuda") if _tensorflow().config.list_physical_devices("GPU") else ("cpu",)

    def device_name(self, device: str) -> str:
        if device != "cuda":
            return ""
        config = _tensorflow().config
        details = config.experimental.get_device_details(config.list_physical_devices("GPU")[0])
        return str(details.get("device_name", ""))

    def build(self, layout: Layout, responses: Responses, device: str, dtype: str) -> TfpProgram:
        self.preload()
        from irtbridge_tfp.program import TfpProgram

        return TfpProgram(layout, responses, device, dtype, self.options.xla)

    def build_arrays(self, device: str, dtype: str) -> TensorFlowArrays:
        self.preload()
        from irtbridge_tfp.arrays import TensorFlowArrays

        return TensorFlowArrays("/GPU:0" if device == "cuda" else "/CPU:0", dtype)

    def script(self, layout: Layout, responses: Responses, data: DataSection, recipe: Recipe) -> str:
        from irtbridge_tfp.script import TfpScript

        return TfpScript(recipe.dtype).script(layout, responses, data, recipe)


def _tensorflow() -> Any:
    """TensorFlow, imported without its start-up messages unless TF_CPP_MIN_LOG_LEVEL asks for them."""
    level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    loaded = "tensorflow" in sys.modules
    if not loaded:
        _load_triton()
    with nullcontext() if loaded or level < "2" else _stderr_closed():
        import tensorflow as tf
    return tf


def _load_triton() -> None:
    """Triton, where torch has brought it: it ends the process if it is loaded after TensorFlow.

    Both bring an LLVM of their own (seen with Triton 3.7 and TensorFlow 2.21); torch loads it when it first traces.
    """
    with suppress(ImportError):
        import_module("triton")


@contextmanager
def _stderr_closed() -> Iterator[None]:
    """Send file descriptor 2 nowhere: TensorFlow's C++ writes to it before any log level takes effect."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _set_threads(threads: int) -> None:
    if threads == 0:
        return
    config = _tensorflow().config.threading
    try:
        config.set_intra_op_parallelism_threads(threads)
        config.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:
        raise ConfigError(f"threads={threads}: TensorFlow has started already; set it in a fresh process.") from error
