"""The study `generalization`: masks make conditions, records have metrics of what was held out, tables are of these."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from irtbridge_experiments.cli import main
from irtbridge_experiments.config.compose import read_config
from irtbridge_experiments.study.conditions import read_tasks
from irtbridge_experiments.study.run import make_plan

from irtbridge.data.files import read_json
from irtbridge.data.hold_out import MASKS
from irtbridge.errors import ConfigError, UnknownName

WORDS = (
    "study=generalization",
    "mask=entries,rows",
    "replications=2",
    "conditions.irt.grid.model=[1pl]",
    "conditions.irt.n_persons=60",
)
PREDICTORS = ["1pl", "item mean", "person mean", "additive logit"]


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory, without_processes: Callable[[], AbstractContextManager[None]]
) -> Path:
    results = tmp_path_factory.mktemp("results")
    with without_processes():
        assert main(["run", *WORDS, f"results={results}"]) == 0
    return results / "generalization"


def test_a_condition_has_a_mask_for_each_and_a_record_for_each_replication(done: Path) -> None:
    found = sorted(str(path.relative_to(done / "records")) for path in done.rglob("records/**/*.json"))
    cells = [f"irt-model1pl-lsat7-{mask}/pyro-map" for mask in ("entries", "rows")]
    assert found == [f"{cell}/000{r}.json" for cell in cells for r in (0, 1)]
    first, second = (read_json(done / "records" / cells[1] / f"000{r}.json") for r in (0, 1))
    assert [*first["held_out"]] == ["model", *PREDICTORS[1:]]
    assert first["held_out"]["item mean"] != second["held_out"]["item mean"]
    assert read_json(done / "study.json")["conditions"]["irt-model1pl-lsat7-rows"]["mask"] == {
        "mask": "rows",
        "share": 0.2,
        "exposed": 0.3,
    }


def test_the_table_has_means_over_replications_and_each_baseline_once(done: Path) -> None:
    table, fits = pd.read_csv(done / "held_out.csv"), pd.read_csv(done / "fits.csv")
    assert table[["mask", "model"]].values.tolist() == [[m, p] for m in ("entries", "rows") for p in PREDICTORS]
    rows = fits["condition"] == "irt-model1pl-lsat7-rows"
    for predictor, name in zip(("model", *PREDICTORS[1:]), PREDICTORS, strict=True):
        shown = table[(table["mask"] == "rows") & (table["model"] == name)]["log loss"].item()
        assert shown == pytest.approx(fits.loc[rows, f"{predictor} log_loss"].mean(), rel=1e-4)
    gain = pd.read_csv(done / "gain.csv").set_index("mask").loc["rows"]
    difference = fits.loc[rows, "model log_loss"] - fits.loc[rows, "additive logit log_loss"]
    assert gain["difference of log loss"] == pytest.approx(difference.mean(), rel=1e-4)
    assert gain["MCSE of log loss"] == pytest.approx(np.ptp(difference) / 2, rel=1e-4)


def test_tables_are_rebuilt_and_the_study_goes_on_without_the_records(
    done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(done, tmp_path / "generalization")
    folder = tmp_path / "generalization"
    shutil.rmtree(folder / "records")
    before = {name: (folder / f"{name}.csv").read_bytes() for name in ("held_out", "gain", "fits")}
    assert main(["run", *WORDS, f"results={tmp_path}"]) == 0
    assert not (folder / "records").exists()
    assert {name: (folder / f"{name}.csv").read_bytes() for name in before} == before


@pytest.mark.figures
def test_the_figure_is_drawn(done: Path) -> None:
    assert main(["tables", str(done)]) == 0
    assert (done / "held_out.png").stat().st_size > 10_000


def test_simulated_data_may_be_held_out_too(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "mine.yaml").write_text(
        "# @package _global_\n"
        "defaults: [{override /backend: pyro}, {override /method: map}, {override /mask: block}]\n"
        "name: mine\n"
        "conditions: {small: {model: {name: 1pl}, simulate: {n_persons: 40, n_items: 6}}}\n"
    )
    assert main(["run", "--config-dir", str(tmp_path), "study=mine", f"results={tmp_path}"]) == 0
    table = pd.read_csv(tmp_path / "mine" / "held_out.csv")
    assert table[["data", "mask"]].drop_duplicates().values.tolist() == [["simulated", "block"]]
    assert not (tmp_path / "mine" / "recovery.csv").exists()


def test_persons_from_a_date_on_may_be_held_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng, answers = np.random.default_rng(1), tmp_path / "answers.csv"
    dated = pd.DataFrame(rng.integers(0, 2, (40, 5)), columns=list("abcde")).assign(year=2010 + np.arange(40) % 8)
    dated.to_csv(answers, index=False)
    words = ["study=generalization", "conditions.irt.grid.model=[1pl]", "replications=1", f"data={answers}"]
    words += ["covariates=year", "mask=time", f"results={tmp_path}"]
    assert main(["run", *words]) == 1
    assert "mask='time' needs date=" in capsys.readouterr().err
    assert main(["run", *words, "mask.time.date=year", "mask.time.since=2016"]) == 0
    table = pd.read_csv(tmp_path / "generalization" / "held_out.csv")
    assert table["mask"].unique().tolist() == ["time"]


def test_every_mask_has_its_options_in_the_configuration() -> None:
    config = read_config("run", ["study=generalization", f"mask={','.join(MASKS)}", "mask.time.date=when"])
    assert {name: tuple(options) for name, options in config.mask.items()} == {
        name: kind.options for name, kind in MASKS.items()
    }


def test_a_mask_is_part_of_a_cell_and_no_mask_is_not() -> None:
    words = ["study=generalization", "mask=rows"]
    shares = [make_plan(read_config("run", [*words, f"mask.rows.share={s}"])).cells[0].hash for s in (0.2, 0.3)]
    assert shares[0] != shares[1]
    plain = make_plan(read_config("run", ["study=quickstart"])).cells[0]
    assert "mask" not in plain.to_dict()
    assert not plain.replicated


@pytest.mark.parametrize(
    ("word", "error", "said"),
    [
        ("mask=row", UnknownName, "rows"),
        ("mask.rows.shares=0.3", ConfigError, "mask.rows.share"),
        ("mask.rows.share=2", ConfigError, "below 1"),
        ("mask=time", ConfigError, "needs date="),
    ],
)
def test_a_mistake_in_a_mask_is_refused_before_anything_runs(word: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        read_tasks(read_config("run", ["study=generalization", word]))
