"""The command ``irtbridge simulate-cat`` and the study of adaptive tests."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from irtbridge_experiments.cli import main
from irtbridge_experiments.config.compose import read_config
from irtbridge_experiments.figures.adaptive import styles
from irtbridge_experiments.study.adaptive import bank_of, trials

from irtbridge.data.files import read_json
from irtbridge.errors import IRTBridgeError

pytestmark = pytest.mark.usefixtures("undrawn")
QUICK = ["persons=60", "stop=items=4"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a bank and, of some persons, sessions and proxies of ability."""
    rng = np.random.default_rng(1)
    bank = pd.DataFrame({"item": [f"q{i}" for i in range(30)], "a": 1.0, "b": rng.normal(size=30)})
    bank.to_csv(tmp_path / "bank.csv", index=False)
    sessions = pd.DataFrame(rng.integers(0, 2, size=(50, 30)), columns=bank["item"])
    sessions.to_csv(tmp_path / "sessions.csv", index=False)
    pd.DataFrame({"person": range(50), "ability": rng.normal(size=50)}).to_csv(tmp_path / "proxy.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results" / "simulate-cat" / "bank"


def test_rules_stand_side_by_side_with_and_without_control(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate-cat", "bank=bank.csv", *QUICK, "exposure=[.0,.23]", "seed=2"]) == 0
    table = pd.read_csv(here / "table.csv")
    assert list(table["selection"]) == ["bandit", "bandit", "max_info", "max_info", "random"]
    assert table["exposure"].notna().tolist() == [False, True, False, True, False]
    assert (table.loc[[2], "max exposure"] == 1).all()
    assert (table["items"] == 4).all()
    assert {"bias", "RMSE", "RR", "SE", "overlap", "chi-square", "MCSE of overlap"} <= set(table.columns)
    assert pd.read_csv(here / "exposure.csv").shape == (30, 6)
    assert set(pd.read_csv(here / "by_length.csv")["items"]) == {1, 2, 3, 4}
    assert {file.stem for file in here.glob("*.svg")} == {"accuracy", "exposure", "ability", "length"}
    assert "| max_info | 0.230 | lots |" in (here / "table.md").read_text()
    assert read_json(here / "provenance.json")["asked"]["seed"] == 2
    assert "max_info 0.23" in capsys.readouterr().out


def test_the_model_and_its_options_are_named_where_the_file_does_not(here: Path) -> None:
    graded = pd.DataFrame({"a": 1.0, "b1": np.linspace(-2, 1, 12), "b2": np.linspace(-1, 2, 12)})
    graded.to_csv("graded.csv", index=False)
    assert main(["simulate-cat", "bank=graded.csv", "model=grm", *QUICK, "selection=max_info"]) == 0
    titles = []
    for scaling in ("1", "1.7"):
        words = ["simulate-cat", "bank=bank.csv", "model=2pl", f"model.scaling={scaling}", "selection=random"]
        assert main([*words, *QUICK]) == 0
        titles.append(pd.read_csv(here / "table.csv")["SD"][0])
    assert titles[1] < titles[0]  # items of 1.7 times the slope


def test_nobody_cannot_be_simulated(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate-cat", "bank=bank.csv", "persons=0", "stop=items=4"]) == 1
    assert "persons=0" in capsys.readouterr().err
    assert not (here / "table.csv").exists()


def test_the_same_words_give_the_same_tables(here: Path) -> None:
    words = ["simulate-cat", "bank=bank.csv", *QUICK, "selection=bandit", "retest=false"]
    tables = []
    for _ in range(2):
        assert main(words) == 0
        tables.append(pd.read_csv(here / "table.csv").drop(columns="s"))
    pd.testing.assert_frame_equal(*tables)
    assert "RR" not in tables[0]


def test_on_a_backend_the_tables_are_those_of_numpy(here: Path) -> None:
    tables, rules = [], ["selection=bandit,max_info", "exposure=[.0,.4]"]
    for words in ([], ["backend=pyro", "backend.pyro.threads=1", "device=cpu"]):
        assert main(["simulate-cat", "bank=bank.csv", *QUICK, *rules, *words]) == 0
        tables.append(pd.read_csv(here / "table.csv").drop(columns="s"))
    pd.testing.assert_frame_equal(*tables, check_exact=False, rtol=1e-9)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["backend=pyro", "selection=bandit,kl"], "'kl'.*bandit, max_info"),
        (["backend=pyro,tfp"], "one at a time"),
        (["backend=pyr"], "pyro"),
        (["device=cuda"], "backend="),
    ],
    ids=str,
)
def test_where_it_cannot_compute_is_said_before_it_begins(
    here: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate-cat", "bank=bank.csv", *QUICK, *words]) == 1
    told = capsys.readouterr()
    assert re.search(said, told.err)
    assert not told.out  # a rule that has run is told of there


def test_content_by_number_and_by_lot(here: Path) -> None:
    table = pd.read_csv("bank.csv")
    table.assign(content=["noun", "verb"] * 15).to_csv("bank.csv", index=False)
    words = ["simulate-cat", "bank=bank.csv", *QUICK, "selection=random", "retest=false"]
    assert main([*words, "content={noun:4,verb:[0,2]}"]) == 0
    given = pd.read_csv(here / "exposure.csv")["random"].to_numpy()
    assert given[::2].sum() == pytest.approx(4, abs=0.01)
    assert given[1::2].sum() == 0
    assert main([*words, "content={noun:.25,verb:.75}"]) == 0
    given = pd.read_csv(here / "exposure.csv")["random"].to_numpy()
    assert abs(given[::2].sum() - 1) < 4 * np.sqrt(4 * 0.25 * 0.75 / 60)


def test_its_tables_are_made_again_from_its_records(here: Path) -> None:
    assert main(["simulate-cat", "bank=bank.csv", *QUICK, "selection=bandit", "retest=false"]) == 0
    before = (here / "table.md").read_text()
    (here / "table.md").unlink()
    assert main(["tables", str(here)]) == 0
    assert (here / "table.md").read_text() == before


def test_history_answers_in_place_of_the_model(here: Path) -> None:
    history = ["history=sessions.csv", "abilities=proxy.csv", "persons=null", "retest=false"]
    assert main(["simulate-cat", "bank=bank.csv", "selection=max_info", "stop=items=4", *history]) == 0
    assert pd.read_csv(here / "by_ability.csv")["persons"].sum() <= 50


def test_a_setting_of_a_rule(here: Path) -> None:
    words = ["selection=bandit", "selection.bandit.gamma=.5", "selection.bandit.draws=3", "retest=false"]
    assert main(["simulate-cat", "bank=bank.csv", *QUICK, *words]) == 0
    assert list(pd.read_csv(here / "table.csv")["setting"]) == ["gamma=0.5"]


BAD = {
    "no bank": ([], "needs bank="),
    "no such bank": (["bank=bnk.csv"], "no such bank: bnk.csv"),
    "no such rule": (["bank=bank.csv", "selection=bandits"], "no selection called 'bandits'; valid: bandit"),
    "no such setting": (["bank=bank.csv", "selection=bandit", "selection.bandit.gama=1"], "selection.bandit.gamma"),
    "no share": (["bank=bank.csv", "exposure=1.5"], "exposure=1.5 must be a share"),
    "too little": (["bank=bank.csv", "exposure=.05"], "exposure=0.05 cannot be met"),
    "no condition": (["bank=bank.csv", "stop=items<3"], "items"),
    "history alone": (["bank=bank.csv", "history=sessions.csv"], "needs abilities="),
    "no proxies": (["bank=bank.csv", "history=sessions.csv", "abilities=p.csv"], "no such file: p.csv"),
    "persons": (["bank=bank.csv", "persons=1"], "persons=1"),
}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("words", "said"), BAD.values(), ids=BAD)
def test_bad_input_is_explained(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate-cat", *QUICK, *words]) == 1
    assert said in capsys.readouterr().err


def test_a_target_that_cannot_be_met_costs_no_other(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["selection=max_info,random", "exposure=[0,.05]", "retest=false"]
    assert main(["simulate-cat", "bank=bank.csv", *QUICK, *words]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("left out: exposure=0.05 cannot be met") == 2
    assert set(pd.read_csv(here / "table.csv")["selection"]) == {"max_info", "random"}


def test_colours_are_of_rules_and_dashes_of_targets() -> None:
    found = styles(["bandit", "bandit 0.1", "random"])
    assert found["bandit"]["color"] == found["bandit 0.1"]["color"] != found["random"]["color"]
    assert found["bandit"]["linestyle"] != found["bandit 0.1"]["linestyle"]


def test_the_study_has_the_papers_test() -> None:
    tests = read_config("run", ["study=adaptive"]).tests
    assert {name: (test.n_items, test.stop) for name, test in tests.items()} == {
        "yes_no": (3290, "items=18"),
        "in_context": (585, "items=9"),
    }
    small = read_config("run", ["study=adaptive", "preset=smoke"]).tests
    assert {test.persons for test in small.values()} == {100}


def test_a_study_of_files_is_written_beside_what_is_reported(here: Path, tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "mine.yaml").write_text(
        "# @package _global_\nname: mine\nreference: banditcat\ntests:\n"
        "  one: {bank: bank.csv, stop: items=3, persons: 40, selection: {max_info: {}, random: {}}}\n"
    )
    assert main(["run", "--config-dir", str(tmp_path), "study=mine"]) == 0
    table = pd.read_csv(tmp_path / "results" / "mine" / "table.csv")
    assert (table["source"] == "reported").sum() == 4
    assert list(table.loc[table["test"] == "one", "rule"]) == ["max_info", "random"]
    folder = tmp_path / "results" / "mine"
    built = [folder / "table.csv", folder / "table.md", folder / "one" / "table.md", folder / "one" / "length.svg"]
    before = [path.read_text() for path in built]
    for path in built:
        path.unlink()
    assert main(["tables", str(folder)]) == 0
    assert [path.read_text() for path in built] == before


def test_a_test_needs_one_bank() -> None:
    with pytest.raises(IRTBridgeError, match="one of bank"):
        bank_of({"bank": None, "vocabulary": None, "n_items": None}, 1)
    assert [trial.title for trial in trials({"random": {}}, [0.2, 0])] == ["random", "random 0.2"]
