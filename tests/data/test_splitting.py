"""Item splitting: every response once, under the item of its person's group."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from irtbridge.data.responses import Responses
from irtbridge.errors import DataError


@pytest.fixture
def data() -> Responses:
    """Three items, two groups of 20 persons, some responses missing."""
    rng = np.random.default_rng(1)
    codes = rng.integers(0, [3, 2, 2], (40, 3))
    codes[rng.uniform(size=codes.shape) < 0.1] = -1
    return replace(
        Responses.from_codes(codes, [3, 2, 2], items=["a", "b", "c"]),
        person_data=pd.DataFrame({"sex": ["m", "f"] * 20}),
        item_data=pd.DataFrame({"mode": ["do", "want", "do"]}),
        group="sex",
        weights=np.arange(1, 41),
    )


def test_a_split_item_stands_where_the_item_stood(data: Responses) -> None:
    split = data.split(["b"])
    assert split.items == ("a", "b [f]", "b [m]", "c")
    assert split.origins == ("a", "b", "b", "c")
    assert split.categories == ((0, 1, 2), (0, 1), (0, 1), (0, 1))
    assert split.item_data is not None
    assert split.item_data["mode"].tolist() == ["do", "want", "want", "do"]
    assert (split.persons, split.groups, split.total_weight) == (data.persons, data.groups, data.total_weight)


@pytest.mark.parametrize("items", [None, ["b"], ["a", "c"], []])
def test_every_response_is_there_once(data: Responses, items: list[str] | None) -> None:
    split = data.split(items)
    together = np.full_like(data.values, -1)
    for column, origin in zip(split.values.T, split.origins or (), strict=True):
        place = data.items.index(origin)
        assert not ((together[:, place] >= 0) & (column >= 0)).any()
        together[:, place] = np.maximum(together[:, place], column)
    assert together.tolist() == data.values.tolist()
    for item, column in zip(split.items, split.values.T, strict=True):
        if item.endswith("[m]"):
            assert (data.group_codes[column >= 0] == 1).all()


def test_fractions_are_split_too() -> None:
    data = replace(
        Responses.from_numbers([[0.5, 0.1], [1.0, 0.0]], "fractions"),
        person_data=pd.DataFrame({"g": ["y", "x"]}),
        group="g",
    )
    assert data.split(["item1"]).values.tolist() == [[-1, 0.5, 0.1], [1.0, -1, 0.0]]


def test_a_category_that_a_group_did_not_give_is_named(data: Responses) -> None:
    codes = np.where((data.group_codes == 1)[:, None] & (data.values == 2), 1, data.values)
    poorer = replace(data, values=codes)
    with pytest.raises(DataError, match=r"'a' cannot be free in group 'm': nobody there gave category 2"):
        poorer.split()
    assert poorer.split(["b"]).n_items == 4
    silent = replace(data, values=np.where((data.group_codes == 0)[:, None], -1, data.values))
    with pytest.raises(DataError, match=r"'c' cannot be free in group 'f': nobody there responded"):
        silent.split(["c"])


def test_what_cannot_be_split_is_refused(data: Responses) -> None:
    with pytest.raises(DataError, match="'d' to split; valid: a, b, c"):
        data.split(["d"])
    with pytest.raises(DataError, match="group="):
        replace(data, group=None).split(["a"])
