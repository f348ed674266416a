"""What the tables and figures of a study are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from irtbridge_experiments.records import Record


@dataclass(frozen=True)
class StudyFits:
    """The fits of a study that are shown.

    Attributes
    ----------
    title : str
        Of the study.
    simulated : DataFrame
        A row for each fit of simulated data, as `read_fits` gives them.
    held_out : DataFrame
        A row for each fit of a part of some data, whose columns data, model and mask name its condition.
    calibrated : DataFrame
        A row for each replication of items that were calibrated from features, whose columns data and start name its
        condition; its method is the predictor.
    grid : mapping
        By simulated condition, its value of each setting of the study's grid.
    real : sequence of dict
        The records of fits of real data.
    reference : DataFrame, optional
        What the fits of real data should agree with, as `read_reference` gives it.
    """

    title: str
    simulated: pd.DataFrame
    held_out: pd.DataFrame = field(default_factory=pd.DataFrame)
    calibrated: pd.DataFrame = field(default_factory=pd.DataFrame)
    grid: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    real: Sequence[Record] = ()
    reference: pd.DataFrame | None = None
