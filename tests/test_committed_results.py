"""What the repository keeps of the studies is enough to rebuild its tables."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from irtbridge_experiments.cli import main

RESULTS = Path(__file__).parent.parent / "results"


@pytest.mark.usefixtures("undrawn")
def test_tables_are_rebuilt_byte_for_byte(tmp_path: Path) -> None:
    shutil.copytree(RESULTS, tmp_path / "results")
    before = {path.relative_to(RESULTS): path.read_bytes() for path in RESULTS.rglob("*.csv")}
    for path in (tmp_path / "results").rglob("*.csv"):
        if path.name != "fits.csv":
            path.unlink()
    assert main(["tables", "--paper", str(tmp_path / "results")]) == 0
    after = {path.relative_to(tmp_path / "results"): path.read_bytes() for path in tmp_path.rglob("*.csv")}
    assert after == before
