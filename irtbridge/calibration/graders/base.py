"""What a grader is: anything that learns the probability of a right answer from ability and item features.

Of more categories than two it learns that of each category above the lowest or a higher one, as a question each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rows:
    """Answers as a grader sees them.

    Attributes
    ----------
    x : ndarray, shape (row, column)
        Ability; the category that is asked of, where there is more than one threshold; the features of the item.
    right : ndarray, shape (row,)
        1 for a right answer, or for one in the category asked of or a higher one.
    item : ndarray of int, shape (row,)
        Place of the item. Rows of one item share its features, and what these leave of it.
    thresholds : int
        Categories above the lowest: so many rows an answer has.
    """

    x: Array
    right: Array
    item: NDArray[np.intp]
    thresholds: int = 1

    def some(self, chosen: NDArray[np.bool_]) -> Rows:
        """Those of a mask (row,)."""
        return Rows(self.x[chosen], self.right[chosen], self.item[chosen], self.thresholds)

    @property
    def per_item(self) -> float:
        """Rows of a typical item."""
        counts = np.bincount(self.item)
        return float(np.median(counts[counts > 0]))


class Fitted(Protocol):
    """What scikit-learn's classifiers are once they are fitted."""

    classes_: NDArray[Any]

    def predict_proba(self, x: Array) -> Array:
        """Probability of each class, (row, class)."""


class Grader(ABC):
    """A way to learn p(right | ability, features).

    Attributes
    ----------
    name : str
        As `irtbridge.calibrate` is asked for it.
    """

    name: ClassVar[str]

    @abstractmethod
    def fit(self, rows: Rows, others: Rows, seconds: float, seed: int) -> Fitted:
        """A classifier of the rows.

        Parameters
        ----------
        rows : Rows
            To learn from.
        others : Rows
            Of items (or, where the item itself is a feature, answers) that are not among `rows`: to say when it has
            learned enough.
        seconds : float
            That it may take, where it can keep to a time.
        seed : int
            Of its randomness.
        """


def prob_right(fitted: Fitted, x: Array) -> Array:
    """Probability of a right answer, (row,)."""
    if len(fitted.classes_) == 1:
        return np.full(len(x), float(fitted.classes_[0]))
    return np.asarray(fitted.predict_proba(x)[:, 1], dtype=float)
