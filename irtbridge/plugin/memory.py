"""Freed memory, kept for the next step."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache

VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")
# Parameters of mallopt, from glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST = (1 << 31) - 1


@cache
def keep_freed_memory() -> bool:
    """Have the C library keep large arrays that are freed, for the next ones of their size.

    A gradient's arrays are freed at once and are needed again by the next gradient. By default glibc gives such memory
    back to the system, which hands it out anew page by page: at 5,000 persons x 100 items that takes longer than the
    arithmetic. The process then holds on to the most that it has used. Where an environment variable of `VARIABLES`
    says what the user wants, nothing is changed.

    Returns
    -------
    bool
        Whether this C library did so.
    """
    if not sys.platform.startswith("linux") or any(variable in os.environ for variable in VARIABLES):
        return False
    set_parameter = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_parameter is None:
        return False
    return all([set_parameter(parameter, LARGEST) == 1 for parameter in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD)])
