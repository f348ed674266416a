"""girth: marginal maximum likelihood, item by item, no standard errors."""

from __future__ import annotations

import time
from typing import Any

from girth import twopl_mml

from benchmarks.job import Job


def run(job: Job) -> dict[str, Any]:
    """Fit the 2PL."""
    start = time.perf_counter()
    result = twopl_mml(job.y.T)
    seconds = time.perf_counter() - start
    estimate = {"discrimination": result["Discrimination"], "location": result["Difficulty"]}
    return {"total_seconds": seconds, "estimate": estimate}
