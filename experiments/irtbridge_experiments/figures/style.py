"""What the figures of studies share: the colour of a method, the marker of a backend, legends, titles."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.figure import Figure, SubFigure

from irtbridge.assess.plots.style import write
from irtbridge.inference import METHODS

# Labels are people's own: a dollar sign in them is one.
matplotlib.rcParams["text.parse_math"] = False
OTHER_COLOUR = "#777777"
BACKEND_MARKERS = {"pyro": "o", "tfp": "s"}
BACKEND_HATCHES = {"pyro": "", "tfp": "////"}
OTHER_MARKERS = ("^", "D", "v", "P")
LEGEND_INCHES = 1.9
LETTERS_PER_INCH = 12
WIDE_LABEL = 12


def colour_of(method: str) -> str:
    """The same colour for a method in every figure."""
    return METHODS[method].colour if method in METHODS else OTHER_COLOUR


def marker_of(backend: str) -> str:
    """The same marker for a backend in every figure."""
    return BACKEND_MARKERS.get(backend, OTHER_MARKERS[sum(backend.encode()) % len(OTHER_MARKERS)])


def hatch_of(backend: str) -> str:
    """The same hatching for a backend in every figure."""
    return BACKEND_HATCHES.get(backend, "....")


def stacked(names: Sequence[str], sizes: Sequence[tuple[float, float]]) -> tuple[Figure, list[SubFigure]]:
    """A figure with one part below another for each condition, named where there are several; sizes in inches."""
    widths, heights = zip(*sizes, strict=True)
    figure = plt.figure(figsize=(max(widths), sum(heights)), layout="constrained")
    parts = list(figure.subfigures(len(names), 1, squeeze=False, height_ratios=heights)[:, 0])
    for part, name in zip(parts, names if len(names) > 1 else (), strict=False):
        part.suptitle(name, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure, parts


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
    write(figure, path)
    plt.close(figure)
