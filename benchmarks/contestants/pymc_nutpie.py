"""nutpie's NUTS on a PyMC model, abilities and items together."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import nutpie
import pymc as pm
import pytensor.tensor as pt

from benchmarks.job import Job


def make_model(job: Job) -> pm.Model:
    """The model of the job."""
    persons, items = job.y.shape
    with pm.Model() as model:
        a = pm.LogNormal("discrimination", 0.0, job.a_scale, shape=items)
        b = _location(job, items)
        theta = pm.Normal("ability", 0.0, 1.0, shape=persons)[:, None]
        if job.model == "2pl":
            pm.Bernoulli("y", logit_p=a * (theta - b), observed=job.y)
        elif job.model == "grm":
            pm.OrderedLogistic("y", eta=a * theta, cutpoints=a[:, None] * b, observed=job.y, compute_p=False)
        else:
            steps = pt.cumsum(a[:, None] * (theta[..., None] - b), axis=-1)
            logits = pt.concatenate([pt.zeros_like(steps[..., :1]), steps], axis=-1)
            pm.Categorical("y", logit_p=logits, observed=job.y)
    return model


def _location(job: Job, items: int) -> Any:
    if job.model == "2pl":
        return pm.Normal("location", 0.0, job.b_scale, shape=items)
    shape = (items, job.n_categories - 1)
    if job.model == "gpcm":
        return pm.Normal("location", 0.0, job.b_scale, shape=shape)
    start = np.broadcast_to(np.linspace(-1, 1, shape[1]), shape)
    ordered = pm.distributions.transforms.ordered
    return pm.Normal("location", 0.0, job.b_scale, shape=shape, transform=ordered, initval=start)


def run(job: Job) -> dict[str, Any]:
    """Compile, warm up and draw."""
    start = time.perf_counter()
    compiled = nutpie.compile_pymc_model(make_model(job))
    compile_seconds = time.perf_counter() - start
    how = {"chains": 1, "cores": 1, "seed": job.seed, "progress_bar": False}
    posterior = nutpie.sample(compiled, draws=job.draws, tune=job.warmup, **how).posterior
    draws = {name: posterior[name].values for name in ("discrimination", "location")}
    return {"compile_seconds": compile_seconds, "total_seconds": time.perf_counter() - start, "draws": draws}
