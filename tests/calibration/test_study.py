"""The study of calibration: what is held out stays unseen, and the command runs, goes on and makes its tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from irtbridge_experiments.cli import main
from irtbridge_experiments.study.calibrated import Protocol, correlation, judged, metrics_of
from irtbridge_experiments.study.predictors import PREDICTORS, Predicted, Seen, design, ends
from irtbridge_experiments.study.starts import ALL, Start

import irtbridge as irt
from irtbridge.calibration import kept
from irtbridge.calibration.vocabulary import vocabulary
from irtbridge.data.kinds import MISSING

pytest.importorskip("wordfreq", reason="words are those of wordfreq")
FORMULA = "kind + length + zipf"
FAST = {"mean": {}, "two_pl": {}, "explanatory": {}, "autoirt": {"grader": "linear", "members": 1, "draws": 20}}


@pytest.fixture(autouse=True)
def short_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many effective draws there are does not matter here."""
    monkeypatch.setattr(kept, "DOUBLINGS", 0)


@pytest.fixture(scope="module")
def test():
    return vocabulary("yes_no", 40, seed=1)


@pytest.fixture(scope="module")
def whole(test):
    return test.grades(np.random.default_rng(1).standard_normal(80), 1, per_person=25)


@pytest.mark.parametrize("start", [0, 5, ALL])
def test_every_response_is_in_one_part_and_the_tested_ones_are_not_seen(whole, start):
    (held,) = Start(start).held_out(whole, seed=3)
    assert held.new_items.sum() == 10
    assert not (held.test & held.exposed).any()
    seen = held.second_stage
    np.testing.assert_array_equal(seen.observed | held.test, whole.observed)
    assert (seen.values[held.test] == MISSING).all()
    shown = held.exposed.sum(axis=0)[held.new_items]
    wanted = np.round(0.8 * whole.observed.sum(axis=0)[held.new_items]) if start == ALL else np.full(10, start)
    np.testing.assert_array_equal(shown, wanted)


def test_each_item_is_left_out_once_and_fewer_responses_are_among_more(whole):
    parts = list(Start(0, parts=40, rounds=40).held_out(whole, 3))
    assert sum(held.new_items for held in parts).tolist() == [1] * 40
    few, more = (next(Start(number).held_out(whole, 3)).exposed for number in (5, 20))
    assert not (few & ~more).any()


@pytest.mark.parametrize("name", FAST)
def test_no_predictor_sees_a_tested_response(whole, name):
    (held,) = Start(5).held_out(whole, 3)
    turned = replace(held, whole=whole.with_values(np.where(held.test, 1 - whole.values, whole.values)))
    one, other = (PREDICTORS[name](Seen(each.second_stage, FORMULA, 1), **FAST[name]) for each in (held, turned))
    np.testing.assert_array_equal(one.probs, other.probs)
    pd.testing.assert_frame_equal(one.items, other.items)


def test_the_truth_is_judged_best(whole, test):
    held = next(Start(0).held_out(whole, 3))
    ability = np.random.default_rng(1).standard_normal(80)
    right = 1 / (1 + np.exp(-test.discrimination * (ability[:, None] - test.difficulty)))
    items = pd.DataFrame({"difficulty": test.difficulty}, index=list(test.items))
    items = items.assign(difficulty_low=items["difficulty"] - 0.1, difficulty_high=items["difficulty"] + 0.1)
    truth = items[["difficulty"]].assign(log_discrimination=np.log(test.discrimination))
    metrics = {
        name: metrics_of(judged(Predicted(probs, items), held, truth, Start(0)))
        for name, probs in (("truth", right), ("even", np.full_like(right, 0.5)))
    }
    assert metrics["truth"]["log_loss"] < metrics["even"]["log_loss"] == pytest.approx(np.log(2))
    assert metrics["truth"]["difficulty_r"] == pytest.approx(1)
    assert metrics["truth"]["difficulty_rmse"] == 0
    assert metrics["truth"]["difficulty_coverage"] == 1


def test_correlation_is_that_of_numpy_and_undefined_without_spread():
    one, other = pd.Series([1.0, 2.0, 4.0]), pd.Series([0.0, 1.0, 0.5])
    assert correlation(one, other) == pytest.approx(np.corrcoef(one, other)[0, 1])
    assert np.isnan(correlation(one, pd.Series([1.0, 1.0, 1.0])))


@pytest.mark.long
def test_intervals_hold_what_they_say_however_few_the_draws():
    """A new number of the same distribution lies within as often; a standard error is .0015."""
    drawn = np.random.default_rng(6).standard_normal((101, 20_000))
    low, high = ends(drawn[:100])
    assert np.mean((low < drawn[100]) & (drawn[100] < high)) == pytest.approx(0.95, abs=0.005)


@pytest.mark.parametrize("formula", ["x + same", "x - 1"])
def test_a_design_has_ones_and_columns_that_vary(formula):
    with pytest.raises(irt.errors.ConfigError, match="first column"):
        design(formula, pd.DataFrame({"x": [1.0, 2.0, 4.0], "same": 1.0}))


@pytest.mark.long
def test_the_linear_model_is_that_of_the_language():
    """The sampler of the study and NUTS say the same of VerbAgg, up to what their priors differ in."""
    yes = irt.load_dataset("verbagg").to_frame() >= 1
    seen = Seen(irt.load_responses(yes.astype(int), item_data="verbagg"), "btype + situ + mode", 1)
    one = PREDICTORS["explanatory"](seen).items
    other = PREDICTORS["explanatory_fit"](seen, chains=2, warmup=300, draws=400).items
    for name, most in (("difficulty", 0.6), ("log_discrimination", 1.2)):
        sd = (other[f"{name}_high"] - other[f"{name}_low"]) / 3.92
        assert abs((one[name] - other[name]) / sd).max() < most
        assert correlation(one[name], other[name]) > 0.97


SMALL = [
    "study=calibration",
    "preset=smoke",
    "replications=2",
    "~calibrations.yes_no_bank",
    "~calibrations.in_context",
    "~calibrations.verbagg",
    "~calibrations.alpaca_eval",
    "calibrations.yes_no.n_items=40",
    "calibrations.yes_no.per_person=20",
    "calibrations.yes_no.starts=[0,5]",
    "calibrations.yes_no.formula=length",
    "~predictors.linear",
    "~predictors.autoirt_plain",
    "predictors.autoirt.members=1",
]


@pytest.mark.long
@pytest.mark.processes
@pytest.mark.figures
def test_the_study_runs_goes_on_and_makes_its_tables(tmp_path: Path) -> None:
    words = ["run", *SMALL, f"results={tmp_path}"]
    assert main(words) == 0
    folder = tmp_path / "calibration-smoke"
    records = sorted(folder.glob("records/**/*.json"))
    assert len(records) == 2 * 4 * 2
    before = {path: path.stat().st_mtime_ns for path in records}
    assert main(words) == 0
    assert {path: path.stat().st_mtime_ns for path in records} == before
    table = pd.read_csv(folder / "starts.csv")
    assert table["predictor"].tolist() == ["explanatory", "mean", "two_pl", "autoirt"] * 2
    assert (table["done"] == 2).all()
    assert len(pd.read_csv(folder / "starts_gain.csv")) == 6
    assert (folder / "starts.png").exists()


def test_data_without_a_file_are_skipped_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from irtbridge_experiments.config.compose import read_config
    from irtbridge_experiments.study.run import make_plan

    monkeypatch.setenv("ALPACA_EVAL", str(tmp_path))
    config = read_config("run", ["study=calibration", f"results={tmp_path}"])
    with pytest.warns(irt.IRTBridgeWarning, match="alpaca_eval is skipped"):
        plan = make_plan(config)
    assert {task.labels["data"] for task in plan.tasks} == {"yes_no", "yes_no_bank", "in_context", "verbagg"}


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("calibrations.yes_no.starts=[-1]", "starts=-1"),
        ("calibrations.yes_no.rounds=9", "there are 4 parts"),
        ("predictors.mean.by=median", "two_pl"),
        ("calibrations.yes_no.n_items=null", "yes_no"),
    ],
)
def test_what_cannot_be_studied_is_said_before_anything_runs(word: str, message: str, capsys, tmp_path: Path) -> None:
    assert main(["run", *SMALL[:7], word, f"results={tmp_path}"]) != 0
    assert message in " ".join("".join(capsys.readouterr()).split())


def test_a_protocol_is_the_same_for_every_predictor():
    simulate = {"vocabulary": "yes_no", "n_items": 40, "n_persons": 60, "per_person": 20}
    protocol = Protocol.of(
        {"start": 5, "parts": 4, "rounds": 1, "formula": "length", "leave_out": [], "simulate": simulate}, None
    )
    one, other = (protocol.run(3, by).record()["data_fingerprint"] for by in ("mean", "two_pl"))
    assert one == other
