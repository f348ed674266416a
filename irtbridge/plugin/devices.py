"""Devices and precisions by the names that users give."""

from __future__ import annotations

from irtbridge.errors import DeviceError, UnknownName, nearest_first

DTYPES = ("float64", "float32")
DEVICES = ("auto", "cpu", "cuda")


def check_dtype(dtype: str) -> str:
    """Return `dtype` or raise `UnknownName`."""
    if dtype not in DTYPES:
        raise UnknownName("dtype", dtype, DTYPES)
    return dtype


def check_device(device: str) -> str:
    """Return `device` or raise `DeviceError`; whether it is there, `resolve_device` says."""
    if device not in DEVICES:
        raise DeviceError(f"no device called {device!r}; valid: {', '.join(nearest_first(str(device), DEVICES))}.")
    return device


def resolve_device(device: str, available: tuple[str, ...], backend: str) -> str:
    """``auto`` to the best of the devices that a backend has.

    Raises
    ------
    DeviceError
        The device is not there.
    """
    if device == "auto":
        return "cuda" if "cuda" in available else "cpu"
    if device not in available:
        raise DeviceError(
            f"device {device!r} is not available to backend {backend!r}; available: {', '.join(available)}. "
            "Use device=auto."
        )
    return device
