"""Simulation-based calibration: of two models in its short form, of all in the long tests; what ranks can tell.

Of calibrated models any row fails with probability `FALSE_ALARM` at most; seeds are fixed, so that a pass stays one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from irtbridge.errors import ConfigError
from irtbridge.fitting import fit
from irtbridge.model.catalogue import MODELS
from irtbridge.model.priors import OrderedNormal
from irtbridge.testing.calibration import (
    CALIBRATED,
    FALSE_ALARM,
    LIKELIHOOD,
    RANKED,
    calibrate,
    quick_fits,
    ranks,
    simulated,
    verdict,
)

Array = NDArray[np.float64]
ONE_OF_EACH = ("2pl", "pcm")  # of two categories, and of several


def series(u: Array, variables: int = 1) -> pd.DataFrame:
    """Ranks of one model, as `ranks` gives them: u (set, variable)."""
    u = u.reshape(len(u), variables)
    rows = [
        {"model": "m", "set": s, "variable": f"v{v}", "u": u[s, v]} for s in range(len(u)) for v in range(variables)
    ]
    return pd.DataFrame(rows)


def ranked(rng: np.random.Generator, sets: int, scale: float, shift: float = 0.0) -> Array:
    """u of truths from a standard normal among draws from a normal of another scale and mean."""
    truth, draws = rng.standard_normal((sets, 1)), shift + scale * rng.standard_normal((sets, RANKED))
    return np.asarray((np.sum(draws < truth, axis=1) + rng.uniform(size=sets)) / (RANKED + 1))


def test_every_model_of_the_catalogue_is_calibrated_here_and_with_missing_data() -> None:
    assert {case.spec.name for case in CALIBRATED.values()} == set(MODELS)
    assert all(case.missing > 0 for case in CALIBRATED.values())
    unequal = {case.spec.name for case in CALIBRATED.values() if len(set(case.n_categories)) > 1}
    assert unequal == {
        "grm",
        "pcm",
        "gpcm",
        "nominal",
        "sequential",
    }  # the others have two categories, or share them by definition


@pytest.mark.long
@pytest.mark.parametrize("name", CALIBRATED)
def test_the_truth_is_where_the_posterior_says_of_every_model(name: str) -> None:
    table = calibrate(CALIBRATED[name], "pyro", sets=64, seed=2)
    assert table["calibrated"].all(), table.to_string()


@pytest.mark.parametrize("name", [ONE_OF_EACH[0], pytest.param(ONE_OF_EACH[1], marks=pytest.mark.long)])
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


def test_each_variable_has_one_number_for_each_data_set() -> None:
    case = CALIBRATED["m2pl-correlated"]
    found = ranks(case, range(3), quick_fits("pyro"), persons=6)
    variables = {"trait_correlation", "ability", "discrimination", "difficulty", LIKELIHOOD}
    assert set(found["variable"]) == variables
    assert (found.groupby("variable")["set"].agg(list).map(lambda sets: sets == [0, 1, 2])).all()
    assert found["u"].between(0, 1, inclusive="neither").all()


def test_a_data_set_depends_on_its_number_and_its_model_alone() -> None:
    first, again, other = (simulated(CALIBRATED[n], 6, 1, 3)[0]["difficulty"] for n in ("2pl", "2pl", "3pl"))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_point_estimate_has_no_ranks() -> None:
    with pytest.raises(ConfigError, match=f"1 draws are too few for a rank; at least {RANKED}"):
        ranks(CALIBRATED["1pl"], [0], lambda data, spec, seed: [fit(data[0], spec, method="map")], persons=6)


# What ranks tell


def test_uniform_ranks_pass_as_often_as_stated() -> None:
    """With a false-alarm rate of 0.2 over 10 variables, of 400 tables 80 may fail, give or take 3 SDs (8 each)."""
    rng = np.random.default_rng(1)
    failed = sum(not verdict(series(rng.uniform(size=(30, 10)), 10), 0.2)["calibrated"].all() for _ in range(400))
    assert 40 < failed < 104


def test_ranks_among_few_draws_are_uniform_too() -> None:
    row = verdict(series(ranked(np.random.default_rng(2), 20_000, scale=1.0))).iloc[0]
    assert abs(row["z of mean"]) < 3.5
    assert abs(row["z of spread"]) < 3.5


@pytest.mark.parametrize(
    ("scale", "shift", "z", "sign"), [(0.7, 0, "spread", 1), (1.5, 0, "spread", -1), (1, 0.7, "mean", -1)]
)
def test_the_long_form_sees_a_posterior_too_narrow_too_wide_or_shifted(
    scale: float, shift: float, z: str, sign: int
) -> None:
    """200 data sets, and as many other rows as a table of all models has."""
    rng = np.random.default_rng(3)
    rows = verdict(series(ranked(rng, 200, scale, shift)), FALSE_ALARM / 42)
    assert not rows["calibrated"].any()
    assert np.sign(rows[f"z of {z}"].iloc[0]) == sign
