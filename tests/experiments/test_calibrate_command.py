"""``irtbridge calibrate``: a bank for each start, and a table of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from irtbridge_experiments.cli import main

import irtbridge as irt

ITEMS = [f"q{i}" for i in range(8)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 persons on the first seven of eight items, long; features of all."""
    place, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    hard = np.linspace(-1.5, 1.5, 8)
    right = rng.standard_normal((30, 1)) + rng.logistic(size=(30, 8)) > hard
    rows = [(f"p{p}", ITEMS[i], int(right[p, i])) for p in range(30) for i in range(7)]
    pd.DataFrame(rows, columns=["person", "item", "response"]).to_csv(place / "long.csv", index=False)
    pd.DataFrame({"item": ITEMS, "level": hard}).to_csv(place / "features.csv", index=False)
    return place


def test_a_bank_for_each_start(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["grader=linear", "start=cold,jump", "few=10", "draws=20", "members=1", "folds=2"]
    given = [f"data={files}/long.csv", f"item_data={files}/features.csv", f"results={tmp_path}"]
    assert main(["calibrate", *given, *words]) == 0
    folder = tmp_path / "banks" / "long-2pl"
    banks = {start: irt.ItemBank.load(folder / f"bank-{start}.csv") for start in ("cold", "jump")}
    assert banks["cold"].items == tuple(ITEMS)
    assert banks["cold"].about["responses"].tolist() == [30] * 7 + [0]
    assert banks["jump"].about["responses"].tolist() == [10] * 7 + [0]
    assert pd.read_csv(folder / "starts.csv")["start"].tolist() == ["cold", "jump"]
    assert "banks by start" in capsys.readouterr().out


def test_ordered_categories(tmp_path: Path) -> None:
    rng, levels, items = np.random.default_rng(1), np.linspace(-1, 1, 16), [f"q{i}" for i in range(16)]
    ranks = rng.standard_normal((40, 1)) - levels + rng.logistic(size=(40, 16))
    table = pd.DataFrame(np.digitize(ranks, [-0.7, 0.7]) + 1, columns=items)
    table.drop(columns="q7").to_csv(tmp_path / "wide.csv", index=False)
    pd.DataFrame({"item": items, "level": levels}).to_csv(tmp_path / "features.csv", index=False)
    given = [f"data={tmp_path}/wide.csv", f"item_data={tmp_path}/features.csv", f"results={tmp_path}", "model=grm"]
    assert main(["calibrate", *given, "grader=linear", "start=cold,jump", "draws=20", "members=1", "folds=2"]) == 0
    folder = tmp_path / "banks" / "wide-grm"
    bank = irt.ItemBank.load(folder / "bank-cold.csv")
    assert bank.categories == ((1, 2, 3),) * 16
    threshold = bank.at_mean.params["threshold"][0].mean(axis=-1)
    assert np.corrcoef(threshold, levels)[0, 1] > 0.8
    assert pd.read_csv(folder / "starts.csv")["SD of difficulty"].between(0, 2).all()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("start=hot", "cold"),
        ("grader=forest", "hgb"),
        ("budget=-1", "budget"),
        ("budget=long", "number"),
        ("residual=maybe", "true"),
        ("abilities=none.csv", "none.csv"),
        ("item_data=none.csv", "none.csv"),
        ("folds=1", "folds"),
        ("few=0", "few=0"),
        ("results=/proc", "/proc"),
        ("featurs=x", "item_data"),
    ],
)
def test_what_cannot_be_is_named(files: Path, wrong: str, named: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = [f"data={files}/long.csv", f"item_data={files}/features.csv", wrong]
    assert main(["calibrate", *given]) == 1
    assert named in capsys.readouterr().err
