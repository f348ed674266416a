"""irtbridge, any backend and method, as a user calls it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.job import Job
from benchmarks.suites import LOCATION
from benchmarks.timing import elbo_trace
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
    if job.model == "m2pl":
        arrays["discrimination"] = arrays["discrimination"][..., np.arange(len(job.trait_of_item)), job.trait_of_item]
    if result.draws.standard_errors is not None:
        return {"estimate": {name: array[0, 0] for name, array in arrays.items()}}
    if job.options["method"].startswith("vi"):
        return {"estimate": {n: a.mean((0, 1)) for n, a in arrays.items()}, "elbo": _elbo(result)}
    return {"draws": arrays, "min_ess": result.min_ess, "pareto_k": result.pareto_k, "r_hat": result.max_r_hat}


def _elbo(result: Fit) -> list[list[float]]:
    """Its points, the steps being of one length after compilation."""
    elbo, spent = result.draws.elbo, result.timings
    assert elbo is not None
    share = np.arange(1, len(elbo) + 1) / len(elbo)
    return elbo_trace(elbo, spent.compile + spent.warmup * share)
