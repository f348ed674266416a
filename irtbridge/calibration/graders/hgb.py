"""Histogram gradient boosting of scikit-learn, monotone in ability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from irtbridge.calibration.graders.base import Fitted, Grader, Rows


@dataclass(frozen=True)
class HistogramBoosting(Grader):
    """`sklearn.ensemble.HistGradientBoostingClassifier`, whose curves rise with ability.

    A leaf has the answers of several items: what is learned of features is learned of items, of which there are fewer
    than answers. The number of trees is where the log loss of other items is least.

    Parameters
    ----------
    learning_rate, max_leaf_nodes, l2_regularization, max_iter
        As scikit-learn has them.
    max_features : float
        Share of the features that a split may choose from: of features that tell nothing, fewer are taken.
    items_per_leaf : float
        How many items' answers a leaf has at least.
    """

    name: ClassVar[str] = "hgb"
    learning_rate: float = 0.1
    max_leaf_nodes: int = 12
    l2_regularization: float = 1.0
    max_iter: int = 400
    max_features: float = 0.3
    items_per_leaf: float = 4.0

    def fit(self, rows: Rows, others: Rows, seconds: float, seed: int) -> Fitted:
        rising = np.zeros(rows.x.shape[1], dtype=int)
        rising[0] = 1
        if rows.thresholds > 1:
            rising[1] = -1
        model = HistGradientBoostingClassifier(
            learning_rate=self.learning_rate,
            max_iter=self.max_iter,
            max_leaf_nodes=self.max_leaf_nodes,
            min_samples_leaf=max(20, round(self.items_per_leaf * rows.per_item)),
            l2_regularization=self.l2_regularization,
            max_features=self.max_features,
            monotonic_cst=rising,
            early_stopping=True,
            random_state=seed,
        )
        fitted: Fitted = model.fit(rows.x, rows.right, X_val=others.x, y_val=others.right)
        return fitted
