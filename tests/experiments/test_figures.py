"""Tables and figures of what users bring: odd labels, several conditions, values that are not finite."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from irtbridge_experiments.cli import main
from irtbridge_experiments.figures import registry
from irtbridge_experiments.records.shapes import densities, traces
from irtbridge_experiments.tables.reference import read_reference_file
from irtbridge_experiments.tables.render import print_table, to_latex, to_markdown
from rich.console import Console

from irtbridge.assess.plots.style import LONGEST_LABEL
from irtbridge.data.files import write_json

pytestmark = pytest.mark.figures
NOT_FINITE = {"infinite": np.inf, "undefined": np.nan, "enormous": 5.7e225, "largest": 1.7e308}
ODD = [
    "x [/]", "[bold]q1", "q [easy]", "$a", "$a$ & $\\frac{$", "_under_", "a|b", "\\alpha^2", "", ":smile:", "q" * 200,
    "two\nlines", "Größe 漢字", "{x}%#~", "<b>",
]  # fmt: skip
"""Item labels, each of which some writer of text would take for markup."""


def simulated(condition: str, replication: int, method: str = "vi", **changes: Any) -> dict[str, Any]:
    block = {"elements": 4, "mse": 0.1 + replication, "bias": -0.1, "coverage": 0.5}
    seconds = {f"{name}_seconds": 1.0 + replication for name in ("compile", "warmup", "sampling", "total")}
    return {
        "condition": condition, "backend": "pyro", "method": method, "replication": replication, "cell_hash": method,
        "min_ess": 10.0, "max_r_hat": None, "divergences": 0, "pareto_k": 0.5, "compile_shared": replication > 0,
        "parameters": {"ability": block, "discrimination": block | changes}, **seconds,
    }  # fmt: skip


def real(condition: str, items: list[str], method: str = "vi", **changes: Any) -> dict[str, Any]:
    row = {"parameter": "difficulty", "mean": 0.5, "sd": 0.2, "hdi_2.5%": 0.1, "hdi_97.5%": 0.9, "mcse": 0.1,
           "ess_bulk": 9.0, "r_hat": None}  # fmt: skip
    shape = {"parameter": "difficulty", "low": -1.0, "high": 1.0, "density": [0.0, 1.0, 0.0]}
    record = simulated(condition, 0, method)
    del record["parameters"]
    return record | {
        "items": [row | {"item": item} for item in items], "shared": [],
        "densities": [shape | {"item": item} for item in items],
        "traces": [{"item": items[0], "parameter": "difficulty", "chains": [[0.1, 0.2], [0.3, 0.1]]}],
    } | changes  # fmt: skip


def write(folder: Path, conditions: dict[str, Any], records: list[dict[str, Any]], title: str = "t") -> Path:
    """A study's folder as a run leaves it."""
    write_json(folder / "study.json", {"name": "s", "title": title, "reference": None, "conditions": conditions})
    for number, record in enumerate(records):
        write_json(folder / "records" / record["condition"] / f"{number}.json", record)
    return folder


def rebuild(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Tables and figures from the records; what was printed."""
    assert main(["tables", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "could not be drawn" not in said
    return said


# Values that are not finite


FIRST, *OTHERS = NOT_FINITE.values()
SOMEWHERE = [(FIRST, False), *(pytest.param(value, False, marks=pytest.mark.long) for value in OTHERS)]


@pytest.mark.parametrize(("value", "everywhere"), [*SOMEWHERE, (np.inf, True)])
def test_a_study_of_what_is_not_finite_has_its_figures(
    value: float, everywhere: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = {name: {"a": a, "b": b} for name, a, b in (("c", 1, 1), ("d", 1, 2))}
    records = [simulated(name, r, method) for name in grid for r in range(2) for method in ("nuts", "vi")]
    for record in records if everywhere else records[:1]:
        for block in record["parameters"].values():
            block |= {"mse": value, "bias": -value}
    conditions = {name: {"design": {}, "grid": values} for name, values in grid.items()}
    rebuild(write(tmp_path, conditions, records), capsys)
    drawn = {path.name for path in tmp_path.glob("*.png")}
    assert {"times.png"} <= drawn
    if not everywhere:
        assert {"recovery.png", "spread.png", "pareto.png", "grid_mse.png", "grid_bias.png"} <= drawn
        assert pd.read_csv(tmp_path / "recovery.csv")["MSE"].notna().all()


@pytest.mark.long
@pytest.mark.parametrize("value", NOT_FINITE.values(), ids=NOT_FINITE)
def test_estimates_that_are_not_finite_have_their_figures(
    value: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [real("c", ["i", "j"]), real("c", ["i", "j"], "nuts")]
    records[0]["items"][0] |= {"mean": value, "sd": value, "hdi_2.5%": -value, "hdi_97.5%": value}
    records[0]["densities"][0] |= {"low": -value, "high": value}
    records[0]["traces"][0]["chains"][0] = [value, 0.2]
    rebuild(write(tmp_path, {"c": {}}, records), capsys)
    assert {path.name for path in tmp_path.glob("*.png")} == {"figure.png", "densities.png", "traces.png"}


def test_a_study_whose_fits_all_failed_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = {"error": {"type": "NumericalError", "message": "not finite [at all]"}}
    kept = ("condition", "backend", "method", "replication", "cell_hash")
    failed = [{k: simulated(name, 0)[k] for k in kept} | error for name in ("c", "d")]
    said = rebuild(write(tmp_path, {"c": {"design": {}}, "d": {}}, failed), capsys)
    assert "not finite [at all]" in said
    assert pd.read_csv(tmp_path / "times.csv")["failed"].tolist() == [1]


@pytest.mark.parametrize("spread", [0.0, 1e-300, 1e-17, 1e21, 1e200, np.inf, np.nan])
def test_draws_of_any_spread_have_a_record(spread: float) -> None:
    """A density or none, whose numbers are finite; never an exception, which would cost the fit."""
    draws = 1.0 + spread * np.random.default_rng(1).uniform(size=(2, 50, 1))
    posterior = xr.Dataset({"difficulty": (("chain", "draw", "item"), draws)}, coords={"item": ["i"]})
    for row in densities(posterior):
        assert np.isfinite([row["low"], row["high"], *row["density"]]).all()
    for row in traces(posterior):
        assert np.isfinite(row["chains"]).all()


def test_a_figure_that_fails_costs_no_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("no room")

    monkeypatch.setattr(registry, "REAL", (registry.Figure("figure", fail), *registry.REAL[1:]))
    assert main(["tables", str(write(tmp_path, {"c": {}}, [real("c", ["i"])]))]) == 0
    assert "could not be drawn (ValueError: no room)" in capsys.readouterr().out
    assert {"table.csv", "estimates.csv", "items.csv", "densities.png"} <= {path.name for path in tmp_path.iterdir()}


def test_what_the_paper_draws_is_a_figure_of_a_study() -> None:
    assert set(read_reference_file("paper_figures")["figure"]) <= set(registry.NAMES)


# Several conditions


def test_real_data_conditions_stand_beside_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of different items, with a simulated one among them; the order is the study's."""
    records = [real("b", ["i", "j"]), real("a", ["j", "k", "l"]), real("a", ["j", "k", "l"], "nuts"), simulated("s", 0)]
    rebuild(write(tmp_path, {"b": {}, "s": {"design": {}}, "a": {}}, records), capsys)
    assert pd.read_csv(tmp_path / "table.csv")[["condition", "method"]].to_numpy().tolist() == [
        ["b", "vi"], ["a", "vi"], ["a", "nuts"],
    ]  # fmt: skip
    kept = pd.read_csv(tmp_path / "estimates.csv")
    assert list(zip(kept["condition"], kept["item"], strict=True)) == [
        ("b", "i"), ("b", "j"), ("a", "j"), ("a", "k"), ("a", "l"),
    ]  # fmt: skip
    for name in ("figure", "densities", "traces"):
        texts = re.findall(r"<!-- (.*?) -->", (tmp_path / f"{name}.svg").read_text())
        assert {"a", "b"} <= set(texts), name
    assert pd.read_csv(tmp_path / "recovery.csv")["condition"].unique().tolist() == ["s"]


def test_a_simulation_kept_as_csv_has_its_tables_beside_real_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path, {"s": {"design": {}}, "a": {}}, [simulated("s", 0), real("a", ["i"])])
    rebuild(folder, capsys)
    for path in (folder / "records" / "s").iterdir():
        path.unlink()
    rebuild(folder, capsys)
    assert (folder / "recovery.csv").exists()
    assert (folder / "table.csv").exists()


def test_what_a_run_does_not_write_again_does_not_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = [simulated("s", r, method) for r in range(2) for method in ("nuts", "vi")]
    folder = write(tmp_path, {"s": {"design": {}, "cells": {"pyro-nuts": "nuts", "pyro-vi": "vi"}}}, records)
    rebuild(folder, capsys)
    assert (folder / "paired.csv").exists()
    write(tmp_path, {"s": {"design": {}, "cells": {"pyro-vi": "vi"}}}, [])
    rebuild(folder, capsys)
    assert not (folder / "paired.csv").exists()
    assert pd.read_csv(folder / "times.csv")["method"].tolist() == ["vi"]


# Labels


def test_labels_are_printed_written_and_drawn_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    title = "A [red]study[/]: $x$, 100 % of_it [/]"
    folder = write(tmp_path, {"c": {}, "d": {}}, [real("c", ODD), real("d", ODD[:3])], title)
    said = rebuild(folder, capsys)
    for label in (title, *ODD):
        for line in label.splitlines():
            assert line[:50] in said, label
    assert pd.read_csv(folder / "items.csv", keep_default_na=False)["item"].tolist() == [*ODD, *ODD[:3]]
    texts = re.findall(r"<!-- (.*?) -->", (folder / "figure.svg").read_text())
    assert {"x [/]", "$a", "_under_", "q" * (LONGEST_LABEL - 1) + "…", title} <= set(texts)


def test_markdown_and_latex_keep_rows_and_labels_whole() -> None:
    table = pd.DataFrame({"item": ODD, "mean": np.arange(len(ODD)) * 0.5, "condition": "two_pl"})
    lines = to_markdown(table).splitlines()
    assert len(lines) == 2 + len(ODD)
    for line, label in zip(lines[2:], ODD, strict=True):
        cells = re.split(r"(?<!\\)\|", line)[1:-1]
        assert len(cells) == 3
        assert re.sub(r"\\(\W|_)", r"\1", cells[0]).strip() == " ".join(label.split())
        assert cells[2].strip() == "two_pl"
    rows = to_latex(table, "a_b & c\\d").splitlines()
    body = rows[rows.index(r"\midrule") + 1 : rows.index(r"\bottomrule")]
    assert len(body) == len(ODD)
    assert all(len(re.findall(r"(?<!\\)&", row)) == 2 for row in body)
    assert rf"{'a'}\_b \& c\textbackslash{{}}d" in "\n".join(rows)
    assert not re.search(r"(?<!\\)[$#%]|\\alpha|\^", "\n".join(body))


def test_huge_numbers_are_short_in_a_table() -> None:
    assert "| 5.7e+225 |" in to_markdown(pd.DataFrame({"MSE": [5.7e225]}))


@pytest.mark.parametrize("width", [100, 160])
def test_a_table_too_wide_for_the_terminal_keeps_every_number(width: int) -> None:
    """In parts, each of which names its rows."""
    numbers = {f"pyro nuts {k}": [k + 0.125, -k] for k in range(20)}
    table = pd.DataFrame({"item": ["first [x]", "second"], **numbers, "trust": ["yes", "R-hat, ESS"]})
    console = Console(width=width, file=io.StringIO(), markup=False)
    print_table(table, console, "title")
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    rows = [line.split("│")[1:-1] for line in lines if "first [x]" in line]
    assert len(rows) > 1
    assert [cell.strip() for row in rows for cell in row[1:]] == [*(f"{k + 0.125:.3f}" for k in range(20)), "yes"]
