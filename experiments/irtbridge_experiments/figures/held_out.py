"""What fits predict of held-out responses, mask by mask, beside predictions without a model of responses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from irtbridge.results.accuracy import mcse
from irtbridge_experiments.figures.style import OTHER_MARKERS, colour_of, draw_legend, save, stacked
from irtbridge_experiments.records.study_fits import StudyFits
from irtbridge_experiments.tables.held_out import COMPARED, predictors

BASELINE_COLOUR = "#999999"
MARKERS = ("o", "s", *OTHER_MARKERS, "X", "*", "<", ">")
INCHES_PER_MASK = 0.62


def draw_held_out(study: StudyFits, path: Path) -> None:
    """A part for each data set, a panel for each metric: masks below one another, fits and baselines as points.

    Parameters
    ----------
    study : StudyFits
        Its fits with something held out.
    path : Path
        Without ending; png and svg are written.
    """
    points = _points(study.held_out)
    if points.empty:
        return
    data = list(dict.fromkeys(points["data"]))
    styles = _styles(points)
    sizes = [(9.0, 1.3 + INCHES_PER_MASK * points.loc[points["data"] == each, "mask"].nunique()) for each in data]
    figure, parts = stacked(data, sizes)
    for part, each in zip(parts, data, strict=True):
        here = points[points["data"] == each]
        titles = [title for title in COMPARED.values() if here[title].notna().any()]
        axes = part.subplots(1, len(titles), squeeze=False, sharey=True)[0]
        for axis, title in zip(axes, titles, strict=True):
            _draw(axis, here, title, styles)
    draw_legend(figure, [Line2D([], [], **style, linestyle="none", label=label) for label, style in styles.items()])
    save(figure, f"{study.title}\nmean over replications of the mask, bars: 1 MCSE", path)


def _points(fits: pd.DataFrame) -> pd.DataFrame:
    """A row for each mask and predictor: means and their errors."""
    rows = []
    for names, metrics, _ in predictors(fits):
        label = " ".join(filter(None, (names["model"], names["backend"], names["method"])))
        row: dict[str, Any] = {**names, "label": label}
        for metric, title in COMPARED.items():
            values = metrics[metric] if metric in metrics else pd.Series(dtype=float)
            row |= {title: values.mean(), f"MCSE of {title}": mcse(values)}
        rows.append(row)
    return pd.DataFrame(rows)


def _styles(points: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Marker by model, colour by method; baselines are grey, and last."""
    each = points.drop_duplicates("label").sort_values("method", key=lambda method: method == "", kind="stable")
    models = list(dict.fromkeys(each["model"]))
    return {
        str(row["label"]): {
            "marker": MARKERS[models.index(row["model"]) % len(MARKERS)],
            "color": colour_of(row["method"]) if row["method"] else BASELINE_COLOUR,
            "markersize": 6,
        }
        for row in each.to_dict("records")
    }


def _draw(axis: Axes, points: pd.DataFrame, title: str, styles: dict[str, dict[str, Any]]) -> None:
    masks = list(dict.fromkeys(points["mask"]))
    labels = [label for label in styles if (points["label"] == label).any()]
    shifts = np.linspace(-0.3, 0.3, len(labels)) if len(labels) > 1 else np.zeros(1)
    for label, shift in zip(labels, shifts, strict=True):
        own = points[points["label"] == label]
        places = [masks.index(mask) + shift for mask in own["mask"]]
        error = np.nan_to_num(own[f"MCSE of {title}"].to_numpy(dtype=float))
        axis.errorbar(own[title], places, xerr=error, **styles[label], linestyle="none", capsize=2)
    axis.set_yticks(range(len(masks)), [mask.replace("_", " ") for mask in masks])
    axis.set_ylim(len(masks) - 0.5, -0.5)
    axis.set_xlabel(title)
    axis.grid(axis="x", color="#E5E5E5", linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
