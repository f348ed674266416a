"""Loading and checking responses: round trips, equal results from equal content, and errors that name the way out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from irtbridge.data.load import load_responses
from irtbridge.data.responses import Responses
from irtbridge.errors import DataError, DataNotFound, IRTBridgeError, UnknownName

NAN = np.nan


@pytest.fixture
def wide() -> pd.DataFrame:
    """Three items with categories of every sort: plain, from 1, with a gap; one cell missing."""
    return pd.DataFrame(
        {"a": [0, 1, 1, 0], "b": [1, NAN, 3, 2], "c": [2, 5, 5, 9]},
        index=pd.Index(["p1", "p2", "p3", "p4"], name="person"),
    )


def long_form(wide: pd.DataFrame) -> pd.DataFrame:
    return wide.reset_index().melt(id_vars="person", var_name="item", value_name="response")


# What Responses hold


def test_codes_categories_and_labels(wide: pd.DataFrame) -> None:
    data = load_responses(wide)
    assert data.values.tolist() == [[0, 0, 0], [1, -1, 1], [1, 2, 1], [0, 1, 2]]
    assert data.values.dtype == np.int8
    assert data.persons == ("p1", "p2", "p3", "p4")
    assert data.items == ("a", "b", "c")
    assert data.categories == ((0, 1), (1, 2, 3), (2, 5, 9))
    assert data.recoded == {"b": {1: 0, 2: 1, 3: 2}, "c": {2: 0, 5: 1, 9: 2}}
    assert (data.n_persons, data.n_items, data.max_categories) == (4, 3, 3)
    assert data.n_categories.tolist() == [2, 3, 3]
    assert np.argwhere(~data.observed).tolist() == [[1, 1]]


def test_to_frame_gives_the_original_table_back(wide: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(load_responses(wide).to_frame(), wide.astype(float))


def test_from_codes_keeps_categories_nobody_chose() -> None:
    data = Responses.from_codes([[0, 1], [1, -1]], n_categories=[3, 2], items=["x", "y"], name="simulated")
    assert data.categories == ((0, 1, 2), (0, 1))
    assert (data.persons, data.items, data.name, data.recoded) == ((1, 2), ("x", "y"), "simulated", {})
    np.testing.assert_array_equal(data.to_frame(), [[0, 1], [1, NAN]])


@pytest.mark.parametrize(("n_categories", "expected"), [(None, (2, 4)), (5, (5, 5)), (np.array([2, 6]), (2, 6))])
def test_from_codes_counts_categories(n_categories: Any, expected: tuple[int, int]) -> None:
    data = Responses.from_codes([[0, 3], [0, 1]], n_categories=n_categories)
    assert tuple(data.n_categories) == expected


def test_responses_do_not_share_memory_with_their_source() -> None:
    codes = np.array([[0, 1], [1, 0]])
    data = Responses.from_codes(codes)
    before = data.fingerprint
    codes[0, 0] = 1
    assert data.fingerprint == before
    with pytest.raises(FrozenInstanceError):
        data.name = "other"  # type: ignore[misc]


def test_fingerprint_depends_on_content_alone() -> None:
    data = Responses.from_codes([[0, 1], [1, 0], [-1, 1]])
    assert replace(data, name="other").fingerprint == data.fingerprint
    changed = [
        Responses.from_codes([[0, 1], [1, 0], [0, 1]]),
        replace(data, persons=("1", "2", "3")),
        replace(data, items=("x", "y")),
        replace(data, categories=((1, 2), (0, 1))),
    ]
    assert len({data.fingerprint, *(other.fingerprint for other in changed)}) == 5


def test_fingerprint_is_the_same_in_another_process() -> None:
    code = "import irtbridge as i; print(i.Responses.from_codes([[0, 1], [1, 0]], items='ab').fingerprint)"
    root = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": root}
    there = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == Responses.from_codes([[0, 1], [1, 0]], items="ab").fingerprint


# One content, many forms: all load to the same responses


def as_csv(wide: pd.DataFrame, folder: Path) -> Path:
    wide.to_csv(folder / "w.csv")
    return folder / "w.csv"


def as_named_column(wide: pd.DataFrame, folder: Path) -> pd.DataFrame:
    return wide.rename_axis("id").reset_index()


def as_row_names(wide: pd.DataFrame, folder: Path) -> Path:
    wide.rename_axis(None).to_csv(folder / "w.csv", na_rep="NA")
    return folder / "w.csv"


def as_tsv(wide: pd.DataFrame, folder: Path) -> str:
    wide.to_csv(folder / "w.TSV", sep="\t")
    return str(folder / "w.TSV")


def as_parquet(wide: pd.DataFrame, folder: Path) -> Path:
    pytest.importorskip("pyarrow")
    wide.to_parquet(folder / "w.parquet")
    return folder / "w.parquet"


def as_long(wide: pd.DataFrame, folder: Path) -> pd.DataFrame:
    return long_form(wide)


def as_long_without_missing_rows(wide: pd.DataFrame, folder: Path) -> pd.DataFrame:
    return long_form(wide).dropna()


def as_long_csv(wide: pd.DataFrame, folder: Path) -> Path:
    long_form(wide).to_csv(folder / "w.csv", index=False)
    return folder / "w.csv"


def as_text(wide: pd.DataFrame, folder: Path) -> pd.DataFrame:
    return wide.astype(object).map(lambda cell: " " if pd.isna(cell) else f" {cell:g}")


def as_nullable(wide: pd.DataFrame, folder: Path) -> pd.DataFrame:
    return wide.astype({"a": "boolean", "b": "Int64", "c": "category"})


@pytest.mark.parametrize(
    "form",
    [
        as_csv,
        as_named_column,
        as_row_names,
        as_tsv,
        as_parquet,
        as_long,
        as_long_without_missing_rows,
        as_long_csv,
        as_text,
        as_nullable,
    ],
)
def test_every_form_loads_to_the_same_responses(
    form: Callable[[pd.DataFrame, Path], Any], wide: pd.DataFrame, tmp_path: Path
) -> None:
    assert load_responses(form(wide, tmp_path)).fingerprint == load_responses(wide).fingerprint


@pytest.mark.parametrize(
    "cells",
    [
        [[0, 1], [1, None], [1, 0]],
        np.array([[0, 1], [1, NAN], [1, 0]]),
        np.ma.masked_equal([[0, 1], [1, 7], [1, 0]], 7),
        [[False, True], [True, None], [True, False]],
        [["0", "1"], ["1", ""], ["1", "0"]],
    ],
    ids=["list", "float", "masked", "bool", "text"],
)
def test_arrays_are_numbered_from_one(cells: Any) -> None:
    data = load_responses(cells)
    assert data.fingerprint == Responses.from_codes([[0, 1], [1, -1], [1, 0]]).fingerprint


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_files_without_labels_are_numbered_from_one(ending: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [0, 1, 1], "y": [1, 0, 1]})
    path = tmp_path / f"plain.{ending}"
    if ending == "parquet":
        pytest.importorskip("pyarrow")
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    data = load_responses(path)
    assert (data.persons, data.items, data.name) == ((1, 2, 3), ("x", "y"), "plain")


def test_responses_come_back_as_they_are() -> None:
    data = Responses.from_codes([[0, 1], [1, 0]])
    assert load_responses(data) is data


def test_labels_in_files_keep_their_zeros(tmp_path: Path) -> None:
    (tmp_path / "z.csv").write_text("person,01,1\n007,0,1\n7,1,0\n")
    data = load_responses(tmp_path / "z.csv")
    assert (data.persons, data.items) == (("007", "7"), ("01", "1"))


def test_integer_labels_stay_integers(tmp_path: Path) -> None:
    (tmp_path / "z.csv").write_text("x,subject,y\n0,12,1\n1,7,0\n")
    assert load_responses(tmp_path / "z.csv", person="subject").persons == (12, 7)
    assert load_responses(pd.DataFrame({"x": [0, 1], "y": [1, 0]}, index=[3.0, 4.0])).persons == (3, 4)


def test_items_picks_and_orders(wide: pd.DataFrame) -> None:
    for source in (wide, long_form(wide)):
        data = load_responses(source, items=["c", "a"])
        assert data.items == ("c", "a")
        np.testing.assert_array_equal(data.to_frame(), wide[["c", "a"]])


def test_items_may_leave_out_columns_that_are_no_items(wide: pd.DataFrame) -> None:
    extra = wide.assign(country=["DE", "FR", "DE", "IT"])
    assert load_responses(extra, items=["a", "b", "c"]).fingerprint == load_responses(wide).fingerprint


def test_long_columns_can_be_named(wide: pd.DataFrame) -> None:
    table = long_form(wide).set_axis(["who", "what", "how"], axis=1).assign(seconds=1.5)
    data = load_responses(table, person="who", item="what", response="how")
    assert data.fingerprint == load_responses(wide).fingerprint


def test_shape_overrules_the_column_names() -> None:
    table = pd.DataFrame({"person": [1, 2], "item": [0, 1], "response": [1, 0]})
    assert load_responses(table, shape="wide").items == ("item", "response")
    with pytest.raises(DataError, match=r"only one category.*: '0' \(1\)"):
        load_responses(table)


def test_persons_without_responses_stay_if_allowed() -> None:
    data = load_responses([[0, 1], [None, None], [1, 0]], allow_empty=True)
    assert data.values.tolist() == [[0, 1], [-1, -1], [1, 0]]


def test_a_scale_of_many_categories_is_no_label_column() -> None:
    slider = np.arange(50) // 2
    assert load_responses(slider[:, None]).max_categories == 25


# Errors name the bad value and the way out


def frame(**columns: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"good": [0, 1] * (len(next(iter(columns.values()))) // 2), **columns})


TWICE = pd.DataFrame([[0, 1, 0], [1, 0, 1]], columns=["x", "y", "x"])
LONG = pd.DataFrame({"person": ["p", "p", "q", "q", "p"], "item": [*"xyxyx"], "response": [0, 1, 1, 0, 1]})

BAD_TABLES: dict[str, tuple[Any, dict[str, Any], list[str]]] = {
    "not numeric": (frame(sex=["m", "f", "m", "f"]), {}, ["'m'", "items=", "Recode", "group='sex'", "drop='sex'"]),
    "labels": (frame(code=["k1", "k2", "k3", "k4"]), {}, ["'code'", "'k1'", "person='code'"]),
    "integer labels": (frame(code=[*range(100, 112)]), {}, ["'code'", "person='code'"]),
    "date": (frame(day=[*pd.to_datetime(["2020-01-01"] * 2)]), {}, ["'day'", "2020-01-01", "not numeric"]),
    "fractional": (frame(x=[0, 0.5, 1, 1]), {}, ["'x'", "fractional", "0.5", "recode"]),
    "negative": (frame(x=[0, 1, -9, 1]), {}, ["'x'", "negative", "-9", "NaN"]),
    "infinite": (frame(x=[0, 1, np.inf, 1]), {}, ["'x'", "infinite", "inf", "NaN"]),
    "one category": (frame(x=[3, 3, NAN, 3]), {}, ["'x' (3)", "only one category", "drop=", "allow_constant=True"]),
    "item all missing": (frame(x=[NAN] * 4), {}, ["'x'", "no response", "drop="]),
    "persons all missing": (
        pd.DataFrame({"x": [0, 1] + [NAN] * 12}, index=[*"abcdefghijklmn"]),
        {},
        ["'c', 'd', 'e'", "'k', 'l', ...", "12 in all", "allow_empty=True"],
    ),
    "one person all missing": ([[0], [1], [NAN]], {}, ["response: 3;"]),
    "item twice": (TWICE, {}, ["item", "'x'", "more than once"]),
    "item listed twice": (frame(x=[0, 1]), {"items": ["x", "x"]}, ["item", "'x'", "more than once"]),
    "person twice": (frame(id=[5, 6, 5, 7]), {}, ["person", "5", "more than once"]),
    "index twice": (pd.DataFrame({"x": [0, 1]}, index=["p", "p"]), {}, ["person", "'p'", "more than once"]),
    "person column twice": (TWICE, {"person": "x"}, ["'x'", "2 times", "rename"]),
    "person label missing": (frame(id=[1, NAN, 3, NAN]), {}, ["'id'", "2 of the labels", "row 2", "fill"]),
    "index label missing": (pd.DataFrame({"x": [0, 1]}, index=["p", None]), {}, ["'index'", "row 2", "fill"]),
    "no such person column": (frame(who=[1, 2]), {"person": "wo"}, ["'wo'", "there are: who, good"]),
    "no such item": (frame(anger=[0, 1]), {"items": ["angr"]}, ["'angr'", "there are: anger, good"]),
    "no rows": (frame(x=[0, 1]).iloc[:0], {}, ["no rows", "one per person"]),
    "no items": (pd.DataFrame({"id": [1, 2]}), {}, ["no items", "a column per item"]),
    "nothing listed": (frame(x=[0, 1]), {"items": []}, ["no items"]),
    "nameless item": (pd.DataFrame([[0, 1], [1, 0]], columns=["x", None]), {}, ["column 2", "header"]),
    "flat array": ([0, 1, 1], {}, ["(3,)", "(person, item)"]),
    "ragged list": ([[0, 1], [1]], {}, ["(2,)", "equally long"]),
    "long without column": (LONG, {"shape": "long", "response": "score"}, ["'score'", "response"]),
    "long as wide": (LONG.iloc[:4].drop(columns="person"), {}, ["'item'", "'x'", "long table"]),
    "long twice": (LONG, {}, ["('p', 'x')", "more than one response", "keep one"]),
    "long label missing": (LONG.replace("q", None), {}, ["'person'", "2 of the labels", "row 3"]),
    "long not numeric": (LONG[:4].assign(response=[*"0?10"]), {}, ["'y'", "'?'", "not numeric"]),
    "items of responses": (Responses.from_codes([[0], [1]]), {"items": ["item1"]}, ["items=", "to_frame()"]),
}


@pytest.mark.parametrize(("source", "options", "words"), BAD_TABLES.values(), ids=BAD_TABLES.keys())
def test_a_bad_table_is_refused(source: Any, options: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        load_responses(source, **options)
    assert [word for word in words if word not in str(caught.value)] == []


def test_semicolons_separate_where_no_comma_does(tmp_path: Path) -> None:
    """As spreadsheets save csv where the comma is the decimal mark."""
    (tmp_path / "commas.csv").write_text("person,q1,q2\na,0,1\nb,1,\nc,1,0\n")
    (tmp_path / "semicolons.csv").write_text("person;q1;q2\na;0;1\nb;1;\nc;1;0\n")
    commas, semicolons = (load_responses(tmp_path / f"{name}.csv") for name in ("commas", "semicolons"))
    np.testing.assert_array_equal(semicolons.values, commas.values)
    assert semicolons.persons == commas.persons == ("a", "b", "c")


BAD_FILES: dict[str, tuple[str, bytes, list[str]]] = {
    "empty": ("e.csv", b"", ["e.csv is empty", "header"]),
    "header alone": ("h.csv", b"x,y\n", ["h: ", "no rows"]),
    "ragged": ("r.csv", b"x,y\n0,1\n1,0,1\n", ["r.csv", "line 3", "3 values", "2"]),
    "binary": ("b.csv", b"\xff\xfe\x00\x81\n" * 3, ["b.csv", "not a readable .csv", "UTF-8"]),
    "no parquet": ("p.parquet", b"x,y\n0,1\n", ["p.parquet", "not a readable .parquet"]),
    "excel": ("t.xlsx", b"PK", ["t.xlsx", ".csv, .tsv, .parquet", "save it as .csv"]),
    "no ending": ("noending", b"x\n0\n1\n", ["noending", ".csv, .tsv, .parquet"]),
    "repeated header": ("d.csv", b"x,y,x\n0,1,1\n1,0,1\n", ["item", "'x'", "more than once"]),
    "nameless column": ("n.csv", b"x,,y\n0,1,1\n1,0,1\n", ["column 2", "header"]),
}


@pytest.mark.parametrize(("name", "content", "words"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_is_refused(name: str, content: bytes, words: list[str], tmp_path: Path) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_responses(tmp_path / name)
    assert [word for word in words if word not in str(caught.value)] == []
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match=r"folder\.csv is not a readable \.csv file"):
        load_responses(tmp_path / "folder.csv")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataNotFound, match=r"no such file: .*gone\.csv; check the path") as caught:
        load_responses(tmp_path / "gone.csv")
    assert isinstance(caught.value, FileNotFoundError)
    assert isinstance(caught.value, IRTBridgeError)


def test_a_name_of_nothing_is_neither_file_nor_data_set() -> None:
    with pytest.raises(DataNotFound, match=r"'verbag' is neither a file nor a data set; .*one of: verbagg, "):
        load_responses("verbag")


def test_parquet_without_pyarrow_gives_the_pip_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.parquet").touch()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "fastparquet", None)
    with pytest.raises(DataError, match=r"x\.parquet needs pyarrow: pip install pyarrow"):
        load_responses(tmp_path / "x.parquet")


def test_an_unknown_shape_lists_the_shapes() -> None:
    with pytest.raises(UnknownName, match="no shape called 'wid'; valid: wide, auto, long"):
        load_responses([[0], [1]], shape="wid")  # type: ignore[arg-type]


BAD_CODES: dict[str, tuple[Any, dict[str, Any], list[str]]] = {
    "too high": ([[0, 1], [1, 3]], {"n_categories": 2}, ["'item2'", "code 3", "0..1"]),
    "too low": ([[0, 1], [-2, 0]], {}, ["'item1'", "code -2", "-1 for missing"]),
    "float": ([[0.0], [1.0]], {}, ["float64", "load_responses()"]),
    "text": ([["0"], ["1"]], {}, ["integers", "load_responses()"]),
    "flat": ([0, 1], {}, ["(2,)", "(person, item)"]),
    "nobody": (np.zeros((0, 3), dtype=int), {}, ["(0, 3)", "at least one"]),
    "one category": ([[0], [0]], {"n_categories": 1}, ["'item1'", "only one category, 0"]),
    "no category": ([[-1], [-1]], {"n_categories": 0}, ["'item1'", "no response"]),
    "counts": ([[0, 1], [1, 0]], {"n_categories": [2, 2, 2]}, ["(3,)", "2 items"]),
    "persons": ([[0], [1]], {"persons": ["p"]}, ["1 person labels", "give 2"]),
    "items": ([[0], [1]], {"items": ["x", "y"]}, ["2 item labels", "give 1"]),
    "person twice": ([[0], [1]], {"persons": ["p", "p"]}, ["person", "'p'", "more than once"]),
    "item twice": ([[0, 1], [1, 0]], {"items": ["x", "x"]}, ["item", "'x'", "more than once"]),
}


@pytest.mark.parametrize(("codes", "options", "words"), BAD_CODES.values(), ids=BAD_CODES.keys())
def test_bad_codes_are_refused(codes: Any, options: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        Responses.from_codes(codes, **options)
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("categories", "words"), [(((1, 0),), ["'x'", "must ascend", "(1, 0)"]), (((0, 1), (0, 1)), ["2 sets", "give 1"])]
)
def test_bad_categories_are_refused(categories: Any, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        Responses(values=np.array([[0], [1]]), persons=(1, 2), items=("x",), categories=categories)
    assert [word for word in words if word not in str(caught.value)] == []


def test_loading_needs_nothing_heavier_than_pandas() -> None:
    code = "import sys, irtbridge.data; print(sorted({'scipy', 'arviz', 'torch', 'tensorflow'} & set(sys.modules)))"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    there = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == "[]"
