"""The built wheel holds all that a run needs and nothing else, and works from an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"irtbridge", "irtbridge_pyro", "irtbridge_tfp", "irtbridge_configs", "irtbridge_experiments"}
HEAVY = ("torch", "tensorflow")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), "."]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_wheel_holds_the_packages_and_their_data(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == PACKAGES
    for needed in (
        "irtbridge/py.typed",
        "irtbridge/data/sets/lsat7.csv",
        "irtbridge/testing/conformance/__init__.py",
        "irtbridge_configs/run.yaml",
        "irtbridge_configs/study/quickstart.yaml",
        "irtbridge_configs/reference/lsat7_2pl.csv",
    ):
        assert needed in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.long
def test_wheel_runs_the_quickstart_study_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    zipfile.ZipFile(wheel).extractall(site)
    env = {**os.environ, "PYTHONPATH": str(site)}
    where = subprocess.run(
        [sys.executable, "-c", "import irtbridge, irtbridge_configs as c; print(irtbridge.__file__, c.__file__)"],
        cwd=empty, env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert all(path.startswith(str(site)) for path in where.stdout.split())
    words = ["run", "study=quickstart", "method=vi", "method.vi.steps=50", "method.vi.draws=50"]
    done = subprocess.run(
        [sys.executable, "-m", "irtbridge_experiments.cli", *words],
        cwd=empty,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written = {path.relative_to(empty).as_posix() for path in empty.rglob("*") if path.is_file()}
    written = {path for path in written if "/.locks/" not in path}
    folder = "results/quickstart"
    files = [
        "study.json",
        "items.csv",
        *(f"{name}.{ending}" for name in ("table", "estimates") for ending in ("csv", "md", "tex")),
    ]
    files += [f"{name}.{ending}" for name in ("figure", "densities") for ending in ("png", "svg")]
    cells = [f"{kind}/lsat7/{backend}-vi.{ending}" for kind, ending in (("records", "json"), ("draws", "nc"))
             for backend in ("pyro", "tfp")]  # fmt: skip
    assert written == {f"{folder}/{name}" for name in files + cells}


def test_importing_irtbridge_loads_no_library() -> None:
    code = "import irtbridge, irtbridge_experiments.cli; irtbridge.two_pl(); irtbridge.fit"
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True)
    imported = {line.split("|")[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "irtbridge" in imported
    assert not imported & set(HEAVY)
