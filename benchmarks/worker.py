"""The process of one contestant: reads a job, runs it, and writes what came out."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.job import Job
from benchmarks.suites import LOCATION
from irtbridge.data.files import read_json, write_json
from irtbridge.results.quiet_arviz import az
from irtbridge.testing.marginal import Marginal

PARAMETERS = ("discrimination", "location")


def pin(cores: int) -> None:
    """Keep this process on as many cores as it may have threads: not every library heeds an environment variable."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def measure(job: Job) -> dict[str, Any]:
    """Load the libraries, run the contestant, and say how well it did."""
    start = time.perf_counter()
    for name in job.imports:
        import_module(name)
    contestant = import_module(f"benchmarks.contestants.{job.module}")
    imported = time.perf_counter()
    np.random.seed(job.seed)  # noqa: NPY002 - girth and others draw from the global state
    job.y  # noqa: B018 - decoded before the clock starts
    result = contestant.run(job)
    record = {"import_seconds": imported - start}
    record |= {name: value for name, value in result.items() if isinstance(value, (int, float))}
    record |= {name: result[name] for name in ("elbo",) if name in result}
    record["peak_memory_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return record | accuracy(result, job)


def accuracy(result: Mapping[str, Any], job: Job) -> dict[str, Any]:
    """ESS, distance from the truth, and the likelihood reached, of what the contestant has."""
    found: dict[str, Any] = {}
    if "draws" in result:
        found["min_ess"] = result["min_ess"] if "min_ess" in result else min_ess(result["draws"])
    estimate = result.get("estimate") or {n: np.mean(d, axis=(0, 1)) for n, d in result.get("draws", {}).items()}
    if estimate and job.truth:
        found |= {f"rmse_{name}": rmse(estimate[name], job.truth[name]) for name in PARAMETERS}
    if "estimate" in result and "elbo" not in result:
        params = {"discrimination": estimate["discrimination"], LOCATION[job.model]: estimate["location"]}
        marginal = Marginal.of(job.build_spec(), job.responses)
        found["log_likelihood"] = marginal.log_likelihood({k: np.asarray(v, float) for k, v in params.items()})
    return found


def min_ess(draws: Mapping[str, Any]) -> float:
    """Smallest bulk effective sample size over the item parameters and the correlations of the traits."""
    ess = az.ess(az.from_dict({name: _free(name, np.asarray(d)) for name, d in draws.items()}), method="bulk")
    return float(min(value.min() for value in ess.values()))


def _free(name: str, draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """The correlations below the diagonal, of their Cholesky factor; everything else as it is."""
    if name != "cholesky":
        return draws
    correlation = draws @ np.swapaxes(draws, -1, -2)
    return correlation[..., *np.tril_indices(draws.shape[-1], -1)]


def rmse(estimate: Any, truth: Any) -> float:
    """Root mean squared distance."""
    return float(np.sqrt(np.mean((np.asarray(estimate, float) - np.asarray(truth, float)) ** 2)))


def main() -> int:
    """Run the job in the file named first; write the record to the file named second."""
    data = read_json(Path(sys.argv[1]))
    job = Job(**data)
    pin(job.threads * job.options.get("settings", {}).get("processes", 1))
    write_json(Path(sys.argv[2]), measure(job))
    return 0


if __name__ == "__main__":
    sys.exit(main())
