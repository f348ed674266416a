"""Numbers of the established packages, where they are at hand, and fits that several tests ask."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"


@pytest.fixture(scope="session")
def anchors() -> Callable[[str], pd.DataFrame]:
    """Reads a file of reference numbers: columns dataset, model, quantity, item, value, call."""
    if not REFERENCE.is_dir():
        pytest.skip(f"the reference numbers are not at hand: {REFERENCE}")
    return lambda name: pd.read_csv(REFERENCE / name, dtype={"item": str}, keep_default_na=False, na_values=["NA", ""])
