"""Graders, a file each, by name."""

from __future__ import annotations

from typing import Any

from irtbridge.calibration.graders.auto import Auto
from irtbridge.calibration.graders.base import Fitted, Grader, Rows, prob_right
from irtbridge.calibration.graders.estimator import Estimator
from irtbridge.calibration.graders.hgb import HistogramBoosting
from irtbridge.calibration.graders.linear import Linear
from irtbridge.errors import UnknownName

__all__ = ["GRADERS", "Fitted", "Grader", "Rows", "grader_of", "prob_right"]

GRADERS: dict[str, type[Grader]] = {grader.name: grader for grader in (HistogramBoosting, Auto, Linear)}


def grader_of(grader: Any) -> Grader:
    """A grader by its name, or of an estimator with ``predict_proba``.

    Raises
    ------
    UnknownName
        No such grader, and no classifier.
    """
    if isinstance(grader, Grader):
        return grader
    if isinstance(grader, str) and grader in GRADERS:
        return GRADERS[grader]()
    if not isinstance(grader, str) and hasattr(grader, "predict_proba") and hasattr(grader, "fit"):
        return Estimator(grader)
    raise UnknownName("grader", grader, GRADERS, "Or give a scikit-learn classifier that has predict_proba.")
