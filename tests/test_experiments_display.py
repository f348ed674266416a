"""Progress: how long the rest will take."""

from __future__ import annotations

import io

import pytest
from irtbridge_experiments import display as module
from irtbridge_experiments.display import Display
from rich.console import Console


@pytest.mark.parametrize("kept", [0, 6])
def test_the_time_left_is_of_what_is_left(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 120.0])
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(clock))
    show = Display(Console(file=io.StringIO()), None)
    show.expect(kept + 4, kept=kept)
    assert show.eta == ""
    show.count(1)
    assert show.eta == "about 6 min left"
