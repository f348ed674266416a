"""Several processes on one folder: nothing is lost, and no cell is fitted by two at once."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from irtbridge_experiments.cli import main
from irtbridge_experiments.study.cell import Cell
from irtbridge_experiments.study.locks import claimed, writing

from irtbridge.errors import ResultsError
from irtbridge.model.catalogue import two_pl
from irtbridge.model.simulate import simulate_parameters, simulate_responses

STUDY = """\
# @package _global_
defaults:
  - override /backend: pyro
  - override /method: map
name: tiny
replications: 2
settings:
  vi: {steps: 20, draws: 30}
conditions:
  a:
    model: {name: 2pl}
    simulate: {n_persons: 25, n_items: 4}
  b:
    model: {name: 2pl}
    data: my.csv
"""
FIT = ["fit", "data=my.csv", "model=2pl", "backend=pyro"]
VI = ["method=vi", "method.vi.steps=20", "method.vi.draws=30"]
FOREVER = ["method.nuts.chains=1", "method.nuts.warmup=40", "method.nuts.draws=1000000"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with data and a study."""
    monkeypatch.chdir(tmp_path)
    params = simulate_parameters(two_pl(), 40, [2] * 4, seed=1)
    simulate_responses(two_pl(), params, [2] * 4, seed=2).to_frame().to_csv("my.csv", index=False)
    Path("study").mkdir()
    Path("study/tiny.yaml").write_text(STUDY)
    return tmp_path


def start(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "irtbridge_experiments.cli", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def together(*commands: list[str]) -> None:
    """Run commands at once; all must succeed."""
    processes = [start(*words) for words in commands]
    for process in processes:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, out + err


@pytest.mark.long
def test_two_fits_at_once_are_both_in_the_table(folder: Path) -> None:
    together([*FIT, "method=map"], [*FIT, *VI])
    assert {"pyro map mean", "pyro vi mean"} <= set(pd.read_csv("results/fits/my-2pl/items.csv"))


@pytest.mark.long
def test_a_second_fit_shows_the_first_one_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Side by side with all of the same model, data and seed; the others are named as left out."""
    assert main([*FIT, "method=map"]) == 0
    capsys.readouterr()
    assert main([*FIT, *VI]) == 0
    assert {"pyro map mean", "pyro vi mean", "diff / MCSE"} <= set(pd.read_csv("results/fits/my-2pl/items.csv"))
    assert main([*FIT, "method=vi_newton", "seed=2"]) == 0
    said = capsys.readouterr().out
    assert "pyro map mean" not in pd.read_csv("results/fits/my-2pl/items.csv")
    assert "left out, being of other data, priors or another seed: pyro map, pyro vi" in said


@pytest.mark.long
def test_two_runs_at_once_lose_nothing(folder: Path) -> None:
    run = ["run", "--config-dir", ".", "study=tiny"]
    together([*run, "~conditions.b"], [*run, "method=vi"])
    study = json.loads(Path("results/tiny/study.json").read_text())["conditions"]
    assert {name: sorted(condition["cells"]) for name, condition in study.items()} == {
        "a": ["pyro-map", "pyro-vi"], "b": ["pyro-vi"],
    }  # fmt: skip
    times = pd.read_csv("results/tiny/times.csv")
    assert times[["method", "done"]].to_numpy().tolist() == [["map", 2], ["vi", 2]]
    assert pd.read_csv("results/tiny/table.csv")["method"].tolist() == ["vi"]
    assert set(json.loads(Path("results/tiny/provenance.json").read_text())) == {"a pyro map", "a pyro vi"}


@pytest.mark.parametrize(
    "command",
    [FIT, pytest.param(["run", "--config-dir", ".", "study=tiny"], marks=pytest.mark.long)],
    ids=["fit", "run"],
)
def test_a_cell_that_is_being_fitted_is_refused(
    command: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the process; once that is gone, by whatever end, the cell is free."""
    words = [*command, "method=nuts", *FOREVER]
    process = start(*words)
    try:
        deadline = time.monotonic() + 120
        while f"process {process.pid} " not in "".join(path.read_text() for path in folder.rglob("pyro-nuts.lock")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert main(words) == 1
        message = capsys.readouterr().err
        assert message.startswith("irtbridge: error: ")
        assert f"is being fitted by process {process.pid} " in message
    finally:
        process.kill()
        process.wait()
    assert main([*words, "method.nuts.draws=30"]) == 0


def _append(folder: str, name: str) -> None:
    for _ in range(20):
        with writing(Path(folder)):
            path = Path(folder) / "shared.json"
            known = json.loads(path.read_text()) if path.exists() else []
            time.sleep(0.005)
            path.write_text(json.dumps([*known, name]))


def test_what_is_read_and_written_back_keeps_what_others_wrote(tmp_path: Path) -> None:
    context: Any = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_append, args=(str(tmp_path), name)) for name in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    kept = json.loads((tmp_path / "shared.json").read_text())
    assert sorted(kept) == ["a"] * 20 + ["b"] * 20


def cell(method: str, condition: str = "") -> Cell:
    return Cell("pyro", method, {}, {}, two_pl().to_dict(), seed=1, condition=condition)


@pytest.mark.long
def test_other_cells_can_be_fitted_meanwhile(tmp_path: Path) -> None:
    with claimed(tmp_path, [cell("map"), cell("map", "c")]):
        with claimed(tmp_path, [cell("vi"), cell("map", "d")]):
            pass
        with pytest.raises(ResultsError, match=f"c pyro-map .* process {os.getpid()}"), \
             claimed(tmp_path, [cell("vi"), cell("map", "c")]):  # fmt: skip
            pass
    with claimed(tmp_path, [cell("vi"), cell("map", "c")]):
        pass
