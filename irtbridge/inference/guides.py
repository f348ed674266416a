"""Further draws of a normal guide that has been fitted."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from irtbridge.plugin.program import Program, Progress
from irtbridge.results.draws import Draws, Timings


def resume_guide(program: Program, settings: Any, before: Draws, draws: int, seed: int, progress: Progress) -> Draws:
    """Further draws of the guide ``z = centre + factor (scale w)``, w standard normal, or without a factor.

    Its ``centre`` (dim,), ``scale`` (dim,) and ``factor`` (dim, dim), lower triangular, are what the method has kept.
    """
    start, guide = time.perf_counter(), before.kept_adaptation
    white = np.random.default_rng(seed).standard_normal((draws, program.dim))
    away, log_volume = white * guide["scale"], np.log(guide["scale"]).sum()
    if (factor := guide.get("factor")) is not None:
        away, log_volume = away @ factor.T, log_volume + np.log(np.diag(factor)).sum()
    log_q = -0.5 * np.sum(white**2 + np.log(2 * np.pi), axis=1) - log_volume
    timings = Timings(sampling=time.perf_counter() - start)
    z = (guide["centre"] + away)[None]
    return Draws(z, timings, {}, "independent", ess=float(draws), log_q=log_q[None], adaptation=guide)
