"""Pyro's NUTS on a hand-written model, abilities and items together."""

from __future__ import annotations

import time
from typing import Any

import pyro
from pyro.infer import MCMC, NUTS

from benchmarks.contestants.pyro_models import make_model, names
from benchmarks.job import Job


def run(job: Job) -> dict[str, Any]:
    """Warm up and draw, traced by the jit."""
    start = time.perf_counter()
    pyro.set_rng_seed(job.seed)
    model, y = make_model(job)
    kernel = NUTS(model, jit_compile=True, ignore_jit_warnings=True)
    mcmc = MCMC(kernel, num_samples=job.draws, warmup_steps=job.warmup, disable_progbar=True)
    mcmc.run(y)
    draws = mcmc.get_samples(group_by_chain=True)
    seconds = time.perf_counter() - start
    return {"total_seconds": seconds, "draws": {n: draws[n].numpy() for n in names(job)}}
