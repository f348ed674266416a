"""What all figures share: sizes, colours, labels, panels. A figure is as wide as a column, so that a phone shows it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from irtbridge.data.files import write_atomic
from irtbridge.errors import ConfigError

P = ParamSpec("P")
R = TypeVar("R")
Array = NDArray[np.float64]
Panels = Sequence[Axes] | NDArray[np.object_]

# Labels are people's own, so that a dollar sign in them is one.
STYLE: Any = {
    "font.size": 9, "axes.titlesize": 9, "axes.labelsize": 9, "xtick.labelsize": 8, "ytick.labelsize": 8,
    "legend.fontsize": 8, "legend.frameon": False, "axes.titlelocation": "left", "axes.spines.top": False,
    "axes.spines.right": False, "lines.linewidth": 1.5, "text.parse_math": False,
}  # fmt: skip
# The colours of Okabe & Ito (2008), which the colour-blind tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY, LIGHT = "#777777", "#DDDDDD"
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
BAND = 0.22  # opacity
LIGHTEST = 0.8  # of a colour map that ends too light for a white page
WIDTH, HEIGHT = 5.2, 3.3  # inches: at 390 pixels a letter of 9 points is 9 pixels high
PANEL, COLUMNS = (1.73, 1.5), 3
ROW = 0.21  # inches for a row of text
LONGEST_LABEL, PANEL_LABEL = 28, 20
DPI = 160
LARGEST_DRAWN = 1e100  # beyond it Matplotlib's own arithmetic on ranges overflows


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """In the style of all figures, whatever is set outside, which stays as it is."""

    @wraps(draw)
    def within(*args: P.args, **kwargs: P.kwargs) -> R:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return within


def short(label: object, longest: int = LONGEST_LABEL) -> str:
    """A label as a figure has room for it: on one line, its end cut off."""
    text = " ".join(str(label).split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def drawable(values: ArrayLike) -> Array:
    """Numbers that an axis can hold; NaN, which is not drawn, for null, infinite and enormous ones."""
    numbers = np.asarray(values, dtype=float)
    return np.where(np.abs(numbers) < LARGEST_DRAWN, numbers, np.nan)


def graded_colours(n: int) -> list[Any]:
    """Colours of n categories from low to high, dark to light: told apart without colour too."""
    return list(matplotlib.colormaps["viridis"](np.linspace(0, LIGHTEST, n))) if n > 1 else [COLOURS[0]]


def axes_of(ax: Axes | None, height: float = HEIGHT) -> Axes:
    """The Axes that were given, or those of a new figure."""
    if ax is not None:
        return ax
    from matplotlib import pyplot as plt

    return plt.subplots(figsize=(WIDTH, height), layout="constrained")[1]


def panels_of(
    ax: Any,
    n: int,
    columns: int = COLUMNS,
    size: tuple[float, float] = PANEL,
    **shared: Any,
) -> NDArray[np.object_]:
    """So many Axes, of those that were given or in a new figure, shape (n,).

    Raises
    ------
    ConfigError
        Fewer were given.
    """
    if ax is not None:
        given = np.ravel(np.asarray(ax, dtype=object))
        if len(given) < n:
            raise ConfigError(f"ax has {len(given)} Axes, and there are {n} panels; give as many, or none.")
        return given[:n]
    from matplotlib import pyplot as plt

    across = min(columns, n)
    rows = -(-n // across)
    _, axes = plt.subplots(
        rows, across, figsize=(max(size[0] * across, 3.6), size[1] * rows + 0.5), layout="constrained", squeeze=False,
        **shared,
    )  # fmt: skip
    for surplus in axes.flat[n:]:
        surplus.remove()
    for lowest in axes.flat[max(0, n - across) : n]:
        lowest.tick_params(labelbottom=True)
    return np.asarray(axes.ravel()[:n], dtype=object)


def name_axes(axes: Panels, x: str, y: str, own: bool) -> None:
    """Labels below and left of the panels, once for each column and row of a figure of our own; else on each."""
    for place, axis in enumerate(axes):
        grid = axis.get_subplotspec() if own else None
        columns = grid.get_gridspec().ncols if grid is not None else 1
        axis.set_xlabel(x if not own or place + columns >= len(axes) else "")
        axis.set_ylabel(y if not own or place % columns == 0 else "")


def root_of(axis: Axes) -> Figure:
    """The figure that an axis is in, however deep."""
    figure = axis.get_figure(root=True)
    assert figure is not None
    return figure


def legend_below(axes: Panels, handles: Iterable[Any], own: bool, columns: int, title: str = "") -> None:
    """Below the panels of a figure of our own; else within the first Axes."""
    each = list(handles)
    if not each:
        return
    if own:
        root_of(axes[0]).legend(
            handles=each, loc="outside lower center", ncols=min(columns, len(each)), title=title or None
        )
    else:
        axes[0].legend(handles=each, title=title or None)


def draw_band(axis: Axes, x: ArrayLike, mean: ArrayLike, lower: ArrayLike, upper: ArrayLike, **line: Any) -> Any:
    """A line, and its interval where it has one; returns the line."""
    low, high = drawable(lower), drawable(upper)
    if not np.array_equal(low, high):
        axis.fill_between(np.asarray(x), low, high, color=line.get("color"), alpha=BAND, linewidth=0)
    return axis.plot(np.asarray(x), drawable(mean), **line)[0]


def draw_intervals(axis: Axes, places: ArrayLike, mean: ArrayLike, lower: ArrayLike, upper: ArrayLike, **m: Any) -> Any:
    """Points with their intervals along the x axis, one for each row; returns the points."""
    axis.hlines(np.asarray(places), drawable(lower), drawable(upper), color=m.get("color"), linewidth=1.2)
    style: dict[str, Any] = {"marker": "o", "markersize": 4, "linestyle": "none"} | m
    return axis.plot(drawable(mean), np.asarray(places), **style)[0]


def name_rows(axis: Axes, labels: Sequence[object], places: ArrayLike | None = None) -> None:
    """Labels of rows from the top down."""
    at = np.arange(len(labels)) if places is None else np.asarray(places)
    axis.set_yticks(at, [short(label, PANEL_LABEL) for label in labels])
    axis.tick_params(axis="y", length=0)


def write(figure: Figure, path: Path) -> None:
    """A figure as png and svg, path without ending: the same figure gives the same files."""
    with matplotlib.rc_context({"svg.hashsalt": "irtbridge"}), warnings.catch_warnings():
        # A letter that the font lacks is drawn as a box; the tables have it.
        warnings.filterwarnings("ignore", message="Glyph")
        for ending in (".png", ".svg"):
            options: dict[str, Any] = {"metadata": {"Date": None}} if ending == ".svg" else {"dpi": DPI}
            write_atomic(path.with_suffix(ending), partial(figure.savefig, **options))
