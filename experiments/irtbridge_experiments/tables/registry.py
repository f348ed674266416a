"""Which tables a study has, and the files they are in: a new one is a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from irtbridge_experiments.records.study_fits import StudyFits
from irtbridge_experiments.tables import from_features, held_out, real_data, recovery


@dataclass(frozen=True)
class Table:
    """A table of a study.

    Attributes
    ----------
    name : str
        Of its files, without ending.
    build : callable
        Makes it from the study's fits; a table without rows is not written.
    caption : callable, optional
        What stands below it. A table without is csv only and is not printed.
    decimals : int
        Of a number whose column says nothing else.
    """

    name: str
    build: Callable[[StudyFits], pd.DataFrame]
    caption: Callable[[StudyFits], str] | None = None
    decimals: int = 3


SIMULATED = (
    Table(
        "recovery",
        lambda study: recovery.recovery_table(study.simulated),
        lambda study: recovery.RECOVERY_CAPTION,
        decimals=4,
    ),
    Table("times", lambda study: recovery.times_table(study.simulated), lambda study: recovery.TIMES_CAPTION),
    Table(
        "paired",
        lambda study: recovery.paired_table(study.simulated),
        lambda study: recovery.paired_caption(study.simulated),
        decimals=4,
    ),
)
REAL = (
    Table(
        "table",
        lambda study: real_data.study_table(study.real, study.reference),
        lambda study: real_data.study_caption(study.reference),
    ),
    Table("items", lambda study: real_data.item_frame(study.real)),
    Table(
        "estimates",
        lambda study: real_data.estimates(study.real, study.reference),
        lambda study: real_data.ESTIMATES_CAPTION,
    ),
)
HELD_OUT = (
    Table(
        "held_out",
        lambda study: held_out.held_out_table(study.held_out),
        lambda study: held_out.HELD_OUT_CAPTION,
    ),
    Table(
        "gain",
        lambda study: held_out.gain_table(study.held_out),
        lambda study: held_out.GAIN_CAPTION,
        decimals=4,
    ),
)
CALIBRATED = (
    Table(
        "starts",
        lambda study: from_features.start_table(study.calibrated),
        lambda study: from_features.TABLE_CAPTION,
    ),
    Table(
        "starts_gain",
        lambda study: from_features.gain_table(study.calibrated),
        lambda study: from_features.GAIN_CAPTION,
        decimals=4,
    ),
    Table(
        "reported",
        lambda study: from_features.paper_table(study.calibrated),
        lambda study: from_features.PAPER_CAPTION,
    ),
)
NAMES = tuple(table.name for table in (*SIMULATED, *HELD_OUT, *CALIBRATED, *REAL))
