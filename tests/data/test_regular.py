"""Regular tables that pandas' parser reads at once: the same data as cell by cell, and nothing that it would change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import irtbridge as irt
from irtbridge.data import text
from irtbridge.data.regular import regular_table

RNG = np.random.default_rng(1)
BODY = pd.DataFrame(RNG.integers(0, 12, (40, 5)), columns=[f"q{j}" for j in range(5)])
TABLES = {
    "numbers": BODY,
    "labels": BODY.assign(person=[f"p {i}" for i in range(40)]),
    "negative": BODY.assign(q0=RNG.integers(-1, 3, 40)),
    "empty cells": BODY.assign(q0=["", *"0123456789" * 3, *"012345678"]),
}


@pytest.mark.parametrize("name", TABLES)
def test_data_are_those_that_are_read_cell_by_cell(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, how = tmp_path / "data.csv", {"missing": -1, "items": [*BODY.columns]}
    TABLES[name].to_csv(path, index=False)
    lines = path.read_text().splitlines()
    assert regular_table(lines[1:], ",", TABLES[name].shape[1]) is not None
    at_once = irt.load_responses(path, **how)
    monkeypatch.setattr(text, "regular_table", lambda *_: None)
    cell_by_cell = irt.load_responses(path, **how)
    assert at_once.fingerprint == cell_by_cell.fingerprint
    assert at_once.notes == cell_by_cell.notes


@pytest.mark.parametrize(
    "line", ["01,1", "+1,1", "1.0,1", "1, 1", " 1,1", '"1",1', "1", "1,1,1", "1,1,", "1,1 ", "1,1\n,", "1e3,1", "\n1,1"]
)
def test_what_would_be_changed_is_not_read_so(line: str) -> None:
    assert regular_table(["1,0", *line.split("\n")], ",", 2) is None
    assert regular_table(["True,0", "False,1"], ",", 2) is None
    assert regular_table(["1,0", "0,1", ""], ",", 2) is not None


def test_codes_take_a_byte_each_unless_there_are_too_many() -> None:
    few = irt.load_responses(BODY)
    assert few.values.dtype == np.int8
    many = irt.Responses.from_codes(np.arange(200).reshape(100, 2) % 150)
    assert many.values.dtype == np.int64
    assert many.values.max() == 149
