"""Responses at their observed entries alone: the same as the whole matrix, as far as they go."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, special

import irtbridge as irt
from irtbridge.data import long_table, sparse_responses
from irtbridge.data.hold_out import MASKS
from irtbridge.data.load import load_responses
from irtbridge.data.responses import Responses
from irtbridge.data.sparse_responses import SparseResponses
from irtbridge.data.stored import read_responses, write_responses
from irtbridge.errors import DataError

PERSONS, ITEMS = 60, 40


@cache
def records() -> pd.DataFrame:
    """A fifth of all responses of 1, 2 or 3, those to half of the items 1 or 2; in any order."""
    rng = np.random.default_rng(1)
    person, item = np.nonzero(rng.uniform(size=(PERSONS, ITEMS)) < 0.2)
    table = pd.DataFrame(
        {"person": person, "item": [f"q{i}" for i in item], "response": 1.0 + rng.integers(2, size=len(item))}
    )
    table.loc[(item % 2 == 0) & (rng.uniform(size=len(item)) < 0.3), "response"] = 3.0
    return table.sample(frac=1, random_state=1)


@pytest.fixture
def stays_sparse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_table, "MOST_CELLS", 100)


def both(monkeypatch: pytest.MonkeyPatch, **how: Any) -> tuple[Responses, SparseResponses]:
    whole = load_responses(records(), **how)
    monkeypatch.setattr(long_table, "MOST_CELLS", 100)
    loaded = load_responses(records(), **how)
    assert type(whole) is Responses
    assert isinstance(loaded, SparseResponses)
    return whole, loaded


@pytest.mark.parametrize(
    "how", [{}, {"items": ["q3", "q4", "q30"], "allow_empty": True}, {"drop": ["q0", "q39"]}, {"missing": 2}], ids=str
)
def test_a_long_table_is_read_as_the_whole_matrix_would_be(
    how: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, loaded = both(monkeypatch, allow_constant=True, **how)
    np.testing.assert_array_equal(loaded.values, whole.values)
    np.testing.assert_array_equal(loaded.observed, whole.observed)
    for name in ("persons", "items", "categories", "notes"):
        assert getattr(loaded, name) == getattr(whole, name)
    np.testing.assert_array_equal(loaded.entries.toarray(), whole.entries.toarray())
    for dim in ("person", "item"):
        np.testing.assert_array_equal(loaded.answered[dim], whole.answered[dim])


def test_a_part_of_it_is_the_part_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, loaded = both(monkeypatch)
    for part, of_whole in (
        (loaded.select([5, 3, 9]), whole.select([5, 3, 9])),
        (loaded.select(slice(4)), whole.select(slice(4))),
        (loaded.select_items([7, 2]), whole.select_items([7, 2])),
        (loaded.blank(), whole.blank()),
    ):
        assert isinstance(part, SparseResponses)
        np.testing.assert_array_equal(part.values, of_whole.values)
        assert (part.persons, part.items) == (of_whole.persons, of_whole.items)


def test_covariates_and_weights_come_along(monkeypatch: pytest.MonkeyPatch) -> None:
    beside = pd.DataFrame(
        {"person": range(PERSONS), "group": ["a", "b"] * (PERSONS // 2), "times": [1, 2] * (PERSONS // 2)}
    )
    whole, loaded = both(monkeypatch, person_data=beside, group="group", weights="times")
    assert loaded.groups == whole.groups
    np.testing.assert_array_equal(loaded.expanded().values, whole.expanded().values)
    later = load_responses(load_responses(records()), person_data=beside, group="group")
    np.testing.assert_array_equal(later.group_codes, loaded.group_codes)


def test_it_is_written_and_read_and_its_fingerprint_tells_entries_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = both(monkeypatch)[1]
    again = read_responses(write_responses(tmp_path / "r.npz", loaded))
    assert isinstance(again, SparseResponses)
    assert again.fingerprint == loaded.fingerprint
    codes = loaded.entries.copy()
    codes.data[0] = 1 - min(codes.data[0], 1)
    assert loaded.with_values(codes).fingerprint != loaded.fingerprint


@pytest.mark.usefixtures("stays_sparse")
def test_what_takes_the_whole_matrix_says_how_large_it_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_responses(records())
    monkeypatch.setattr(sparse_responses, "MOST_CELLS", 100)
    with pytest.raises(DataError, match=r"60 persons by 40 items, of which 2\d% were observed, would take .* GiB"):
        _ = loaded.values
    with pytest.raises(DataError, match="method=jmle with priors=true"):
        irt.fit(loaded, "grm", method="map")


@pytest.mark.usefixtures("stays_sparse")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda df: pd.concat([df, df.iloc[:1]]), "more than one response"),
        (lambda df: df.assign(item=df["item"].where(df["item"] != "q7", " ")), "of the labels in 'item' are empty"),
        (lambda df: df.assign(response=df["response"].where(df["item"] != "q7", np.nan)), "no response at all: 'q7'"),
        (lambda df: df.assign(response=df["response"].where(df["person"] != 7, np.nan)), "persons without any"),
        (lambda df: df.assign(response=df["response"].where(df["item"] != "q7", 1.5)), "fractional category"),
        (lambda df: df.assign(response=df["response"].where(df["item"] != "q7", 2)), "only one category"),
        (lambda df: df.astype({"response": object}).replace({"response": {3.0: "no idea"}}), "not numeric"),
    ],
)  # fmt: skip
def test_bad_tables_are_refused_as_ever(change: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_responses(change(records()))


def test_only_category_codes_are_sparse() -> None:
    labels: dict[str, Any] = {"persons": (1, 2), "items": ("a",), "categories": ((0, 1),)}
    with pytest.raises(DataError, match="csr_array"):
        SparseResponses(np.zeros((2, 1), dtype=int), **labels)
    with pytest.raises(DataError, match="at least one observed"):
        SparseResponses(sparse.csr_array((2, 1), dtype=np.int8), **labels)
    with pytest.raises(DataError, match="has code 2"):
        SparseResponses(sparse.csr_array(np.array([[1], [2]])), **labels)


@pytest.mark.parametrize("traits", [1, 2])
def test_a_factor_model_is_fitted_as_over_the_whole_matrix(
    traits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = records().assign(response=lambda df: (df["response"] > 1).astype(int))
    how: dict[str, Any] = {"method": "jmle", "priors": True, "standard_errors": False}
    how |= {"model_options": {"traits": traits}, "data_options": {"allow_constant": True}}
    whole = irt.fit(table, "lfm", observed_only=True, **how)
    monkeypatch.setattr(long_table, "MOST_CELLS", 100)
    monkeypatch.setattr(sparse_responses, "MOST_CELLS", 100)
    fit = irt.fit(table, "lfm", **how)
    np.testing.assert_array_equal(fit.draws.z, whole.draws.z)
    odds = fit.persons().loc[3, "ability"] if traits == 1 else None
    if odds is not None:
        item = fit.items().loc["q1"]
        expected = special.expit(item["discrimination", "mean"] * odds["mean"] + item["intercept", "mean"])
        assert fit.predict(3, "q1")["mean"].item() == pytest.approx(expected)
    pd.testing.assert_frame_equal(fit.persons(), whole.persons())
    again = irt.load_fit(fit.save(tmp_path / "fit.nc"))
    pd.testing.assert_frame_equal(again.items(), whole.items())
    assert isinstance(again.responses, SparseResponses)
    seen = fit.idata.observed_data
    np.testing.assert_array_equal(fit.responses.entries[seen.person_place, seen.item_place], seen.response)


@pytest.fixture
def never_whole(monkeypatch: pytest.MonkeyPatch) -> tuple[Responses, SparseResponses]:
    """Answers right or wrong, as a whole matrix and as a sparse one that cannot be made whole."""
    table = records().assign(response=lambda df: (df["response"] > 1).astype(int))
    table = table[table.groupby("person")["item"].transform("size") > 5]
    dated = pd.DataFrame({"released": np.arange(PERSONS) % 7 + 2018}, index=pd.RangeIndex(PERSONS, name="person"))
    how: dict[str, Any] = {"allow_constant": True, "person_data": dated.reset_index(), "covariates": ["released"]}
    whole = load_responses(table, **how)
    monkeypatch.setattr(long_table, "MOST_CELLS", 100)
    loaded = load_responses(table, **how)
    monkeypatch.setattr(sparse_responses, "MOST_CELLS", 100)
    assert isinstance(loaded, SparseResponses)
    return whole, loaded


@pytest.mark.parametrize("mask", MASKS)
def test_the_same_responses_are_held_out_as_of_the_whole_matrix(
    mask: str, never_whole: tuple[Responses, SparseResponses]
) -> None:
    dated = {"date": "released", "since": 2023} if mask == "time" else {}
    of_whole, held = (irt.hold_out(each, mask, seed=3, **dated) for each in never_whole)
    np.testing.assert_array_equal(held.part, of_whole.part)
    assert len(np.unique(held.part)) == (3 if held.two_stages else 2)
    pd.testing.assert_frame_equal(held.table(), of_whole.table())
    for part, other in (
        (held.train, of_whole.train),
        (held.second_stage, of_whole.second_stage),
        (held.tested, of_whole.tested),
    ):
        assert isinstance(part, SparseResponses)
        assert (part.persons, part.items) == (other.persons, other.items)
        np.testing.assert_array_equal(part.entries.toarray(), other.entries.toarray())
    with pytest.raises(DataError, match="would take"):
        _ = held.test


FOUR = {"traits": 4, "penalty": 2.0}  # abilities that are never integrated out, of whole responses either


@pytest.mark.parametrize("mask", ["entries", "rows", "columns"])
def test_models_are_judged_by_them_as_by_the_whole_matrix(
    mask: str, never_whole: tuple[Responses, SparseResponses]
) -> None:
    how: dict[str, Any] = {"method": "jmle", "priors": True, "observed_only": True, "model_options": FOUR}
    of_whole, found = (irt.evaluate(irt.hold_out(each, mask, seed=3), "lfm", **how) for each in never_whole)
    pd.testing.assert_frame_equal(found, of_whole)


def test_penalties_are_chosen_by_them_as_by_the_whole_matrix(never_whole: tuple[Responses, SparseResponses]) -> None:
    how: dict[str, Any] = {"folds": 2, "method": "jmle", "settings": {"priors": True, "observed_only": True}}
    of_whole, found = (irt.cross_validate(each, "lfm", traits=4, penalty=[1, 4], **how) for each in never_whole)
    pd.testing.assert_frame_equal(found, of_whole)
    paths = [irt.regularisation_path(each, traits=2, penalty=[1, 2, 4], folds=2) for each in never_whole]
    pd.testing.assert_frame_equal(paths[1].table, paths[0].table)
