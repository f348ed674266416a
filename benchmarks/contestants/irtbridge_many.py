"""One data set, or many of the same shape, through irtbridge's `fit_many`."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.job import Job
from benchmarks.suites import SUITES
from irtbridge.inference.importance import K_HAT_LIMIT
from irtbridge.many import fit_many


def run(job: Job) -> dict[str, Any]:
    """Fit them all; the first is the suite's own, the others are drawn in the same way."""
    options = job.options["settings"]
    draw = SUITES[job.suite].make_data
    data_sets = [job.responses, *(draw(1000 * (job.seed + i))[0] for i in range(1, options["sets"]))]
    start = time.perf_counter()
    k_hats = [
        fit.pareto_k
        for fit in fit_many(
            data_sets,
            job.build_spec(),
            backend=job.options["backend"],
            method=options["by"],
            seed=job.seed,
            processes=options["processes"],
            stack=options["stack"],
            device="cpu",
            dtype=job.dtype,
            backend_options={"threads": job.threads} if job.options["backend"] == "pyro" else {},
        )
    ]
    seconds = time.perf_counter() - start
    return {"total_seconds": seconds, "sets": options["sets"], "fell_back": _fell_back(options["by"], k_hats)}


def _fell_back(method: str, k_hats: list[float]) -> int:
    """Fits that another method took over."""
    return sum(k > K_HAT_LIMIT for k in k_hats) if method == "laplace" else 0
