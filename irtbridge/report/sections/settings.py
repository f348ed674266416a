"""By what, how and on what it was fitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from irtbridge.report.parts import Section, Table

SHOWN = {
    "backend": "backend",
    "method": "method",
    "seed": "seed",
    "device_name": "device",
    "dtype": "precision",
    "chain_method": "chains run",
    "threads": "threads",
    "platform": "platform",
    "python": "Python",
    "total_seconds": "seconds",
    "compile_seconds": "of these compiling",
    "git_commit": "commit",
}


def section(fit: Any, told: Mapping[str, Any]) -> Section:
    """Settings of the method, and the record of backend, machine and versions."""
    of = fit.provenance
    of = of | {"git_commit": str(of.get("git_commit", ""))[:12]}
    run = {word: _said(of[name]) for name, word in SHOWN.items() if of.get(name) not in (None, "")}
    versions = {name: version for name, version in of["versions"].items() if version}
    return Section(
        "Settings, versions, machine",
        (
            _table(run, "The run"),
            _table({k: _said(v) for k, v in of["settings"].items()}, f"Settings of {of['method']}"),
            _table(versions, "Versions"),
        ),
    )


def _said(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _table(values: Mapping[str, str], caption: str) -> Table:
    return Table.of(pd.DataFrame({"value": values}, dtype=object), caption)
