"""One data set, or many of the same shape, through irtbridge's `fit_many`."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.job import Job
from irtbridge.data import Responses
from irtbridge.inference.collapsed import K_HAT_LIMIT
from irtbridge.many import fit_many
from irtbridge.simulate import simulate_parameters, simulate_responses


def run(job: Job) -> dict[str, Any]:
    """Fit them all; the first is the suite's own, the others are drawn in the same way."""
    options = job.options["settings"]
    data_sets = [job.responses, *(_another(job, i) for i in range(1, options["sets"]))]
    start = time.perf_counter()
    k_hats = [
        fit.pareto_k
        for fit in fit_many(
            data_sets,
            job.build_spec(),
            backend=job.options["backend"],
            method="laplace",
            seed=job.seed,
            processes=options["processes"],
            device="cpu",
            dtype=job.dtype,
            backend_options={"threads": job.threads} if job.options["backend"] == "pyro" else {},
        )
    ]
    seconds = time.perf_counter() - start
    return {"total_seconds": seconds, "sets": options["sets"], "fell_back": sum(k > K_HAT_LIMIT for k in k_hats)}


def _another(job: Job, number: int) -> Responses:
    spec, seed = job.build_spec(), 1000 * (job.seed + number)
    counts = np.full(job.responses.n_items, job.n_categories)
    params = simulate_parameters(spec, job.responses.n_persons, counts, seed)
    return simulate_responses(spec, params, counts, seed + 1)
