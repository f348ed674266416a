"""Design matrices: equal to those written out by hand, and refused, with the way out, where they tell nothing."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from irtbridge.data.designs import design_matrix
from irtbridge.data.responses import Responses
from irtbridge.errors import DataError

TABLE = pd.DataFrame(
    {
        "anger": [20.0, 11.0, 17.0, 21.0, 13.0, 15.0],
        "gender": pd.Categorical([*"mfmfmf"], categories=["f", "m"]),
        "school": pd.Categorical([*"abcabc"]),
        "one": 1.0,
        "twice": [40.0, 22.0, 34.0, 42.0, 26.0, 30.0],
        "years spent": [1.0, 2.0, 3.0, 5.0, 8.0, 13.0],
    },
    index=[f"p{i}" for i in range(1, 7)],
)
ANGER, MALE = TABLE["anger"].to_numpy(), np.array([1.0, 0, 1, 0, 1, 0])
B, C = np.array([0.0, 1, 0, 0, 1, 0]), np.array([0.0, 0, 1, 0, 0, 1])


@pytest.mark.parametrize(
    ("formula", "columns", "expected", "references"),
    [
        ("anger", ["anger"], [ANGER], {}),
        ("anger * gender", ["anger", "gender[T.m]", "anger:gender[T.m]"], [ANGER, MALE, ANGER * MALE], {"gender": "f"}),
        (
            "gender + school",
            ["gender[T.m]", "school[T.b]", "school[T.c]"],
            [MALE, B, C],
            {"gender": "f", "school": "a"},
        ),
        ("`years spent`", ["years spent"], [TABLE["years spent"]], {}),
        ("center(anger)", ["center(anger)"], [ANGER - ANGER.mean()], {}),
        (
            'C(gender, contr.treatment("m"))',
            ['C(gender, contr.treatment("m"))[T.f]'],
            [1 - MALE],
            {"gender": "m"},
        ),
    ],
)
def test_designs_are_those_written_out_by_hand(
    formula: str, columns: list[str], expected: list[np.ndarray], references: dict[str, str]
) -> None:
    plain = design_matrix(TABLE, formula, intercept=False, what="person")
    assert [name.replace("'", '"') for name in plain.columns] == columns
    np.testing.assert_allclose(plain.matrix, np.column_stack(expected), rtol=1e-14)
    assert plain.references == references
    whole = design_matrix(TABLE, formula, intercept=True, what="person")
    assert whole.columns == ("Intercept", *plain.columns)
    np.testing.assert_array_equal(whole.matrix, np.column_stack([np.ones(6), plain.matrix]))


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("anger + gendre", ["'gendre'", "person_data has: gender"]),
        ("one + anger", ["'one'", "same for every person"]),
        ("anger + twice", ["'twice'", "'anger'", "take one"]),
        ("anger + I(anger + 3 * `years spent`) + `years spent`", ["is a sum of multiples", "'anger'", "take one"]),
        ("log(anger - 11)", ["log(anger - 11)", "'p2'"]),
        ("anger +", ["cannot be read", "write names"]),
        ("(anger", ["cannot be read", "write names"]),
        ("0 + anger", ["intercept"]),
        ("anger - 1", ["intercept"]),
        ("1", ["must name a covariate"]),
        ("", ["must name a covariate"]),
        ("unheard(anger)", ["unheard", "person_data has"]),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_tells_nothing_is_refused_with_the_way_out(formula: str, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        design_matrix(TABLE, formula, intercept=False, what="person")
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_more_columns_than_rows_are_collinear() -> None:
    with pytest.raises(DataError, match="sum of multiples"):
        design_matrix(TABLE.head(3), "anger + gender + `years spent`", intercept=False, what="person")


def test_without_covariates_the_way_to_give_them_is_said() -> None:
    data = Responses.from_codes([[0, 1], [1, 0]])
    with pytest.raises(DataError, match="item_data="):
        data.item_design("mode", intercept=True)


def test_a_design_of_some_persons_is_their_part_of_the_design_of_all() -> None:
    data = replace(Responses.from_codes(np.eye(6, dtype=int), persons=TABLE.index.tolist()), person_data=TABLE)
    whole = data.person_design("center(anger) * school", intercept=True)
    part = data.select(slice(2, 6)).select([1, 3]).person_design("center(anger) * school", intercept=True)
    assert part.columns == whole.columns
    np.testing.assert_array_equal(part.matrix, whole.matrix[[3, 5]])
    one = data.select(slice(1)).blank().person_design("gender", intercept=False)
    np.testing.assert_array_equal(one.matrix, [[1.0]])


def test_formulaic_is_only_loaded_where_there_is_a_formula() -> None:
    code = "import sys, irtbridge; irtbridge.load_responses([[0, 1], [1, 0]]); print('formulaic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
