"""The process of one cell: what it is given as files, what it says, and what is recorded where it dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import IO, Any

from irtbridge.data.files import read_json, write_json
from irtbridge.data.stored import read_responses, write_responses
from irtbridge.plugin.program import Progress, silent
from irtbridge_experiments.records import Record
from irtbridge_experiments.study.cell import Cell, draws_path, identity, record_path

WORKER = (sys.executable, "-m", "irtbridge_experiments.study.worker")
DATA = "data.npz"


def run_cell(
    cell: Cell,
    folder: Path,
    replications: Sequence[int] = (0,),
    *,
    save_draws: bool = True,
    worker: Worker | None = None,
    progress: Progress = silent,
) -> Iterator[Record]:
    """Fit replications of a cell in a process of its own; yield each record as soon as it is on disk.

    A replication that raises is a record with its error. If the process itself dies, the replication in flight gets
    such a record and another process does the rest.

    Parameters
    ----------
    cell : Cell
        What to fit.
    folder : Path
        The records go to ``folder/records``, the draws to ``folder/draws``.
    replications : sequence of int
        Which ones, in this order.
    save_draws : bool
        Keep the draws as NetCDF.
    worker : Worker, optional
        A process that was made ready for these replications.
    progress : callable
        Called with (stage, steps done, steps in all).

    Raises
    ------
    ResultsError
        A record cannot be written.
    """
    left = list(replications)
    while left:
        with closing(worker or Worker(cell, folder, left, save_draws=save_draws)) as running:
            for record in running.records(progress):
                left.remove(record["replication"])
                write_json(record_path(folder, cell, record["replication"]), record)
                yield record
            if left:
                record = died(cell, left.pop(0), running.log)
                write_json(record_path(folder, cell, record["replication"]), record)
                yield record
        worker = None


def prepared(
    jobs: Sequence[tuple[Cell, Sequence[int]]], folder: Path, *, save_draws: bool = True
) -> Generator[Worker, None, None]:
    """Processes for several cells and their replications, in order.

    As many as there are backends, and cores, import their libraries side by side. None is handed out before all of
    these have done so: a cell is fitted, and timed, alone.
    """
    size = min(len({cell.backend for cell, _ in jobs}), os.cpu_count() or 1)
    for start in range(0, len(jobs), size):
        with ExitStack() as stack:
            workers = [
                stack.enter_context(closing(Worker(cell, folder, replications, save_draws=save_draws)))
                for cell, replications in jobs[start : start + size]
            ]
            for worker in workers:
                worker.wait()
            yield from workers


class Worker:
    """A process for one cell, which imports its library at once and fits when it is told to.

    It ends itself when its input closes, as it does when this process ends, by whatever end.

    Attributes
    ----------
    log : Path
        What it prints to standard error.
    """

    def __init__(self, cell: Cell, folder: Path, replications: Sequence[int], *, save_draws: bool = True) -> None:
        self._scratch, self._ready = tempfile.TemporaryDirectory(), False
        self.log = Path(self._scratch.name) / "log.txt"
        job = write_job(self.log.parent, cell, folder, replications, save_draws)
        with self.log.open("w") as log:
            pipe = subprocess.PIPE
            self._process = subprocess.Popen([*WORKER, str(job)], stdin=pipe, stdout=pipe, stderr=log, text=True)

    def wait(self) -> None:
        """Return when it has its library, or has died."""
        while not self._ready and (line := self._lines.readline()):
            self._ready = "ready" in _event(line)

    def records(self, progress: Progress) -> Iterator[Record]:
        """Let it fit; pass its progress on and yield its records."""
        self.wait()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # where it has died, there are no records
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        for line in self._lines:
            event = _event(line)
            if "stage" in event:
                progress(event["stage"], event["done"], event["total"])
            elif "record" in event:
                yield event["record"]

    def close(self) -> None:
        """End it, if it has not ended, and remove its files."""
        self._process.kill()
        with suppress(BrokenPipeError), self._process:
            pass
        self._scratch.cleanup()

    @property
    def _lines(self) -> IO[str]:
        assert self._process.stdout is not None
        return self._process.stdout


def died(cell: Cell, replication: int, log: Path) -> Record:
    """The record of a replication whose process ended without a word, with the last lines it printed."""
    tail = " | ".join(log.read_text(errors="replace").strip().splitlines()[-3:])
    message = f"the process of cell {cell.title} died ({tail or 'killed, perhaps for memory'})."
    return identity(cell, replication) | {"error": {"type": "IRTBridgeError", "message": message}}


def write_job(scratch: Path, cell: Cell, folder: Path, replications: Sequence[int], save_draws: bool) -> Path:
    """Write what the worker reads: the job as JSON and, where they are real, the data beside it."""
    if cell.data is not None:
        write_responses(scratch / DATA, cell.data)
    draws = [str(draws_path(folder, cell, r).resolve()) if save_draws else None for r in replications]
    return write_json(
        scratch / "job.json", {"cell": cell.to_dict(), "replications": list(replications), "draws": draws}
    )


def read_job(path: Path) -> tuple[Cell, list[tuple[int, str | None]]]:
    """The cell of a job, and each of its replications with the file for its draws."""
    job, data = read_json(path), path.with_name(DATA)
    cell = Cell(**job["cell"], data=read_responses(data) if data.exists() else None)
    return cell, list(zip(job["replications"], job["draws"], strict=True))


def _event(line: str) -> dict[str, Any]:
    """The worker's lines are JSON objects; what a library prints between them is not."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
