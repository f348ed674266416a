"""Figures of draws: traces, densities, ranks and autocorrelations of chains; intervals of the items' parameters."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation
from numpy.typing import NDArray
from scipy import stats

from irtbridge.assess.plots.style import (
    COLOURS,
    GREY,
    MARKERS,
    PANEL_LABEL,
    ROW,
    draw_intervals,
    graded_colours,
    name_axes,
    name_rows,
    panels_of,
    root_of,
    short,
)
from irtbridge.errors import ConfigError, StatisticError, UnknownName
from irtbridge.results.quiet_arviz import az

Array = NDArray[np.float64]
DASHES = ("-", "--", ":", "-.")
MOST_PANELS = 60
RANK_BINS, LAGS = 20, 40
LEGEND_BELOW, LEGEND_ACROSS = 0.45, 5  # inches, columns


def draw_chains(posterior: xr.Dataset, parameter: str | None, kind: str, ax: Any, labels: Mapping[str, Any]) -> Any:
    """A panel for each element of a parameter, or of all that belong to no person; a line for each chain."""
    if kind not in KINDS:
        raise UnknownName("kind of trace", kind, KINDS)
    elements = elements_of(posterior, parameter, labels)
    draw, x, y = KINDS[kind]
    axes = panels_of(ax, len(elements))
    for axis, (label, chains) in zip(axes, elements.items(), strict=True):
        draw(axis, chains)
        axis.set_title(short(label, PANEL_LABEL))
    name_axes(axes, x, y, ax is None)
    return axes


def elements_of(posterior: xr.Dataset, parameter: str | None, labels: Mapping[str, Any]) -> dict[str, Array]:
    """Draws (chain, draw) of each element of a parameter that exists, by its label; of all that belong to no person.

    Raises
    ------
    UnknownName
        No such parameter, dim or label.
    ConfigError
        More elements than a figure has room for.
    """
    if parameter is None:
        every = [str(n) for n, v in posterior.data_vars.items() if "person" not in v.dims and {*labels} <= {*v.dims}]
        each = ((name, _elements(posterior[name], labels)) for name in every)
        found = {n if e == n else f"{n}[{e}]": draws for n, elements in each for e, draws in elements.items()}
    elif parameter in posterior.data_vars:
        found = _elements(posterior[parameter], labels)
    else:
        raise UnknownName("parameter", parameter, map(str, posterior.data_vars))
    if not found:
        raise ConfigError(f"no parameter of items has the dims {[*labels]}; name one, as trace('difficulty').")
    if len(found) > MOST_PANELS:
        of = "the posterior of the items" if parameter is None else repr(parameter)
        raise ConfigError(
            f"{of} has {len(found)} elements, and a figure room for {MOST_PANELS}; choose a parameter, or some of its "
            "elements by their labels, as item=['item1', 'item2']."
        )
    return found


def _elements(values: xr.DataArray, labels: Mapping[str, Any]) -> dict[str, Array]:
    """Draws (chain, draw) of each element of a variable that exists and has these labels."""
    for dim, wanted in labels.items():
        values = values.sel({dim: _known(values, dim, wanted)})
    others = [dim for dim in values.dims if dim not in ("chain", "draw")]
    if not others:
        return {str(values.name): values.transpose("chain", "draw").values}
    stacked = values.stack(element=others).transpose("chain", "draw", "element")
    exists = np.isfinite(stacked.values).all(axis=(0, 1))
    names = [", ".join(map(str, np.atleast_1d(np.asarray(e, dtype=object)))) for e in stacked["element"].values]
    return {name: stacked.values[..., i] for i, name in enumerate(names) if exists[i]}


def _known(values: xr.DataArray, dim: str, wanted: Any) -> list[Any]:
    """Labels of a dim, as a list."""
    if dim not in values.dims:
        raise UnknownName(f"dim of {values.name}", dim, [str(d) for d in values.dims if d not in ("chain", "draw")])
    each = [wanted] if isinstance(wanted, (str, int)) else list(wanted)
    every = values[dim].values.tolist()
    for label in each:
        if label not in every:
            raise UnknownName(dim, label, map(str, every))
    return each


def _lines(chains: Array) -> list[tuple[Array, dict[str, Any]]]:
    """Each chain with its colour and dashes."""
    styles = zip(itertools.cycle(COLOURS), itertools.cycle(DASHES), strict=False)
    return [(chain, {"color": c, "linestyle": d}) for chain, (c, d) in zip(chains, styles, strict=False)]


def _trace(axis: Axes, chains: Array) -> None:
    for chain, style in _lines(chains):
        axis.plot(chain, color=style["color"], linewidth=0.5, alpha=0.8)


def _density(axis: Axes, chains: Array) -> None:
    for chain, style in _lines(chains):
        axis.plot(*az.kde(chain), linewidth=1.2, **style)
    axis.set_ylim(bottom=0)
    axis.set_yticks([])


def _rank(axis: Axes, chains: Array) -> None:
    """Ranks of each chain's draws among all (Vehtari et al. 2021): of chains that agree they are uniform."""
    ranks = stats.rankdata(chains).reshape(chains.shape)
    edges = np.linspace(0.5, chains.size + 0.5, RANK_BINS + 1)
    axis.axhline(chains.shape[1] / RANK_BINS, color=GREY, linewidth=0.8, zorder=0)
    for chain, style in _lines(ranks):
        axis.stairs(np.histogram(chain, edges)[0], edges, baseline=None, linewidth=1.2, **style)
    axis.set_ylim(bottom=0)


def _autocorrelation(axis: Axes, chains: Array) -> None:
    axis.axhline(0, color=GREY, linewidth=0.8, zorder=0)
    for chain, style in _lines(chains):
        axis.plot(az.autocorr(chain)[: LAGS + 1], linewidth=1.2, **style)
    axis.set_ylim(-0.3, 1)


KINDS: dict[str, tuple[Callable[[Axes, Array], None], str, str]] = {
    "trace": (_trace, "draw", "value"),
    "density": (_density, "value", "density"),
    "rank": (_rank, "rank", "draws"),
    "autocorrelation": (_autocorrelation, "lag", "autocorrelation"),
}


def draw_objective(statistics: xr.Dataset, ax: Axes | None) -> Axes:
    """The trace of an optimisation, from its tenth part on: what it climbs at first would hide how it ends.

    Raises
    ------
    StatisticError
        The method keeps none.
    """
    names = [name for name in ("objective", "elbo") if name in statistics]
    if not names:
        raise StatisticError("this method keeps no trace of an optimisation; jmle and vi do.")
    values = statistics[names[0]].values
    first = len(values) // 10
    axis: Axes = panels_of(ax, 1)[0]
    axis.plot(np.arange(first, len(values)), values[first:], color=COLOURS[0], linewidth=1.2)
    name_axes([axis], "step", {"objective": "log density", "elbo": "ELBO"}[names[0]], ax is None)
    return axis


def draw_forest(table: pd.DataFrame, ax: Any) -> Any:
    """Mean and 95 % interval of each item's parameters: a panel for each parameter, a row for each item.

    Parameters
    ----------
    table : DataFrame
        Of ``Fit.items()``.
    ax : array of Axes, optional
        One for each parameter.
    """
    names = list(table.columns.unique(0))
    blocks = {name: [n for n in names if _block(n) == name] for name in dict.fromkeys(map(_block, names))}
    size = (5.2 / min(2, len(blocks)), ROW * max(len(table), 6) + 0.5)
    axes = panels_of(ax, len(blocks), columns=2, size=size, sharey=ax is None)
    for axis, (block, own) in zip(axes, blocks.items(), strict=True):
        points = _draw_block(axis, table, own)
        axis.set_title(block)
        name_rows(axis, list(table.index))
        axis.set_ylim(len(table) - 0.5, -0.5)
        if len(own) > 1:
            _legend(axis, points)
    name_axes(axes, "mean, 95 % interval", "", ax is None)
    return axes


def _legend(axis: Axes, points: list[Any]) -> None:
    """Below the axis and its labels, where it hides no item."""
    below = axis.transAxes + ScaledTranslation(0, -LEGEND_BELOW, root_of(axis).dpi_scale_trans)
    columns = min(len(points), LEGEND_ACROSS)
    at: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "bbox_transform": below}
    axis.legend(handles=points, ncols=columns, handletextpad=0.1, columnspacing=0.8, **at)


def _block(parameter: str) -> str:
    return re.sub(r"\[.*\]$", "", parameter)


def _draw_block(axis: Axes, table: pd.DataFrame, parameters: list[str]) -> list[Any]:
    """The parameters of one block side by side within each row."""
    shifts = np.linspace(-0.25, 0.25, len(parameters)) if len(parameters) > 1 else [0.0]
    points = []
    for place, (shift, colour) in enumerate(zip(shifts, graded_colours(len(parameters)), strict=True)):
        own = table[parameters[place]]
        # What a model leaves out, as a trait that an item has nothing to do with, is no parameter of the item.
        own = own.where((own["sd"] != 0) | (own["mean"] != 0))
        # Of a point estimate, what its standard error says.
        lower = own["hdi_2.5%"].fillna(own["mean"] - 1.96 * own["sd"])
        upper = own["hdi_97.5%"].fillna(own["mean"] + 1.96 * own["sd"])
        marker = MARKERS[place % len(MARKERS)]
        style = {"color": colour, "marker": marker, "markersize": 3.5}
        line = draw_intervals(axis, np.arange(len(table)) + shift, own["mean"], lower, upper, **style)
        line.set_label(parameters[place].removeprefix(_block(parameters[place])).strip("[]"))
        points.append(line)
    return points
