"""A tiny suite runs, a missing peer becomes a row, and what is done is not done again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.run import main, run_suite
from benchmarks.suites import SUITES, Contestant

ABSENT = Contestant("absent", "a library", "a method", "absent", ("no-such-distribution",))


@pytest.mark.long
def test_a_suite_writes_a_row_for_each_contestant_and_resumes(tmp_path: Path) -> None:
    tiny = SUITES["tiny"]
    suite = replace(tiny, contestants=(tiny.contestants[0], ABSENT))
    text = run_suite(suite, tmp_path)
    table = pd.read_csv(tmp_path / "tiny.csv").set_index("contestant")
    assert table.loc[suite.reference, "ratio"] == 1
    assert table.loc[suite.reference, "min ESS"] > 0
    assert table.loc["absent", "note"] == "not installed: no-such-distribution"
    record = tmp_path / "tiny" / f"{suite.reference}.json"
    written = record.stat().st_mtime_ns
    assert run_suite(suite, tmp_path) == text
    assert record.stat().st_mtime_ns == written


def test_a_contestant_over_its_limit_is_a_row(tmp_path: Path) -> None:
    tiny = SUITES["tiny"]
    assert "over 0.1 s" in run_suite(replace(tiny, contestants=tiny.contestants[:1]), tmp_path, limit=0.1)


def test_an_unknown_suite_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suite=tinny"]) == 1
    assert "valid: tiny" in capsys.readouterr().err
