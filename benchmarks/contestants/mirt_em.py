"""Python mirt: marginal maximum likelihood by EM, its standard errors included, as is its default."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from mirt import fit_mirt

from benchmarks.job import Job


def run(job: Job) -> dict[str, Any]:
    """Fit the 2PL."""
    start = time.perf_counter()
    result = fit_mirt(job.y, model="2PL", **job.options)
    seconds = time.perf_counter() - start
    parameters = result.model.parameters
    names = {"discrimination": "discrimination", "location": "difficulty"}
    estimate = {name: np.ravel(parameters[theirs]) for name, theirs in names.items()}
    return {"total_seconds": seconds, "estimate": estimate}
