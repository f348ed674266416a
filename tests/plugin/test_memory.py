"""Freed memory is kept: an array of the same size comes without a page fault."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from irtbridge.data.responses import Responses
from irtbridge.model.catalogue import two_pl
from irtbridge.model.layout import Layout
from irtbridge.plugin.backend import Backend
from irtbridge.plugin.program import Program

PROBE = """\
import resource
import numpy as np
from irtbridge.plugin.memory import keep_freed_memory
kept = keep_freed_memory()
def faults(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        np.ones(2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults(3)
print(int(kept), faults(20))
"""


def probe(**variables: str) -> tuple[bool, int]:
    command = [sys.executable, "-c", PROBE]
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=True)
    kept, faults = map(int, done.stdout.split())
    return bool(kept), faults


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="page faults are counted on Linux")
def test_arrays_of_one_size_share_their_pages() -> None:
    kept, faults = probe()
    if not kept:
        pytest.skip("the C library is not glibc")
    pages = 20 * 2**20 * 8 // os.sysconf("SC_PAGE_SIZE")
    assert faults < pages / 50


def test_every_program_that_is_made_keeps_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stops(Backend):
        name = "stops"

        def build(self, layout: Layout, responses: Responses, device: str, dtype: str) -> Program:
            raise NotImplementedError(str(kept))

    kept: list[bool] = []
    monkeypatch.setattr("irtbridge.plugin.backend.keep_freed_memory", lambda: kept.append(True))
    with pytest.raises(NotImplementedError, match="True"):
        Stops().compile(two_pl(), Responses.from_codes([[0, 1], [1, 0]]), device="cpu")


def test_the_users_own_settings_are_left_alone() -> None:
    assert probe(MALLOC_TRIM_THRESHOLD_="131072")[0] is False
