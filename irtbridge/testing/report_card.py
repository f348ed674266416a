"""What the conformance suite finds of a backend, as one card: what it declares, what passed, how exact, how fast."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from irtbridge.data.load import load_dataset
from irtbridge.errors import BackendUnavailable, Unsupported
from irtbridge.model.catalogue import two_pl
from irtbridge.model.density import log_joint
from irtbridge.model.families import FAMILIES
from irtbridge.model.priors import PRIORS
from irtbridge.plugin.backend import Backend
from irtbridge.plugin.entry_points import backend_names
from irtbridge.plugin.loading import load_backend
from irtbridge.plugin.sampler import SamplerProgram
from irtbridge.testing.cases import CASES
from irtbridge.testing.conformance.densities import Densities
from irtbridge.testing.conformance.prepared import prepared

SUITE = """\
from irtbridge.testing import BackendConformance


class TestBackend(BackendConformance):
    backend = {backend!r}
    device = {device!r}
"""
OPTIONS = ("-p", "no:terminal", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "addopts=", "--import-mode=importlib")
REPEATS = 20  # gradients that are timed, of which the median counts
LINES = 4  # of what a failed test says: NumPy tells the largest difference in the fourth
FLAGS = ("methods", "gradients", "dtypes", "collapses", "noncentres", "has_arrays", "stacks")


@dataclass(frozen=True)
class ReportCard:
    """What the conformance suite finds of a backend.

    Attributes
    ----------
    backend, device : str
        What was tested.
    versions : dict of str to str or None
        Of what the backend requires.
    declares : dict
        What its class declares; of priors and families those that it lacks.
    passed : int
        Tests that it passed.
    failed : dict of str to str
        Those that it did not pass, and the first line of what is wrong.
    left_out : dict of str to int
        How many tests were left out, by reason.
    log_density_error : float or None
        Largest relative difference from the NumPy reference, over the models that were tested and 20 points of each;
        None where the density is irtbridge's own, or none was tested.
    seconds_per_gradient : dict of str to float
        Of the 2PL on LSAT 7, by this backend and those beside it that have gradients.
    seconds : float
        That the suite took.
    """

    backend: str
    device: str
    versions: dict[str, str | None]
    declares: dict[str, Any]
    passed: int
    failed: dict[str, str]
    left_out: dict[str, int]
    log_density_error: float | None
    seconds_per_gradient: dict[str, float]
    seconds: float

    @property
    def conforms(self) -> bool:
        """Whether some tests ran and none failed."""
        return self.passed > 0 and not self.failed

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return asdict(self) | {"conforms": self.conforms}


def report_card(
    backend: str, *, device: str = "cpu", only: str = "", beside: Iterable[str] | None = None
) -> ReportCard:
    """Run the conformance suite on a backend.

    Parameters
    ----------
    backend : str
        Its name.
    device : str
        ``cpu`` or ``cuda``.
    only : str
        Which tests, as pytest's ``-k`` takes it; all by default.
    beside : iterable of str, optional
        Backends whose seconds per gradient stand beside; by default all that are installed.

    Raises
    ------
    UnknownName
        No such backend.
    BackendUnavailable
        What it needs is not installed.
    """
    engine, begin = load_backend(backend), time.perf_counter()
    outcomes = _run(backend, device, only)
    seconds = time.perf_counter() - begin
    others = [backend, *(name for name in (backend_names() if beside is None else beside) if name != backend)]
    error = outcomes.try_to("measure the log density error", _log_density_error, backend, device, outcomes.models)
    timed = {name: outcomes.try_to(f"time gradients of {name}", _seconds_per_gradient, name, device) for name in others}
    return ReportCard(
        backend,
        device,
        engine.versions(),
        _declared(engine),
        outcomes.passed,
        outcomes.failed,
        dict(outcomes.left_out),
        error,
        {name: value for name, value in timed.items() if value is not None},
        seconds,
    )


@dataclass
class _Outcomes:
    """A plugin of pytest that counts."""

    passed: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    models: set[str] = field(default_factory=set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in a stage of a test."""
        test, _, case = report.nodeid.rpartition("::")[2].partition("[")
        if test == Densities.test_log_density_equals_the_reference.__name__ and not report.skipped:
            self.models.add(case.removesuffix("]"))
        if report.skipped and isinstance(report.longrepr, tuple):
            self.left_out[report.longrepr[2].removeprefix("Skipped: ")] += 1
        elif report.failed:
            self.failed[report.nodeid.rpartition("::")[2]] = _what_is_wrong(report.longrepr)
        elif report.passed and report.when == "call":
            self.passed += 1

    def try_to(self, what: str, measure: Callable[..., float | None], *arguments: Any) -> float | None:
        """What a measurement gives; None, and a failure by this name, where the program raises anything."""
        try:
            return measure(*arguments)
        except Exception as error:
            self.failed[what] = f"{type(error).__name__}: {error}".partition("\n")[0]
            return None

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take in what could not even be read."""
        if report.failed:
            self.failed["collection"] = str(report.longrepr).strip().rpartition("\n")[2]


def _what_is_wrong(longrepr: Any) -> str:
    """The first lines of an exception, as many as say something, and where it was raised."""
    crash = getattr(longrepr, "reprcrash", None)
    said = [line.strip() for line in (crash.message if crash else str(longrepr)).splitlines() if line.strip()]
    where = f" ({Path(crash.path).name}:{crash.lineno})" if crash else ""
    return "; ".join(said[:LINES]) + where


def _run(backend: str, device: str, only: str) -> _Outcomes:
    outcomes = _Outcomes()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "test_backend.py"
        file.write_text(SUITE.format(backend=backend, device=device))
        chosen = ["-k", only] if only else []
        pytest.main([str(file), *OPTIONS, "--rootdir", folder, *chosen], plugins=[outcomes])
    return outcomes


def _declared(engine: Backend) -> dict[str, Any]:
    flags = {name: getattr(engine, name) for name in FLAGS}
    lacking = {"priors": set(PRIORS) - set(engine.priors), "families": set(FAMILIES) - set(engine.families)}
    return flags | {f"{what}_lacking": tuple(sorted(names)) for what, names in lacking.items()}


def _log_density_error(backend: str, device: str, models: Collection[str]) -> float | None:
    errors = []
    for case in CASES:
        if case.name not in models:
            continue
        try:
            point = prepared(backend, device, case)
        except Unsupported:  # which the suite has found out, too
            continue
        if isinstance(point.program, SamplerProgram):
            return None
        rows = point.program.layout.rows(point.params)
        expected = np.array([log_joint(point.program.layout, row, point.responses) for row in rows])
        errors.append(np.abs(point.program.log_density(point.params) / expected - 1).max())
    return float(max(errors)) if errors else None


def _seconds_per_gradient(backend: str, device: str) -> float | None:
    """Median of some, of the 2PL on LSAT 7; None where there is no backend or no gradient."""
    try:
        engine = load_backend(backend)
    except BackendUnavailable:
        return None
    if not engine.gradients or device not in engine.devices():
        return None
    program = engine.compile(two_pl(), load_dataset("lsat7").expanded(), device=device).for_chains()
    z, seconds = np.random.default_rng(1).uniform(-0.5, 0.5, program.dim), []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        program.value_and_grad(z)
        seconds.append(time.perf_counter() - begin)
    return float(np.median(seconds))
