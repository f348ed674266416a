"""Logistic regression on ability, features and their products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from irtbridge.calibration.graders.base import Array, Fitted, Grader, Rows, prob_right

STRENGTHS = (1.0, 0.1, 0.01, 0.001)  # from scikit-learn's default to hardly any weight at all


@dataclass(frozen=True)
class Linear(Grader):
    """``logit P = (1, x) alpha theta + (1, x) delta``: discrimination and intercept are linear in the features x.

    The form of BERT-IRT, with x an embedding that is given. Its curves are those of the 2PL, so that their projection
    is exact. Of more categories each has a delta of its own: curves of the GRM.

    Parameters
    ----------
    strength : float, optional
        Inverse of the ridge penalty on weights of standardised features, scikit-learn's C; by default that of 1, .1,
        .01 and .001 with which the log loss of other items is least: of few items, many features tell nothing.
    """

    name: ClassVar[str] = "linear"
    strength: float | None = None

    def fit(self, rows: Rows, others: Rows, seconds: float, seed: int) -> Fitted:
        strengths = STRENGTHS if self.strength is None else (self.strength,)
        each = [_fitted(rows, strength) for strength in strengths]
        return each[0] if len(each) == 1 else min(each, key=lambda fitted: _loss(fitted, others))


def _fitted(rows: Rows, strength: float) -> Fitted:
    columns = FunctionTransformer(products, kw_args={"thresholds": rows.thresholds})
    fitted: Fitted = make_pipeline(columns, LogisticRegression(C=strength, max_iter=1000)).fit(rows.x, rows.right)
    return fitted


def _loss(fitted: Fitted, rows: Rows) -> float:
    return float(log_loss(rows.right, prob_right(fitted, rows.x), labels=[0, 1]))


def products(x: Array, thresholds: int = 1) -> Array:
    """Ability, features, and ability times each feature; for each higher category another constant and its features."""
    if thresholds == 1:
        return np.column_stack([x, x[:, :1] * x[:, 1:]])
    ability, asked, features = x[:, :1], x[:, 1:2], x[:, 2:]
    own = np.column_stack([np.ones(len(x)), features])
    higher = [(asked >= category) * own for category in range(2, thresholds + 1)]
    return np.column_stack([ability, features, ability * features, *higher])
