"""Figures of studies over a grid of two settings, as the scales of two priors: one line for each method."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from irtbridge.results.accuracy import mcse
from irtbridge_experiments.figures.recovery import (
    LABELS,
    TARGETS,
    cell_style,
    drawable_fits,
    finish,
)
from irtbridge_experiments.records.study_fits import StudyFits
from irtbridge_experiments.tables.recovery import blocks_of


def draw_grid(statistic: str, study: StudyFits, path: Path) -> None:
    """One statistic over replications, where the conditions of a study differ in two settings.

    Parameters
    ----------
    statistic : str
        ``mse``, ``bias`` or ``coverage``.
    study : StudyFits
        Conditions that have no values of its grid are left out.
    path : Path
        Without ending; png and svg are written.
    """
    fits, title = drawable_fits(study)
    fits = fits[fits["condition"].isin([name for name, values in study.grid.items() if values])]
    names = list(dict.fromkeys(name for values in study.grid.values() for name in values))
    if not blocks_of(fits) or len(names) != 2:
        return
    values = [study.grid[str(condition)] for condition in fits["condition"]]
    settings = pd.DataFrame(values, index=fits.index, dtype=object)
    _draw(fits, settings, names, statistic, title, path)


def _draw(
    fits: pd.DataFrame, settings: pd.DataFrame, names: Sequence[str], statistic: str, title: str, path: Path
) -> None:
    """A row of panels for each parameter block, a column for each value of the first setting."""
    blocks = blocks_of(fits)
    panels, places = (list(dict.fromkeys(settings[name])) for name in names)
    size = (2.9 * len(panels) + 1.2, 2.3 * len(blocks) + 1.4)
    figure, axes = plt.subplots(len(blocks), len(panels), figsize=size, squeeze=False, sharex=True, sharey="row")
    for row, block in zip(axes, blocks, strict=True):
        for axis, panel in zip(row, panels, strict=True):
            here = settings[names[0]] == panel
            _lines(axis, fits[here], settings.loc[here, names[1]], places, f"{block} {statistic}")
            if statistic in TARGETS:
                axis.axhline(TARGETS[statistic], color="#999999", linewidth=0.8, zorder=0)
        row[0].set_ylabel(block)
    for axis, panel in zip(axes[0], panels, strict=True):
        axis.set_title(f"{names[0]} = {panel}", loc="left", fontsize=10)
    for axis in axes[-1]:
        axis.set_xticks(range(len(places)), [str(place) for place in places])
        axis.set_xlabel(names[1])
    finish(figure, fits, f"{title}\n{LABELS[statistic]} over replications, bars: 1 MCSE", path)


def _lines(axis: Axes, fits: pd.DataFrame, setting: pd.Series, places: Sequence[Any], column: str) -> None:
    cells = list(fits.groupby(["method", "backend"], observed=True))
    shifts = np.linspace(-0.12, 0.12, len(cells)) if len(cells) > 1 else np.zeros(1)
    for shift, ((method, backend), cell) in zip(shifts, cells, strict=True):
        groups = [cell.loc[setting[cell.index] == place, column] for place in places]
        axis.errorbar(
            np.arange(len(places)) + shift,
            [group.mean() for group in groups],
            np.nan_to_num([mcse(group) for group in groups]),
            **cell_style(str(backend), str(method)),
            linewidth=1,
            capsize=2,
        )
