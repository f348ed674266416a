"""irtbridge, any backend and method, as a user calls it."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.job import Job
from benchmarks.suites import LOCATION
from irtbridge.fitting import Fit, fit


def run(job: Job) -> dict[str, Any]:
    """Fit; a method without draws gives its estimate."""
    backend = job.options["backend"]
    start = time.perf_counter()
    result = fit(
        job.responses,
        job.build_spec(),
        backend=backend,
        method=job.options["method"],
        seed=job.seed,
        device="cpu",
        dtype=job.dtype,
        backend_options={"threads": job.threads} if backend == "pyro" else {},
        **job.options["settings"],
    )
    seconds = time.perf_counter() - start
    return result.timings.to_dict() | {"total_seconds": seconds} | _found(result, job)


def _found(result: Fit, job: Job) -> dict[str, Any]:
    posterior = result.idata.posterior
    names = {"discrimination": "discrimination", "location": LOCATION[job.model]}
    arrays = {name: posterior[variable].values for name, variable in names.items()}
    if result.draws.standard_errors is not None:
        return {"estimate": {name: array[0, 0] for name, array in arrays.items()}}
    return {"draws": arrays, "min_ess": result.min_ess, "pareto_k": result.pareto_k, "r_hat": result.max_r_hat}
