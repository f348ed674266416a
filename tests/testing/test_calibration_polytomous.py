"""Simulation-based calibration of the models of several categories in its short form; see test_calibration.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from irtbridge.model.priors import OrderedNormal
from irtbridge.testing.calibration import CALIBRATED, calibrate

POLYTOMOUS = [name for name, case in CALIBRATED.items() if max(case.n_categories) > 2]


@pytest.mark.parametrize("name", POLYTOMOUS)
def test_the_truth_is_where_the_posterior_says(name: str) -> None:
    table = calibrate(CALIBRATED[name], "pyro")
    assert table["calibrated"].all(), table.to_string()


def padded_and_sorted(
    prior: OrderedNormal, rng: np.random.Generator, shape: tuple[int, ...], **arguments: Any
) -> NDArray[np.float64]:
    """Thresholds of a short item are the lowest of as many as the longest item has."""
    return np.sort(rng.normal(np.nan_to_num(arguments["loc"]), arguments["scale"], shape), axis=-1)


@pytest.mark.long
def test_thresholds_drawn_too_low_for_items_with_fewer_categories_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OrderedNormal, "sample", padded_and_sorted)
    table = calibrate(CALIBRATED["grm"], "pyro", sets=64).set_index("variable")
    assert not table.loc["threshold", "calibrated"]
    assert table.loc["threshold", "z of mean"] < 0
