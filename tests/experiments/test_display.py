"""Progress: how long the rest will take."""

from __future__ import annotations

import io
import warnings

import pytest
from irtbridge_experiments import display as module
from irtbridge_experiments.display import Display
from rich.console import Console

from irtbridge.errors import IRTBridgeWarning


@pytest.mark.parametrize("kept", [0, 6])
def test_the_time_left_is_of_what_is_left(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 120.0])
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(clock))
    show = Display(Console(file=io.StringIO()), None)
    show.expect(kept + 4, kept=kept)
    assert show.eta == ""
    show.count(1)
    assert show.eta == "about 6 min left"


def test_our_warnings_are_lines_and_those_of_others_stay_as_they_are(recwarn: pytest.WarningsRecorder) -> None:
    console = Console(file=io.StringIO(), width=80)
    with module.plain_warnings(console):
        warnings.warn("99 may stand for missing", IRTBridgeWarning, stacklevel=1)
        warnings.warn("deprecated", FutureWarning, stacklevel=1)
    assert console.file.getvalue() == "warning: 99 may stand for missing\n"  # type: ignore[attr-defined]
    assert [str(w.message) for w in recwarn] == ["deprecated"]
