"""The command ``irtbridge sbc``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from irtbridge_experiments.cli import main
from irtbridge_experiments.commands import sbc
from irtbridge_experiments.figures import calibration
from irtbridge_experiments.figures.calibration import draw_calibration

from irtbridge.testing.calibration import CALIBRATED

QUICK = ["model=rsm,1pl", "persons=6", "method.laplace.draws=50", "method.laplace.fallback=none"]


@pytest.fixture(autouse=True)
def coarse_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures' bands from few simulations: their numbers are ArviZ's own."""
    monkeypatch.setattr(calibration, "TRIALS", 200)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results" / "sbc"


@pytest.mark.long
@pytest.mark.figures
def test_tables_ranks_and_a_figure_of_the_chosen_models(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sbc", *QUICK, "sets=3"]) == 0
    ranks, table = pd.read_csv(here / "ranks.csv"), pd.read_csv(here / "table.csv")
    assert list(table["model"].unique()) == ["rsm", "1pl"]
    assert (table["sets"] == 3).all()
    assert len(ranks) == 3 * len(table)
    assert (here / "table.md").read_text().count("\n| 1pl |") == 3
    assert (here / "figure.png").stat().st_size > 0
    assert "calibration of laplace on pyro" in capsys.readouterr().out


def test_it_goes_on_where_it_stopped_and_keeps_other_settings_apart(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []

    def counted(case, numbers, fits, **how):  # type: ignore[no-untyped-def]
        asked.append(list(numbers))
        u = np.random.default_rng(numbers[0]).uniform(size=len(numbers))
        return pd.DataFrame({"model": case.name, "set": numbers, "variable": "difficulty", "u": u})

    monkeypatch.setattr(sbc, "ranks", counted)
    monkeypatch.setattr(sbc, "CHUNK", 2)
    main(["sbc", "model=1pl", "sets=3"])
    main(["sbc", "model=1pl", "sets=5"])
    main(["sbc", "model=1pl", "sets=2"])
    assert asked == [[0, 1], [2], [3, 4]]
    assert pd.read_csv(here / "table.csv")["sets"].tolist() == [2]
    main(["sbc", "model=1pl", "sets=2", "method.laplace.draws=99"])
    main(["sbc", "model=1pl", "sets=2", "overwrite=true"])
    assert asked[3:] == [[0, 1], [0, 1]]


def test_a_model_that_is_not_calibrated_is_an_error(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def low(case, numbers, fits, **how):  # type: ignore[no-untyped-def]
        u = np.linspace(0.01, 0.2, len(numbers))
        return pd.DataFrame({"model": case.name, "set": numbers, "variable": "difficulty", "u": u})

    monkeypatch.setattr(sbc, "ranks", low)
    assert main(["sbc", "model=1pl", "sets=40"]) == 1
    assert "| NO |" in (here / "table.md").read_text()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["model=5pl"], ["model", "5pl", *CALIBRATED]),
        (["sets=1"], ["sets=1", "2 or greater"]),
        (["persons=0"], ["persons=0", "1 or greater"]),
        (["seed=-1"], ["seed=-1", "0 or greater"]),
        (["backend=pyro,tfp"], ["one backend at a time"]),
        (["method=map", "model=1pl", "sets=2"], ["too few for a rank"]),
        (["person=3"], ["person", "persons"]),
    ],
)
def test_bad_words_are_named(
    words: list[str], parts: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sbc", *words]) == 1
    message = capsys.readouterr().err
    assert message.startswith("irtbridge: error: ")
    assert all(part in message for part in parts), message


@pytest.mark.figures
def test_a_figure_of_one_model_and_variable(tmp_path: Path) -> None:
    u = np.random.default_rng(1).uniform(size=30)
    draw_calibration(pd.DataFrame({"model": "1pl", "variable": "difficulty", "u": u}), tmp_path / "figure")
    assert (tmp_path / "figure.svg").exists()
