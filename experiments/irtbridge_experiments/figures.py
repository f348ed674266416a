"""Figures from records alone."""

from __future__ import annotations

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
from matplotlib.figure import Figure

from irtbridge.files import write_atomic
from irtbridge_experiments.tables import block_of

METHOD_COLOURS = {
    "nuts": "#0072B2",
    "vi": "#E69F00",
    "laplace": "#009E73",
    "nuts_collapsed": "#56B4E9",
    "nuts_whitened": "#CC79A7",
    "vi_collapsed": "#D55E00",
    "vi_newton": "#882255",
    "map": "#8B7D3A",
}
OTHER_COLOUR = "#777777"
BACKEND_MARKERS = {"pyro": "o", "tfp": "s"}
BACKEND_HATCHES = {"pyro": "", "tfp": "////"}
OTHER_MARKERS = ("^", "D", "v", "P")
REFERENCE_COLOUR = "#000000"
LEGEND_INCHES = 1.9
MOST_PANELS, PANELS_ACROSS, MANY_ITEMS = 6, 3, 8


def colour_of(method: str) -> str:
    """The same colour for a method in every figure."""
    return METHOD_COLOURS.get(method, OTHER_COLOUR)


def marker_of(backend: str) -> str:
    """The same marker for a backend in every figure."""
    return BACKEND_MARKERS.get(backend, OTHER_MARKERS[sum(backend.encode()) % len(OTHER_MARKERS)])


def hatch_of(backend: str) -> str:
    """The same hatching for a backend in every figure."""
    return BACKEND_HATCHES.get(backend, "....")


def draw_agreement(items: pd.DataFrame, reference: pd.DataFrame | None, title: str, path: Path) -> None:
    """Posterior mean and 95 % interval of each item parameter by backend and method, beside the reference.

    Parameters
    ----------
    items : DataFrame
        From `item_frame`.
    reference : DataFrame, optional
        As `read_reference` gives it.
    title : str
        Written above.
    path : Path
        Without ending; png and svg are written.
    """
    items = _named_shortly(items[items["sd"] != 0])
    reference = None if reference is None else _named_shortly(reference)
    parameters = list(dict.fromkeys(items.dropna(subset="mean")["parameter"]))[:MOST_PANELS]
    n_items = items["item"].nunique()
    columns = 1 if n_items > MANY_ITEMS else min(PANELS_ACROSS, len(parameters))
    rows = -(-len(parameters) // columns)
    size = (max(5.2, 0.4 * n_items) * columns, (2.8 if n_items > MANY_ITEMS else 3.8) * rows + 0.6)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for axis, parameter in zip(axes.flat, parameters, strict=False):
        chosen = None if reference is None else reference[reference["parameter"] == parameter]
        _draw_parameter(axis, items[items["parameter"] == parameter], chosen)
        axis.set_title(parameter, loc="left")
    for axis in axes.flat[len(parameters) :]:
        axis.set_visible(False)
    draw_legend(figure, axes[0][0].get_legend_handles_labels()[0])
    figure.suptitle(title, x=0.01, ha="left")
    save(figure, path)


def _named_shortly(rows: pd.DataFrame) -> pd.DataFrame:
    """``discrimination`` instead of ``discrimination[A]`` and the like where an item has but one of them."""
    blocks = block_of(rows)
    several = blocks[rows.groupby([rows["item"], blocks])["parameter"].transform("nunique") > 1].unique()
    return rows.assign(parameter=rows["parameter"].where(blocks.isin(several), blocks))


def _draw_parameter(axis: Axes, items: pd.DataFrame, reference: pd.DataFrame | None) -> None:
    labels = list(dict.fromkeys(items.dropna(subset="mean")["item"]))
    fits = list(items.groupby(["method", "backend"], sort=True))
    shifts = np.linspace(-0.27, 0.27, len(fits)) if len(fits) > 1 else np.zeros(1)
    for shift, ((method, backend), fit) in zip(shifts, fits, strict=True):
        fit = fit.set_index("item").loc[labels]
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
    if reference is not None and len(reference):
        means = reference.set_index("item")["mean"].reindex(labels)
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
    slanted: dict[str, Any] = {"rotation": 40, "ha": "right"} if len(labels) > MANY_ITEMS else {}
    axis.set_xticks(np.arange(len(labels)), labels, **slanted)
    axis.set_ylabel("posterior mean, 95 % interval")
    axis.spines[["top", "right"]].set_visible(False)


def draw_legend(figure: Figure, handles: Sequence[Any]) -> None:
    """Below the panels, in as many columns as there is room for."""
    columns = max(1, int(figure.get_figwidth() / LEGEND_INCHES))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(columns, len(handles)), frameon=False)


def save(figure: Figure, path: Path) -> None:
    """Write png and svg and close the figure."""
    figure.set_layout_engine("constrained")
    # Without the date, and with names that are not random, the same records give the same file.
    with plt.rc_context({"svg.hashsalt": "irtbridge"}):
        for ending in (".png", ".svg"):
            options: dict[str, Any] = {"metadata": {"Date": None}} if ending == ".svg" else {"dpi": 160}
            write_atomic(path.with_suffix(ending), partial(figure.savefig, **options))
    plt.close(figure)
