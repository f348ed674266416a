"""Ordered categories reached one after another: each step to the next higher one is a logistic curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from irtbridge.model.families.base import Array, log_sigmoids, padded
from irtbridge.model.families.categories import Categories


@dataclass(frozen=True)
class Sequential(Categories):
    """Ordered categories by continuation ratios (Tutz 1990).

    With u_k = slope - shift_k::

        P(Y >= k | Y >= k - 1) = sigma(u_k),   P(Y = k) = sigma(u_1) ... sigma(u_k) sigma(-u_{k+1})

    the last factor being 1 in the highest category. The logarithms are sums of log sigmoids, which keep their digits in
    the tails. Shifts need not increase.
    """

    name: ClassVar[str] = "sequential"
    location_word: ClassVar[str] = "step"

    def categories(self, slope: Array, shift: Array, exists: NDArray[np.bool_], **shapes: Array) -> Array:
        above, below = log_sigmoids(slope - shift)
        stop = np.where(exists[:, 1:], below, 0.0)
        return np.asarray(padded(np.cumsum(above, axis=-1), 1, 0) + padded(stop, 0, 1))

    def derivatives(
        self, slope: Array, shift: Array, tangent: Array, exists: NDArray[np.bool_], **shapes: Array
    ) -> Array:
        """``sum_{h<=k} sigma(-u_h) - sigma(u_{k+1})``, without what an item of fewer categories lacks."""
        above, below = map(np.exp, log_sigmoids(slope - shift))
        stop = np.where(exists[:, 1:], tangent * above, 0.0)
        return np.asarray(padded(np.cumsum(tangent * below, axis=-1), 1, 0) - padded(stop, 0, 1))
