"""Pyro's SVI with AutoNormal and Adam on a hand-written model."""

from __future__ import annotations

import time
from typing import Any

import pyro
from pyro.infer import SVI, Trace_ELBO
from pyro.infer.autoguide import AutoNormal
from pyro.optim import Adam

from benchmarks.contestants.pyro_models import make_model
from benchmarks.job import Job
from benchmarks.timing import elbo_trace

STEPS = 4000


def run(job: Job) -> dict[str, Any]:
    """Optimise as the tutorials do; the guide's medians are the estimate."""
    start = time.perf_counter()
    pyro.set_rng_seed(job.seed)
    model, y = make_model(job)
    guide = AutoNormal(model)
    svi = SVI(model, guide, Adam({"lr": 0.03}), Trace_ELBO())
    elbo, seconds = [], []
    for _ in range(STEPS):
        elbo.append(-svi.step(y))
        seconds.append(time.perf_counter() - start)
    median = {name: value.detach().numpy().squeeze() for name, value in guide.median().items()}
    estimate = {name: median[name] for name in ("discrimination", "location")}
    return {"total_seconds": seconds[-1], "elbo": elbo_trace(elbo, seconds), "estimate": estimate}
