"""The items and abilities of R's catR 3.17 and mirtCAT 1.14, for 500 persons and 20 of 200 items."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from banks import known_bank

from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection import build_selection
from irtbridge.adaptive.simulation.lockstep import administer
from irtbridge.adaptive.stopping import Stopping

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
PACKAGES = {
    "catR 20 items MFI EAP parInt(-4,4,33)": (np.linspace(-4, 4, 33), 1e-9),
    # mirt sums over its nodes where a trapezoid rule halves the ends.
    "mirtCAT 20 items MI EAP": (np.linspace(-6, 6, 61), 2e-5),
}


@pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"the reference numbers are not at hand: {REFERENCE}")
@pytest.mark.parametrize("package", PACKAGES)
def test_maximum_information_gives_the_same_items_and_abilities(package):
    nodes, tolerance = PACKAGES[package]
    items = pd.read_csv(REFERENCE / "data" / "cat_bank_200.csv")
    answers = pd.read_csv(REFERENCE / "data" / "cat_responses_500x200.csv.gz").to_numpy()
    reference = pd.read_csv(REFERENCE / "cat.csv.gz", dtype={"item": str}).query("model == @package")
    by_quantity = {name: rows["value"].to_numpy() for name, rows in reference.groupby("quantity")}
    pool = Pool.of(known_bank("2pl", discrimination=items["a"], difficulty=items["b"]), nodes)
    rule, stop = build_selection("max_info"), Stopping.parse("items=20")
    persons = np.arange(500)[:, None]  # in place of abilities: their answers are known
    sessions = administer(pool, rule, stop, lambda person, places, _: answers[person[:, 0], places], persons, 0)
    expected = np.stack([by_quantity[f"item{step}"] for step in range(1, 21)], axis=1)
    np.testing.assert_array_equal(sessions.given + 1, expected)
    np.testing.assert_allclose(sessions.estimate[:, 0], by_quantity["theta"], atol=tolerance)
