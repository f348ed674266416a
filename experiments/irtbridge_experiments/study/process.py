"""The process of one cell: what it is given as files, what it says, and what is recorded where it dies."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

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
    progress: Progress = silent,
) -> Iterator[Record]:
    """Fit replications of a cell in a fresh process; yield each record as soon as it is on disk.

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
    progress : callable
        Called with (stage, steps done, steps in all).

    Raises
    ------
    ResultsError
        A record cannot be written.
    """
    left = list(replications)
    while left:
        with tempfile.TemporaryDirectory() as scratch:
            log = Path(scratch) / "log.txt"
            job = write_job(Path(scratch), cell, folder, left, save_draws)
            for record in _follow([*WORKER, str(job)], log, progress):
                left.remove(record["replication"])
                write_json(record_path(folder, cell, record["replication"]), record)
                yield record
            if left:
                record = died(cell, left.pop(0), log)
                write_json(record_path(folder, cell, record["replication"]), record)
                yield record


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


def _follow(command: list[str], log: Path, progress: Progress) -> Iterator[Record]:
    """Run the worker, pass its progress on and yield its records; it ends itself when its input closes."""
    pipe = subprocess.PIPE
    with (
        log.open("w") as stderr,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=stderr, text=True) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                event = _event(line)
                if "stage" in event:
                    progress(event["stage"], event["done"], event["total"])
                elif "record" in event:
                    yield event["record"]
        except BaseException:
            process.kill()
            raise


def _event(line: str) -> dict[str, Any]:
    """The worker's lines are JSON objects; what a library prints between them is not."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
