"""FLAML's AutoML: the learners that do best in the time there is, stacked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from irtbridge.calibration.graders.base import Fitted, Grader, Rows
from irtbridge.calibration.libraries import library

NEEDED = ("flaml", "lightgbm", "xgboost")
SEARCH = 0.5  # of the time: to fit the best of each kind again, and to stack them, takes the rest
LEAST = 1.0  # seconds: FLAML's first learner takes about one


@dataclass(frozen=True)
class Auto(Grader):
    """A stacked ensemble that FLAML (Wang et al. 2021) finds within the time: LightGBM, XGBoost, forests.

    Learners are chosen, and stacked, by the log loss of items that they have not seen.

    Parameters
    ----------
    ensemble : bool
        Stack the best of each kind of learner; else the best alone.
    learners : tuple of str
        Of FLAML's names.
    """

    name: ClassVar[str] = "auto"
    ensemble: bool = True
    learners: tuple[str, ...] = ("lgbm", "xgboost", "rf", "extra_tree")

    def fit(self, rows: Rows, others: Rows, seconds: float, seed: int) -> Fitted:
        flaml = library("grader='auto'", NEEDED, "take grader='hgb', which needs scikit-learn alone")
        automl = flaml.AutoML()
        automl.fit(
            np.ascontiguousarray(rows.x),
            rows.right.astype(int),
            task="classification",
            metric="log_loss",
            time_budget=max(SEARCH * seconds, LEAST),
            estimator_list=list(self.learners),
            ensemble=self.ensemble,
            eval_method="cv",
            split_type="group",
            groups=rows.item,
            n_splits=3,
            n_jobs=1,
            seed=seed,
            verbose=0,
        )
        fitted: Fitted = automl
        return fitted
