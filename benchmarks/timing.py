"""How a call is timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

SECONDS, AT_LEAST = 3.0, 20


def time_calls(function: Callable[[], object], compile_seconds: float) -> dict[str, float]:
    """Median seconds of a call, after a first one, over some seconds of calls."""
    start = time.perf_counter()
    function()
    first = time.perf_counter()
    times: list[float] = []
    while len(times) < AT_LEAST or time.perf_counter() - first < SECONDS:
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    total = compile_seconds + first - start
    return {"compile_seconds": compile_seconds, "total_seconds": total, "gradient_seconds": float(np.median(times))}


def elbo_trace(elbo: Sequence[float], seconds: Sequence[float], points: int = 60) -> list[list[float]]:
    """An optimisation in a few points: [seconds since the start, ELBO averaged over the steps since the last point]."""
    parts = [part for part in np.array_split(np.arange(len(elbo)), points) if len(part)]
    return [[float(seconds[part[-1]]), float(np.mean(np.asarray(elbo)[part]))] for part in parts]
