"""One cell: a model, its data, a backend and a method, fitted in a process of its own."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from irtbridge import errors
from irtbridge.backend import Progress, silent
from irtbridge.errors import IRTBridgeError
from irtbridge.files import read_json, write_json

Record = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """What one process fits; plain data, so that it travels as JSON.

    Attributes
    ----------
    backend, method : str
        Names.
    backend_options, settings : dict
        Of the backend and of the method.
    spec : dict
        `ModelSpec.to_dict`.
    data : dict
        `Responses.to_dict`.
    seed : int
    device, dtype : str
    """

    backend: str
    method: str
    backend_options: dict[str, Any]
    settings: dict[str, Any]
    spec: dict[str, Any]
    data: dict[str, Any]
    seed: int
    device: str = "auto"
    dtype: str = "float64"

    @property
    def key(self) -> str:
        """Name of the cell's files."""
        return f"{self.backend}-{self.method}"

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of everything that defines the fit."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def record_path(folder: Path, cell: Cell) -> Path:
    """Where a cell's record stands."""
    return folder / "records" / f"{cell.key}.json"


def draws_path(folder: Path, cell: Cell) -> Path:
    """Where a cell's draws stand."""
    return folder / "draws" / f"{cell.key}.nc"


def finished(folder: Path, cell: Cell) -> Record | None:
    """The record of this very cell, if it is on disk and did not fail."""
    path = record_path(folder, cell)
    if not path.exists():
        return None
    record = read_json(path)
    same = record.get("cell_hash") == cell.hash and "error" not in record
    return record if same else None


def run_cell(cell: Cell, folder: Path, *, save_draws: bool = True, progress: Progress = silent) -> Record:
    """Fit a cell in a fresh process and return its record, which is also on disk.

    Parameters
    ----------
    cell : Cell
        What to fit.
    folder : Path
        The record goes to ``folder/records``, the draws to ``folder/draws``.
    save_draws : bool
        Keep the draws as NetCDF.
    progress : callable
        Called with (stage, steps done, steps in all).

    Raises
    ------
    IRTBridgeError
        What the fit raised, of the same class; or that the process died, with the last lines it printed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        job, log = Path(scratch) / "job.json", Path(scratch) / "log.txt"
        draws = str(draws_path(folder, cell).resolve()) if save_draws else None
        write_json(job, asdict(cell) | {"draws_path": draws, "cell_hash": cell.hash})
        with log.open("w") as stderr:
            outcome = _follow([sys.executable, "-m", "irtbridge_experiments.worker", str(job)], stderr, progress)
        record = _checked(outcome, cell, log)
    write_json(record_path(folder, cell), record)
    return record


def failed_record(cell: Cell, error: IRTBridgeError) -> Record:
    """The record of a cell that raised."""
    return {"backend": cell.backend, "method": cell.method, "cell_hash": cell.hash,
            "error": {"type": type(error).__name__, "message": str(error)}}  # fmt: skip


def _follow(command: list[str], stderr: Any, progress: Progress) -> Mapping[str, Any]:
    """Run the worker, pass its progress on, and return its last word; it ends itself when its input closes."""
    outcome: Mapping[str, Any] = {}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=stderr, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                event = _event(line)
                if "stage" in event:
                    progress(event["stage"], event["done"], event["total"])
                elif event:
                    outcome = event
        except BaseException:
            process.kill()
            raise
    return outcome


def _event(line: str) -> dict[str, Any]:
    """The worker's lines are JSON objects; what a library prints between them is not."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _checked(outcome: Mapping[str, Any], cell: Cell, log: Path) -> Record:
    if "record" in outcome:
        return dict(outcome["record"])
    if "error" in outcome:
        kind = getattr(errors, outcome["error"]["type"], IRTBridgeError)
        raise errors.rebuild(kind, outcome["error"]["message"])
    tail = " | ".join(log.read_text(errors="replace").strip().splitlines()[-3:])
    raise IRTBridgeError(f"the process of cell {cell.key} died ({tail or 'killed, perhaps for memory'}).")
