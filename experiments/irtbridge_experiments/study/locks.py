"""One process at a time: who fits a cell, and who writes what all cells of a folder share."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from irtbridge.data.files import check_writable
from irtbridge.errors import ResultsError
from irtbridge_experiments.study.cell import Cell

LOCKS = ".locks"
"""Folder of the lock files. The system lifts a lock when its process ends, however it ends; the file stays."""


@contextmanager
def claimed(folder: Path, cells: Sequence[Cell]) -> Iterator[None]:
    """Keep cells to this process while it fits them.

    Raises
    ------
    ResultsError
        Another process is fitting one of them, or the folder cannot be written.
    """
    check_writable(folder)
    with ExitStack() as stack:
        for cell in cells:
            stack.enter_context(_claim(folder, cell))
        yield


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Wait until no other process writes the files that the cells of a folder share, and keep others from it.

    Raises
    ------
    ResultsError
        The folder cannot be written.
    """
    check_writable(folder)
    with FileLock(_made(folder / LOCKS / "tables.lock")):
        yield


@contextmanager
def _claim(folder: Path, cell: Cell) -> Iterator[None]:
    path = _made(folder / LOCKS / cell.condition / f"{cell.key}.lock")
    try:
        with FileLock(path, timeout=0):
            path.write_text(f"process {os.getpid()} on {platform.node()}")
            yield
    except Timeout as error:
        holder = path.read_text() or "another process"
        raise ResultsError(
            f"{cell.title} in {folder} is being fitted by {holder}: wait until it ends, or results=DIR for a folder of "
            "its own."
        ) from error


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
