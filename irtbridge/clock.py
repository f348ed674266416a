"""Seconds of one fit, also while several take turns (see `irtbridge.lockstep`)."""

from __future__ import annotations

import time
from contextvars import ContextVar

_ELSEWHERE: ContextVar[float] = ContextVar("seconds_elsewhere", default=0.0)


def seconds() -> float:
    """Wall clock less what other fits took of it; only differences mean something."""
    return time.perf_counter() - _ELSEWHERE.get()


def leave_out(elapsed: float) -> None:
    """Seconds that were not this fit's."""
    _ELSEWHERE.set(_ELSEWHERE.get() + elapsed)
