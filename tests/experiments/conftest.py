"""Cells are fitted in the process of the tests, which has its libraries; in one of their own where that matters."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from irtbridge_experiments import cell as cells
from irtbridge_experiments import worker
from irtbridge_experiments.cell import Cell, Record

from irtbridge.data.files import read_json
from irtbridge.plugin.program import Progress


def fitted_here(command: list[str], log: Path, progress: Progress) -> Iterator[Record]:
    """The records of a worker's job, through JSON as the worker sends them."""
    job = read_json(Path(command[-1]))
    work = worker.Work(Cell(**job["cell"]))
    for replication, draws in zip(job["replications"], job["draws"], strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield json.loads(json.dumps(work.record(replication, draws)))


@pytest.fixture(autouse=True)
def cells_without_processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a test is marked ``processes``."""
    if request.node.get_closest_marker("processes") is None:
        monkeypatch.setattr(cells, "_follow", fitted_here)
        monkeypatch.setattr(worker, "say", lambda event: None)
