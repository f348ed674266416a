"""``irtbridge score``: new persons from a folder of fits."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from irtbridge_experiments.cli import main

import irtbridge as irt


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("fits")
    for method in ("map", "laplace"):
        settings = {"draws": 50} if method == "laplace" else {}
        irt.fit("lsat7", "2pl", method=method, **settings).save(place / "draws" / f"pyro-{method}.nc")
    (place / "new.csv").write_text("ID,item1,item2,item3,item4,item5,age\na,1,1,1,1,,30\nb,0,0,0,0,0,40\n")
    return place


def test_scores_of_a_fit_are_written_and_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(folder), f"data={folder}/new.csv", "drop=age", "fit=map", "plausible=2"]) == 0
    table = pd.read_csv(folder / "scores.csv")
    fit = irt.load_fit(folder / "draws" / "pyro-map.nc")
    expected = fit.scores(folder / "new.csv", plausible=2, data_options={"drop": "age"})
    assert [*table.columns] == ["person", *expected.columns]
    assert table["score"].to_numpy() == pytest.approx(expected["score"].to_numpy(), abs=1e-5)
    assert "scores of 2 persons" in capsys.readouterr().out


def test_scores_of_several_fits_stand_side_by_side(folder: Path) -> None:
    out = folder / "both.csv"
    assert main(["score", str(folder), "method=wle", f"out={out}"]) == 0
    table = pd.read_csv(out)
    assert len(table) == 1000
    assert {"pyro map score", "pyro laplace score", "responses"} <= {*table.columns}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "takes one folder"),
        (["{folder}", "data={folder}/new.csv"], "no items of the fit: 'age'"),
        (["{folder}", "fit=nuts"], "there are: backend=pyro fit=laplace; backend=pyro fit=map"),
        (["{folder}", "methode=ml"], "no setting of `irtbridge score` called 'methode'; valid: method"),
        (["{folder}", "plausible=x"], "must be a whole number"),
        (["nowhere"], "no such folder: nowhere"),
    ],
)
def test_bad_words_end_in_one_line(
    folder: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", *(word.format(folder=folder) for word in words)]) != 0
    captured = capsys.readouterr()
    assert message in " ".join((captured.out + captured.err).split())
