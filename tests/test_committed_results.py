"""What the repository keeps of the studies is enough to rebuild its tables, and to go on where they stopped."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from irtbridge_experiments.cli import main
from irtbridge_experiments.config.compose import read_config
from irtbridge_experiments.records.fits import FITS, packed_fits
from irtbridge_experiments.study.run import done_before, make_plan

RESULTS = Path(__file__).parent.parent / "results"
BOTH = "backend=pyro,tfp"
RUNS = [
    ["study=basic"],
    ["study=basic", "method=laplace"],
    ["study=prior_sensitivity"],
    ["study=prior_sensitivity", BOTH, "method=laplace"],
    ["study=large_scale", BOTH, "method=laplace"],
    ["study=large_scale", BOTH, "method=vi", "replications=20"],
    ["study=large_scale", BOTH, "method=nuts", "replications=5"],
    ["study=m2pl7", BOTH, "method=vi,nuts_whitened", "replications=20"],
    ["study=m2pl7", BOTH, "method=nuts", "replications=5"],
    ["study=bfi", "method=nuts,vi,laplace"],
    ["study=verbagg", "method=nuts,vi,laplace"],
    ["study=bfi5"],
    ["study=bfi5", "backend=pyro", "method=nuts_whitened"],
    ["study=quickstart"],
    ["study=estimators"],
    ["study=generalization"],
    [
        *("study=generalization", "data=bfi:N", "allow_empty=true", "mask=entries,columns", "replications=3"),
        "conditions.irt.grid.model=[grm,gpcm]",
    ],
]
"""What was run; results/README.md has it in words."""


SIMULATED_TESTS = "adaptive"  # whose csv files are what was run: they have no fits


def tables_of_fits(results: Path) -> list[Path]:
    return [path for path in results.rglob("*.csv") if path.relative_to(results).parts[0] != SIMULATED_TESTS]


@pytest.mark.long
@pytest.mark.usefixtures("undrawn")
def test_tables_are_rebuilt_byte_for_byte(tmp_path: Path) -> None:
    shutil.copytree(RESULTS, tmp_path / "results")
    before = {path.relative_to(RESULTS): path.read_bytes() for path in tables_of_fits(RESULTS)}
    for path in tables_of_fits(tmp_path / "results"):
        if path.name != "fits.csv":
            path.unlink()
    assert main(["tables", "--paper", str(tmp_path / "results")]) == 0
    after = {path.relative_to(tmp_path / "results"): path.read_bytes() for path in tables_of_fits(tmp_path / "results")}
    assert after == before


@pytest.mark.parametrize("words", RUNS, ids=" ".join)
def test_what_was_run_is_not_fitted_again(words: list[str]) -> None:
    plan = make_plan(read_config("run", [*words, f"results={RESULTS}"]))
    packed = packed_fits(plan.folder / FITS)
    for cell in plan.cells:
        assert all(done_before(plan.folder, cell, r, packed) for r in plan.wanted(cell)), cell.title


@pytest.mark.long
def test_tables_of_simulated_tests_are_rebuilt_byte_for_byte(tmp_path: Path) -> None:
    folder, own = tmp_path / SIMULATED_TESTS, RESULTS / SIMULATED_TESTS
    shutil.copytree(own, folder)
    built = [folder / "table.csv", *folder.rglob("*.md"), *folder.rglob("*.svg")]
    for path in built:
        path.unlink()
    assert main(["tables", str(folder)]) == 0
    for path in built:
        assert path.read_bytes() == (own / path.relative_to(folder)).read_bytes()
