"""Backends by entry point: a stranger's takes the same path as the built-in ones."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest

from irtbridge.errors import BackendUnavailable, PluginConflict, UnknownName
from irtbridge.plugin import entry_points as plugins
from irtbridge.plugin.backend import Backend
from irtbridge.plugin.devices import resolve_device
from irtbridge.plugin.loading import backend_class, load_backend
from irtbridge.testing import report_card

EXAMPLE = Path(__file__).parents[2] / "examples" / "numpy_backend"
HEAVY = ("torch", "tensorflow", "pyro", "tensorflow_probability", "jax", "numpyro")

SUITE = """
from irtbridge.testing import BackendConformance

class TestStranger(BackendConformance):
    backend = "numpy"
"""


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Install the example backend into a folder of its own; return the environment that sees it."""
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(target), str(EXAMPLE)], check=True, capture_output=True)
    path = os.pathsep.join(filter(None, [str(target), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}


def run(words: list[str], env: dict[str, str], **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, plugins.GROUP)


def test_installed_stranger_is_listed(stranger: dict[str, str]) -> None:
    listed = run(["-m", "irtbridge_experiments.cli", "backends"], stranger).stdout
    for word in ("numpy", "irtbridge-numpy", "An example of a plugin", "pyro", "tfp"):
        assert word in listed, listed


def test_installed_stranger_is_a_choice_of_the_command_line(stranger: dict[str, str], tmp_path: Path) -> None:
    words = ["-m", "irtbridge_experiments.cli", "fit"]
    words += ["data=lsat7", "model=2pl", "backend=nunpy"]
    refused = run(words, stranger, cwd=tmp_path)
    assert refused.returncode == 1
    assert "'nunpy'; valid: numpy," in refused.stderr
    words = [
        "-m",
        "irtbridge_experiments.cli",
        "fit",
        "data=lsat7",
        "model=2pl",
        "backend=numpy",
        "backend.numpy.step=1e-5",
    ]
    unsupported = run(words, stranger, cwd=tmp_path)
    assert unsupported.returncode == 1
    assert "'numpy' does not support method 'nuts'; supported by: " in unsupported.stderr


@pytest.mark.long
def test_stranger_runs_the_conformance_suite(stranger: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "test_stranger.py").write_text(SUITE)
    # Its gradients by differences make every collapsed case slow; the next test fits with them.
    chosen = "not collapsed or collapsed_density and (2pl or grm-correlated)"
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-k", chosen, "test_stranger.py"]
    done = run(words, stranger, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert " failed" not in done.stdout


@pytest.mark.long
def test_stranger_gets_a_report_card(stranger: dict[str, str], tmp_path: Path) -> None:
    words = ["-m", "irtbridge_experiments.cli", "check-backend", "numpy", "only=log_density_equals", "beside=none"]
    done = run(words, stranger, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "gradient of the 2PL on LSAT 7, numpy: " in done.stdout
    assert done.stdout.endswith("conforms\n")


@pytest.mark.long
def test_stranger_gets_the_methods_of_the_core(stranger: dict[str, str], tmp_path: Path) -> None:
    words = ["-m", "irtbridge_experiments.cli", "fit"]
    words += ["data=lsat7", "model=2pl", "backend=numpy", "method=map,laplace"]
    done = run([*words, "method.laplace.draws=200"], stranger, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "numpy map" in done.stdout
    assert "numpy laplace" in done.stdout


@pytest.mark.long
def test_stranger_runs_a_study_and_stands_in_its_tables(stranger: dict[str, str], tmp_path: Path) -> None:
    words = ["-m", "irtbridge_experiments.cli", "run", "study=quickstart", "backend=numpy", "method=laplace"]
    done = run([*words, "method.laplace.draws=100"], stranger, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    tables = {path.name: path.read_text() for path in (tmp_path / "results" / "quickstart").glob("*.csv")}
    assert set(tables) == {"table.csv", "items.csv", "estimates.csv"}
    assert all("numpy" in text and "laplace" in text for text in tables.values())
    table = run(["-m", "irtbridge_experiments.cli", "tables", "results/quickstart"], stranger, cwd=tmp_path)
    assert "numpy" in table.stdout, table.stderr


def test_what_a_stranger_raises_is_a_line_of_its_card(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Backend):
        name = "broken"
        description = "Raises in its gradient."

        def build(self, *arguments: object) -> NoReturn:
            raise ZeroDivisionError("in the library\nand more")

    monkeypatch.setattr(report_card, "load_backend", lambda name: Broken())
    monkeypatch.setattr(report_card, "_run", lambda *arguments: report_card._Outcomes(passed=3, models={"2pl"}))
    card = report_card.report_card("broken", beside=[])
    assert not card.conforms
    assert card.seconds_per_gradient == {}
    assert card.failed["time gradients of broken"] == "ZeroDivisionError: in the library"


def test_a_card_tells_what_a_failed_comparison_told() -> None:
    crash = SimpleNamespace(message="AssertionError: \n\nNot equal\n  off by 1\n", path="/a/b/suite.py", lineno=7)
    said = report_card._what_is_wrong(SimpleNamespace(reprcrash=crash))
    assert said == "AssertionError:; Not equal; off by 1 (suite.py:7)"


def test_listing_backends_loads_no_library() -> None:
    code = (
        "import sys; from irtbridge.plugin.entry_points import backend_names;"
        "from irtbridge.plugin.loading import backend_class;"
        f"[backend_class(name) for name in backend_names()]; print([m for m in {HEAVY} if m in sys.modules])"
    )
    assert run(["-c", code], dict(os.environ)).stdout.strip() == "[]"


def test_unknown_backend_lists_those_there_are() -> None:
    with pytest.raises(UnknownName, match=r"'piro'; valid: pyro"):
        backend_class("piro")


def test_two_plugins_of_one_name_are_both_named(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [point("pyro", "irtbridge_pyro:PyroBackend"), point("pyro", "another.module:Backend")]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)
    with pytest.raises(PluginConflict, match=r"irtbridge_pyro:PyroBackend.*another\.module:Backend"):
        plugins.backend_names()


def test_one_plugin_seen_twice_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [point("pyro", "irtbridge_pyro:PyroBackend")] * 2
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)
    assert plugins.backend_names() == ("pyro",)


@pytest.mark.parametrize("value", ["no_such_module:Backend", "json:dumps"])
def test_broken_plugin_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point("odd", value)])
    with pytest.raises(BackendUnavailable, match=value):
        backend_class("odd")


@pytest.mark.parametrize("name", ["pyro", "tfp"])
def test_missing_library_gives_the_pip_command(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    backend = backend_class(name)
    monkeypatch.setattr(backend, "requires", ("no-such-distribution",))
    with pytest.raises(BackendUnavailable, match=rf'no-such-distribution.*pip install "irtbridge\[{name}\]"'):
        load_backend(name)


def test_every_announced_backend_is_a_backend() -> None:
    classes = [backend_class(name) for name in plugins.backend_names()]
    assert all(issubclass(c, Backend) for c in classes)
    assert {"pyro", "tfp"} <= {c.name for c in classes}


@pytest.mark.parametrize("name", ["pyro", "tfp"])
@pytest.mark.parametrize(("devices", "best"), [(("cpu",), "cpu"), (("cpu", "cuda"), "cuda")])
def test_auto_is_a_gpu_where_there_is_one_and_else_no_error(
    name: str, devices: tuple[str, ...], best: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = load_backend(name)
    monkeypatch.setattr(type(backend), "devices", lambda _: devices)
    assert resolve_device("auto", backend.devices(), name) == best
    assert resolve_device("cpu", backend.devices(), name) == "cpu"
