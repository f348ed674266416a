"""Figures of simulation studies from one row per replication: recovery, spread, time, and accuracy against time.

Each ``draw_`` function is one figure; what they share (places on the axis of conditions, styles, legend) stands below.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from irtbridge.assess.plots.style import LARGEST_DRAWN, drawable, short
from irtbridge.results.accuracy import LEVEL, mcse
from irtbridge_experiments.figures.style import (
    colour_of,
    draw_legend,
    hatch_of,
    marker_of,
    save,
)
from irtbridge_experiments.records.fits import STRETCH
from irtbridge_experiments.records.study_fits import StudyFits
from irtbridge_experiments.tables.recovery import blocks_of, sampling_seconds

LABELS = {"mse": "mean MSE", "bias": "mean bias", "coverage": "coverage of 95 % intervals"}
TARGETS = {"bias": 0.0, "coverage": LEVEL}
WIDE = 4
LETTERS = 30


def drawable_fits(study: StudyFits) -> tuple[pd.DataFrame, str]:
    """The fits that did not fail, NaN for what no axis can hold, and a title that says how many have such numbers."""
    fits = study.simulated[study.simulated["error"].isna()]
    numbers = fits.select_dtypes("number").columns
    left = fits.assign(**{name: drawable(fits[name]) for name in numbers})
    lost = int((fits.notna() & left.isna()).any(axis=1).sum())
    note = f"\n{lost} fits have values that are infinite or above {LARGEST_DRAWN:g}, not drawn" if lost else ""
    return left, study.title + note


def draw_recovery(study: StudyFits, path: Path) -> None:
    """Mean over replications with its MCSE: a row of panels for each statistic, a column for each block."""
    fits, title = drawable_fits(study)
    blocks = blocks_of(fits)
    if not blocks:
        return
    figure, axes = plt.subplots(3, len(blocks), figsize=(_width(fits) * len(blocks), 8.4), squeeze=False, sharex="col")
    for column, block in enumerate(blocks):
        known = fits[fits[f"{block} mse"].notna()]
        for row, statistic in enumerate(LABELS):
            axis = axes[row][column]
            for place, (backend, method), cell in _placed(known):
                values = cell[f"{block} {statistic}"]
                error = np.nan_to_num(mcse(values))
                axis.errorbar(place, values.mean(), error, **cell_style(backend, method), linestyle="none", capsize=2)
            if statistic in TARGETS:
                axis.axhline(TARGETS[statistic], color="#999999", linewidth=0.8, zorder=0)
            axis.set_ylabel(LABELS[statistic] if column == 0 else "")
        axes[0][column].set_title(block, loc="left")
        _name_conditions(axes[2][column], known)
    finish(figure, fits, f"{title}\nmean over replications, bars: 1 MCSE", path)


def draw_stretch(study: StudyFits, path: Path) -> None:
    """Slope of the estimated on the true item parameters, by the mean over replications with its MCSE."""
    fits, title = drawable_fits(study)
    blocks = [block for block in blocks_of(fits) if block != "ability" and f"{block} {STRETCH}" in fits]
    if not blocks:
        return
    figure, axes = plt.subplots(1, len(blocks), figsize=(max(5.0, _width(fits)) * len(blocks), 3.8), squeeze=False)
    for axis, block in zip(axes[0], blocks, strict=True):
        known = fits[fits[f"{block} {STRETCH}"].notna()]
        for place, cell_of, cell in _placed(known):
            values = cell[f"{block} {STRETCH}"]
            error = np.nan_to_num(mcse(values))
            axis.errorbar(place, values.mean(), error, **cell_style(*cell_of), linestyle="none", capsize=2)
        axis.axhline(1, color="#999999", linewidth=0.8, zorder=0)
        axis.set_title(block, loc="left")
        _name_conditions(axis, known)
    axes[0][0].set_ylabel("slope of estimates on true values")
    finish(figure, fits, f"{title}\nabove 1: too far apart; mean over replications, bars: 1 MCSE", path)


def draw_spread(study: StudyFits, path: Path) -> None:
    """Boxplots over replications of MSE and bias."""
    fits, title = drawable_fits(study)
    blocks = blocks_of(fits)
    if not blocks:
        return
    figure, axes = plt.subplots(2, len(blocks), figsize=(_width(fits) * len(blocks), 6.4), squeeze=False, sharex="col")
    for column, block in enumerate(blocks):
        known = fits[fits[f"{block} mse"].notna()]
        for row, statistic in enumerate(("mse", "bias")):
            for place, cell_of, cell in _placed(known):
                _box(axes[row][column], place, cell[f"{block} {statistic}"], cell_of)
            axes[row][column].set_ylabel(("MSE", "bias")[row] if column == 0 else "")
        axes[1][column].axhline(0, color="#999999", linewidth=0.8, zorder=0)
        axes[0][column].set_title(block, loc="left")
        _name_conditions(axes[1][column], known)
    finish(figure, fits, f"{title}\nspread over replications", path, boxes=True)


def draw_times(study: StudyFits, path: Path) -> None:
    """Boxplots over replications of the seconds of a fit, once it is compiled."""
    fits, title = drawable_fits(study)
    if fits.empty:
        return
    figure, axis = plt.subplots(figsize=(max(7.0, 1.6 * _width(fits)), 4.6))
    for place, cell_of, cell in _placed(fits):
        _box(axis, place, sampling_seconds(cell), cell_of)
    axis.set_yscale("log")
    _plain_numbers(axis.yaxis)
    axis.set_ylabel("seconds of warm-up and sampling")
    _name_conditions(axis, fits)
    finish(figure, fits, f"{title}\ncomputation time, compilation left out", path, boxes=True)


def draw_pareto(study: StudyFits, path: Path) -> None:
    """Accuracy against time: one panel for each condition, mean MSE over blocks of item parameters."""
    fits, title = drawable_fits(study)
    blocks = [block for block in blocks_of(fits) if block != "ability"]
    if not blocks_of(fits):
        return
    conditions = _conditions(fits)
    columns = min(WIDE, len(conditions))
    rows = -(-len(conditions) // columns)
    size = (max(7.0, 3.6 * columns), 3.4 * rows + 0.9)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for axis, condition in zip(axes.flat, conditions, strict=False):
        points = []
        for _, cell_of, cell in _placed(fits[fits["condition"] == condition]):
            mse = float(cell[[f"{block} mse" for block in blocks]].mean(axis=1).mean())
            points.append((float(cell["total_seconds"].mean()), mse))
            axis.plot(*points[-1], **cell_style(*cell_of), linestyle="none")
        axis.plot(*zip(*_front(points), strict=True), color="#999999", linewidth=0.9, zorder=0)
        axis.set_xscale("log")
        axis.margins(x=0.15)
        axis.set_ylim(0, 1.15 * max((mse for _, mse in points if mse > 0), default=1.0))
        _plain_numbers(axis.xaxis)
        axis.set_title(short(condition), loc="left")
        axis.set_xlabel("mean seconds for one fit")
    for axis in axes.flat[len(conditions) :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel("mean MSE")
    finish(
        figure, fits, f"{title}\naccuracy against time; left and low is better, line: what no other beats in both", path
    )


def _front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that no other is both faster and more accurate than, in order of time."""
    front: list[tuple[float, float]] = []
    for seconds, mse in sorted(point for point in points if np.isfinite(point).all()):
        if not front or mse < front[-1][1]:
            front.append((seconds, mse))
    return front


def _placed(fits: pd.DataFrame) -> list[tuple[float, tuple[str, str], pd.DataFrame]]:
    """Each cell with its place on the axis of conditions: conditions one apart, cells side by side within."""
    conditions = _conditions(fits)
    pairs = sorted({(str(m), str(b)) for m, b in zip(fits["method"], fits["backend"], strict=True)})
    shifts = np.linspace(-0.32, 0.32, len(pairs)) if len(pairs) > 1 else np.zeros(1)
    out = []
    for (condition, method, backend), cell in fits.groupby(["condition", "method", "backend"], observed=True):
        place = conditions.index(str(condition)) + shifts[pairs.index((str(method), str(backend)))]
        out.append((float(place), (str(backend), str(method)), cell))
    return out


def _conditions(fits: pd.DataFrame) -> list[str]:
    """Names of the conditions, in the study's order."""
    return [str(condition) for condition in fits["condition"].cat.remove_unused_categories().cat.categories]


def _box(axis: Axes, place: float, values: pd.Series, cell: tuple[str, str]) -> None:
    if values.isna().all():
        return
    box = axis.boxplot(
        values.dropna(), positions=[place], widths=0.09, patch_artist=True, manage_ticks=False, flierprops={"ms": 2}
    )
    box["boxes"][0].set(**_fill(*cell))
    box["medians"][0].set(color="black", linewidth=1.4)


def _fill(backend: str, method: str) -> dict[str, Any]:
    return {"facecolor": colour_of(method), "hatch": hatch_of(backend), "alpha": 0.8, "linewidth": 0.7}


def _name_conditions(axis: Axes, fits: pd.DataFrame) -> None:
    conditions = _conditions(fits)
    many = sum(map(len, conditions)) > LETTERS
    axis.set_xticks(
        range(len(conditions)),
        [short(c) for c in conditions],
        rotation=30 if many else 0,
        ha="right" if many else "center",
    )
    axis.set_xlim(-0.6, len(conditions) - 0.4)


def _plain_numbers(axis: Axis) -> None:
    """Ticks 1, 2, 5, 10 of a logarithmic axis, written as people do."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_locator(NullLocator())


def _width(fits: pd.DataFrame) -> float:
    return max(3.4, 0.9 * fits["condition"].nunique())


def cell_style(backend: str, method: str) -> dict[str, Any]:
    """Colour and marker of a cell."""
    return {"color": colour_of(method), "marker": marker_of(backend), "markersize": 6}


def finish(figure: Figure, fits: pd.DataFrame, title: str, path: Path, *, boxes: bool = False) -> None:
    """Legend of all cells in the order in which they stand side by side, title, files."""
    pairs = sorted({(str(m), str(b)) for m, b in zip(fits["method"], fits["backend"], strict=True)})
    handles = [_handle(backend, method, boxes) for method, backend in pairs]
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
    draw_legend(figure, handles)
    save(figure, title, path)


def _handle(backend: str, method: str, box: bool) -> Patch | Line2D:
    label = f"{backend} {method}"
    if box:
        return Patch(**_fill(backend, method), edgecolor="black", label=label)
    return Line2D([], [], **cell_style(backend, method), linestyle="none", label=label)
