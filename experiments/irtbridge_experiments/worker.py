"""The process of one cell: reads a job, fits, saves the draws, and says its record on standard output as JSON."""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

from irtbridge.data import Responses
from irtbridge.errors import IRTBridgeError
from irtbridge.files import read_json
from irtbridge.fitting import Fit, fit
from irtbridge.spec import ModelSpec

STARTED = time.perf_counter()
SECONDS_BETWEEN_WORDS = 0.2


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


def say(event: dict[str, Any]) -> None:
    """Print one JSON line."""
    print(json.dumps(event), flush=True)


def make_record(result: Fit, job: dict[str, Any]) -> dict[str, Any]:
    """Everything a table needs, without draws: summaries, diagnostics, times and provenance."""
    attrs = result.idata.posterior.attrs
    skipped = ("spec", "settings", "backend_options", "versions")
    record: dict[str, Any] = {k: v for k, v in attrs.items() if k not in skipped}
    record |= {k: json.loads(attrs[k]) for k in ("settings", "backend_options", "versions")}
    return record | {
        "cell_hash": job["cell_hash"],
        "min_ess": result.min_ess,
        "max_r_hat": result.max_r_hat,
        "pareto_k": result.pareto_k,
        "divergences": result.divergences,
        "process_seconds": time.perf_counter() - STARTED,
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "items": _rows(result.items().stack("parameter", future_stack=True).reset_index()),
        "shared": _rows(result.shared().rename_axis("parameter").reset_index()),
        "recoded": {item: {str(k): v for k, v in codes.items()} for item, codes in result.responses.recoded.items()},
    }


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Fit a job and return its record."""
    result = fit(
        Responses.from_dict(job["data"]),
        ModelSpec.from_dict(job["spec"]),
        backend=job["backend"],
        method=job["method"],
        seed=job["seed"],
        device=job["device"],
        dtype=job["dtype"],
        backend_options=job["backend_options"],
        progress=Reporter(),
        **job["settings"],
    )
    if job["draws_path"]:
        result.save(job["draws_path"])
    return make_record(result, job)


def die_with_parent() -> None:
    """End this process as soon as standard input closes: the parent holds it open as long as it lives."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main() -> int:
    """Run the job named on the command line."""
    die_with_parent()
    try:
        say({"record": run(read_json(Path(sys.argv[1])))})
    except IRTBridgeError as error:
        say({"error": {"type": type(error).__name__, "message": str(error)}})
        return 1
    return 0


def _rows(frame: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = frame.to_dict("records")
    return rows


if __name__ == "__main__":
    sys.exit(main())
