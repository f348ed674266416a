"""Running studies: records, kills, failures, tables."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from irtbridge_experiments.cli import main
from irtbridge_experiments.records.fits import read_fits, write_fits
from irtbridge_experiments.records.selection import chosen_fits, left_out
from irtbridge_experiments.records.shapes import densities, traces
from irtbridge_experiments.records.trust import flags_of
from irtbridge_experiments.reports.paper import paper_table
from irtbridge_experiments.study.cell import Cell, record_path
from irtbridge_experiments.study.design import Design
from irtbridge_experiments.study.process import read_job, run_cell, write_job
from irtbridge_experiments.tables.real_data import estimates, study_table
from irtbridge_experiments.tables.recovery import paired_table, recovery_table, times_table

from irtbridge.data.files import read_json, write_json
from irtbridge.data.responses import Responses
from irtbridge.errors import ResultsError
from irtbridge.model.catalogue import two_pl

STUDY = """\
# @package _global_
defaults:
  - override /backend: pyro
  - override /method: [vi, nuts]
name: tiny
title: "Tiny: 100 % simulated"
replications: 3
settings:
  vi: {steps: 30, draws: 40}
  nuts: {chains: 1, warmup: 20, draws: 20}
conditions:
  small:
    model: {name: 2pl}
    simulate: {n_persons: 25, n_items: 4}
"""
PERSONAL = ("seconds", "memory", "compile_shared", "load")
"""What may differ between two runs: times, memory, and who compiled."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the study ``tiny``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "tiny.yaml").write_text(STUDY)
    return tmp_path


def run(*words: str) -> int:
    return main(["run", "--config-dir", ".", "study=tiny", *words])


def records(folder: Path) -> dict[str, dict[str, Any]]:
    """All records, without what differs between two runs."""
    found = {}
    for path in sorted((folder / "records").rglob("*.json")):
        record = read_json(path)
        kept = {k: v for k, v in record.items() if not any(word in k for word in PERSONAL)}
        found[str(path.relative_to(folder / "records"))] = kept
    return found


def start(*words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "irtbridge_experiments.cli", "run", "--config-dir", ".", "study=tiny", *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for_records(folder: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while sum(not p.name.startswith(".") for p in folder.rglob("*.json")) < count:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.long
@pytest.mark.processes
def test_a_killed_and_resumed_run_equals_an_uninterrupted_one(
    folder: Path, without_processes: Callable[[], AbstractContextManager[None]]
) -> None:
    """Record for record, apart from times; what stood on disk at a kill is not fitted again.

    It is killed when the first cell is whole and the second one begun; nobody kills the uninterrupted one, whose
    cells are fitted here.
    """
    with without_processes():
        assert run("results=whole") == 0
    process = start("results=killed")
    wait_for_records(folder / "killed" / "tiny" / "records", 4, process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in (folder / "killed/tiny/records").rglob("[0-9]*.json")}
    assert len(kept) >= 4
    for path in kept:
        json.loads(path.read_text())
    assert run("results=killed") == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(records(folder / "whole" / "tiny")) == 6
    assert records(folder / "killed" / "tiny") == records(folder / "whole" / "tiny")
    assert (folder / "killed/tiny/truth/small.json").read_bytes() == (
        folder / "whole/tiny/truth/small.json"
    ).read_bytes()


@pytest.mark.parametrize("backend", ["pyro", pytest.param("tfp", marks=pytest.mark.long)])
def test_a_changed_study_shows_what_was_asked_for(
    folder: Path, capsys: pytest.CaptureFixture[str], backend: str
) -> None:
    """However many fits there are of what it was before; and those again, without a fit, once it is asked for."""
    place = folder / "results" / "tiny"
    narrow = ["replications=1", "conditions.small.model.discrimination=LogNormal(0, 0.01)"]
    tables = []
    for words in ([], narrow, []):
        assert run("method=map", f"backend={backend}", *words) == 0
        tables.append(pd.read_csv(place / "recovery.csv"))
    said = capsys.readouterr().out
    assert tables[0]["done"].eq(3).all()
    assert tables[1]["done"].eq(1).all()
    assert tables[1].set_index("parameter")["MSE"]["discrimination"] < 1e-3
    pd.testing.assert_frame_equal(tables[2], tables[0])
    assert "left out of the tables: 3 fits" in said
    assert "left out of the tables: 1 fit " in said
    assert f"small {backend}-map: 3 of 3 on disk already" in said
    shutil.rmtree(place / "records")
    assert main(["tables", str(place)]) == 0
    pd.testing.assert_frame_equal(pd.read_csv(place / "recovery.csv"), tables[0])


def test_cells_of_an_earlier_definition_of_a_condition_are_left_out(folder: Path) -> None:
    """A cell that a run leaves out stays in the tables as long as its condition is the same."""
    place = folder / "results" / "tiny"
    assert run("method=vi") == 0
    assert run("method=map") == 0
    assert pd.read_csv(place / "times.csv")["method"].tolist() == ["map", "vi"]
    assert run("method=map", "seed=2") == 0
    assert pd.read_csv(place / "times.csv")["method"].tolist() == ["map"]


def test_a_refit_that_fails_shows_the_failure(folder: Path) -> None:
    """Not the success of what the study was before."""
    place = folder / "results" / "tiny"
    assert run("method=map", "replications=2") == 0
    assert run("method=map", "replications=1", "device=cuda") == 1
    (row,) = pd.read_csv(place / "times.csv").to_dict("records")
    assert (row["done"], row["failed"]) == (0, 1)


@pytest.mark.long
@pytest.mark.figures
def test_fewer_replications_first_then_all(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first ones stay as they are; tables and figures are written."""
    assert run("method=vi", "replications=1") == 0
    before = records(folder / "results" / "tiny")
    assert run("method=vi") == 0
    after = records(folder / "results" / "tiny")
    assert "small pyro-vi: 1 of 3 on disk already" in capsys.readouterr().out
    assert after | before == after
    assert len(after) == 3
    written = {path.name for path in (folder / "results" / "tiny").iterdir()}
    assert {"pareto.png", "recovery.csv", "recovery.md", "recovery.tex", "spread.svg", "times.csv"} <= written


def test_a_study_goes_on_from_its_csv_alone(folder: Path) -> None:
    """Without the records nothing is fitted again, and new replications join the old rows."""
    place = folder / "results" / "tiny"
    assert run("method=vi", "replications=2") == 0
    before = pd.read_csv(place / "fits.csv")
    shutil.rmtree(place / "records")
    assert run("method=vi") == 0
    assert list(records(place)) == ["small/pyro-vi/0002.json"]
    after = pd.read_csv(place / "fits.csv")
    assert after["replication"].tolist() == [0, 1, 2]
    pd.testing.assert_frame_equal(after[:2], before)
    versions = read_json(place / "provenance.json")["small pyro vi"]
    assert len(versions) == 1


@pytest.mark.parametrize("damage", ['{"half', pytest.param("[]", marks=pytest.mark.long)])
def test_a_damaged_record_is_fitted_again(folder: Path, damage: str) -> None:
    place = folder / "results" / "tiny"
    assert run("method=vi", "replications=2") == 0
    before = records(place)
    damaged = place / "records" / "small" / "pyro-vi" / "0001.json"
    damaged.write_text(damage)
    (place / "fits.csv").unlink()
    assert run("method=vi", "replications=2") == 0
    after = records(place)
    assert after.keys() == before.keys()
    assert read_json(damaged)["parameters"] == before["small/pyro-vi/0001.json"]["parameters"]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n"])
def test_a_damaged_csv_is_named(folder: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("method=vi", "replications=1") == 0
    (folder / "results" / "tiny" / "fits.csv").write_text(text)
    capsys.readouterr()
    assert run("method=vi", "replications=1") == 1
    message = capsys.readouterr().err
    assert message.startswith("irtbridge: error: ")
    assert "fits.csv is damaged" in message


def cell(**changes: Any) -> Cell:
    design = Design(two_pl(), n_persons=20, n_categories=(2,) * 3)
    values = {"backend": "pyro", "method": "vi", "backend_options": {}, "settings": {"steps": 10, "draws": 20},
              "spec": two_pl().to_dict(), "seed": 1, "design": design.to_dict(), "condition": "c"}  # fmt: skip
    return Cell(**(values | changes))


def test_the_hash_of_a_cell_is_that_of_its_data_by_content() -> None:
    data = Responses.from_codes([[0, 1], [1, 0], [1, 1]])
    first = cell(design=None, data=data)
    same = replace(data, name="other", notes=("a note",))
    assert cell(design=None, data=same, condition="d").hash == first.hash
    others = [replace(data, items=("x", "y")), Responses.from_codes([[0, 1], [1, 0], [1, 0]])]
    assert len({first.hash, *(cell(design=None, data=other).hash for other in others)}) == 3


@pytest.mark.parametrize("label", ["Größe", 'don\'t \\ "quote"', "two\nlines", "ends with 0\0", "7"])
def test_a_job_carries_the_cell_whole(tmp_path: Path, label: str) -> None:
    data = Responses.from_codes([[0, 1], [1, -1]], items=[label, "b"], persons=["a", label], name=label)
    for sent in (cell(), cell(design=None, data=data)):
        (tmp_path / sent.hash).mkdir()
        job = write_job(tmp_path / sent.hash, sent, tmp_path, [0, 2], save_draws=False)
        got, replications = read_job(job)
        assert (got.hash, got.to_dict()) == (sent.hash, sent.to_dict())
        assert replications == [(0, None), (2, None)]
        if sent.data is not None:
            assert got.data is not None
            assert (got.data.items, got.data.persons, got.data.name) == (data.items, data.persons, data.name)


def test_a_replication_that_raises_is_a_record_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Category counts that the compiled model cannot have: each replication says so in its own record."""
    wrong = Design(two_pl(), n_persons=20, n_categories=(2, 2, 2)).to_dict() | {"n_categories": [2, 2]}
    seen = list(run_cell(cell(design=wrong, spec=_with_three_items()), tmp_path, [0, 2]))
    assert [record["replication"] for record in seen] == [0, 2]
    for record in seen:
        assert record["error"]["type"] == "SpecError"
        assert read_json(record_path(tmp_path, cell(), record["replication"])) == record


def _with_three_items() -> dict[str, Any]:
    return two_pl(discrimination="LogNormal([0, 0, 0], 1)").to_dict()


@pytest.mark.long
@pytest.mark.processes
def test_a_process_that_dies_costs_one_replication(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is killed in its second replication: that one is a failure, the others are fitted."""
    (tmp_path / "sitecustomize.py").write_text(KILLER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    seen = {record["replication"]: record for record in run_cell(cell(), tmp_path, [0, 1, 2], save_draws=False)}
    assert sorted(seen) == [0, 1, 2]
    assert "died" in seen[1]["error"]["message"]
    for r in (0, 2):
        assert "error" not in seen[r]
        assert seen[r]["parameters"]["ability"]["elements"] == 20


KILLER = """\
import os, signal, sys
if "irtbridge_experiments.study.worker" in " ".join(sys.orig_argv):
    from irtbridge_experiments.study import design
    draw = design.Design.responses
    def responses(self, seed, params, replication):
        if replication == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return draw(self, seed, params, replication)
    design.Design.responses = responses
"""


# Tables


def record(replication: int, mse: float, **changes: Any) -> dict[str, Any]:
    block = {"elements": 4, "mse": mse, "bias": -mse, "coverage": 0.5}
    seconds = {f"{name}_seconds": 1.0 + mse for name in ("compile", "warmup", "sampling", "total")}
    return {
        "condition": "c", "backend": "pyro", "method": "vi", "replication": replication, "cell_hash": "h",
        "min_ess": 10.0, "max_r_hat": None, "divergences": 0, "pareto_k": 0.5, "compile_shared": replication > 0,
        "parameters": {"difficulty": block}, **seconds,
    } | changes  # fmt: skip


def failure(replication: int) -> dict[str, Any]:
    kept = {k: record(replication, 0.0)[k] for k in ("condition", "backend", "method", "replication", "cell_hash")}
    return kept | {"error": {"type": "NumericalError", "message": "not finite"}}


def test_tables_average_over_what_was_done_and_count_what_failed(tmp_path: Path) -> None:
    fits = write_fits([record(0, 0.1), record(1, 0.2), failure(2), record(3, 0.6)], tmp_path / "fits.csv", ["c"])
    (row,) = recovery_table(fits).to_dict("records")
    assert (row["done"], row["failed"]) == (3, 1)
    assert row["MSE"] == pytest.approx(0.3)
    assert row["bias"] == pytest.approx(-0.3)
    assert row["MCSE of MSE"] == pytest.approx(np.std([0.1, 0.2, 0.6], ddof=1) / np.sqrt(3))
    assert row["coverage"] == 0.5
    (times,) = times_table(fits).to_dict("records")
    assert times["first compile s"] == pytest.approx(1.1)
    assert times["total s"] == pytest.approx(1.3)
    assert times["failed"] == 1


def test_tables_count_the_fits_that_are_not_to_be_trusted(tmp_path: Path) -> None:
    """By the record's own verdict, or by the numbers of a record or a row that is older; failures apart."""
    starts = {"flag": "starts", "words": "", "advice": ""}
    verdicts = [{"trusted": True, "failures": []}, {"trusted": False, "failures": [starts]}]
    own = [
        record(r, 0.1, verdict=verdict, pareto_k=k) for r, verdict, k in zip((0, 1), verdicts, (9.0, 0.5), strict=True)
    ]
    older = [record(2, 0.1, pareto_k=0.5), record(3, 0.1, pareto_k=0.9)]
    own, older = ([r | {"chain_method": "independent"} for r in part] for part in (own, older))
    fits = write_fits([*own, *older, failure(4)], tmp_path / "fits.csv", ["c"])
    assert fits["flags"].tolist()[:4] == ["none", "starts", "none", "k-hat"]
    assert recovery_table(fits)["flagged"].tolist() == times_table(fits)["flagged"].tolist() == [2]
    text = pd.read_csv(tmp_path / "fits.csv").drop(columns="flags").to_csv(index=False)
    (tmp_path / "fits.csv").write_text(text)
    again = read_fits(tmp_path / "fits.csv", ["c"])
    assert again["flags"].tolist()[:4] == ["k-hat", "none", "none", "k-hat"]


def test_what_says_nothing_of_its_checks_is_not_judged() -> None:
    """As calibrations, which are no fits of a method."""
    assert flags_of({"method": "autoirt"}) == "not judged"
    assert flags_of({"method": "nuts", "chain_method": "sequential"}) == "R-hat"
    assert flags_of({"method": "map", "chain_method": "point"}) == "none"


def test_a_table_of_real_data_says_which_fits_are_to_be_trusted() -> None:
    chains = {"method": "nuts", "chain_method": "batched", "min_ess": 900.0, "max_r_hat": 1.002}
    fits = [record(0, 0.1, **chains), record(0, 0.1, **chains | {"max_r_hat": 1.9, "min_ess": 3.0})]
    assert study_table(fits)["trust"].tolist() == ["yes", "R-hat, ESS"]


def test_cells_are_compared_on_the_same_data(tmp_path: Path) -> None:
    nuts = [record(r, mse, method="nuts") for r, mse in enumerate((0.1, 0.2, 0.3))]
    vi = [record(r, mse) for r, mse in ((1, 0.5), (2, 0.8), (3, 9.0))]
    (row,) = paired_table(write_fits([*nuts, *vi, failure(0)], tmp_path / "fits.csv", ["c"])).to_dict("records")
    assert (row["backend"], row["method"], row["parameter"], row["pairs"]) == ("pyro", "vi", "difficulty", 2)
    assert row["difference of MSE"] == pytest.approx(0.4)
    assert row["MCSE of MSE"] == pytest.approx(0.1)
    assert row["difference of bias"] == pytest.approx(-0.4)
    assert row["faster"] == pytest.approx((1.2 + 1.3) / (1.5 + 1.8))


def test_a_cell_that_failed_wholly_stays_in_the_table(tmp_path: Path) -> None:
    broken = [failure(r) | {"method": "nuts"} for r in range(2)]
    table = recovery_table(write_fits([record(0, 0.1), *broken], tmp_path / "fits.csv", ["c"]))
    assert dict(zip(table["method"], table["failed"], strict=True)) == {"nuts": 2, "vi": 0}


def test_tables_show_the_definition_that_was_asked_for_last(tmp_path: Path) -> None:
    """Not the one that most fits have; and where nothing says which is meant, none is shown."""
    old = [record(r, 0.9, cell_hash="old") for r in range(3)]
    fits = write_fits([*old, record(1, 0.2), record(2, 0.4)], tmp_path / "fits.csv", ["c"])
    shown = chosen_fits({"conditions": {"c": {"cells": {"pyro-vi": "h"}}}}, fits)
    assert recovery_table(shown)["MSE"].tolist() == pytest.approx([0.3])
    assert "3 fits" in left_out(fits, shown)
    with pytest.raises(ResultsError, match="run the study again"):
        chosen_fits({"conditions": {"c": {}}}, fits)


def test_fits_are_the_same_when_read_again(tmp_path: Path) -> None:
    values = np.random.default_rng(1).uniform(size=5)
    first = write_fits([record(r, float(v)) for r, v in enumerate(values)], tmp_path / "fits.csv", ["c"])
    again = write_fits([record(r, float(v)) for r, v in reversed(list(enumerate(values)))], tmp_path / "b.csv", ["c"])
    pd.testing.assert_frame_equal(first, again)
    assert first["difficulty mse"].tolist() == values.tolist()


@pytest.mark.figures
def test_tables_are_the_same_without_the_records(folder: Path) -> None:
    """What a repository keeps, fits.csv and study.json, gives the same tables byte for byte."""
    place = folder / "kept"
    write_json(place / "study.json", {"name": "tiny", "title": "Tiny", "reference": None,
                                      "conditions": {"c": {"design": {}}}})  # fmt: skip
    for r, value in enumerate(np.random.default_rng(2).uniform(size=4)):
        write_json(place / "records" / "c" / "pyro-vi" / f"{r:04d}.json", record(r, float(value)))
    assert main(["tables", str(place)]) == 0
    names = ("recovery.csv", "times.csv", "recovery.tex", "times.md", "pareto.svg", "fits.csv")
    before = {name: (place / name).read_bytes() for name in names}
    shutil.rmtree(place / "records")
    for name in names[:-1]:
        (place / name).unlink()
    assert main(["tables", str(place)]) == 0
    assert {name: (place / name).read_bytes() for name in names} == before


def test_the_paper_stands_beside_ours(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Reported and measured values of a cell that was run; a dash for those that were not."""
    place = folder / "results" / "large_scale"
    write_json(place / "study.json", {"name": "large_scale", "title": "", "reference": None,
                                      "conditions": {"two_pl": {"design": {}}}})  # fmt: skip
    for r, value in enumerate((0.002, 0.004)):
        name = f"{r:04d}.json"
        write_json(place / "records" / "two_pl" / "pyro-vi" / name, record(r, value, condition="two_pl"))
    assert main(["tables", "--paper"]) == 0
    table = pd.read_csv(folder / "results" / "paper" / "paper.csv", dtype={"place": str})
    cell = table[(table["study"] == "large_scale") & (table["backend"] == "pyro") & (table["method"] == "vi")]
    row = cell[(cell["parameter"] == "difficulty") & (cell["statistic"] == "MSE")].iloc[0]
    assert (row["reported"], row["done"]) == ("0.0028 (SD 0.0005)", 2)
    assert row["ours"] == pytest.approx(0.003)
    assert cell.loc[cell["statistic"] == "seconds", "ours"].tolist() == pytest.approx([1.003])
    assert table.loc[table["backend"] == "tfp", "done"].eq(0).all()
    page = (folder / "results" / "paper" / "paper.md").read_text()
    assert "![boxplots of MSE and bias](../large_scale/spread.png)" in page
    assert "Not run: `irtbridge run study=bfi`." in page
    assert all(f"## {place}:" in page for place in ("Figure 3", "Figure 8", "Figure A1", "Figure A2"))


def test_a_star_stands_for_each_condition_and_block(tmp_path: Path) -> None:
    block = record(0, 0.1)["parameters"]["difficulty"]
    blocks = {"a": {"ability": block, "step": block}, "b": {"ability": block, "difficulty": block}}
    fits = [record(0, 0.1, condition=name, parameters=parameters) for name, parameters in blocks.items()]
    row = {"study": "s", "condition": "*", "parameter": "*", "backend": "pyro", "method": "vi", "statistic": "MSE"}
    table = paper_table(pd.DataFrame([row]), {"s": write_fits(fits, tmp_path / "fits.csv", ["a", "b"])})
    assert table[["condition", "parameter"]].to_numpy().tolist() == [["a", "step"], ["b", "difficulty"]]
    assert table["ours"].tolist() == pytest.approx([0.1, 0.1])


def test_estimates_average_the_steps_of_an_item_beside_the_reference() -> None:
    def rows(by: float) -> list[dict[str, Any]]:
        values = {"discrimination": 1.5, "step[2]": -1.0, "step[3]": 2.0, "step[4]": np.nan}
        return [{"item": "i", "parameter": name, "mean": value + by} for name, value in values.items()]

    shared = [{"parameter": "trait_correlation[a, b]", "mean": 0.3}]
    fitted = {"backend": "pyro", "method": "nuts", "items": rows(0.0), "shared": shared}
    reference = pd.DataFrame(rows(0.25)).assign(source="ML")
    of_item = {("i", "discrimination"): 1.5, ("i", "mean step"): 0.5}
    alone = estimates([fitted]).set_index(["item", "parameter"])
    assert alone["pyro nuts"].to_dict() == of_item | {("", "trait_correlation[a, b]"): 0.3}
    beside = estimates([fitted], reference).set_index(["item", "parameter"])
    assert beside["pyro nuts"].to_dict() == of_item
    assert beside["ML"].tolist() == [1.75, 0.75]


@pytest.mark.figures
def test_a_grid_of_settings_has_its_figures(folder: Path) -> None:
    grid = {f"p-a{a}-b{b}": {"a": a, "b": b} for a in (0.5, 2) for b in (0.5, 1)}
    place = folder / "grid"
    conditions = {name: {"design": {}, "grid": values} for name, values in grid.items()}
    write_json(place / "study.json", {"name": "g", "title": "", "reference": None, "conditions": conditions})
    for name in list(grid)[:3]:
        write_json(place / "records" / name / "pyro-vi" / "0000.json", record(0, 0.1, condition=name))
    assert main(["tables", str(place)]) == 0
    assert {path.name for path in place.glob("grid_*.png")} == {f"grid_{s}.png" for s in ("mse", "bias", "coverage")}


def test_paper_tables_need_a_study(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "results").mkdir()
    assert main(["tables", "--paper"]) == 1
    assert "irtbridge run study=basic" in capsys.readouterr().err


def test_a_record_keeps_the_shape_of_a_posterior() -> None:
    """The density integrates to one and has the draws' mean; the traces are the draws."""
    rng = np.random.default_rng(3)
    draws = rng.normal(2.0, 0.5, size=(2, 150, 3, 2))
    draws[:, :, 0, 0] = 0.0
    posterior = xr.Dataset(
        {
            "loading": (("chain", "draw", "item", "trait"), draws),
            "ability": (("chain", "draw", "person"), draws[..., 0]),
        },
        coords={"item": ["i", "j", "k"], "trait": ["A", "B"]},
    )
    kept = densities(posterior)
    assert [(row["item"], row["parameter"]) for row in kept] == [
        ("i", "loading[B]"), ("j", "loading[A]"), ("j", "loading[B]"), ("k", "loading[A]"), ("k", "loading[B]"),
    ]  # fmt: skip
    for row in kept:
        places = np.linspace(row["low"], row["high"], len(row["density"]))
        assert np.trapezoid(row["density"], places) == pytest.approx(1.0, abs=0.01)
        assert np.trapezoid(places * row["density"], places) == pytest.approx(2.0, abs=0.1)
    (trace,) = traces(posterior)
    assert (trace["item"], trace["parameter"]) == ("i", "loading[B]")
    np.testing.assert_allclose(trace["chains"], draws[:, :, 0, 1], rtol=1e-4)


def test_conditions_stand_in_the_studys_order(tmp_path: Path) -> None:
    mixed = [record(0, 0.1, condition=name) for name in ("b", "a", "c")]
    table = recovery_table(write_fits(mixed, tmp_path / "fits.csv", ["c", "a", "b"]))
    assert table["condition"].tolist() == ["c", "a", "b"]


def test_what_a_killed_run_left_half_written_is_no_record(tmp_path: Path) -> None:
    from irtbridge_experiments.records.fits import read_records

    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "0000.json").write_text(json.dumps(record(0, 0.1)))
    (tmp_path / "records" / ".0001-x.json").write_text('{"half')
    assert len(read_records(tmp_path)) == 1
