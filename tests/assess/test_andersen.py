"""Andersen's test: numbers of eRm, identical groups, its rate under the model, and planted differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from agreement.rows import REFERENCE
from numpy.typing import NDArray
from scipy import special, stats

import irtbridge as irt
from irtbridge import errors

Anchors = Callable[[str], pd.DataFrame]
MODELS = {"1pl": "RM (CML)", "pcm": "PCM (CML)", "rsm": "RSM (CML)"}


def answers(persons: int, difficulty: NDArray[np.float64], seed: int, slope: float = 1.0) -> NDArray[np.int64]:
    """Responses of a Rasch model, the first item's slope apart."""
    rng = np.random.default_rng(seed)
    slopes = np.append(slope, np.ones(len(difficulty) - 1))
    at = slopes * (rng.normal(0, 1, (persons, 1)) - difficulty)
    return np.asarray(rng.uniform(size=at.shape) < special.expit(at), dtype=np.int64)


@pytest.mark.parametrize(
    ("dataset", "file", "model", "split", "name"),
    [
        ("raschdat1", "eRm_raschdat1.csv", "1pl", "median", "median"),
        ("raschdat1", "eRm_raschdat1.csv", "1pl", "mean", "mean"),
        ("VerbAgg.r2", "verbagg_r2_gender.csv", "1pl", "mean", "mean"),
        ("VerbAgg.r2", "verbagg_r2_gender.csv", "1pl", "Gender", "Gender"),
        ("VerbAgg.resp", "verbagg.csv", "pcm", "median", "median"),
    ],
)
def test_statistics_are_erms(anchors: Anchors, dataset: str, file: str, model: str, split: str, name: str) -> None:
    """eRm 1.0-2; of the partial credit model without the item that a group gave two of three categories of."""
    table = anchors("eRm_psychotools.csv.gz")
    theirs = table[(table["dataset"] == dataset) & (table["model"] == MODELS[model])].set_index("quantity")["value"]
    beside = {"covariates": ["Gender", "Anger"]} if "gender" in file else {}
    found = irt.andersen(irt.load_responses(REFERENCE / "data" / file, **beside), split, model)
    assert found.statistic == pytest.approx(theirs[f"LRtest.{name}.LR"], abs=1e-5)
    assert found.df == theirs[f"LRtest.{name}.df"]
    assert found.p == pytest.approx(theirs[f"LRtest.{name}.p"], rel=1e-4)
    assert found.left_out == (("S3DoShout",) if model == "pcm" else ())
    if split == "Gender":
        np.testing.assert_allclose(found.items["Wald", "z"], theirs["Waldtest.Gender.z-statistic"], atol=5e-4)


def test_groups_with_the_same_responses_do_not_differ() -> None:
    values = answers(150, np.linspace(-1, 1, 6), seed=1)
    found = irt.andersen(np.concatenate([values, values]), np.repeat(["a", "b"], 150))
    assert found.statistic == pytest.approx(0, abs=1e-7)
    assert (found.df, found.p) == (5, pytest.approx(1))
    assert found.items["a", "location"].sum() == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(found.items["Wald", "z"], 0, atol=1e-6)
    assert found.groups["persons"].tolist() == [150, 150]


@pytest.mark.long
def test_rate_under_the_model() -> None:
    """Of 200 data sets of 250 persons and 6 items about one in twenty is below .05: inside 99.9 % of the binomial."""
    difficulty = np.linspace(-1, 1, 6)
    below = sum(irt.andersen(answers(250, difficulty, seed)).p < 0.05 for seed in range(200))
    low, high = stats.binom(200, 0.05).interval(0.999)
    assert low <= below <= high


def test_another_slope_is_found_and_so_is_the_item() -> None:
    """The first item's, in the middle, where groups of low and high scores are furthest from the model."""
    difficulty = np.append(0, np.linspace(-1, 1, 7))
    found = irt.andersen(answers(1000, difficulty, seed=3, slope=3.0), "median")
    assert found.p < 1e-3
    assert found.items["Wald", "p"].idxmin() == "item1"
    assert str(found).startswith(f"Andersen's LR = {found.statistic:.3f}, df = 7, p = 0.0000; score <= 4 (")


def test_rows_with_weights_are_that_many_persons() -> None:
    values = answers(80, np.linspace(-1, 1, 5), seed=5)
    weights = np.random.default_rng(1).integers(1, 4, 80)
    weighted = irt.andersen(replace(irt.load_responses(values), weights=weights), "median")
    repeated = irt.andersen(np.repeat(values, weights, axis=0), "median")
    assert weighted.statistic == pytest.approx(repeated.statistic)
    assert weighted.groups["persons"].tolist() == repeated.groups["persons"].tolist()


def test_items_without_an_estimate_in_a_group_are_left_out_and_named() -> None:
    """The group that all solved an item; the rest is as if it were not there."""
    values, group = answers(300, np.linspace(-1, 1, 6), seed=6), np.repeat([1, 2], 150)
    values[:150, 2] = 1
    found, without = irt.andersen(values, group), irt.andersen(np.delete(values, 2, axis=1), group)
    assert found.left_out == ("item3",)
    assert "without 'item3'" in str(found)
    assert (found.statistic, found.df) == (pytest.approx(without.statistic), without.df)
    assert found.items.loc["item3"].isna().all()


def test_missing_responses_are_taken_as_they_are() -> None:
    """Two booklets with common items: the groups are of shares of points."""
    values = answers(600, np.linspace(-1, 1, 9), seed=8).astype(float)
    values[:300, :3] = np.nan
    values[300:, 6:] = np.nan
    found = irt.andersen(values)
    assert found.df == 8
    assert found.p > 1e-3


def test_what_cannot_be_tested_says_why() -> None:
    values = answers(60, np.linspace(-1, 1, 4), seed=9)
    with pytest.raises(errors.SpecError, match=r"sufficient.*1pl, pcm and rsm"):
        irt.andersen(values, model="2pl")
    with pytest.raises(errors.StatisticError, match="'sex' is no column"):
        irt.andersen(values, "sex")
    with pytest.raises(errors.StatisticError, match="1 groups"):
        irt.andersen(values, np.ones(60))
    with pytest.raises(errors.StatisticError, match="same score"):
        irt.andersen([[0, 1], [1, 0], [1, 0]])
