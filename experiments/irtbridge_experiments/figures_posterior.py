"""Figures of posteriors on real data, from records: densities by method, and traces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from irtbridge_experiments.cell import Record
from irtbridge_experiments.figures import colour_of, draw_legend, save

LINES = {"pyro": "-", "tfp": "--"}
MOST_ITEMS = 5
CHAIN_SHADES = (1.0, 0.75, 0.5, 0.3)


def draw_densities(records: Sequence[Record], title: str, path: Path) -> None:
    """Posterior density of each parameter of the first items, one line for each fit."""
    rows = [row for record in records for row in record.get("densities", [])]
    items = list(dict.fromkeys(row["item"] for row in rows))[:MOST_ITEMS]
    shown = [row for row in rows if row["item"] in items]
    names = list(dict.fromkeys(row["parameter"] for row in shown))
    if not names:
        return
    figure, axes = plt.subplots(len(names), len(items), figsize=(2.6 * len(items) + 0.6, 1.6 * len(names) + 1.2),
                                squeeze=False)  # fmt: skip
    for record in records:
        for row in record.get("densities", []):
            if row["item"] in items:
                axis = axes[names.index(row["parameter"])][items.index(row["item"])]
                places = np.linspace(row["low"], row["high"], len(row["density"]))
                axis.plot(places, row["density"], **_line(record))
    for axis in axes.flat:
        axis.set_yticks([])
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.set_visible(axis.has_data())
    for column, item in enumerate(items):
        axes[0][column].set_title(item, loc="left")
    for row_of_axes, name in zip(axes, names, strict=True):
        row_of_axes[0].set_visible(True)
        row_of_axes[0].set_ylabel(name, rotation=0, ha="right")
    _legend(figure, records)
    figure.suptitle(f"{title}\nposterior densities", x=0.01, ha="left", fontsize=11)
    save(figure, path)


def draw_traces(records: Sequence[Record], title: str, path: Path) -> None:
    """Chains of the first item's parameters: a row for each parameter, a column for each fit that has chains."""
    chained = [record for record in records if record.get("traces")]
    if not chained:
        return
    names = [row["parameter"] for row in chained[0]["traces"]]
    size = (4.2 * len(chained) + 0.8, 1.5 * len(names) + 1.0)
    figure, axes = plt.subplots(len(names), len(chained), figsize=size, squeeze=False, sharey="row")
    for column, record in enumerate(chained):
        axes[0][column].set_title(f"{record['backend']} {record['method']}", loc="left")
        for axis, row in zip(axes[:, column], record["traces"], strict=False):
            for shade, chain in zip(CHAIN_SHADES * len(row["chains"]), row["chains"], strict=False):
                axis.plot(chain, color=colour_of(record["method"]), alpha=shade, linewidth=0.7)
            axis.spines[["top", "right"]].set_visible(False)
    for axis, name in zip(axes[:, 0], names, strict=True):
        axis.set_ylabel(name)
    for axis in axes[-1]:
        axis.set_xlabel("kept draw, thinned")
    figure.suptitle(f"{title}\ntraces of {chained[0]['traces'][0]['item']}", x=0.01, ha="left", fontsize=11)
    save(figure, path)


def _line(record: Record) -> dict[str, Any]:
    return {"color": colour_of(record["method"]), "linestyle": LINES.get(record["backend"], ":"), "linewidth": 1.4}


def _legend(figure: Figure, records: Sequence[Record]) -> None:
    fits = sorted((r for r in records if r.get("densities")), key=lambda r: (r["method"], r["backend"]))
    handles = [Line2D([], [], **_line(r), label=f"{r['backend']} {r['method']}") for r in fits]
    draw_legend(figure, handles)
