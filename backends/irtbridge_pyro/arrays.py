"""Torch's tensors of persons by nodes, on the program's device."""

# mypy: allow-untyped-calls, no-warn-return-any
from __future__ import annotations

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
    """

    xp = torch

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = device

    def put(self, array: NDArray[Any]) -> Tensor:
        return torch.as_tensor(array, dtype=torch.float32, device=self.device)

    def get(self, array: Tensor) -> NDArray[Any]:
        return array.numpy(force=True)
