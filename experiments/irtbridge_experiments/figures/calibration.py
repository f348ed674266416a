"""Calibration at a glance: how far the distribution of ranks departs from the uniform one."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy import stats

from irtbridge_experiments.figures.style import save

Array = NDArray[np.float64]
POINTS = np.linspace(0, 1, 101)
LINE, FLAGGED, BAND = "#0072B2", "#D55E00", "#DDDDDD"
FALSE_ALARM, TRIALS = 0.05, 20_000


def draw_calibration(ranks: pd.DataFrame, path: Path) -> None:
    """ECDF of u less the uniform one, a panel for each model and variable, with a band for the whole curve.

    In 95 of 100 figures of calibrated methods every curve stays in its band (Säilynoja, Bürkner & Vehtari 2022).

    Parameters
    ----------
    ranks : DataFrame
        Of `irtbridge.testing.calibration.ranks`.
    path : Path
        Without ending; png and svg are written.
    """
    by_model = list(ranks.groupby("model", sort=False))
    columns, panels = (ranks.groupby("model")["variable"].nunique().max(), ranks.groupby(["model", "variable"]).ngroups)
    size = (2.1 * columns + 0.6, 1.35 * len(by_model) + 0.9)
    figure, axes = plt.subplots(len(by_model), columns, figsize=size, squeeze=False, sharex=True, sharey=True)
    for row, (model, of_model) in zip(axes, by_model, strict=True):
        row[0].set_ylabel(str(model), rotation=0, ha="right", va="center")
        series = list(of_model.groupby("variable", sort=False)["u"])
        for axis, (variable, u) in zip(row, series, strict=False):
            _draw(axis, str(variable), u.to_numpy(), FALSE_ALARM / panels)
        for axis in row[len(series) :]:
            axis.set_visible(False)
    figure.supxlabel("u", fontsize="medium")
    save(figure, "ECDF of the truth's rank u, less the uniform", path)


def _draw(axis: Axes, title: str, u: Array, false_alarm: float) -> None:
    lower, upper = _band(len(u), false_alarm)
    curve = np.searchsorted(np.sort(u), POINTS, side="right") / len(u) - POINTS
    inside = np.all((curve >= lower - 1e-9) & (curve <= upper + 1e-9))
    axis.fill_between(POINTS, lower, upper, color=BAND, linewidth=0)
    axis.plot(POINTS, curve, color=LINE if inside else FLAGGED, linewidth=1.2)
    axis.set_title(title, loc="left", fontsize=8)
    axis.set_xticks([0, 0.5, 1])
    axis.spines[["top", "right"]].set_visible(False)


@cache
def _band(sets: int, false_alarm: float) -> tuple[Any, Any]:
    from arviz.stats.ecdf_utils import ecdf_confidence_band

    how: dict[str, Any] = {
        "rvs": stats.uniform(0, 1).rvs,
        "num_trials": TRIALS,
        "random_state": np.random.RandomState(0),
    }
    lower, upper = ecdf_confidence_band(sets, POINTS, POINTS, prob=1 - false_alarm, method="simulated", **how)
    return lower - POINTS, upper - POINTS
