"""A study through Hydra's launchers gives the records of a serial run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, chdir
from pathlib import Path
from typing import Any

import pytest
from irtbridge_experiments.cli import main

from irtbridge.data.files import read_json

STUDY = """\
# @package _global_
defaults:
  - override /backend: pyro
  - override /method: [map, vi]
name: tiny
replications: 2
settings:
  vi: {steps: 20, draws: 30}
conditions:
  small:
    model: {name: 2pl}
    simulate: {n_persons: 25, n_items: 4}
"""
PERSONAL = ("seconds", "memory", "compile_shared", "load")
RUN = ["run", "--config-dir", ".", "study=tiny"]
LAUNCHERS = {
    "joblib": ["hydra.launcher.n_jobs=2"],
    "ray": ["++hydra.launcher.ray.init.num_cpus=2"],
}


@pytest.fixture(scope="module")
def serial(
    tmp_path_factory: pytest.TempPathFactory, without_processes: Callable[[], AbstractContextManager[None]]
) -> Path:
    """A folder with the study and its records from a serial run."""
    folder = tmp_path_factory.mktemp("launchers")
    (folder / "study").mkdir()
    (folder / "study" / "tiny.yaml").write_text(STUDY)
    with without_processes():
        run_here(folder, "results=serial")
    return folder


def run_here(folder: Path, *words: str) -> None:
    with chdir(folder):
        assert main([*RUN, *words]) == 0


def run_there(folder: Path, *words: str) -> None:
    """In a process of its own, as the launcher's processes must find their way back to it."""
    command = [sys.executable, "-m", "irtbridge_experiments.cli", *RUN, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def records(folder: Path) -> dict[str, dict[str, Any]]:
    found = {}
    for path in sorted(folder.rglob("records/**/*.json")):
        kept = {k: v for k, v in read_json(path).items() if not any(word in k for word in PERSONAL)}
        found[str(path.relative_to(folder))] = kept
    return found


@pytest.mark.long
def test_the_basic_launcher_gives_the_serial_records(serial: Path) -> None:
    run_here(serial, "-m", "results=basic", "hydra/launcher=basic", "parts=2")
    expected = records(serial / "serial")
    assert len(expected) == 4
    assert records(serial / "basic") == expected
    assert not (serial / "multirun.yaml").exists()


@pytest.mark.long
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_launcher_gives_the_serial_records(launcher: str, serial: Path) -> None:
    """Of one cell, whose two replications are jobs of their own."""
    pytest.importorskip(f"hydra_plugins.hydra_{launcher}_launcher")
    words = [f"results={launcher}", f"hydra/launcher={launcher}", "parts=2", "method=map", *LAUNCHERS[launcher]]
    run_there(serial, "-m", *words)
    expected = {name: record for name, record in records(serial / "serial").items() if "map" in name}
    assert len(expected) == 2
    assert records(serial / launcher) == expected
    assert not (serial / "multirun.yaml").exists()


def test_a_launched_run_goes_on_where_it_stopped(serial: Path) -> None:
    run_here(serial, "results=parts", "method=map", "replications=1")
    first = serial / "parts/tiny/records/small/pyro-map/0000.json"
    stamp = first.stat().st_mtime_ns
    run_here(serial, "-m", "results=parts", "method=map")
    assert first.stat().st_mtime_ns == stamp
    assert records(serial / "parts") == {k: v for k, v in records(serial / "serial").items() if "map" in k}


REFUSED = {
    "two seeds": (["seed=1,2"], ["seed=1,2", "one value"]),
    "launcher": (["hydra/launcher=jobli"], ["'jobli'; valid:", "irtbridge[launchers]"]),
    "method": (["method=map,vj"], ["'vj'; valid: vi"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_is_refused_before_anything_runs(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words, expected = REFUSED[case]
    assert main(["run", "-m", "study=basic", *words]) == 1
    message = capsys.readouterr().err
    for word in expected:
        assert word in message
    assert not (tmp_path / "results").exists()
