"""Masks: every response is in one part, each part is what its mask says, and nothing is left without a response."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import irtbridge as irt
from irtbridge.data import masks
from irtbridge.data.hold_out import MASKS
from irtbridge.data.masks import Observed, folds_of, random_entries
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError, DataError, UnknownName

PERSONS, ITEMS = 60, 20
TIMED = {"time": {"date": "released"}}


@pytest.fixture(scope="module")
def responses() -> Responses:
    rng = np.random.default_rng(3)
    values = rng.integers(0, 3, (PERSONS, ITEMS))
    values[rng.uniform(size=values.shape) < 0.2] = -1
    released = pd.date_range("2023-01-01", periods=PERSONS, freq="D").astype(str)
    table = pd.DataFrame({"released": released}, index=range(1, PERSONS + 1))
    return replace(Responses.from_codes(values, 3), person_data=table)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_response_is_in_exactly_one_part(responses: Responses, mask: str, seed: int) -> None:
    held = irt.hold_out(responses, mask, seed=seed, **TIMED.get(mask, {}))
    train = responses.observed & ~held.test & ~held.exposed
    assert not (held.test & held.exposed).any()
    assert not ((held.test | held.exposed) & ~responses.observed).any()
    old = np.ix_(~held.new_persons, ~held.new_items)
    assert held.train.observed.sum() == train.sum() == train[old].sum()
    np.testing.assert_array_equal(held.train.values, np.where(train, responses.values, -1)[old])
    np.testing.assert_array_equal(held.second_stage.observed, train | held.exposed)
    assert held.train.observed.any(axis=0).all()
    assert held.train.observed.any(axis=1).all()
    assert held.table()["part"].value_counts().to_dict() == {
        "train": train.sum(),
        "exposed": held.exposed.sum(),
        "test": held.test.sum(),
    }


@pytest.mark.parametrize(("mask", "axis", "size"), [("rows", 1, PERSONS), ("columns", 0, ITEMS)])
def test_lines_are_held_out_whole_and_show_their_share(responses: Responses, mask: str, axis: int, size: int) -> None:
    held = irt.hold_out(responses, mask, share=0.25, exposed=0.4, seed=5)
    new = held.new_persons if axis else held.new_items
    assert new.sum() == round(0.25 * size)
    shown, own = held.exposed.sum(axis=axis), responses.observed.sum(axis=axis)
    np.testing.assert_array_equal(shown[new], np.round(0.4 * own[new]))
    np.testing.assert_array_equal((held.test.sum(axis=axis) + shown)[new], own[new])
    assert not held.test.sum(axis=axis)[~new].any()


def test_exposed_0_shows_nothing_of_new_persons(responses: Responses) -> None:
    held = irt.hold_out(responses, "rows", exposed=0)
    assert not held.exposed.any()
    assert held.new_persons.any()


def test_shifted_masks_hold_out_the_ablest_persons_and_the_hardest_items(responses: Responses) -> None:
    mean = np.where(responses.observed, responses.values, np.nan)
    ablest = irt.hold_out(responses, "shifted_rows").new_persons
    assert np.nanmean(mean, axis=1)[ablest].min() >= np.nanmean(mean, axis=1)[~ablest].max()
    hardest = irt.hold_out(responses, "shifted_columns").new_items
    assert np.nanmean(mean, axis=0)[hardest].max() <= np.nanmean(mean, axis=0)[~hardest].min()


def test_a_block_is_a_rectangle(responses: Responses) -> None:
    held = irt.hold_out(responses, "block", share=0.3)
    rows, columns = held.test.any(axis=1), held.test.any(axis=0)
    np.testing.assert_array_equal(held.test, responses.observed & rows[:, None] & columns)
    assert (rows.sum(), columns.sum()) == (round(0.3 * PERSONS), round(0.3 * ITEMS))
    assert not held.two_stages


@pytest.mark.parametrize(
    ("dates", "since"),
    [([f"2024-{m:02}-15" for m in range(1, 7)], "2024-05-01"), ([2018, 2019, 2020, 2021, 2022, 2023], 2022)],
)
def test_items_from_a_date_on_are_new(responses: Responses, dates: list[Any], since: Any) -> None:
    six = responses.select_items(range(6)).select(np.flatnonzero(responses.observed[:, :4].any(axis=1)))
    dated = replace(six, person_data=None, item_data=pd.DataFrame({"when": dates}, index=list(six.items)))
    held = irt.hold_out(dated, "time", date="when", since=since)
    np.testing.assert_array_equal(held.new_items, [False] * 4 + [True] * 2)
    assert irt.hold_out(dated, "time", date="when", share=0.3).new_items.sum() == 2


def test_same_seed_same_parts_and_another_seed_others(responses: Responses) -> None:
    one, same, other = (irt.hold_out(responses, seed=seed).test for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_rows_that_stand_for_several_persons_become_as_many() -> None:
    data = replace(Responses.from_codes([[0, 1, 1], [1, 0, 0]]), weights=np.array([3.0, 2.0]))
    assert irt.hold_out(data, share=0.1).whole.n_persons == 5


@pytest.mark.parametrize("shape", [(2, 4), (4, 2), (3, 3)])
def test_random_entries_never_empty_a_row_or_a_column(shape: tuple[int, int]) -> None:
    observed = Observed.of(sparse.csr_array(np.ones(shape)))
    for seed in range(50):
        drawn = random_entries(observed, 0.2, np.random.default_rng(seed)).reshape(shape)
        assert drawn.any()
        assert (~drawn).any(axis=0).all()
        assert (~drawn).any(axis=1).all()


def test_folds_part_the_responses_and_spread_each_persons() -> None:
    rng = np.random.default_rng(1)
    observed = Observed.of(sparse.csr_array(rng.uniform(size=(40, 13)) < 0.7))
    folds = folds_of(observed, 4, rng)
    counts = np.stack([np.bincount(observed.rows[folds == k], minlength=40) for k in range(4)])
    np.testing.assert_array_equal(counts.sum(axis=0), observed.counts)
    assert (np.ptp(counts, axis=0) <= 1).all()


def test_a_response_has_the_same_random_number_whatever_others_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    observed, numbers = np.random.default_rng(2).uniform(size=(2, 30, 12)) < [[[0.3]], [[1]]], []
    for cells in (50, 10**6):
        monkeypatch.setattr(masks, "CELLS", cells)
        for some in observed:
            held = Observed.of(sparse.csr_array(some))
            for axis, each in enumerate((held, held.transposed)):
                rng, whole = np.random.default_rng(5), np.full((30, 12), np.nan)
                whole[some] = each.drawn(lambda shape, rng=rng: rng.uniform(size=shape))
                numbers.append((axis, whole[observed[0]]))
    for axis in range(2):
        first, *others = (found for of, found in numbers if of == axis)
        assert np.isfinite(first).all()
        for other in others:
            np.testing.assert_array_equal(other, first)


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ({"mask": "row"}, UnknownName, "rows"),
        ({"share": 0}, ConfigError, "share=0 must be"),
        ({"share": 1.0}, ConfigError, "below 1"),
        ({"share": "half"}, ConfigError, "share='half' must be"),
        ({"seed": -1}, ConfigError, "seed=-1 must be"),
        ({"exposed": -0.1}, ConfigError, "exposed=-0.1"),
        ({"mask": "time"}, ConfigError, "needs date="),
        ({"mask": "rows", "date": "released"}, ConfigError, "take neither"),
        ({"share": 0.99}, DataError, "at most 0.9"),
        ({"mask": "time", "date": "relased"}, DataError, "released"),
        ({"mask": "time", "date": "released", "since": "2020-01-01"}, DataError, "holds out all"),
        ({"mask": "time", "date": "released", "since": "May"}, DataError, "'May' cannot be read"),
        ({"mask": "block", "share": 0.99}, DataError, "smaller share"),
    ],
)
def test_what_cannot_be_held_out_is_refused_with_the_way_out(
    responses: Responses, how: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        irt.hold_out(responses, **how)


def test_a_date_that_cannot_be_read_is_named(responses: Responses) -> None:
    table = responses.person_data.assign(released=["soon", *["2024-01-01"] * (PERSONS - 1)])
    with pytest.raises(DataError, match="'soon' cannot be read as dates"):
        irt.hold_out(replace(responses, person_data=table), "time", date="released")


def test_an_item_that_only_new_persons_answered_is_named() -> None:
    values = np.random.default_rng(0).integers(0, 2, (20, 4))
    values[:, 3] = -1
    values[:10, 0] = 0
    values[10:, :3], values[10:12, 3] = 1, 1
    data = Responses.from_codes(values, 2)
    with pytest.raises(DataError, match="leaves item 'item4' without a response"):
        irt.hold_out(data, "shifted_rows", share=0.5)
