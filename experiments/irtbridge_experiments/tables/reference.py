"""What tables are compared with: csv files that come with the package."""

from __future__ import annotations

from importlib.resources import files

import pandas as pd

REFERENCE_FOLDER = "reference"


def read_reference(name: str) -> pd.DataFrame:
    """Reference shipped in the package: a posterior or maximum likelihood; item, parameter, mean, sd, source."""
    path = files("irtbridge_configs") / REFERENCE_FOLDER / f"{name}.csv"
    with path.open() as stream:
        return pd.read_csv(stream, comment="#")


def read_reference_file(name: str) -> pd.DataFrame:
    """A csv file about the paper: ``paper``, its numbers and phrases, or ``paper_figures``; all of it text."""
    path = files("irtbridge_configs") / REFERENCE_FOLDER / f"{name}.csv"
    with path.open() as stream:
        return pd.read_csv(stream, comment="#", dtype=str).fillna("")
