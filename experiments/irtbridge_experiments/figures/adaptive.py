"""Figures of simulated adaptive tests: accuracy against exposure, exposure of items, errors by ability and length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter, StrMethodFormatter

from irtbridge.assess.plots.style import COLOURS, GREY, MARKERS
from irtbridge_experiments.figures.style import draw_legend, save
from irtbridge_experiments.tables.adaptive import ERROR

SIZE = (6.4, 4.2)
LINES = ("-", "--", ":", "-.")


def draw_accuracy(table: pd.DataFrame, title: str, path: Path) -> None:
    """RMSE against the largest exposure, a point for each target, joined for each rule.

    Parameters
    ----------
    table : DataFrame
        Of `irtbridge_experiments.tables.adaptive.summary`.
    title : str
    path : Path
        Without ending; png and svg are written.
    """
    error = next(name for name in table.columns if str(name).startswith("RMSE"))
    figure, axis = plt.subplots(figsize=SIZE)
    for place, (rule, rows) in enumerate(table.groupby("selection", sort=False)):
        rows = rows.sort_values("max exposure")
        bars = rows[f"{ERROR}{error}"], rows[f"{ERROR}max exposure"]
        style: dict[str, Any] = {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}
        axis.errorbar(rows["max exposure"], rows[error], *bars, **style, capsize=2, linewidth=1, label=str(rule))
    axis.set_xscale("log")
    axis.set_xlabel("largest share of persons given the same item")
    axis.set_ylabel(str(error))
    _finish(axis)
    axis.legend(frameon=False)
    save(figure, f"{title}\nbars: 1 MCSE", path)


def draw_exposure(by_item: pd.DataFrame, title: str, path: Path) -> None:
    """Exposure of the items, the most exposed first, a line for each rule and target."""
    figure, axis = plt.subplots(figsize=SIZE)
    handles = []
    for name, style in styles([str(column) for column in by_item.columns]).items():
        rates = np.sort(by_item[name].to_numpy(dtype=float))[::-1]
        axis.step(np.arange(1, len(rates) + 1), np.where(rates > 0, rates, np.nan), where="mid", **style)
        handles.append(Line2D([], [], **style, label=name))
    axis.axhline(float(by_item.mean().mean()), color=GREY, linewidth=0.8, zorder=0)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("items, the most exposed first")
    axis.set_ylabel("share of persons given the item")
    _finish(axis)
    draw_legend(figure, handles)
    save(figure, f"{title}\ngrey: all items given equally often", path)


def draw_lines(table: pd.DataFrame, x: str, y: str, labels: tuple[str, str], title: str, path: Path) -> None:
    """A column of a stacked table against another, a line for each rule and target, with bands of one MCSE.

    Parameters
    ----------
    table : DataFrame
        Of `irtbridge_experiments.tables.adaptive.stacked`.
    x, y : str
        Columns; ``y`` has an error.
    labels : tuple of str
        Of the two axes.
    title : str
    path : Path
        Without ending.
    """
    named = table.assign(title=[_title(*pair) for pair in zip(table["selection"], table["exposure"], strict=True)])
    figure, axis = plt.subplots(figsize=SIZE)
    handles = []
    for name, style in styles([*named["title"].unique()]).items():
        rows = named[named["title"] == name]
        low, high = (rows[y] + sign * rows[f"{ERROR}{y}"] for sign in (-1, 1))
        axis.fill_between(rows[x], low, high, color=style["color"], alpha=0.15, linewidth=0)
        axis.plot(rows[x], rows[y], **style)
        handles.append(Line2D([], [], **style, label=name))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel(labels[0])
    axis.set_ylabel(labels[1])
    _finish(axis)
    draw_legend(figure, handles)
    save(figure, f"{title}\nbands: 1 MCSE", path)


def styles(titles: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Colour by rule, dashes by target."""
    rules = list(dict.fromkeys(title.split()[0] for title in titles))
    number = dict.fromkeys(rules, -1)
    found = {}
    for title in titles:
        rule = title.split()[0]
        number[rule] += 1
        colour, line = COLOURS[rules.index(rule) % len(COLOURS)], LINES[number[rule] % len(LINES)]
        found[title] = {"color": colour, "linestyle": line, "linewidth": 1.4}
    return found


def _title(selection: str, exposure: float | None) -> str:
    return selection if pd.isna(exposure) else f"{selection} {exposure:g}"


def _finish(axis: Axes) -> None:
    for each in (axis.xaxis, axis.yaxis):
        if each.get_scale() == "log":
            each.set_major_formatter(StrMethodFormatter("{x:g}"))
            each.set_minor_formatter(NullFormatter())
    axis.grid(color="#E5E5E5", linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
