"""One cell: a model, its data, a backend and a method; all its replications in one process of their own."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from irtbridge.data.files import read_json, write_json
from irtbridge.data.responses import Responses
from irtbridge.data.stored import read_responses, write_responses
from irtbridge.errors import ResultsError
from irtbridge.plugin.program import Progress, silent
from irtbridge_experiments.records import Record

DATA = "data.npz"


@dataclass(frozen=True)
class Cell:
    """What one process fits.

    Attributes
    ----------
    backend, method : str
        Names.
    backend_options, settings : dict
        Of the backend and of the method.
    spec : dict
        `ModelSpec.to_dict`.
    seed : int
        The study's. Replication r is fitted with seed + r.
    data : Responses, optional
        Real data, which are fitted once.
    design : dict, optional
        `Design.to_dict` of simulated data, one matrix for each replication.
    device, dtype : str
    condition : str
        Name within the study; empty for a single fit.
    """

    backend: str
    method: str
    backend_options: dict[str, Any]
    settings: dict[str, Any]
    spec: dict[str, Any]
    seed: int
    data: Responses | None = None
    design: dict[str, Any] | None = None
    device: str = "auto"
    dtype: str = "float64"
    condition: str = ""

    @property
    def key(self) -> str:
        """Backend and method, which name the cell's files within its condition."""
        return f"{self.backend}-{self.method}"

    @property
    def title(self) -> str:
        """How people read of it."""
        return f"{self.condition} {self.key}".strip()

    @cached_property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of everything that defines the fits; of data, the fingerprint."""
        defining = self.to_dict() | {"data": None if self.data is None else self.data.fingerprint}
        del defining["condition"]
        return hashlib.sha256(json.dumps(defining, sort_keys=True).encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """As plain data, all but the responses."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "data"}

    def file(self, replication: int) -> Path:
        """Where a fit's files stand, without folder and ending; replications of simulated data are numbered."""
        folder = Path(self.condition)
        return folder / self.key if self.design is None else folder / self.key / f"{replication:04d}"


def record_path(folder: Path, cell: Cell, replication: int = 0) -> Path:
    """Where a fit's record stands."""
    return _with_ending(folder / "records" / cell.file(replication), ".json")


def draws_path(folder: Path, cell: Cell, replication: int = 0) -> Path:
    """Where a fit's draws stand."""
    return _with_ending(folder / "draws" / cell.file(replication), ".nc")


def finished(folder: Path, cell: Cell, replication: int = 0) -> Record | None:
    """The record of this very fit, if it is on disk and did not fail."""
    record = _successful(record_path(folder, cell, replication))
    return record if record is not None and record.get("cell_hash") == cell.hash else None


def check_nothing_is_replaced(folder: Path, cells: Sequence[Cell]) -> None:
    """Raise `ResultsError` where a fit of other data, priors or settings stands in the place of one of the cells."""
    for cell in cells:
        path = record_path(folder, cell)
        if _successful(path) is not None and finished(folder, cell) is None:
            raise ResultsError(
                f"{path} is a fit of other data, priors or settings: overwrite=true replaces it, results=DIR keeps it."
            )


def _successful(path: Path) -> Record | None:
    """A record, if it is there, whole, and not of a failure."""
    if not path.exists():
        return None
    try:
        record = read_json(path)
    except ResultsError:
        return None
    return None if "error" in record else record


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
            for record in _follow(
                [sys.executable, "-m", "irtbridge_experiments.study.worker", str(job)], log, progress
            ):
                left.remove(record["replication"])
                write_json(record_path(folder, cell, record["replication"]), record)
                yield record
            if left:
                record = died(cell, left.pop(0), log)
                write_json(record_path(folder, cell, record["replication"]), record)
                yield record


def identity(cell: Cell, replication: int) -> Record:
    """What every record begins with, also that of a failure."""
    return {
        "condition": cell.condition,
        "backend": cell.backend,
        "method": cell.method,
        "replication": replication,
        "cell_hash": cell.hash,
    }


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


def _with_ending(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
