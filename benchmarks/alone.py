"""One measurement of a benchmark in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from irtbridge.errors import IRTBridgeError

ROOT = Path(__file__).parent.parent


def measured_alone(
    module: str, words: Sequence[str], who: str, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What ``python -m benchmarks.MODULE --measure WORDS`` prints last, as JSON.

    Raises
    ------
    IRTBridgeError
        The process failed: `who` it measured, and the last line of what it complained of.
    """
    command = [sys.executable, "-m", f"benchmarks.{module}", "--measure", *words]
    whole = os.environ | dict(environment or {})
    done = subprocess.run(command, env=whole, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise IRTBridgeError(f"{who}: {(done.stderr.strip().splitlines() or ['killed'])[-1]}")
    record: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return record
