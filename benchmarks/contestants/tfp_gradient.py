"""The gradient of a hand-written TFP joint distribution in its unconstrained coordinates."""

from __future__ import annotations

import time
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from benchmarks.contestants.tfp_models import make_model, response
from benchmarks.job import Job
from benchmarks.timing import time_calls


def run(job: Job) -> dict[str, Any]:
    """Time value and gradient as one graph function."""
    start = time.perf_counter()
    pinned = make_model(job).experimental_pin(y=response(job))
    bijector = pinned.experimental_default_event_space_bijector()
    parts = bijector.inverse(pinned.sample_unpinned(seed=[job.seed, 1]))

    def density(*z: Any) -> Any:
        x = bijector.forward(type(parts)(*z))
        return pinned.unnormalized_log_prob(x) + bijector.forward_log_det_jacobian(type(parts)(*z))

    gradient = tf.function(
        lambda *z: tfp.math.value_and_gradient(density, z), autograph=False, jit_compile=job.options["xla"]
    )
    gradient(*parts)
    return time_calls(lambda: gradient(*parts)[0].numpy(), time.perf_counter() - start)
