"""One cell: a model, its data, a backend and a method; and where the records of its fits stand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from irtbridge.data.files import read_json
from irtbridge.data.responses import Responses
from irtbridge.errors import ResultsError
from irtbridge_experiments.records import Record

CORE = "core"
"""In place of a backend, where what runs is of the core."""
NOT_DEFINING = ("condition", "most")
OPTIONAL = ("mask", "calibration", "most")
"""What a cell that has none of it does not mention, so that its hash is what it was before there was any."""


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
    mask : dict, optional
        Arguments of `hold_out`: what is not fitted but predicted, in each replication anew.
    calibration : dict, optional
        Of items that are calibrated from features: data, start and formula, as `Protocol.of` reads them. The method is
        then a predictor's name.
    most : int, optional
        Replications that it has at most, whatever the study has. No part of what defines a fit.
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
    mask: dict[str, Any] | None = None
    calibration: dict[str, Any] | None = None
    most: int | None = None

    @property
    def replicated(self) -> bool:
        """Whether it has a fit for each replication: of simulated data, or of parts of real ones."""
        return any(each is not None for each in (self.design, self.mask, self.calibration))

    @property
    def key(self) -> str:
        """Backend and method, which name the cell's files within its condition."""
        return f"{self.backend}-{self.method}"

    @property
    def title(self) -> str:
        """Condition and key, as progress and messages name the cell."""
        return f"{self.condition} {self.key}".strip()

    @cached_property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of everything that defines the fits; of data, the fingerprint."""
        defining = self.to_dict() | {"data": None if self.data is None else self.data.fingerprint}
        for name in NOT_DEFINING:
            defining.pop(name, None)
        return hashlib.sha256(json.dumps(defining, sort_keys=True).encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """As plain data, without the responses, which travel as a file of their own, and what it has none of."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "data"}
        return {name: value for name, value in own.items() if value is not None or name not in OPTIONAL}

    def file(self, replication: int) -> Path:
        """Where a fit's files stand, without folder and ending; replications are numbered."""
        folder = Path(self.condition)
        return folder / self.key / f"{replication:04d}" if self.replicated else folder / self.key


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


def identity(cell: Cell, replication: int) -> Record:
    """What every record begins with, also that of a failure."""
    return {
        "condition": cell.condition,
        "backend": cell.backend,
        "method": cell.method,
        "replication": replication,
        "cell_hash": cell.hash,
    }


def _with_ending(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
