"""Any classifier that follows scikit-learn's conventions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sklearn.base import clone

from irtbridge.calibration.graders.base import Fitted, Grader, Rows


@dataclass(frozen=True)
class Estimator(Grader):
    """A classifier of the user's, with ``fit`` and ``predict_proba``; it is cloned for each fit.

    Parameters
    ----------
    model : estimator
        Not fitted. Its curves should rise with ability, the first column of what it is given; of more categories than
        two the second column is the one that is asked of, and curves should fall with it.
    """

    model: Any
    name: ClassVar[str] = "estimator"

    def fit(self, rows: Rows, others: Rows, seconds: float, seed: int) -> Fitted:
        fitted: Fitted = clone(self.model).fit(rows.x, rows.right)
        return fitted
