"""Engines that are distributions of their own: what they install is their package, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

BACKENDS = Path(__file__).parents[2] / "backends"


@pytest.mark.parametrize("name", ["numpyro", "jags"])
def test_a_distribution_holds_its_package_and_an_entry_point(name: str, tmp_path: Path) -> None:
    package = f"irtbridge_{name}"
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    subprocess.run([*command, str(BACKENDS / package)], check=True, capture_output=True)
    wheel = zipfile.ZipFile(next(tmp_path.glob("*.whl")))
    inside = {file for file in wheel.namelist() if ".dist-info/" not in file}
    modules = {f"{package}/{file.name}" for file in (BACKENDS / package).glob("*.py")}
    assert inside == {*modules, f"{package}/py.typed"}
    (points,) = (file for file in wheel.namelist() if file.endswith("entry_points.txt"))
    assert f"[irtbridge.backends]\n{name} = {package}:" in wheel.read(points).decode()
