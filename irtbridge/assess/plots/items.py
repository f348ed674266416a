"""Figures of items and of the test over ability: curves with their posterior bands, and the Wright map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from irtbridge.assess.ability_grid import span
from irtbridge.assess.curves import CURVES, DRAWS, curves, locations, places_of
from irtbridge.assess.plots.style import (
    COLOURS,
    LIGHT,
    MARKERS,
    PANEL_LABEL,
    ROW,
    Panels,
    axes_of,
    draw_band,
    draw_intervals,
    graded_colours,
    legend_below,
    name_axes,
    name_rows,
    panels_of,
    short,
)
from irtbridge.assess.posterior import Posterior
from irtbridge.data.kinds import CATEGORIES

CATEGORIES_ACROSS = 6
BINS = 40


def ability_label(posterior: Posterior, trait: str | None) -> str:
    """What the axis of ability is called: with several traits, by the trait."""
    return posterior.ability if len(posterior.traits) == 1 else f"{posterior.ability}: {trait or posterior.traits[0]}"


def draw_curves(posterior: Posterior, what: str, items: str | Sequence[str] | None, ax: Any, **options: Any) -> Any:
    """A panel for each item with its curve, or its curves for each category."""
    table = curves(posterior, what, items, **options)
    labels = [posterior.responses.items[place] for place in places_of(posterior, items)]
    single, own = isinstance(items, str), ax is None
    shared: dict[str, Any] = {"sharex": True, "sharey": what == "information"}
    axes = np.array([axes_of(ax)], dtype=object) if single else panels_of(ax, len(labels), **shared)
    style = category_styles(posterior) if "category" in CURVES[what].of else {}
    for axis, item in zip(axes, labels, strict=True):
        _draw_item(axis, table[table["item"] == item], style)
        axis.set_title(short(item, PANEL_LABEL if not single else 60))
    _limit(posterior, what, labels, axes)
    name_axes(axes, ability_label(posterior, options.get("trait")), CURVES[what].label, own)
    legend_below(axes, category_handles(style), own, CATEGORIES_ACROSS, "category")
    return axes[0] if single else axes


def _limit(posterior: Posterior, what: str, items: Sequence[str], axes: Panels) -> None:
    """From 0, which all curves are above, to the highest value there can be, if there is one."""
    highest = dict(zip(posterior.responses.items, posterior.layout.n_categories - 1, strict=True))
    of_categories = posterior.spec.family.kind == CATEGORIES
    for axis, item in zip(axes, items, strict=True):
        axis.xaxis.set_major_locator(MaxNLocator(4 if len(items) > 1 else 8, steps=[1, 2, 4, 10]))
        axis.set_ylim(bottom=0)
        if what != "information" and of_categories:
            axis.set_ylim(0, 1.02 * (highest[item] if what == "score" else 1))


def _draw_item(axis: Axes, rows: pd.DataFrame, style: dict[Any, dict[str, Any]]) -> None:
    if not style:
        _band(axis, rows, color=COLOURS[0])
        return
    for category, own in rows.groupby("category"):
        _band(axis, own, **style[category])


def _band(axis: Axes, rows: pd.DataFrame, **line: Any) -> Any:
    return draw_band(axis, rows["ability"], rows["mean"], rows["lower"], rows["upper"], **line)


def category_styles(posterior: Posterior) -> dict[Any, dict[str, Any]]:
    """Colour and dashes of each category that any item has, by its value in the data."""
    values = sorted({value for own in posterior.responses.categories for value in own})
    dashes = ("-", "--", "-.", ":")
    return {
        value: {"color": colour, "linestyle": dashes[place % len(dashes)]}
        for place, (value, colour) in enumerate(zip(values, graded_colours(len(values)), strict=True))
    }


def category_handles(style: dict[Any, dict[str, Any]]) -> list[Line2D]:
    """For the legend of categories."""
    return [Line2D([], [], **own, label=str(value)) for value, own in style.items()]


def draw_test_information(posterior: Posterior, items: Any, ax: Axes | None, **options: Any) -> Axes:
    """The test's information, and on a second axis its standard error."""
    axis = axes_of(ax)
    information = curves(posterior, "test_information", items, **options)
    error = curves(posterior, "standard_error", items, **options)
    _band(axis, information, color=COLOURS[0])
    axis.set_ylim(bottom=0)
    axis.set_xlabel(ability_label(posterior, options.get("trait")))
    axis.set_ylabel("information", color=COLOURS[0])
    second = axis.twinx()
    _band(second, error, color=COLOURS[1], linestyle="--")
    # Far from all items the error has no bound.
    second.set_ylim(0, min(float(error["upper"].max()), 3 * float(error["mean"].median())))
    second.set_ylabel("standard error (dashed)", color=COLOURS[1])
    second.spines["right"].set_visible(True)
    return axis


def draw_test_score(posterior: Posterior, items: Any, ax: Axes | None, **options: Any) -> Axes:
    """The expected sum score."""
    axis = axes_of(ax)
    _band(axis, curves(posterior, "test_score", items, **options), color=COLOURS[0])
    axis.set_xlabel(ability_label(posterior, options.get("trait")))
    axis.set_ylabel(CURVES["test_score"].label)
    return axis


def draw_wright_map(posterior: Posterior, ax: Axes | None, level: float) -> Axes:
    """Persons above, items below on one scale (Wright & Stone 1979): items in order of their location."""
    table = locations(posterior, level)
    order = table.groupby("item")["mean"].mean().sort_values()
    rows = {str(item): place for place, item in enumerate(order.index)}
    tall = max(3.0, 0.25 * len(rows))
    axis = axes_of(ax, height=ROW * (len(rows) + tall) + 0.9)
    _draw_persons(axis, posterior, -1.0, tall)
    handles = []
    for (category, own), style in zip(*_by_category(table), strict=True):
        places = [rows[item] for item in own["item"]]
        points = draw_intervals(axis, places, own["mean"], own["lower"], own["upper"], **style)
        points.set_label("" if category is None else f"{category:g}")
        handles.append(points)
    name_rows(axis, list(rows), list(rows.values()))
    axis.set_ylim(len(rows) - 0.4, -1.2 - tall)
    axis.spines["left"].set_visible(False)
    _reach(axis, table)
    axis.set_xlabel(posterior.ability)
    title = f"{posterior.spec.family.location_word} of category"
    legend_below([axis], handles if len(handles) > 1 else [], ax is None, CATEGORIES_ACROSS, title)
    return axis


def _reach(axis: Axes, table: pd.DataFrame) -> None:
    """Widen the axis to all locations, and to their intervals where these are not much further out."""
    low, high = axis.get_xlim()
    far = (high - low) / 4
    lowest = max(table["lower"].min(), table["mean"].min() - far)
    highest = min(table["upper"].max(), table["mean"].max() + far)
    axis.set_xlim(min(low, lowest), max(high, highest))


def _by_category(table: pd.DataFrame) -> tuple[list[tuple[Any, pd.DataFrame]], list[dict[str, Any]]]:
    """Rows of each category with the style of their points."""
    if table["category"].isna().all():
        return [(None, table)], [{"color": COLOURS[0]}]
    groups = list(table.groupby("category"))
    colours = graded_colours(len(groups))
    return groups, [{"color": c, "marker": MARKERS[i % len(MARKERS)]} for i, c in enumerate(colours)]


def _draw_persons(axis: Axes, posterior: Posterior, base: float, tall: float) -> None:
    """The distribution of the abilities' draws as a histogram that stands on the row `base`."""
    abilities = posterior.thinned(DRAWS).abilities
    weights = np.tile(posterior.weights, len(abilities))
    heights, edges = np.histogram(abilities.ravel(), BINS, range=span(posterior), weights=weights)
    axis.stairs(base - tall * heights / heights.max(), edges, baseline=base, fill=True, color=LIGHT)
    axis.text(edges[0], base - 0.3, "persons", va="bottom", ha="left")
    axis.set_xlim(edges[0], edges[-1])
