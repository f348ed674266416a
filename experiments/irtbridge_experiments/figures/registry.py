"""Which figures a study has, and the files they are in: a new one is a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from irtbridge_experiments.figures.agreement import draw_agreement
from irtbridge_experiments.figures.from_features import draw_starts
from irtbridge_experiments.figures.grid import draw_grid
from irtbridge_experiments.figures.held_out import draw_held_out
from irtbridge_experiments.figures.posterior import draw_densities, draw_traces
from irtbridge_experiments.figures.recovery import draw_pareto, draw_recovery, draw_spread, draw_stretch, draw_times
from irtbridge_experiments.records.fits import STATISTICS
from irtbridge_experiments.records.study_fits import StudyFits


@dataclass(frozen=True)
class Figure:
    """A figure of a study.

    Attributes
    ----------
    name : str
        Of its files, without ending.
    draw : callable
        Of (fits of the study, path without ending); writes png and svg, or nothing where there is nothing to draw.
    """

    name: str
    draw: Callable[[StudyFits, Path], None]


SIMULATED = (
    Figure("times", draw_times),
    Figure("recovery", draw_recovery),
    Figure("spread", draw_spread),
    Figure("stretch", draw_stretch),
    Figure("pareto", draw_pareto),
    *(Figure(f"grid_{statistic}", partial(draw_grid, statistic)) for statistic in STATISTICS),
)
REAL = (
    Figure("figure", draw_agreement),
    Figure("densities", draw_densities),
    Figure("traces", draw_traces),
)
HELD_OUT = (Figure("held_out", draw_held_out),)
CALIBRATED = (Figure("starts", draw_starts),)
NAMES = tuple(figure.name for figure in (*SIMULATED, *HELD_OUT, *CALIBRATED, *REAL))
