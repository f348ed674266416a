"""Metrics against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from irtbridge.results.accuracy import accuracy, bias, coverage, intervals, mcse, mse, stretch

TRUTH = np.array([1.0, -2.0, np.nan])


def test_a_perfect_estimate() -> None:
    assert mse(TRUTH, TRUTH) == bias(TRUTH, TRUTH) == 0.0
    assert coverage(TRUTH, TRUTH, TRUTH) == 1.0


def test_a_shift_is_bias_and_its_square_is_mse() -> None:
    assert bias(TRUTH + 0.5, TRUTH) == 0.5
    assert mse(TRUTH - 0.5, TRUTH) == 0.25


def test_mse_is_squared_bias_plus_variance() -> None:
    estimate, truth = np.random.default_rng(1).normal(size=(2, 50))
    assert mse(estimate, truth) == pytest.approx(bias(estimate, truth) ** 2 + np.var(estimate - truth))


def test_elements_that_are_not_estimated_do_not_count() -> None:
    assert mse([2.0, -2.0, 99.0], TRUTH) == 0.5
    assert coverage([0.0, 0.0, 0.0], [3.0, 3.0, 3.0], TRUTH) == 0.5


def test_stretch_is_the_slope_whatever_the_origin() -> None:
    assert stretch(1.25 * TRUTH + 7, TRUTH) == pytest.approx(1.25)
    assert math.isnan(stretch([1.0], [2.0]))


def test_mcse_is_that_of_a_mean() -> None:
    values = [1.0, 2.0, 4.0, np.nan]
    assert mcse(values) == pytest.approx(np.std([1.0, 2.0, 4.0], ddof=1) / math.sqrt(3))
    assert math.isnan(mcse([1.0]))


def test_central_intervals_cut_off_the_same_on_both_sides() -> None:
    draws = np.linspace(0, 1, 4001).reshape(1, -1)
    lower, upper = intervals(draws)
    assert lower == pytest.approx(0.025)
    assert upper == pytest.approx(0.975)


def test_intervals_of_an_exact_posterior_cover_95_per_cent() -> None:
    """Normal with known variance: truth and data from the model, draws from the exact posterior."""
    rng = np.random.default_rng(2)
    truth = rng.normal(size=20_000)
    mean = (truth + rng.normal(size=truth.size)) / 2
    draws = mean + math.sqrt(0.5) * rng.normal(size=(2, 300, truth.size))
    (block,) = accuracy(xr.Dataset({"a": (("chain", "draw", "item"), draws)}), {"a": truth}).values()
    # The ends of 600 draws' intervals are noisy, which costs a little coverage.
    assert block["coverage"] == pytest.approx(0.948, abs=0.006)
    assert block["mse"] == pytest.approx(0.5, abs=0.02)
    assert block["elements"] == truth.size


def test_a_point_estimate_has_intervals_from_its_standard_errors() -> None:
    posterior = xr.Dataset({"a": (("chain", "draw", "item"), np.zeros((1, 1, 3)))})
    block = accuracy(posterior, {"a": [1.9, 2.0, np.nan]}, {"a": np.ones(3)})["a"]
    assert block["coverage"] == 0.5
    assert block["mse"] == pytest.approx((1.9**2 + 2.0**2) / 2)


def test_blocks_without_truth_are_left_out() -> None:
    posterior = xr.Dataset({"a": (("chain", "draw"), np.zeros((1, 2))), "b": (("chain", "draw"), np.ones((1, 2)))})
    assert list(accuracy(posterior, {"b": 1.0})) == ["b"]
