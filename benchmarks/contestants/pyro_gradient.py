"""The gradient of a hand-written Pyro model's potential."""

from __future__ import annotations

import time
from typing import Any

import torch
from pyro.infer.mcmc.util import initialize_model
from pyro.ops.integrator import potential_grad

from benchmarks.contestants.pyro_models import make_model
from benchmarks.job import Job
from benchmarks.timing import time_calls


def run(job: Job) -> dict[str, Any]:
    """Time what Pyro's NUTS does at each leapfrog step."""
    start = time.perf_counter()
    torch.manual_seed(job.seed)
    model, y = make_model(job)
    how = {"jit_compile": job.options["jit"], "skip_jit_warnings": True}
    params, potential, _, _ = initialize_model(model, model_args=(y,), **how)
    potential_grad(potential, params)
    return time_calls(lambda: potential_grad(potential, params), time.perf_counter() - start)
