"""The arrays that a program holds of its data: decided here, once for every backend, which only converts them."""

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
    if layout.collapse is not None:
        return _pattern_arrays(layout, responses, compiled_for)
    codes = np.maximum(responses.values, 0)
    # Complete data need no mask, which would cost a pass over them in each direction.
    masked = not responses.observed.all() or (compiled_for is not None and len(compiled_for) == 2)
    return (codes, responses.observed) if masked else (codes,)


def stacked_arrays(layout: Layout, data_sets: Sequence[tuple[Responses, Shapes]]) -> Arrays:
    """The arrays of several data sets on a leading axis, each as wide as the widest.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape.
    data_sets : sequence of (Responses, tuple of shapes)
        Each with the shapes of the arrays that a program holds of it.
    """
    widest = _widest([shapes for _, shapes in data_sets])
    each = (held_arrays(layout, responses, widest) for responses, _ in data_sets)
    return tuple(np.stack(parts) for parts in zip(*each, strict=True))


def _widest(shapes: Sequence[Shapes]) -> Shapes:
    """Shapes that suit all: with a mask if any has one, and as many patterns and columns as any has."""
    longest = max(len(one) for one in shapes)
    parts = zip(*(one for one in shapes if len(one) == longest), strict=True)
    return tuple(tuple(np.max(part, axis=0).tolist()) for part in parts)


def _pattern_arrays(layout: Layout, responses: Responses, compiled_for: Shapes | None) -> Arrays:
    rows, columns = (None, 0) if compiled_for is None else compiled_for[0]
    patterns = Patterns.of(responses, rows)
    masked = patterns.some_missing or columns > layout.exists[:, 1:].size
    return patterns.indicators(missing=masked), patterns.counts
