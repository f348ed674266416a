"""The arrays that a program holds of its data: decided here, once for every backend, which only converts them.

Complete data need no mask, which would cost a pass over them in each direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.model.layout import Layout
from irtbridge.model.patterns import Patterns

Arrays = tuple[NDArray[Any], ...]
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
        Codes (person, item), 0 where missing, and with missing responses which are observed (person, item). Where
        abilities are integrated out: indicators of the response patterns (pattern, column), and how many persons gave
        each (pattern,); see `Patterns`.
    """
    if layout.collapse is None:
        codes, observed = _codes(responses)
        masked = not observed.all() or (compiled_for is not None and len(compiled_for) == 2)
        return (codes, observed) if masked else (codes,)
    rows, columns = (None, 0) if compiled_for is None else compiled_for[0]
    patterns = Patterns.of(responses, rows, by_person=layout.by_person)
    masked = patterns.some_missing or columns > layout.exists[:, 1:].size
    return patterns.indicators(missing=masked), patterns.counts


def stacked_arrays(data_sets: Sequence[Responses]) -> Arrays:
    """What programs with abilities hold of several data sets, on a leading axis: a mask where any has one."""
    codes, observed = (np.stack(parts) for parts in zip(*map(_codes, data_sets), strict=True))
    return (codes, observed) if not observed.all() else (codes,)


def _codes(responses: Responses) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    return np.maximum(responses.values, 0), responses.observed
