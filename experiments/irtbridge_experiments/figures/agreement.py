"""Posterior means and intervals of item parameters beside a reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from irtbridge.assess.plots.style import drawable, short
from irtbridge_experiments.figures.style import (
    WIDE_LABEL,
    colour_of,
    draw_legend,
    marker_of,
    save,
    stacked,
)
from irtbridge_experiments.records.study_fits import StudyFits
from irtbridge_experiments.tables.real_data import block_of, item_frame

REFERENCE_COLOUR = "#000000"
MOST_PANELS, PANELS_ACROSS, MANY_ITEMS = 6, 3, 8


def draw_agreement(study: StudyFits, path: Path) -> None:
    """Posterior mean and 95 % interval of each item parameter by backend and method, beside the reference.

    Parameters
    ----------
    study : StudyFits
        Each condition of real data has panels of its own.
    path : Path
        Without ending; png and svg are written.
    """
    items, reference = item_frame(study.real), study.reference
    if items.empty:
        return
    numbers = ["mean", "hdi_2.5%", "hdi_97.5%"]
    items = items.assign(**{name: drawable(items[name]) for name in numbers})
    items = items[(items["sd"] != 0) & items["mean"].notna()]
    if items.empty:
        return
    conditions = {str(name): _named_shortly(part) for name, part in items.groupby("condition", sort=False)}
    figure, parts = stacked(list(conditions), [_size(*_shape(rows), rows) for rows in conditions.values()])
    reference = None if reference is None else _named_shortly(reference)
    handles: dict[str, Any] = {}
    for part, rows in zip(parts, conditions.values(), strict=True):
        handles |= _draw_condition(part, rows, reference)
    draw_legend(figure, list(handles.values()))
    save(figure, study.title, path)


def _shape(items: pd.DataFrame) -> tuple[int, int]:
    """Rows and columns of panels."""
    panels = len(_parameters(items))
    columns = 1 if items["item"].nunique() > MANY_ITEMS else min(PANELS_ACROSS, panels)
    return -(-panels // columns), columns


def _size(rows: int, columns: int, items: pd.DataFrame) -> tuple[float, float]:
    n_items = items["item"].nunique()
    return max(5.2, 0.4 * n_items) * columns, (2.8 if n_items > MANY_ITEMS else 3.8) * rows + 0.6


def _parameters(items: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(items["parameter"]))[:MOST_PANELS]


def _draw_condition(part: SubFigure, items: pd.DataFrame, reference: pd.DataFrame | None) -> dict[str, Any]:
    """Panels of one condition; the handles of its legend by label."""
    parameters = _parameters(items)
    axes = part.subplots(*_shape(items), squeeze=False)
    for axis, parameter in zip(axes.flat, parameters, strict=False):
        chosen = None if reference is None else reference[reference["parameter"] == parameter]
        _draw_parameter(axis, items[items["parameter"] == parameter], chosen)
        axis.set_title(short(parameter), loc="left")
    for axis in axes.flat[len(parameters) :]:
        axis.set_visible(False)
    return {
        label: handle for axis in axes.flat for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }


def _named_shortly(rows: pd.DataFrame) -> pd.DataFrame:
    """``discrimination`` instead of ``discrimination[A]`` and the like where an item has but one of them."""
    blocks = block_of(rows)
    several = blocks[rows.groupby([rows["item"], blocks])["parameter"].transform("nunique") > 1].unique()
    return rows.assign(parameter=rows["parameter"].where(blocks.isin(several), blocks))


def _draw_parameter(axis: Axes, items: pd.DataFrame, reference: pd.DataFrame | None) -> None:
    labels = list(dict.fromkeys(items["item"]))
    fits = list(items.groupby(["method", "backend"], sort=True))
    shifts = np.linspace(-0.27, 0.27, len(fits)) if len(fits) > 1 else np.zeros(1)
    for shift, ((method, backend), fit) in zip(shifts, fits, strict=True):
        fit = fit.set_index("item").reindex(labels)
        ends = fit[["hdi_2.5%", "hdi_97.5%"]].to_numpy()
        error = np.abs(ends - fit[["mean"]].to_numpy()).T
        axis.errorbar(
            np.arange(len(labels)) + shift,
            fit["mean"],
            error,
            fmt=marker_of(str(backend)),
            color=colour_of(str(method)),
            markersize=3 if len(labels) > MANY_ITEMS else 5,
            linewidth=1.2,
            label=f"{backend} {method}",
        )
    means = pd.Series(dtype=float) if reference is None else reference.set_index("item")["mean"].reindex(labels)
    if reference is not None and means.notna().any():
        places = np.arange(len(labels))
        axis.hlines(
            means,
            places - 0.4,
            places + 0.4,
            color=REFERENCE_COLOUR,
            linewidth=1,
            label=reference["source"].iloc[0],
            zorder=0,
        )
    crowded = len(labels) > MANY_ITEMS or max(map(len, labels)) > WIDE_LABEL
    slanted: dict[str, Any] = {"rotation": 40, "ha": "right"} if crowded else {}
    axis.set_xticks(np.arange(len(labels)), [short(label) for label in labels], **slanted)
    axis.set_ylabel("posterior mean, 95 % interval")
    axis.spines[["top", "right"]].set_visible(False)
