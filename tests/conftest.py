"""What tests of several rooms share."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# Before NumPy is loaded, here and in the processes that tests start: one core for each process that runs tests. Threads
# of the linear algebra that wait for a core of another process do so busily, for half of all processor time.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

if TYPE_CHECKING:
    from irtbridge.data.responses import Responses
    from irtbridge.model.spec import ModelSpec
    from irtbridge.plugin.backend import Backend
    from irtbridge.plugin.program import Program

# By processor time. A worker takes a file at a time, and one that begins a long one last works on alone.
LONGEST = [
    "test_tfp.py", "test_numpyro.py", "test_pyro.py", "test_docs.py", "test_many.py", "test_runs.py", "test_cli.py",
    "test_large_data.py", "test_calibration.py", "test_going_on.py", "test_fitted.py", "test_recovery.py",
    "test_regression.py", "test_nuts_whitened.py", "test_reliability.py", "test_entry_points.py", "test_vi.py",
    "test_figures.py",
]  # fmt: skip
MOST_COMPILED = 24
COMPILED: dict[Any, Program] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are made but not rendered, which takes seconds: their files are there, and empty."""
    from matplotlib.figure import Figure

    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: Path(path).touch())


@pytest.fixture
def compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model over the same data in the same way is compiled once for all tests that ask for this."""
    from irtbridge.plugin import backend as contract

    compile_anew = contract.Backend.compile

    def compile_once(backend: Backend, spec: ModelSpec, responses: Responses, **how: Any) -> Program:
        options, categories = repr(backend.options), tuple(responses.n_categories)
        key = type(backend), options, spec.hash, responses.fingerprint, categories, *sorted(how.items())
        if key not in COMPILED:
            COMPILED[key] = compile_anew(backend, spec, responses, **how)
            while len(COMPILED) > MOST_COMPILED:
                del COMPILED[next(iter(COMPILED))]
        program = copy.copy(COMPILED[key])
        program.responses = responses
        return program

    monkeypatch.setattr(contract.Backend, "compile", compile_once)


@pytest.fixture
def browser() -> Iterator[Any]:
    """Chromium, without a window."""
    api, chromium = pytest.importorskip("playwright.sync_api"), shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()
