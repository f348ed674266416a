"""A prior's arguments, lined up with the variable that they are of."""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp
from jax import Array

from irtbridge.plugin import Layout


def arguments_of(layout: Layout, name: str, values: Mapping[str, Array]) -> dict[str, Array]:
    """Arrays that broadcast against a variable's full array, given those before it; a `scale_tril` is a matrix."""
    prior = layout.spec[name].prior
    arguments = {argument: jnp.asarray(number, float) for argument, number in prior.numbers().items()}
    for argument, reference in prior.references().items():
        value = values[reference]
        if argument != "scale_tril":
            matrix, (order, shape) = layout.matrix(name, argument), layout.aligned(name, argument)
            value = value if matrix is None else jnp.matmul(matrix, value)
            value = value.transpose(order).reshape(shape)
        arguments[argument] = value
    return arguments
