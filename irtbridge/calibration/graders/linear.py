"""Logistic regression on ability, features and their products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from irtbridge.calibration.graders.base import Array, Fitted, Grader, Rows


@dataclass(frozen=True)
class Linear(Grader):
    """``logit P = (1, x) alpha theta + (1, x) delta``: discrimination and intercept are linear in the features x.

    The form of BERT-IRT, with x an embedding that is given. Its curves are those of the 2PL, so that their projection
    is exact.

    Parameters
    ----------
    strength : float
        Inverse of the ridge penalty on weights of standardised features, scikit-learn's C.
    """

    name: ClassVar[str] = "linear"
    strength: float = 1.0

    def fit(self, rows: Rows, others: Rows, seconds: float, seed: int) -> Fitted:
        model = make_pipeline(FunctionTransformer(products), LogisticRegression(C=self.strength, max_iter=1000))
        fitted: Fitted = model.fit(rows.x, rows.right)
        return fitted


def products(x: Array) -> Array:
    """Ability, features, and ability times each feature."""
    return np.column_stack([x, x[:, :1] * x[:, 1:]])
