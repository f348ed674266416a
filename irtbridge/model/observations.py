"""The arrays that a program holds of its data: decided here, once for every backend, which only converts them.

Complete data need no mask, which would cost a pass over them in each direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.kinds import CATEGORIES, COUNTS, FRACTIONS
from irtbridge.data.responses import Responses
from irtbridge.model.layout import Layout
from irtbridge.model.patterns import Patterns

Arrays = tuple[NDArray[Any], ...]
# Where a response is missing its density does not count, but has to be finite, and its gradient too.
POSSIBLE = {CATEGORIES: 0, FRACTIONS: 0.5, COUNTS: 0.0}
Shapes = tuple[tuple[int, ...], ...]


def held_arrays(layout: Layout, responses: Responses, compiled_for: Shapes | None = None) -> Arrays:
    """What a program holds of its data.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape.
    responses : Responses
        The data.
    compiled_for : tuple of shapes, optional
        Of the arrays that the program was compiled for: these have the same ones, where the data allow it.

    Returns
    -------
    tuple of ndarray
        Responses (person, item), integers if they are codes, with a possible one where they are missing; and with
        missing responses which are observed (person, item). Where abilities are integrated out: statistics of the
        response patterns (pattern, column), and how many persons gave each (pattern,); see `Patterns`.
    """
    if layout.collapse is None:
        values, observed = _filled(responses)
        masked = not observed.all() or (compiled_for is not None and len(compiled_for) == 2)
        return (values, observed) if masked else (values,)
    rows, columns = (None, 0) if compiled_for is None else compiled_for[0]
    patterns = Patterns.of(responses, rows, by_person=layout.by_person)
    masked = patterns.some_missing or columns > layout.n_columns
    return patterns.statistics(layout, missing=masked), patterns.counts


def stacked_arrays(data_sets: Sequence[Responses]) -> Arrays:
    """What programs with abilities hold of several data sets, on a leading axis: a mask where any has one."""
    values, observed = (np.stack(parts) for parts in zip(*map(_filled, data_sets), strict=True))
    return (values, observed) if not observed.all() else (values,)


def _filled(responses: Responses) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Responses, those that are missing replaced by one that every family allows; and which are observed."""
    values = np.where(responses.observed, responses.values, POSSIBLE[responses.kind])
    held = np.int64 if responses.kind == CATEGORIES else np.float64
    return values.astype(held, copy=False), responses.observed
