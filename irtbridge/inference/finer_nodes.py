"""How far twice as many quadrature nodes would move a mode: one step of Newton's method.

At the mode the gradient with twice the nodes is not 0. Both gradients are those of the expected log density of the
complete data (Fisher's identity; Louis 1982, equation 3.1), which the E-step gives; the prior's part cancels.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from irtbridge.inference.blocks import Blocks
from irtbridge.inference.climbing import Mode
from irtbridge.inference.expectation import Data, with_nodes
from irtbridge.inference.maximisation import Maximisation
from irtbridge.model.density import finer, telling_persons
from irtbridge.model.quadrature import Quadrature
from irtbridge.plugin.program import Program
from irtbridge.results.inference_data import reported

Array = NDArray[np.float64]


def moved_by_finer_nodes(program: Program, mode: Mode, errors: Mapping[str, Array]) -> float:
    """By how many of their standard errors twice the nodes would move the reported parameters, at most.

    Parameters
    ----------
    program : Program
        Abilities integrated out.
    mode : Mode
        Of its log density.
    errors : mapping of str to ndarray
        Standard errors of the reported parameters, full arrays.
    """
    collapse = program.layout.collapse
    assert collapse is not None
    with np.errstate(all="ignore"):
        gradient = _gradient(program, mode.z, finer(collapse)) - _gradient(program, mode.z, collapse)
        if not np.isfinite(gradient).all():
            return float("inf")
        step = mode.curvature.step(gradient)
        here, there = (reported(program.layout, program.constrain(z)) for z in (mode.z, mode.z + step))
        shares = [np.abs(there[name][1] - here[name][1]) / error for name, error in errors.items()]
    return max((float(share[np.isfinite(share)].max(initial=0.0)) for share in shares), default=0.0)


def _gradient(program: Program, z: Array, quadrature: Quadrature) -> Array:
    """Of the log density at coordinates (dim,) with other nodes; of many persons, some speak for all."""
    responses = program.responses
    some = responses.select(telling_persons(program.layout, responses))
    other = with_nodes(program, some, quadrature)
    expected = Data.of(other.layout, some).expected(other.constrain(z))
    slopes = Maximisation(other, Blocks.of_items(other.layout)).gradient(z, expected)
    return slopes * (responses.total_weight / some.total_weight)
