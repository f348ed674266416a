"""Ordered categories: the choice between each category and the one below it is a logistic curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from irtbridge.model.families.base import Array, padded
from irtbridge.model.families.categories import IMPOSSIBLE, Categories, centred


@dataclass(frozen=True)
class PartialCredit(Categories):
    """Ordered categories by adjacent logits (Masters 1982; with discriminations Muraki 1992; Andrich 1978).

    With u_k = slope - shift_k::

        log P(Y = k) = sum_{h<=k} u_h - log sum_m exp(sum_{h<=m} u_h)

    Steps need not increase.
    """

    name: ClassVar[str] = "partial_credit"
    location_word: ClassVar[str] = "step"

    @property
    def linear(self) -> bool:
        return True

    def categories(self, slope: Array, shift: Array, exists: NDArray[np.bool_], **shapes: Array) -> Array:
        score = np.arange(exists.shape[1])
        log_odds = score * slope - padded(np.cumsum(shift, axis=-1), 1, 0)
        log_odds = np.where(exists, log_odds, IMPOSSIBLE)
        return np.asarray(log_odds - np.logaddexp.reduce(log_odds, axis=-1, keepdims=True))

    def derivatives(
        self, slope: Array, shift: Array, tangent: Array, exists: NDArray[np.bool_], **shapes: Array
    ) -> Array:
        """The category's score less its expectation, times the tangent."""
        score = tangent * np.arange(exists.shape[1])
        return centred(score, self.categories(slope, shift, exists, **shapes))
