"""What the sampler is at, and what its steps are fit to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class State:
    """One draw of everything.

    Attributes
    ----------
    ability : ndarray, shape (person,)
        At nodes of the grid, or as they are known.
    items : ndarray, shape (item, coordinate)
        Items without answers are at their prediction.
    weight : ndarray, shape (column, coordinate)
        B.
    residual : ndarray, shape (coordinate, coordinate)
        Sigma.
    sd : float
        Of the abilities; 1 where items have discriminations.
    """

    ability: Array
    items: Array
    weight: Array
    residual: Array
    sd: float = 1.0


class Spread(NamedTuple):
    """What the steps of the sampler are fit to.

    Attributes
    ----------
    factor : ndarray, shape (item, coordinate, coordinate)
        Of the covariance of each item given all else.
    information : ndarray, shape (coordinate,)
        Of all items together.
    """

    factor: Array
    information: Array
