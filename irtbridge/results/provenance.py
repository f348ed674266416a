"""What a result was computed on: machine, threads and versions."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

CORE = ("irtbridge", "numpy", "scipy", "arviz")


def environment(versions: dict[str, str | None], threads: int = 0) -> dict[str, Any]:
    """Versions, those of a backend's library among them, machine and threads (0: all cores), as plain data."""
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu_count": os.cpu_count() or 0,
        "threads": threads or os.cpu_count() or 0,
        "irtbridge_version": _core_versions()["irtbridge"],
        "versions": _core_versions() | versions,
        "git_commit": git_commit(),
    }


@cache
def _core_versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in CORE}


@cache
def git_commit() -> str:
    """Commit of the source tree irtbridge runs from; empty where it is installed from a wheel, or git is not."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()
