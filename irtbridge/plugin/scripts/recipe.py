"""What a script is asked for, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Recipe:
    """How an exported script fits.

    Attributes
    ----------
    method : str
        ``nuts``, ``vi`` or ``gibbs``.
    settings : NutsSettings, ViSettings or GibbsSettings
        Of the method.
    seed : int
    dtype : str
        ``float64`` or ``float32``.
    command : str
        How the script came about, for its first lines.
    """

    method: str
    settings: Any
    seed: int = 0
    dtype: str = "float64"
    command: str = ""


@dataclass(frozen=True)
class Export:
    """A script, and the table that has to stand beside it.

    Attributes
    ----------
    text : str
        The script.
    table : DataFrame or None
        The csv that it reads; None where that is there already.
    """

    text: str
    table: pd.DataFrame | None
