"""Cells are fitted in the process of the tests, which has its libraries loaded, and figures are not rendered.

Tests that are about processes or about figures are marked ``processes`` and ``figures``.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from irtbridge_experiments.records import Record
from irtbridge_experiments.study import process, worker
from irtbridge_experiments.study.cell import Cell

from irtbridge.plugin.program import Progress


class WorkerHere(process.Worker):
    """A worker without a process."""

    def __init__(self, cell: Cell, folder: Path, replications: Sequence[int], *, save_draws: bool = True) -> None:
        self._scratch = TemporaryDirectory()
        self.job = process.write_job(Path(self._scratch.name), cell, folder, replications, save_draws)

    def wait(self) -> None:
        """It has nothing to wait for."""

    def records(self, progress: Progress) -> Iterator[Record]:
        """Through JSON, as a worker's process sends them."""
        cell, replications = process.read_job(self.job)
        work = worker.Work(cell)
        for replication, draws in replications:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield json.loads(json.dumps(work.record(replication, draws)))

    def close(self) -> None:
        self._scratch.cleanup()


@contextmanager
def fitting_here() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "Worker", WorkerHere)
        patch.setattr(worker, "say", lambda event: None)
        yield


@pytest.fixture(scope="session")
def without_processes() -> Callable[[], AbstractContextManager[None]]:
    """Context in which cells are fitted here, for fixtures that several tests share."""
    return fitting_here


@pytest.fixture(autouse=True)
def cells_without_processes(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.node.get_closest_marker("processes") is not None:
        yield
        return
    with fitting_here():
        yield


@pytest.fixture(autouse=True)
def studies_without_figures(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("figures") is None:
        request.getfixturevalue("undrawn")
