"""How well items are calibrated by the number of their responses that are seen."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from irtbridge.assess.plots.style import COLOURS
from irtbridge.results.accuracy import mcse
from irtbridge_experiments.figures.style import OTHER_MARKERS, draw_legend, save, stacked
from irtbridge_experiments.records.study_fits import StudyFits
from irtbridge_experiments.tables.from_features import COMPARED, METRICS, predictors

MARKERS = ("o", "s", *OTHER_MARKERS)
INCHES = (9.0, 2.9)


def draw_starts(study: StudyFits, path: Path) -> None:
    """A part for each set of data, a panel for each metric, a line for each predictor along the starts.

    Parameters
    ----------
    study : StudyFits
        Its calibrations.
    path : Path
        Without ending; png and svg are written.
    """
    points = _points(study.calibrated)
    if points.empty:
        return
    data, names = (list(dict.fromkeys(points[column])) for column in ("data", "predictor"))
    look = zip(itertools.cycle(COLOURS), itertools.cycle(MARKERS), strict=False)
    styles: dict[str, dict[str, Any]] = {
        name: {"color": colour, "marker": marker} for name, (colour, marker) in zip(names, look, strict=False)
    }
    figure, parts = stacked(data, [INCHES] * len(data))
    for part, each in zip(parts, data, strict=True):
        axes = part.subplots(1, len(COMPARED), squeeze=False)[0]
        for axis, metric in zip(axes, COMPARED, strict=True):
            _draw(axis, points[points["data"] == each], metric, styles)
    draw_legend(figure, [Line2D([], [], **style, label=name) for name, style in styles.items()])
    save(figure, f"{study.title}\nmean over replications, bars: 1 MCSE", path)


def _points(fits: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for names, cell in predictors(fits) if len(fits) else ():
        errors = {f"{metric} error": mcse(cell[metric]) for metric in COMPARED}
        rows.append({**names, **{metric: cell[metric].mean() for metric in COMPARED}, **errors})
    return pd.DataFrame(rows)


def _draw(axis: Axes, points: pd.DataFrame, metric: str, styles: Mapping[str, Mapping[str, Any]]) -> None:
    starts = list(dict.fromkeys(points["start"]))
    for name, style in styles.items():
        own = points[points["predictor"] == name].dropna(subset=[metric])
        places = [starts.index(start) for start in own["start"]]
        error = np.nan_to_num(own[f"{metric} error"].to_numpy(dtype=float))
        axis.errorbar(places, own[metric], yerr=error, **style, markersize=4, linewidth=1.2, capsize=2)
    axis.set_xticks(range(len(starts)), starts)
    axis.set_xlabel("responses seen")
    axis.set_ylabel(METRICS[metric])
    axis.grid(axis="y", color="#E5E5E5", linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
