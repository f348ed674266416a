"""A prior's arguments that rest on other variables, lined up with the variable that they are of."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from irtbridge.plugin import Layout

Tensor = Any


def line_up(layout: Layout, name: str, argument: str, value: Tensor) -> Tensor:
    """A variable (..., *shape) as an argument of the prior of another, which it broadcasts against, dim by dim.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape.
    name, argument : str
        The other variable, and the argument of its prior; a `scale_tril` stays a matrix.
    value : Tensor
        The variable's full array.
    """
    if argument == "scale_tril":
        return value
    lead = value.shape.rank - len(layout.spec.dims[layout.spec[name].prior.references()[argument]])
    if (matrix := layout.matrix(name, argument)) is not None:
        value = _meet(tf.constant(matrix, value.dtype), value, lead)
    order, shape = layout.aligned(name, argument)
    value = tf.transpose(value, [*range(lead), *(lead + axis for axis in order)])
    return tf.reshape(value, tf.concat([tf.shape(value)[:lead], np.array(shape, dtype=np.int32)], 0))


def _meet(matrix: Tensor, value: Tensor, lead: int) -> Tensor:
    """A matrix (row, column) times the first axis after the leading ones."""
    last = [*range(lead), *range(lead + 1, value.shape.rank), lead]
    product = tf.tensordot(tf.transpose(value, last), matrix, [[-1], [1]])
    back = [*range(lead), product.shape.rank - 1, *range(lead, product.shape.rank - 1)]
    return tf.transpose(product, back)
