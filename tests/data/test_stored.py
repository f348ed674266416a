"""Responses written for another process are the same there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from irtbridge.data.responses import MISSING, Responses
from irtbridge.data.stored import read_responses, write_responses
from irtbridge.errors import ResultsError

ODD = ("Größe", "日本", "q[5]", "don't", '"quoted"', "C:\\new\\", "", " ends with blanks  ", "null", "ends with 0\0",
       "two\nlines", "\ud800", "7", "nan")  # fmt: skip


def check_is_the_same(path: Path, responses: Responses) -> None:
    back = read_responses(write_responses(path / "a folder" / "data.npz", responses))
    np.testing.assert_array_equal(back.values, responses.values)
    assert back.values.dtype == responses.values.dtype
    for name in ("persons", "items", "categories", "name", "notes", "fingerprint"):
        assert getattr(back, name) == getattr(responses, name)


@pytest.mark.parametrize("persons", [ODD, range(len(ODD)), [10**30 + i for i in range(len(ODD))]])
def test_labels_of_any_text_stay_as_they_are(tmp_path: Path, persons: Any) -> None:
    codes = np.eye(len(ODD), dtype=int)
    codes[0, -1] = MISSING
    named = Responses(codes, tuple(persons), ODD, ((0, 1),) * len(ODD), name=ODD[1], notes=ODD[:3])
    check_is_the_same(tmp_path, named)


@pytest.mark.parametrize("n_categories", [2, 127, 128, 129, 40_000])
def test_codes_stay_as_they_are_however_many_categories(tmp_path: Path, n_categories: int) -> None:
    codes = [[MISSING, 0], [n_categories - 1, 1]]
    check_is_the_same(tmp_path, Responses.from_codes(codes, n_categories))


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResultsError, match=r"data\.npz"):
        write_responses(tmp_path / "file" / "data.npz", Responses.from_codes([[0, 1], [1, 0]]))
