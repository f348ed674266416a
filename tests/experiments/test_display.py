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


@pytest.mark.parametrize(("pace", "last"), [(0.1, "sampling 10 %, about 3 min left"), (0.01, "sampling 10 %")])
def test_a_long_fit_says_how_long_it_will_take(pace: float, last: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own pace, whatever the fit before it took."""
    now = 0.0
    monkeypatch.setattr(module.time, "perf_counter", lambda: now)
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", -1.0)
    console = Console(file=io.StringIO())
    with Display(console, None).cell("cell", kept=0, total=2) as view:
        for start, own in ((0.0, 7.0), (10_000.0, pace)):
            for done in (0, 100, 200):
                now = start + done * own
                view.step("sampling", done, 2000)
        said = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert said[-1] == f"cell: {last}"


def test_our_warnings_are_lines_and_those_of_others_stay_as_they_are(recwarn: pytest.WarningsRecorder) -> None:
    console = Console(file=io.StringIO(), width=80)
    with module.plain_warnings(console):
        warnings.warn("99 may stand for missing", IRTBridgeWarning, stacklevel=1)
        warnings.warn("deprecated", FutureWarning, stacklevel=1)
    assert console.file.getvalue() == "warning: 99 may stand for missing\n"  # type: ignore[attr-defined]
    assert [str(w.message) for w in recwarn] == ["deprecated"]
