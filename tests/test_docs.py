"""The documents' Python runs as it stands."""

from __future__ import annotations

import inspect
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from irtbridge_experiments.figures import registry as figures
from irtbridge_experiments.tables import registry as tables

from irtbridge.inference import METHODS
from irtbridge.model.catalogue import MODELS, graded
from irtbridge.plugin.entry_points import backend_names

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SLOW = {
    f"{name}.md"
    for name in (
        "models",
        "tutorial",
        "fair",
        "curves",
        "keep",
        "scores",
        "groups",
        "ai-evaluation",
        "estimators",
        "covariates",
        "calibration-from-features",
        "compare",
        "hold-out",
    )
}
NEEDS_JAGS = pytest.mark.skipif(
    shutil.which("jags") is None or "jags" not in backend_names(), reason="jags and irtbridge-jags are not installed"
)


def marks(page: Path) -> list[pytest.MarkDecorator]:
    return [pytest.mark.long] * (page.name in SLOW) + [NEEDS_JAGS] * (page.stem == "jags")


RUN = [pytest.param(page, marks=marks(page), id=page.name) for page in PAGES]


@pytest.mark.parametrize("page", RUN)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    exec(compile("\n".join(blocks), str(page), "exec"), {"__name__": page.stem})


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_printed_spec_in_the_docs_is_what_is_printed() -> None:
    shown = (ROOT / "docs" / "models.md").read_text().replace("\n    ", "\n")
    assert str(graded()) in shown


def in_docs(page: str) -> str:
    return (ROOT / "docs" / page).read_text()


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table as the pages write it."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def test_every_method_is_described_as_it_describes_itself() -> None:
    rows = [
        (f"`{name}`", method.summary, ", ".join(f"`{setting.name}`" for setting in fields(method.settings)))
        for name, method in METHODS.items()
    ]
    assert table(("method", "what it does", "settings"), rows) in in_docs("methods.md")


TRAITS = {None: "one", 1: "one or several", 2: "several"}
"""By the default of a model's option `traits`."""


def test_every_model_is_described_as_it_describes_itself() -> None:
    rows = []
    for name, function in MODELS.items():
        summary = (inspect.getdoc(function) or "").partition("\n")[0].replace("``", "`")
        options = function.__kwdefaults__ or {}
        traits = "several" if "groups" in options else TRAITS[options.get("traits")]
        rows.append((f"`{name}`", f"`{function.__name__}`", traits, summary))
    assert table(("name", "function", "traits", "model"), rows) in in_docs("models.md")


@pytest.mark.parametrize(("kind", "registry"), [("tables", tables), ("figures", figures)])
def test_every_table_and_figure_of_a_study_is_named(kind: str, registry: Any) -> None:
    (row,) = re.findall(rf"^\| {kind} \(.*\) \|(.*)\|(.*)\|(.*)\|(.*)\|$", in_docs("studies.md"), flags=re.MULTILINE)
    groups = (registry.SIMULATED, registry.REAL, registry.HELD_OUT, registry.CALIBRATED)
    for cell, parts in zip(row, groups, strict=True):
        assert [name.removesuffix(".csv") for name in re.findall("`(.*?)`", cell)] == [part.name for part in parts]
