"""Torch's tensors of persons by nodes and by items, on a device."""

# mypy: allow-untyped-calls, no-warn-return-any
from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from irtbridge.plugin import DeviceArrays


class TorchArrays(DeviceArrays):
    """Tensors on a device; torch multiplies them in full single precision unless it is told not to.

    Parameters
    ----------
    device : str
        ``cuda`` or ``cpu``.
    dtype : str
    threads : int
        Of torch, while it runs; 0 leaves them as they are.
    """

    xp = torch

    def __init__(self, device: str, dtype: str = "float32", threads: int = 0) -> None:
        super().__init__(dtype)
        self.device, self.threads = device, threads

    def running(self) -> AbstractContextManager[None]:
        return threaded(self.threads)

    def put(self, array: NDArray[Any], dtype: str = "") -> Tensor:
        return torch.as_tensor(array, dtype=getattr(torch, dtype or self.dtype), device=self.device)

    def rows(self, array: Tensor, places: slice | NDArray[Any]) -> Tensor:
        if isinstance(places, slice):
            return array[places]
        return array[torch.as_tensor(places, device=self.device)]

    def cleared(self, flags: Tensor, rows: NDArray[Any], columns: NDArray[Any]) -> Tensor:
        flags[self.put(rows, "int64"), self.put(columns, "int64")] = False
        return flags

    def get(self, array: Tensor) -> NDArray[Any]:
        return array.numpy(force=True)


@contextmanager
def threaded(threads: int) -> Iterator[None]:
    """Context in which torch has so many threads, for 0 those that it has; they are left as they were."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
