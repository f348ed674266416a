"""Figures of posteriors on real data, from records: densities by method, and traces."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from irtbridge.assess.plots.style import drawable, short
from irtbridge_experiments.figures.style import WIDE_LABEL, colour_of, draw_legend, save, stacked
from irtbridge_experiments.records import Record
from irtbridge_experiments.records.study_fits import StudyFits

LINES = {"pyro": "-", "tfp": "--"}
MOST_ITEMS = 5
CHAIN_SHADES = (1.0, 0.75, 0.5, 0.3)


def draw_densities(study: StudyFits, path: Path) -> None:
    """Posterior density of each parameter of the first items, one line for each fit; conditions one below another."""
    conditions = _by_condition(study.real, "densities")
    if not conditions:
        return
    labels = {name: _items_and_parameters(own) for name, own in conditions.items()}
    sizes = [(2.6 * len(items) + 0.6, 1.6 * len(names) + 1.2) for items, names in labels.values()]
    figure, parts = stacked(list(conditions), sizes)
    for part, (name, own) in zip(parts, conditions.items(), strict=True):
        _draw_densities(part, own, *labels[name])
    _legend(figure, [record for own in conditions.values() for record in own])
    save(figure, f"{study.title}\nposterior densities", path)


def _items_and_parameters(records: Sequence[Record]) -> tuple[list[str], list[str]]:
    """The first items, and the parameters that they have."""
    rows = [row for record in records for row in record["densities"]]
    items = list(dict.fromkeys(row["item"] for row in rows))[:MOST_ITEMS]
    return items, list(dict.fromkeys(row["parameter"] for row in rows if row["item"] in items))


def _draw_densities(part: SubFigure, records: Sequence[Record], items: Sequence[str], names: Sequence[str]) -> None:
    axes = part.subplots(len(names), len(items), squeeze=False)
    for record in records:
        for row in record["densities"]:
            if row["item"] in items:
                axis = axes[names.index(row["parameter"])][items.index(row["item"])]
                low, high = drawable([row["low"], row["high"]])
                axis.plot(np.linspace(low, high, len(row["density"])), drawable(row["density"]), **_line(record))
    for axis in axes.flat:
        axis.set_yticks([])
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.set_visible(axis.has_data())
    for column, item in enumerate(items):
        axes[0][column].set_title(short(item), loc="left", fontsize=11 if len(item) <= WIDE_LABEL else 8)
    for row_of_axes, name in zip(axes, names, strict=True):
        row_of_axes[0].set_visible(True)
        row_of_axes[0].set_ylabel(short(name), rotation=0, ha="right")


def draw_traces(study: StudyFits, path: Path) -> None:
    """Chains of the first item's parameters: a row for each parameter, a column for each fit that has chains."""
    conditions = _by_condition(study.real, "traces")
    if not conditions:
        return
    sizes = [(4.2 * len(own) + 0.8, 1.5 * len(own[0]["traces"]) + 1.0) for own in conditions.values()]
    figure, parts = stacked(list(conditions), sizes)
    for part, own in zip(parts, conditions.values(), strict=True):
        _draw_traces(part, own)
    items = dict.fromkeys(own[0]["traces"][0]["item"] for own in conditions.values())
    save(figure, f"{study.title}\ntraces of {', '.join(map(short, items))}", path)


def _draw_traces(part: SubFigure, records: Sequence[Record]) -> None:
    names = list(dict.fromkeys(row["parameter"] for record in records for row in record["traces"]))
    axes = part.subplots(len(names), len(records), squeeze=False, sharey="row")
    for column, record in enumerate(records):
        axes[0][column].set_title(f"{record['backend']} {record['method']}", loc="left")
        for row in record["traces"]:
            axis = axes[names.index(row["parameter"])][column]
            for shade, chain in zip(itertools.cycle(CHAIN_SHADES), row["chains"], strict=False):
                axis.plot(drawable(chain), color=colour_of(record["method"]), alpha=shade, linewidth=0.7)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
    for axis, name in zip(axes[:, 0], names, strict=True):
        axis.set_ylabel(short(name))
    for axis in axes[-1]:
        axis.set_xlabel("kept draw, thinned")


def _by_condition(records: Sequence[Record], what: str) -> dict[str, list[Record]]:
    """The records that have something to draw."""
    conditions: dict[str, list[Record]] = {}
    for record in records:
        if record.get(what):
            conditions.setdefault(record["condition"], []).append(record)
    return conditions


def _line(record: Record) -> dict[str, Any]:
    return {"color": colour_of(record["method"]), "linestyle": LINES.get(record["backend"], ":"), "linewidth": 1.4}


def _legend(figure: Figure, records: Sequence[Record]) -> None:
    fits = {(r["method"], r["backend"]): _line(r) for r in records}
    handles = [Line2D([], [], **fits[fit], label=f"{fit[1]} {fit[0]}") for fit in sorted(fits)]
    draw_legend(figure, handles)
