"""TFP's windowed adaptive NUTS on a hand-written joint distribution, abilities and items together."""

from __future__ import annotations

import time
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from benchmarks.contestants.tfp_models import make_model, names, response
from benchmarks.job import Job


def run(job: Job) -> dict[str, Any]:
    """Warm up and draw, in one graph."""
    start = time.perf_counter()
    model, y = make_model(job), response(job)

    @tf.function(autograph=False, jit_compile=job.options["xla"])
    def sample() -> Any:
        draws, _ = tfp.experimental.mcmc.windowed_adaptive_nuts(
            job.draws, model, n_chains=1, num_adaptation_steps=job.warmup, seed=[job.seed, 1], y=y
        )
        return [getattr(draws, name) for name in names(job)]

    sample.get_concrete_function()
    compiled = time.perf_counter()
    draws = [tf.experimental.numpy.swapaxes(value, 0, 1).numpy() for value in sample()]
    seconds = {"compile_seconds": compiled - start, "total_seconds": time.perf_counter() - start}
    return seconds | {"draws": dict(zip(names(job), draws, strict=True))}
