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


@pytest.mark.parametrize("collapse", [None, Quadrature(5)], ids=["joint", "collapsed"])
def test_data_sets_of_several_widths_are_stacked(collapse: Quadrature | None) -> None:
    """One with few patterns, one with missing responses: each slice is what a program of the widest shape holds."""
    where, data = layout(collapse), [responses(5, alike=True), responses(6, missing=0.3), responses(7)]
    own = [held_arrays(where, one) for one in data]
    stacked = stacked_arrays(where, [(one, shapes(arrays)) for one, arrays in zip(data, own, strict=True)])
    widest: Shapes = tuple(part.shape[1:] for part in stacked)
    assert widest[0] == tuple(np.max([arrays[0].shape for arrays in own], axis=0))
    for i, one in enumerate(data):
        for part, expected in zip(stacked, held_arrays(where, one, widest), strict=True):
            np.testing.assert_array_equal(part[i], expected)
