"""Figures from records alone."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from numpy.typing import ArrayLike, NDArray

from irtbridge.data.files import write_atomic
from irtbridge.inference import METHODS
from irtbridge_experiments.tables.real_data import block_of

# Labels are people's own: a dollar sign in them is one.
matplotlib.rcParams["text.parse_math"] = False
OTHER_COLOUR = "#777777"
BACKEND_MARKERS = {"pyro": "o", "tfp": "s"}
BACKEND_HATCHES = {"pyro": "", "tfp": "////"}
OTHER_MARKERS = ("^", "D", "v", "P")
REFERENCE_COLOUR = "#000000"
LEGEND_INCHES = 1.9
LETTERS_PER_INCH = 12
LONGEST_LABEL, WIDE_LABEL = 28, 12
LARGEST_DRAWN = 1e100
"""Beyond it Matplotlib's own arithmetic on ranges overflows."""
MOST_PANELS, PANELS_ACROSS, MANY_ITEMS = 6, 3, 8


def colour_of(method: str) -> str:
    """The same colour for a method in every figure."""
    return METHODS[method].colour if method in METHODS else OTHER_COLOUR


def marker_of(backend: str) -> str:
    """The same marker for a backend in every figure."""
    return BACKEND_MARKERS.get(backend, OTHER_MARKERS[sum(backend.encode()) % len(OTHER_MARKERS)])


def hatch_of(backend: str) -> str:
    """The same hatching for a backend in every figure."""
    return BACKEND_HATCHES.get(backend, "....")


def short(label: object) -> str:
    """A label as a figure has room for it: on one line, its end cut off."""
    text = " ".join(str(label).split())
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"


def drawable(values: ArrayLike) -> NDArray[np.float64]:
    """Numbers that an axis can hold; NaN, which is not drawn, for null, infinite and enormous ones."""
    numbers = np.asarray(values, dtype=float)
    return np.where(np.abs(numbers) < LARGEST_DRAWN, numbers, np.nan)


def stacked(names: Sequence[str], sizes: Sequence[tuple[float, float]]) -> tuple[Figure, list[SubFigure]]:
    """A figure with one part below another for each condition, named where there are several; sizes in inches."""
    widths, heights = zip(*sizes, strict=True)
    figure = plt.figure(figsize=(max(widths), sum(heights)), layout="constrained")
    parts = list(figure.subfigures(len(names), 1, squeeze=False, height_ratios=heights)[:, 0])
    for part, name in zip(parts, names if len(names) > 1 else (), strict=False):
        part.suptitle(name, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure, parts


def draw_agreement(items: pd.DataFrame, reference: pd.DataFrame | None, title: str, path: Path) -> None:
    """Posterior mean and 95 % interval of each item parameter by backend and method, beside the reference.

    Parameters
    ----------
    items : DataFrame
        From `item_frame`; each condition has panels of its own.
    reference : DataFrame, optional
        As `read_reference` gives it.
    title : str
        Written above.
    path : Path
        Without ending; png and svg are written.
    """
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
    save(figure, title, path)


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


def draw_legend(figure: Figure, handles: Sequence[Any]) -> None:
    """Below the panels, in as many columns as there is room for."""
    columns = max(1, min(int(figure.get_figwidth() / LEGEND_INCHES), len(handles)))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)


def save(figure: Figure, title: str, path: Path) -> None:
    """Write the title above, png and svg, and close the figure."""
    width = int(figure.get_figwidth() * LETTERS_PER_INCH)
    lines = [part for line in title.splitlines() for part in textwrap.wrap(line, width)]
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=11)
    figure.set_layout_engine("constrained")
    # Without the date, and with names that are not random, the same records give the same file.
    with plt.rc_context({"svg.hashsalt": "irtbridge"}), warnings.catch_warnings():
        # A letter that the font lacks is drawn as a box; the tables have it.
        warnings.filterwarnings("ignore", message="Glyph")
        for ending in (".png", ".svg"):
            options: dict[str, Any] = {"metadata": {"Date": None}} if ending == ".svg" else {"dpi": 160}
            write_atomic(path.with_suffix(ending), partial(figure.savefig, **options))
    plt.close(figure)
