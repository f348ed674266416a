"""What tests of several rooms share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before NumPy is loaded, here and in the processes that tests start: one core for each process that runs tests. Threads
# of the linear algebra that wait for a core of another process do so busily, for half of all processor time.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are made but not rendered, which takes seconds: their files are there, and empty."""
    from matplotlib.figure import Figure

    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: Path(path).touch())
