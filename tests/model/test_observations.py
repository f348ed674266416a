"""The arrays that programs hold of their data: kept in one shape where the data allow it, and stacked in the widest."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.model.catalogue import graded
from irtbridge.model.layout import Layout
from irtbridge.model.observations import Arrays, Shapes, held_arrays, stacked_arrays
from irtbridge.model.quadrature import Quadrature

PERSONS, CATEGORIES = 60, (3, 2, 4)


def responses(seed: int, missing: float = 0.0, *, alike: bool = False) -> Responses:
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(0, count, PERSONS) for count in CATEGORIES], axis=1)
    codes = codes[:1].repeat(PERSONS, axis=0) if alike else codes
    return Responses.from_codes(np.where(rng.uniform(size=codes.shape) < missing, -1, codes), n_categories=CATEGORIES)


def layout(collapse: Quadrature | None) -> Layout:
    return Layout.of(graded(), responses(0), collapse)


def shapes(arrays: Arrays) -> Shapes:
    return tuple(part.shape for part in arrays)


def category_counts(arrays: Arrays) -> NDArray[np.float64]:
    """How many persons gave each category above the lowest of each item, by what a collapsed program holds."""
    indicators, counts = arrays
    steps = (len(CATEGORIES), max(CATEGORIES) - 1)
    return np.asarray((counts @ indicators)[: steps[0] * steps[1]].reshape(steps))


def test_codes_have_a_mask_where_a_response_is_missing_or_the_program_has_one() -> None:
    complete, holed = responses(1), responses(2, missing=0.3)
    assert shapes(held_arrays(layout(None), complete)) == ((PERSONS, 3),)
    codes, observed = held_arrays(layout(None), holed)
    np.testing.assert_array_equal(np.where(observed, codes, -1), holed.values)
    assert codes.min() == 0
    masked = held_arrays(layout(None), complete, shapes((codes, observed)))
    assert masked[1].all()


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_patterns_say_what_the_responses_say(missing: float) -> None:
    data = responses(3, missing)
    arrays = held_arrays(layout(Quadrature(5)), data)
    expected = [[np.sum(data.values[:, item] == k) for k in range(1, max(CATEGORIES))] for item in range(3)]
    np.testing.assert_array_equal(category_counts(arrays), expected)
    assert arrays[1].sum() == PERSONS


def test_fewer_patterns_keep_the_shape_that_was_compiled() -> None:
    many = held_arrays(layout(Quadrature(5)), responses(3, missing=0.3))
    few = responses(4, alike=True)
    assert held_arrays(layout(Quadrature(5)), few)[0].shape[0] < many[0].shape[0]
    kept = held_arrays(layout(Quadrature(5)), few, shapes(many))
    assert shapes(kept) == shapes(many)
    np.testing.assert_array_equal(category_counts(kept), category_counts(held_arrays(layout(Quadrature(5)), few)))


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_data_sets_are_stacked_with_a_mask_where_any_has_one(missing: float) -> None:
    data = [responses(5), responses(6, missing)]
    stacked = stacked_arrays(data)
    assert len(stacked) == (2 if missing else 1)
    for i, one in enumerate(data):
        np.testing.assert_array_equal(np.where(stacked[-1][i] if missing else True, stacked[0][i], -1), one.values)
