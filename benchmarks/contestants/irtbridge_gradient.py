"""The gradient of irtbridge's joint density, as its methods call it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.job import Job
from benchmarks.timing import time_calls
from irtbridge.plugin.loading import load_backend


def run(job: Job) -> dict[str, Any]:
    """Time `Program.value_and_grad`, NumPy in and out; as one chain after another calls it, if the settings say so."""
    backend = job.options["backend"]
    engine = load_backend(backend, **({"threads": job.threads} if backend == "pyro" else {}))
    start = time.perf_counter()
    program = engine.compile(job.build_spec(), job.responses, device="cpu", dtype=job.dtype)
    program = program.for_chains() if job.options["settings"]["chains"] else program
    compiled = time.perf_counter() - start
    z = np.random.default_rng(job.seed).uniform(-0.5, 0.5, program.dim)
    return time_calls(lambda: program.value_and_grad(z), compiled)
