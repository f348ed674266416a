"""Estimators that put the origin elsewhere are compared, in studies and tables, on the scale of the others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from irtbridge_experiments.cli import main
from irtbridge_experiments.study.origin import on_scale_of

import irtbridge as irt

FREE_SD = irt.one_pl(common_discrimination=True)  # what `cmle` fits, its slope the abilities' SD


@pytest.fixture(scope="module")
def responses() -> irt.Responses:
    easy = irt.one_pl(difficulty="Normal(-1, 1)")
    params = irt.simulate_parameters(easy, 800, [2] * 8, seed=4)
    return irt.simulate_responses(easy, params, [2] * 8, seed=5)


def test_moved_to_the_persons_mean_cmle_says_what_marginal_likelihood_says(responses: irt.Responses) -> None:
    conditional = irt.fit(responses, "1pl", method="cmle")
    marginal = irt.fit(responses, FREE_SD, method="em")
    moved, errors = on_scale_of({"difficulty": None}, conditional)
    a, b = (float(marginal.shared().loc["discrimination", "mean"]), marginal.items()["difficulty"])
    assert errors is not None
    np.testing.assert_allclose(moved["difficulty"].values.ravel(), a * b["mean"], atol=0.05)
    assert float(moved["ability"].mean()) == pytest.approx(0, abs=0.02)
    assert (errors["difficulty"] > conditional.items()["difficulty"]["sd"]).all()


def test_estimates_whose_truth_has_a_mean_stay_as_they_are(responses: irt.Responses) -> None:
    conditional = irt.fit(responses, "1pl", method="cmle")
    moved, _ = on_scale_of({"ability_mean": 0.0}, conditional)
    assert moved.identical(conditional.idata.posterior)


def test_the_command_line_fits_what_python_fits_and_says_where_the_origin_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "data=lsat7", "model=1pl", "method=cmle,map", f"results={tmp_path}"]) == 0
    assert "cmle: the locations sum to 0" in capsys.readouterr().out.replace("\n", " ")
    record = json.loads((tmp_path / "fits" / "lsat7-1pl" / "records" / "pyro-cmle.json").read_text())
    fit = irt.fit("lsat7", "1pl", method="cmle")
    (mean,) = (row["mean"] for row in record["shared"] if row["parameter"] == "ability_mean")
    assert mean == pytest.approx(fit.shared().loc["ability_mean", "mean"], abs=1e-6)
