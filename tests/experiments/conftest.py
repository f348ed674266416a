"""Cells are fitted in the tests' process, which has its libraries loaded; in one of their own where it matters."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from irtbridge_experiments.records import Record
from irtbridge_experiments.study import process, worker

from irtbridge.plugin.program import Progress


def fitted_here(command: list[str], log: Path, progress: Progress) -> Iterator[Record]:
    """The records of a worker's job, through JSON as the worker sends them."""
    cell, replications = process.read_job(Path(command[-1]))
    work = worker.Work(cell)
    for replication, draws in replications:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield json.loads(json.dumps(work.record(replication, draws)))


@pytest.fixture(autouse=True)
def cells_without_processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a test is marked ``processes``."""
    if request.node.get_closest_marker("processes") is None:
        monkeypatch.setattr(process, "_follow", fitted_here)
        monkeypatch.setattr(worker, "say", lambda event: None)
