"""Stan's NUTS through pystan, abilities and items together."""

from __future__ import annotations

import os
import tempfile
import time
from typing import Any

import numpy as np

from benchmarks.job import Job

# pystan keeps what it has compiled: a user's first call finds nothing there.
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp()

import stan

DATA = """
data {
  int<lower=1> N; int<lower=1> I; int<lower=2> K;
  array[N * I] int<lower=1> person; array[N * I] int<lower=1> item; array[N * I] int<lower=0> y;
  real<lower=0> a_scale; real<lower=0> b_scale;
}
"""
TWO_PL = """
parameters { vector<lower=0>[I] discrimination; vector[I] location; vector[N] ability; }
model {
  discrimination ~ lognormal(0, a_scale);
  location ~ normal(0, b_scale);
  ability ~ std_normal();
  y ~ bernoulli_logit(discrimination[item] .* (ability[person] - location[item]));
}
"""
GRADED = """
parameters { vector<lower=0>[I] discrimination; array[I] ordered[K - 1] location; vector[N] ability; }
model {
  discrimination ~ lognormal(0, a_scale);
  for (i in 1:I) location[i] ~ normal(0, b_scale);
  ability ~ std_normal();
  for (n in 1:(N * I))
    y[n] + 1 ~ ordered_logistic(discrimination[item[n]] * ability[person[n]],
                                discrimination[item[n]] * location[item[n]]);
}
"""
PARTIAL_CREDIT = """
parameters { vector<lower=0>[I] discrimination; array[I] vector[K - 1] location; vector[N] ability; }
model {
  discrimination ~ lognormal(0, a_scale);
  for (i in 1:I) location[i] ~ normal(0, b_scale);
  ability ~ std_normal();
  for (n in 1:(N * I))
    y[n] + 1 ~ categorical_logit(append_row(0, cumulative_sum(
      discrimination[item[n]] * (ability[person[n]] - location[item[n]]))));
}
"""
PROGRAMS = {"2pl": TWO_PL, "grm": GRADED, "gpcm": PARTIAL_CREDIT}


def run(job: Job) -> dict[str, Any]:
    """Compile, warm up and draw."""
    start = time.perf_counter()
    posterior = stan.build(DATA + PROGRAMS[job.model], data=_data(job), random_seed=job.seed)
    compiled = time.perf_counter()
    fit = posterior.sample(num_chains=1, num_warmup=job.warmup, num_samples=job.draws)
    draws = {name: np.moveaxis(fit[name], -1, 0)[None] for name in ("discrimination", "location")}
    return {"compile_seconds": compiled - start, "total_seconds": time.perf_counter() - start, "draws": draws}


def _data(job: Job) -> dict[str, Any]:
    person, item = np.indices(job.y.shape) + 1
    long = {"person": person, "item": item, "y": job.y}
    sizes = {"N": job.y.shape[0], "I": job.y.shape[1], "K": job.n_categories}
    return sizes | {k: v.ravel().tolist() for k, v in long.items()} | {"a_scale": job.a_scale, "b_scale": job.b_scale}
