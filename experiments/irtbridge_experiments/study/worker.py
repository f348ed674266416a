"""The process of one cell: reads a job, fits its replications, and says their records on standard output as JSON."""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
import traceback
import warnings
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.hold_out import hold_out
from irtbridge.data.responses import Responses
from irtbridge.errors import IRTBridgeError, NumericalError
from irtbridge.fitting.fitted import Fit
from irtbridge.fitting.fitter import Fitter
from irtbridge.fitting.generalization import fit_held_out, metrics_of_fit
from irtbridge.inference import make_settings
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.loading import load_backend
from irtbridge.results.accuracy import accuracy
from irtbridge_experiments.records import Record
from irtbridge_experiments.records.fits import OWN
from irtbridge_experiments.records.shapes import densities, traces
from irtbridge_experiments.study.cell import Cell, identity
from irtbridge_experiments.study.design import Design
from irtbridge_experiments.study.origin import on_scale_of
from irtbridge_experiments.study.process import read_job

if TYPE_CHECKING:
    from irtbridge_experiments.study.calibrated import Calibrated, Protocol

STARTED = time.perf_counter()
SECONDS_BETWEEN_WORDS = 0.2
CHAINS = ("sequential", "processes", "batched")


class Reporter:
    """Progress callback that prints JSON lines, not more often than a person can read."""

    def __init__(self) -> None:
        self.last = 0.0
        self.stage = ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.perf_counter()
        if stage != self.stage or done == total or now - self.last > SECONDS_BETWEEN_WORDS:
            self.last, self.stage = now, stage
            say({"stage": stage, "done": done, "total": total})


class Work:
    """Fits one cell's replications: the first one compiles, the others run the same program over other data."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.since = STARTED

    def begins(self) -> bool:
        """Import the backend's library, say so, and wait for a line on standard input; false where that is closed."""
        with suppress(Exception):  # what fails here fails again, and is recorded, in the fit
            self.fitter.engine.preload()
        say({"ready": True})
        waiting = time.perf_counter()
        told = bool(sys.stdin.readline())
        self.since += time.perf_counter() - waiting
        return told

    @cached_property
    def fitter(self) -> Fitter:
        """What fits the replications: it compiles for the first one and binds the others."""
        cell = self.cell
        return Fitter(
            spec=ModelSpec.from_dict(cell.spec),
            method=cell.method,
            settings=make_settings(cell.method, **cell.settings),
            engine=load_backend(cell.backend, **cell.backend_options),
            device=cell.device,
            dtype=cell.dtype,
        )

    @cached_property
    def design(self) -> Design | None:
        """How the data are simulated, if they are."""
        return None if self.cell.design is None else Design.from_dict(self.cell.design)

    @cached_property
    def params(self) -> dict[str, NDArray[np.float64]]:
        """The true parameters of the study."""
        assert self.design is not None
        return self.design.true_parameters(self.cell.seed)

    def record(self, replication: int, draws: str | None) -> Record:
        """Fit one replication; a failure is a record too."""
        load = os.getloadavg()[0]
        try:
            result, outcome = self.fit(replication)
            if draws is not None and isinstance(result, Fit):
                result.save(draws)
            body = result.record() | {"peak_memory_mib": peak_memory_mib()} | outcome
        except Exception as error:
            if not isinstance(error, IRTBridgeError):
                traceback.print_exc()
            body = {"error": {"type": type(error).__name__, "message": str(error)}}
        started, self.since = self.since, time.perf_counter()
        return identity(self.cell, replication) | body | {"process_seconds": self.since - started, "load": load}

    @cached_property
    def protocol(self) -> Protocol | None:
        """How items are calibrated from features, if they are."""
        if self.cell.calibration is None:
            return None
        from irtbridge_experiments.study.calibrated import Protocol  # here, for scikit-learn takes a while to import

        return Protocol.of(self.cell.calibration, self.cell.data)

    def fit(self, replication: int) -> tuple[Fit | Calibrated, Record]:
        """The fit of a replication, and how good it is."""
        seed = self.cell.seed + replication
        if self.protocol is not None:
            done = self.protocol.run(seed, **self.cell.settings)
            return done, {"calibration": done.metrics}
        responses = self.responses(replication)
        if self.cell.mask is None:
            result = self.fitter.fit(responses, seed, Reporter())
            return result, self.outcome(result)
        held = hold_out(responses, seed=seed, **self.cell.mask)
        result = fit_held_out(held, self.fitter, seed, Reporter())
        metrics = metrics_of_fit(result, held, seed=seed).rename({result.spec.name: OWN})
        return result, {"held_out": metrics.to_dict("index")}

    def responses(self, replication: int) -> Responses:
        """The data of a replication."""
        if self.design is not None:
            return self.design.responses(self.cell.seed, self.params, replication)
        assert self.cell.data is not None
        return self.cell.data

    def outcome(self, result: Fit) -> Record:
        """Accuracy where the truth is known, else the posterior summaries."""
        if self.design is not None:
            truth = self.design.truth(self.params)
            posterior, errors = on_scale_of(truth, result)
            blocks = accuracy(posterior, truth, errors)
            check_finite(blocks)
            return {"parameters": blocks}
        return {
            "items": _rows(result.items().stack("parameter", future_stack=True).reset_index()),
            "shared": _rows(result.shared().rename_axis("parameter").reset_index()),
            "densities": densities(result.idata.posterior),
            "traces": traces(result.idata.posterior) if result.draws.chain_method in CHAINS else [],
            "quadrature_error": result.quadrature_error,
            "recoded": {i: {str(k): v for k, v in codes.items()} for i, codes in result.responses.recoded.items()},
        }


def check_finite(blocks: dict[str, dict[str, float]]) -> None:
    """Raise `NumericalError` where posterior means are infinite: a mean over replications would leave them out."""
    lost = [name for name, block in blocks.items() if not np.isfinite([block["mse"], block["bias"]]).all()]
    if lost:
        raise NumericalError(f"the posterior means of {', '.join(lost)} are not finite; take narrower priors.")


def peak_memory_mib() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def say(event: dict[str, Any]) -> None:
    """Print one JSON line."""
    print(json.dumps(event), flush=True)


def die_with_parent() -> None:
    """End this process as soon as standard input closes: the parent holds it open as long as it lives."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main() -> int:
    """Run the job named on the command line."""
    warnings.simplefilter("ignore")  # Nobody reads them here; the record has the verdict.
    cell, replications = read_job(Path(sys.argv[1]))
    work = Work(cell)
    if not work.begins():
        return 1
    die_with_parent()
    for replication, draws in replications:
        say({"record": work.record(replication, draws)})
    return 0


def _rows(frame: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = frame.to_dict("records")
    return rows


if __name__ == "__main__":
    sys.exit(main())
