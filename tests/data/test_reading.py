"""What users bring: files of every sort, codes for missing, ids, sums, keys; read, said, or asked for."""

from __future__ import annotations

import gzip
import io
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from irtbridge_experiments.cli import main
from irtbridge_experiments.config.compose import read_config
from irtbridge_experiments.study.conditions import DATA_OPTIONS, data_options, read_tasks

from irtbridge.data.load import load_responses
from irtbridge.data.responses import Responses
from irtbridge.errors import DataError, DataNotFound, IRTBridgeWarning
from irtbridge.model.catalogue import two_pl
from irtbridge.model.layout import Layout

NAN = np.nan
ROWS = [[1, 0, 1], [0, 1, 1], [1, 1, 0], [0, 0, 0]]


def loaded(source: Any, **options: Any) -> Responses:
    """Load, with whatever warnings there are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IRTBridgeWarning)
        return load_responses(source, **options)


def written(folder: Path, content: str | bytes, name: str = "answers.csv") -> Path:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder / name


def refusal(source: Any, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        loaded(source, **options)
    return str(caught.value)


def binary(n_persons: int = 40, n_items: int = 4, seed: int = 1) -> pd.DataFrame:
    cells = np.random.default_rng(seed).integers(0, 2, (n_persons, n_items))
    return pd.DataFrame(cells, columns=[f"q{i}" for i in range(1, n_items + 1)])


# Separators, encodings, comments

TABLE = "q1,q2,q3\n1,0,1\n0,1,1\n1,1,0\n0,0,0\n"

FORMS: dict[str, tuple[str, str | bytes]] = {
    "tabs in csv": ("a.csv", TABLE.replace(",", "\t")),
    "semicolons in tsv": ("a.tsv", TABLE.replace(",", ";")),
    "bars": ("a.csv", TABLE.replace(",", "|")),
    "spaces": ("a.txt", TABLE.replace(",", "  ")),
    "spaces at the end": ("a.dat", TABLE.replace(",", " ").replace("\n", " \n")),
    "upper-case ending": ("A.CSV", TABLE),
    "decimal commas": ("a.csv", "q1;q2;q3\n1,0;0,0;1,0\n0,0;1,0;1,0\n1,0;1,0;0,0\n0,0;0,0;0,0\n"),
    "sep line": ("a.csv", "sep=;\n" + TABLE.replace(",", ";")),
    "sep line in quotes": ("a.csv", '"SEP=|"\n' + TABLE.replace(",", "|")),
    "comments": ("a.csv", "# exported 2024, by us, twice\n#\n\n" + TABLE),
    "byte order mark": ("a.csv", b"\xef\xbb\xbf" + TABLE.encode()),
    "utf-16": ("a.csv", TABLE.encode("utf-16")),
    "old Mac": ("a.csv", TABLE.replace("\n", "\r")),
    "empty column": ("a.csv", TABLE.replace("\n", ",\n")),
    "separator at each row's end": ("a.csv", TABLE.replace("\n", ",\n").replace(",\n", "\n", 1)),
    "empty lines": ("a.csv", TABLE + ",,\n,,\n\n"),
    "quoted": ("a.csv", '"q1","q2","q3"\n"1","0","1"\n"0","1","1"\n"1","1","0"\n"0","0","0"\n'),
    "gzip": ("a.csv.gz", gzip.compress(TABLE.encode())),
    "row names of R": ("a.txt", '"q1" "q2" "q3"\n"1" 1 0 1\n"2" 0 1 1\n"3" 1 1 0\n"4" 0 0 0\n'),
}


@pytest.mark.parametrize(("name", "content"), FORMS.values(), ids=FORMS.keys())
def test_every_text_file_is_read_alike(name: str, content: str | bytes, tmp_path: Path) -> None:
    expected = Responses.from_codes(ROWS, items=["q1", "q2", "q3"])
    assert load_responses(written(tmp_path, content, name)).fingerprint == expected.fingerprint


@pytest.mark.parametrize("name", ["a.zip", "a.csv.zip"])
def test_a_zip_of_one_file_is_read(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr("inside.csv", TABLE)
    data = load_responses(tmp_path / name)
    assert (data.values.tolist(), data.name) == (ROWS, "a")
    with zipfile.ZipFile(tmp_path / name, "a") as archive:
        archive.writestr("other.csv", TABLE)
    assert "2 files" in refusal(tmp_path / name)


def test_a_header_may_hold_separators_quotes_and_lines(tmp_path: Path) -> None:
    path = written(tmp_path, '"a, b","two\nlines",Größe (cm)\n1,0,1\n0,1,0\n')
    assert load_responses(path).items == ("a, b", "two\nlines", "Größe (cm)")


def test_a_header_that_begins_with_a_hash_is_no_comment(tmp_path: Path) -> None:
    assert load_responses(written(tmp_path, "#1,#2\n1,0\n0,1\n0,0\n")).items == ("#1", "#2")


def test_an_old_encoding_is_read_and_said(tmp_path: Path) -> None:
    path = written(tmp_path, "Größe,naïve\n1,0\n0,1\n".encode("cp1252"))
    with pytest.warns(IRTBridgeWarning, match="not UTF-8 and was read as cp1252"):
        data = load_responses(path)
    assert data.items == ("Größe", "naïve")
    assert "cp1252" in data.notes[0]


TRUE_REASONS: dict[str, tuple[str | bytes, list[str]]] = {
    "long row": ("x,y\n0,1\n1,0,1\n", ["line 3", "3 values", "has 2"]),
    "short row": ("# c\nx,y,z\n0,1,1\n1,0\n0,0,0\n", ["line 4", "2 values", "has 3"]),
    "quotation mark": ('x,y\n0,"1\n1,0\n', ["quotation mark"]),
    "sheet": (b"PK\x03\x04\x00\x00", ["Excel", ".csv"]),
}


@pytest.mark.parametrize(("content", "words"), TRUE_REASONS.values(), ids=TRUE_REASONS.keys())
def test_a_broken_file_is_refused_for_its_true_reason(content: str | bytes, words: list[str], tmp_path: Path) -> None:
    said = refusal(written(tmp_path, content))
    assert [word for word in [*words, "answers.csv"] if word not in said] == []
    assert "UTF-8" not in said


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    written(tmp_path, TABLE)
    for source in ("~/answers.csv", Path("~/answers.csv")):
        assert load_responses(source).values.tolist() == ROWS


# Headers

HEADLESS = {
    "binary": "1,1,0,0\n1,0,0,1\n0,0,0,1\n1,1,1,0\n",
    "likert": "3,1,5,2\n3,5,3,1\n2,4,5,4\n5,1,1,3\n1,2,2,5\n",
    "text id": "p1,3,1\np2,1,3\np3,2,2\n",
    "number id": "1001,3,1\n1002,1,3\n1003,2,2\n",
    "first one missing": ",3,1\n2,1,3\n3,2,2\n1,3,1\n",
    "words": "yes,no,yes\nno,no,yes\nyes,yes,no\n",
    "letters": "B,A,D\nA,A,D\nB,D,C\nC,C,A\n",
    "rare value": "0,0,2\n0,1,1\n1,0,0\n",
}


@pytest.mark.parametrize("content", HEADLESS.values(), ids=HEADLESS.keys())
def test_the_first_person_is_not_lost_as_a_header(content: str, tmp_path: Path) -> None:
    path = written(tmp_path, content)
    assert "header=false" in refusal(path)
    given = pd.read_csv(path)
    if not any("Unnamed" in column for column in given.columns):
        assert "header=None" in refusal(given)


def test_a_file_without_header_is_read_if_said(tmp_path: Path) -> None:
    data = load_responses(written(tmp_path, HEADLESS["binary"]), header=False)
    assert data.values.tolist() == [[1, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 1], [1, 1, 1, 0]]
    assert (data.items, data.persons) == (("item1", "item2", "item3", "item4"), (1, 2, 3, 4))
    assert "text files" in refusal(binary(), header=False)


HEADERS = {
    "counted": "1,2,3\n0,1,1\n1,0,1\n0,0,0\n",
    "counted from 0": "0,1,2\n0,1,1\n1,0,1\n0,0,0\n",
    "counted, as responses go": "1,2,3\n3,1,2\n1,2,3\n2,3,1\n",
    "row names": ",0,1,2\na,0,1,1\nb,1,0,1\nc,0,0,0\n",
    "other numbers": "7,12\n0,1\n1,0\n",
    "named persons": "person,1,0\na,0,1\nb,1,0\n",
}


@pytest.mark.parametrize("content", HEADERS.values(), ids=HEADERS.keys())
def test_items_may_be_numbered(content: str, tmp_path: Path) -> None:
    data = loaded(written(tmp_path, content))
    assert set(data.items) <= set(content.split("\n", 1)[0].split(","))
    assert data.n_persons == content.count("\n") - 1


def test_numbers_that_may_be_either_are_said(tmp_path: Path) -> None:
    with pytest.warns(IRTBridgeWarning, match=r"1, 2, 3.*header=false"):
        load_responses(written(tmp_path, HEADERS["counted, as responses go"]))


# Codes that mean missing


@pytest.mark.parametrize("codes", [[99, -9, "x", "."], ("99", "-9", "X", "."), {99.0, -9, "x", "."}])
def test_codes_that_mean_missing_are_missing(codes: Any) -> None:
    table = pd.DataFrame({"a": [0, 1, 99, -9, 0], "b": ["1", "0", "1", "x", "."], "c": [1, 0, 0, 1, 99]})
    expected = [[0, 1, 1], [1, 0, 0], [-1, 1, 0], [-1, -1, 1], [0, -1, -1]]
    assert load_responses(table, missing=codes).values.tolist() == expected


def test_one_code_needs_no_list() -> None:
    table = pd.DataFrame({"a": [0, 1, 99], "b": [1, 99, 0]})
    assert load_responses(table, missing=99).values.tolist() == [[0, 1], [1, -1], [-1, 0]]


def with_code(code: int, low: int, high: int, n_items: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(code)
    cells = rng.integers(low, high + 1, (80, n_items))
    cells[rng.random(cells.shape) < 0.04] = code
    return pd.DataFrame(cells).add_prefix("q")


@pytest.mark.parametrize(
    ("code", "low", "high"),
    [
        (99, 0, 1),
        (9, 0, 1),
        (8, 0, 1),
        (99, 1, 5),
        (9, 1, 5),
        (8, 1, 4),
        (9, 1, 7),
        (99, 0, 10),
        (999, 1, 7),
        (77, 0, 4),
    ],
)
def test_a_category_apart_is_suspected(code: int, low: int, high: int) -> None:
    table = with_code(code, low, high)
    with pytest.warns(IRTBridgeWarning, match=f"missing={code}"):
        data = load_responses(table)
    assert f"missing={code}" in data.notes[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_responses(table, missing=code).notes == ()


def test_several_codes_are_suspected_together() -> None:
    table = pd.DataFrame({"a": [1, 2, 3, 4, 5, 77, 88, 99] * 2, "b": [5, 4, 3, 2, 1, 1, 2, 3] * 2})
    with pytest.warns(IRTBridgeWarning, match="missing=77,88,99"):
        load_responses(table)


def test_a_lone_zero_is_suspected() -> None:
    with pytest.warns(IRTBridgeWarning, match="missing=0"):
        load_responses(pd.DataFrame({"a": [0, 4, 5, 6, 7, 6, 5], "b": [7, 6, 5, 4, 0, 4, 5]}))


LEGITIMATE: dict[str, Callable[[np.random.Generator], Any]] = {
    "0 to 10": lambda rng: rng.integers(0, 11, (60, 4)),
    "0 to 10, few persons": lambda rng: rng.integers(0, 11, (12, 4)),
    "1 to 7": lambda rng: rng.integers(1, 8, (60, 4)),
    "1 to 9, mostly high": lambda rng: 1 + rng.binomial(8, 0.8, (60, 4)),
    "counts": lambda rng: rng.poisson(3, (60, 4)),
    "long-tailed counts": lambda rng: np.minimum(rng.geometric(0.3, (100, 4)) - 1, 12),
    "0 to 100": lambda rng: rng.integers(0, 101, (60, 4)),
    "unused": lambda rng: np.array([1, 2, 3, 5])[rng.integers(0, 4, (60, 4))],
    "points": lambda rng: np.array([0, 5, 10])[rng.integers(0, 3, (60, 4))],
    "mixed lengths": lambda rng: np.column_stack([rng.integers(0, 2, (60, 3)), rng.integers(0, 11, (60, 1))]),
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("make", LEGITIMATE.values(), ids=LEGITIMATE.keys())
def test_a_scale_of_many_categories_is_not_suspected(make: Callable[[np.random.Generator], Any], seed: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_responses(make(np.random.default_rng(seed))).notes == ()


def test_a_model_for_two_categories_shows_the_third() -> None:
    with pytest.raises(DataError, match=r"0, 1, 99.*missing="):
        Layout.of(two_pl(), loaded(with_code(99, 0, 1)))


def test_a_negative_code_is_asked_for() -> None:
    assert "missing=-9,-8" in refusal(pd.DataFrame({"a": [0, 1, -9, -8]}))


# Persons' labels and sums


@pytest.mark.parametrize(
    "name", ["ID", "Person", "person_id", "Subject", "RESPONDENT", "model", "model_id", "Student ID", "participant.id"]
)
@pytest.mark.parametrize("place", [0, 2])
def test_ids_are_known_by_name(name: str, place: int, tmp_path: Path) -> None:
    table = binary(5, 3)
    table.insert(place, name, [1, 2, 3, 4, 5])
    table.to_csv(tmp_path / "a.csv", index=False)
    for source in (table, tmp_path / "a.csv"):
        data = load_responses(source)
        assert (data.persons, data.items) == ((1, 2, 3, 4, 5), ("q1", "q2", "q3"))
        assert any(name in note for note in data.notes)


@pytest.mark.parametrize("labels", [[*range(40)], [*range(900, 860, -1)], [f"m-{i}" for i in range(40)]])
def test_a_first_column_of_different_values_labels_the_persons(labels: list[Any]) -> None:
    table = binary()
    table.insert(0, "who", labels)
    with pytest.warns(IRTBridgeWarning, match=r"'who'.*items="):
        data = load_responses(table)
    assert (data.persons, data.items) == (tuple(labels), ("q1", "q2", "q3", "q4"))


@pytest.mark.parametrize(
    "table",
    [
        {"q1": [1, 2, 3, 4], "q2": [0, 1, 1, 0]},  # named as its neighbour is
        {"mood": [1, 2, 3], "joy": [3, 1, 2]},  # what its neighbour has
        {"mood": [3, 1, 2, 5], "joy": [1, 1, 0, 0]},  # counts nothing
        {"joy": [1, 0, 1], "row": [1, 2, 3]},  # not the first
    ],
)
def test_a_real_item_stays(table: dict[str, list[int]]) -> None:
    assert load_responses(pd.DataFrame(table)).items == tuple(table)


def test_a_slider_among_sliders_is_asked_about() -> None:
    sliders = pd.DataFrame({"joy": [*range(30, 60)], "anger": [*range(20, 50)]})
    assert "person='joy'" in refusal(sliders)


def test_row_names_are_labels_enough() -> None:
    table = pd.DataFrame({"nr": [0, 1, 2], "joy": [1, 1, 0]}, index=["a", "b", "c"])
    assert load_responses(table).items == ("nr", "joy")


def test_two_columns_of_ids_are_asked_about() -> None:
    table = binary(5).assign(id=[5, 6, 7, 8, 9], model_id=[1, 2, 3, 4, 5])
    assert "'model_id'" in refusal(table)
    assert load_responses(table, drop="model_id").items == ("q1", "q2", "q3", "q4")


@pytest.mark.parametrize("place", [0, 2, 4])
def test_a_sum_of_the_items_is_refused(place: int) -> None:
    table = binary()
    table.insert(place, "score", table.sum(axis=1))
    said = refusal(table)
    assert "'score'" in said
    assert "drop='score'" in said
    without = load_responses(binary())
    assert load_responses(table, drop="score").fingerprint == without.fingerprint
    assert load_responses(table, items=["q1", "q2", "q3", "q4"]).fingerprint == without.fingerprint


def test_a_sum_of_those_before_is_refused_where_some_are_missing() -> None:
    table = binary().astype(float)
    table.iloc[::7, 1] = NAN
    table["score"] = table.sum(axis=1)
    table["other"] = binary(seed=2)["q1"]
    assert "'score'" in refusal(table)


def test_an_item_that_is_no_sum_stays() -> None:
    table = binary()
    assert load_responses(table.assign(score=(table.sum(axis=1) + 1) % 4)).n_items == 5
    assert load_responses(pd.DataFrame({"a": [0, 0, 1, 0], "b": [0, 1, 0, 0], "c": [0, 0, 0, 1], "any": [0, 1, 1, 1]}))


# Words and keys

WORDS = {
    "True": "False",
    "TRUE": "FALSE",
    "yes": "no",
    "Y": "N",
    "t": "f",
    "Correct": "Incorrect",
    "right": "wrong",
    "correct": "wrong",
}


@pytest.mark.parametrize(("one", "zero"), WORDS.items())
@pytest.mark.parametrize("kind", ["object", "category", "string", "file"])
def test_truth_values_are_read_and_said(one: str, zero: str, kind: str, tmp_path: Path) -> None:
    table = pd.DataFrame(ROWS, columns=["q1", "q2", "q3"]).replace({1: one, 0: zero}).astype(object)
    table.iloc[3, 0] = None
    if kind == "file":
        table.to_csv(tmp_path / "a.csv", index=False)
    data = load_responses(tmp_path / "a.csv" if kind == "file" else table.astype(kind))
    assert data.values.tolist() == [*ROWS[:3], [-1, 0, 0]]
    assert f"{one} read as 1, {zero} as 0" in data.notes[0]


@pytest.mark.parametrize("kind", [bool, "boolean", "category", object])
def test_bools_are_read_alike(kind: Any) -> None:
    assert load_responses(pd.DataFrame(ROWS).astype(bool).astype(kind)).values.tolist() == ROWS


def test_ordered_words_are_asked_for() -> None:
    said = refusal(pd.DataFrame({"a": ["agree", "disagree", "neutral", "agree"], "b": [0, 1, 1, 0]}))
    assert "Recode" in said
    assert "'disagree'" in said


LETTERS = pd.DataFrame({"q1": ["A", "b", " a", "C"], "q2": ["C", "D", None, "c "], "q3": ["B", "B", "A", "D"]})
SCORED = [[1, 1, 0], [0, 0, 0], [1, -1, 1], [0, 1, 0]]


@pytest.mark.parametrize(
    "key",
    ["ACA", "A,C,A", ["a", "c", "a"], {"q3": "A", "q1": "A", "q2": "C"}, pd.Series({"q2": "C", "q1": "A", "q3": "A"})],
    ids=["letters", "commas", "list", "mapping", "series"],
)
def test_a_key_scores(key: Any) -> None:
    assert load_responses(LETTERS, key=key).values.tolist() == SCORED


@pytest.mark.parametrize("content", ["item,answer\nq3,A\nq1,A\nq2,C\n", "Answer;Item\nA;q3\nA;q1\nC;q2\n"])
def test_a_key_in_a_file_is_matched_by_label(content: str, tmp_path: Path) -> None:
    path = written(tmp_path, content, "key.csv")
    for key in (path, str(path)):
        assert load_responses(LETTERS[["q2", "q1", "q3"]], key=key, items=["q1", "q2", "q3"]).values.tolist() == SCORED


def test_a_key_scores_numbers_and_long_tables() -> None:
    table = pd.DataFrame({"person": [*"aabb"], "item": [*"xyxy"], "response": [3, 2, 1, 4]})
    assert load_responses(table, key={"y": 2, "x": "1"}).values.tolist() == [[0, 1], [1, 0]]


def test_a_key_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    assert "key has 2 answers for 3 items" in refusal(LETTERS, key="AC")
    assert "'q2'" in refusal(LETTERS, key={"q1": "A", "q3": "B"})
    assert "key=" in refusal(LETTERS)
    with pytest.raises(DataNotFound, match=r"no such file.*gone\.csv"):
        load_responses(LETTERS, key=tmp_path / "gone.csv")


def test_an_answer_that_nobody_gave_is_said() -> None:
    with pytest.warns(IRTBridgeWarning, match="nobody gave the right answer to 'q1'"):
        load_responses(LETTERS, key="ECA", allow_constant=True)


# Items and persons that tell nothing


def test_all_items_of_one_category_are_named() -> None:
    table = binary(4, 15).astype(float)
    table.iloc[:, :13] = 1
    said = refusal(table)
    assert [f"'q{i}' (1)" in said for i in range(1, 14)] == [True] * 10 + [False] * 3
    assert "13 in all" in said
    assert "allow_constant" in said


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"a": [1, 1, 1], "b": [0, 1, 0], "c": [0, 1, 1]}, (0, 1)),
        ({"a": [0, 0, 0], "b": [0, 1, 0], "c": [0, 1, 1]}, (0, 1)),
        ({"a": [2, 2, 2], "b": [1, 2, 3], "c": [3, 2, 1]}, (1, 2, 3)),
        ({"a": [1, 1, 1], "b": [1, 2, 3], "c": [4, 2, 1]}, (1, 2)),
        ({"a": [4, 4, 4], "b": [1, 2, 3], "c": [4, 2, 1]}, (3, 4)),
        ({"a": [0, 0, 0]}, (0, 1)),
    ],
)
def test_an_item_of_one_category_may_stay(cells: dict[str, list[int]], expected: tuple[int, ...]) -> None:
    data = load_responses(pd.DataFrame(cells), allow_constant=True)
    assert data.categories[0] == expected
    assert any("'a'" in note for note in data.notes)
    assert [data.categories[0][code] for code in data.values[:, 0]] == cells["a"]


# Labels and levels


def test_labels_are_of_one_type() -> None:
    table = pd.DataFrame({"x": [0, 1, 1], "y": [1, 0, 1]}, index=[1, "a", 2.0])
    assert load_responses(table).persons == ("1", "a", "2")
    assert "'1'" in refusal(table.set_axis([1, "1", 2], axis=0))


@pytest.mark.parametrize("axis", ["columns", "index"])
def test_labels_of_several_levels_are_refused(axis: str) -> None:
    levels = pd.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("b", "x")])
    assert "MultiIndex" in refusal(pd.DataFrame(ROWS[:3]).set_axis(levels, axis=axis))


def test_cells_of_several_values_are_refused() -> None:
    assert "several values" in refusal(pd.DataFrame({"a": [[0], [1]], "b": [1, 0]}))


def test_notes_travel_but_are_no_content() -> None:
    data = load_responses(pd.DataFrame({"ID": [1, 2, 3], "a": [0, 1, 1]}))
    again = Responses.from_dict(data.to_dict())
    assert again.notes == data.notes != ()
    plain = {k: v for k, v in data.to_dict().items() if k != "notes"}
    assert Responses.from_dict(plain).notes == ()
    assert Responses.from_dict(plain).fingerprint == data.fingerprint


# On the command line and in studies

LITERAL = [
    "Größe",
    "日本",
    "q 4 (b)",
    "q[5]",
    "[6]",
    "a=b",
    "don't",
    '"quoted" so',
    "${x}",
    "C:\\new\\",
    "x\\'y",
    "~",
    "7",
]


@pytest.mark.parametrize("name", LITERAL)
def test_options_take_literal_text(name: str) -> None:
    given = {option: name for option in ("person", "item", "response", "key")}
    given |= {"items": f"{name},naïve", "drop": f"[naïve, {name}]", "missing": f"{name},-9"}
    words = ["data=a.csv", "model=2pl", *(f"{option}={value}" for option, value in given.items())]
    expected = given | {"items": [name, "naïve"], "drop": ["naïve", name], "missing": [name, "-9"]}
    options = data_options(read_config("fit", words))
    assert {option: options[option] for option in expected} == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("q1", ["q1"]),
        ("-9", ["-9"]),
        ('["a,b", c]', ["a,b", "c"]),
        ("['it\\'s']", ["it's"]),
        ("[]", []),
        ("null", None),
    ],
)
def test_lists_of_one_and_of_quoted_text(word: str, expected: list[str] | None) -> None:
    assert data_options(read_config("fit", ["data=a.csv", "model=2pl", f"items={word}"]))["items"] == expected


def test_every_option_of_reading_is_a_setting() -> None:
    assert set(DATA_OPTIONS) <= set(read_config("fit", ["data=a.csv", "model=2pl"]))
    assert {"items", "drop", "header", "missing", "key", "allow_empty", "allow_constant"} <= set(DATA_OPTIONS)


def test_a_study_says_how_its_data_are_read(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"who (id)": [*"abcd"], "Größe": [0, 1, 99, 0], "q1": ["1", "0", "x", "1"], "sum": [9, 8, 7, 6]}
    )
    table.to_csv(tmp_path / "a.csv", index=False)
    study = {
        "name": "mine",
        "title": "Mine",
        "person": "who (id)",
        "items": "Größe",
        "missing": 99,
        "allow_empty": True,
        "conditions": {"real": {"model": {"name": "2pl"}, "data": str(tmp_path / "a.csv")}},
    }
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "mine.yaml").write_text("# @package _global_\n" + yaml.safe_dump(study, allow_unicode=True))
    (task,) = read_tasks(read_config("run", ["--config-dir", str(tmp_path), "study=mine"]))
    assert task.responses is not None
    assert (task.responses.items, task.responses.persons) == (("Größe",), ("a", "b", "c", "d"))
    assert task.responses.values.ravel().tolist() == [0, 1, -1, 0]


def test_fit_prints_what_was_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    table = binary(30).replace({1: "yes", 0: "no"}).assign(q2="yes")
    table.insert(0, "Größe [cm]", range(101, 131))
    table.to_csv("answers.csv", index=False)
    words = ["fit", "data=answers.csv", "model=2pl", "backend=pyro", "method=map", "allow_constant=true"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", IRTBridgeWarning)
        assert main(words) == 0
    said = capsys.readouterr().out
    for note in ("yes read as 1, no as 0", "'Größe [cm]'", "item 'q2', only 1, was kept with the categories 0, 1"):
        assert note in said
    items = pd.read_csv(io.StringIO((tmp_path / "results/fits/answers-2pl/items.csv").read_text()))
    assert np.isfinite(items[["pyro map mean", "pyro map SD"]]).all(axis=None)
