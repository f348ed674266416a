"""From draws to labelled tables: labels of the data, statistics by their definitions, nothing where nothing is."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.typing import NDArray

from irtbridge.data.load import load_responses
from irtbridge.data.responses import Responses
from irtbridge.model import catalogue as models
from irtbridge.model.layout import Layout
from irtbridge.model.simulate import draw_from_prior
from irtbridge.results.draws import Draws, Timings
from irtbridge.results.inference_data import coordinates, reported
from irtbridge.results.quiet_arviz import az
from irtbridge.results.tables import STATISTICS, shared_table, summarise, table
from irtbridge.testing.conformance.checks import labelled

Array = NDArray[np.float64]
CHAINS, DRAWS = 2, 200


@pytest.fixture(scope="module")
def posterior() -> xr.Dataset:
    """Independent normal draws: three items, one with a category less, two traits, and a shared scale."""
    rng = np.random.default_rng(8)
    step = rng.normal([[0, 1], [2, 3], [4, np.nan]], 0.5, (CHAINS, DRAWS, 3, 2))
    slope = rng.normal(1, 0.2, (CHAINS, DRAWS, 3, 2))
    slope[..., 2, 0] = 0.0
    sample = ("chain", "draw")
    return xr.Dataset(
        {
            "step": ((*sample, "item", "category"), step),
            "slope": ((*sample, "item", "trait"), slope),
            "scale": (sample, rng.normal(5, 0.1, (CHAINS, DRAWS))),
            "correlation": ((*sample, "trait", "trait_other"), rng.normal(0, 0.1, (CHAINS, DRAWS, 2, 2))),
            "ability": ((*sample, "person"), rng.normal(size=(CHAINS, DRAWS, 4))),
        },
        coords={"item": ["x", "y", "z"], "category": [2, 3], "trait": ["N", "C"], "trait_other": ["N", "C"]}
        | {"person": [11, 12, 13, 14]},
    )


@pytest.fixture(scope="module")
def summary(posterior: xr.Dataset) -> xr.Dataset:
    return summarise(posterior)


# Statistics


def test_statistics_are_what_their_names_say(posterior: xr.Dataset, summary: xr.Dataset) -> None:
    draws = posterior["scale"].values
    found = dict(zip(STATISTICS, summary["scale"].values, strict=True))
    low, high = az.hdi(draws.ravel(), hdi_prob=0.95)
    assert found["mean"] == pytest.approx(draws.mean())
    assert found["sd"] == pytest.approx(draws.std(ddof=1))
    assert (found["hdi_2.5%"], found["hdi_97.5%"]) == pytest.approx((low, high))
    assert found["mcse"] == pytest.approx(found["sd"] / np.sqrt(DRAWS * CHAINS), rel=0.25)
    assert found["ess_bulk"] == pytest.approx(float(az.ess(draws)))
    assert found["ess_tail"] == pytest.approx(float(az.ess(draws, method="tail")))
    assert found["r_hat"] == pytest.approx(float(az.rhat(draws)))


def test_the_interval_is_the_shortest_with_its_mass(posterior: xr.Dataset, summary: xr.Dataset) -> None:
    draws = np.sort(posterior["scale"].values.ravel())
    low, high = (float(summary["scale"].sel(statistic=s)) for s in ("hdi_2.5%", "hdi_97.5%"))
    inside = (draws >= low) & (draws <= high)
    assert inside.mean() == pytest.approx(0.95, abs=0.01)
    assert high - low <= draws[int(0.975 * len(draws))] - draws[int(0.025 * len(draws))]


def test_what_does_not_vary_has_no_diagnostics(summary: xr.Dataset) -> None:
    fixed = summary["slope"].sel(item="z", trait="N").to_series()
    assert (fixed["mean"], fixed["sd"]) == (0, 0)
    assert fixed[["mcse", "ess_bulk", "ess_tail", "r_hat"]].isna().all()
    assert summary["slope"].sel(item="z", trait="C").notnull().all()


def test_a_category_that_is_not_there_has_no_statistics(summary: xr.Dataset) -> None:
    assert summary["step"].sel(item="z", category=3).isnull().all()
    assert summary["step"].sel(item="z", category=2).notnull().all()


def test_r_hat_needs_two_chains(posterior: xr.Dataset) -> None:
    one = summarise(posterior.isel(chain=[0]))["scale"].to_series()
    assert one.isna().to_dict() == {s: s == "r_hat" for s in STATISTICS}


def test_r_hat_sees_chains_apart(posterior: xr.Dataset) -> None:
    apart = posterior[["scale"]] + xr.DataArray([0.0, 3.0], dims="chain")
    assert float(summarise(apart)["scale"].sel(statistic="r_hat")) > 1.5


# Tables


def test_table_has_a_row_per_item_and_a_column_per_element(posterior: xr.Dataset, summary: xr.Dataset) -> None:
    items = table(summary, "item")
    assert items.index.tolist() == ["x", "y", "z"]
    assert items.index.name == "item"
    assert items.columns.names == ["parameter", "statistic"]
    assert list(items.columns.unique(0)) == ["step[2]", "step[3]", "slope[N]", "slope[C]"]
    assert list(items["step[2]"].columns) == list(STATISTICS)
    expected = posterior["step"].sel(item="y", category=3).mean()
    assert items.loc["y", ("step[3]", "mean")] == pytest.approx(float(expected))
    assert items.loc["z", "step[3]"].isna().all()


def test_table_of_persons_keeps_their_labels(summary: xr.Dataset) -> None:
    persons = table(summary, "person")
    assert persons.index.tolist() == [11, 12, 13, 14]
    assert list(persons.columns.unique(0)) == ["ability"]


def test_elements_nobody_has_are_left_out(summary: xr.Dataset) -> None:
    items = table(summary.sel(item=["z"]), "item")
    assert "step[3]" not in items.columns.unique(0)
    assert "step[2]" in items.columns.unique(0)


def test_shared_table_holds_what_belongs_to_no_item_or_person(posterior: xr.Dataset, summary: xr.Dataset) -> None:
    shared = shared_table(summary)
    names = [f"correlation[{a}, {b}]" for a in "NC" for b in "NC"]
    assert sorted(shared.index) == sorted(["scale", *names])
    assert list(shared.columns) == list(STATISTICS)
    expected = posterior["correlation"].sel(trait="N", trait_other="C").mean()
    assert shared.loc["correlation[N, C]", "mean"] == pytest.approx(float(expected))


# Labels


def two_kinds() -> Responses:
    return load_responses(pd.DataFrame({"x": [1, 2, 3, 1], "y": [5, 6, 6, 5]}, index=["a", "b", "c", "d"]))


def unused() -> pd.DataFrame:
    """Three items on a scale from 1 to 4: y leaves 1 unused, z leaves 3."""
    return pd.DataFrame({"x": [1, 2, 3, 4, 1, 2], "y": [2, 3, 4, 2, 3, 4], "z": [1, 2, 4, 1, 2, 4]})


def test_a_category_counts_from_the_lowest_of_its_item_whatever_the_others_have() -> None:
    for frame in (unused(), unused()[["x"]], unused() + 5, pd.DataFrame({"x": [1, 2, 4], "y": [4, 2, 1]})):
        responses = load_responses(frame)
        assert coordinates(Layout.of(models.graded(), responses), responses)["category"] == list(
            range(1, responses.max_categories)
        )


def test_the_value_of_a_category_stands_beside_it() -> None:
    responses = load_responses(unused())
    dims, values = coordinates(Layout.of(models.graded(), responses), responses)["category_value"]
    assert dims == ("item", "category")
    np.testing.assert_array_equal(values, [[2, 3, 4], [3, 4, np.nan], [2, 4, np.nan]])


def test_unused_categories_of_an_item_rename_nothing_of_the_others() -> None:
    whole = pd.DataFrame({"x": [1, 2, 3, 4, 1, 2], "y": [4, 3, 2, 1, 2, 3], "z": [1, 2, 3, 4, 3, 4]})
    tables = [items_of(load_responses(frame)) for frame in (whole, unused())]
    names = [f"threshold[{k}]" for k in (1, 2, 3)]
    for frame in tables:
        assert [name for name in frame.columns.unique(0) if name.startswith("threshold")] == names
    assert tables[1].xs("mean", level=1, axis=1).loc["y", names].notna().tolist() == [True, True, False]


def items_of(responses: Responses) -> pd.DataFrame:
    """The item table of draws from the prior."""
    layout = Layout.of(models.graded(), responses)
    fixed = draw_from_prior(layout, np.random.default_rng(0))
    program: Any = SimpleNamespace(
        spec=layout.spec,
        responses=responses,
        layout=layout,
        constrain=lambda z: {name: v + z[..., :1].reshape(*z.shape[:2], *[1] * v.ndim) for name, v in fixed.items()},
    )
    z = np.random.default_rng(1).normal(size=(2, 20, 1))
    return table(summarise(labelled(program, Draws(z, Timings()), {}).posterior), "item")


def test_the_values_of_categories_survive_a_file(tmp_path: Path) -> None:
    posterior = idata().posterior
    back = xr.load_dataset(Path(idata().to_netcdf(str(tmp_path / "fit.nc"))), group="posterior")
    for found in (posterior, back):
        np.testing.assert_array_equal(found["category_value"], [[2, 3], [6, np.nan]])
        assert found["step"].sel(item="y").where(found["category_value"].sel(item="y") == 6).notnull().sum() == 10


def test_a_cholesky_factor_is_reported_as_its_correlations() -> None:
    spec = models.m2pl(traits=["N", "C"], correlated=True)
    layout = Layout.of(spec, Responses.from_codes([[0, 1], [1, 0]]))
    params = draw_from_prior(layout, np.random.default_rng(0))
    out = reported(layout, params)
    assert list(out) == ["trait_correlation", "ability", "discrimination", "difficulty"]
    dims, value = out["trait_correlation"]
    assert dims == ("trait", "trait_other")
    np.testing.assert_allclose(np.diag(value), 1)
    assert value[0, 1] == value[1, 0] == params["trait_cholesky"][1, 0]


def idata(**draws: Any) -> az.InferenceData:
    """InferenceData of a stand-in program whose coordinates are the item and person parameters themselves."""
    responses = two_kinds()
    layout = Layout.of(models.partial_credit(), responses)

    def constrain(z: Array) -> dict[str, Array]:
        return {"ability": z[..., :4], "step": layout.slots["step"].to_full(z[..., 4:])}

    program: Any = SimpleNamespace(spec=layout.spec, responses=responses, layout=layout, constrain=constrain)
    z = np.random.default_rng(0).normal(size=(2, 5, layout.dim))
    return labelled(program, Draws(z, Timings(), **draws), {"seed": 3, "flag": True, "nested": {"a": [1]}})


def test_inference_data_carry_the_labels_of_the_data() -> None:
    posterior = idata().posterior
    assert posterior["step"].dims == ("chain", "draw", "item", "category")
    assert posterior["item"].values.tolist() == ["x", "y"]
    assert posterior["person"].values.tolist() == ["a", "b", "c", "d"]
    assert posterior["draw"].values.tolist() == [0, 1, 2, 3, 4]
    assert posterior["step"].sel(item="y", category=2).isnull().all()
    assert posterior["step"].sel(item="y", category=1).notnull().all()


def test_inference_data_carry_provenance_data_and_statistics() -> None:
    found = idata(stats={"diverging": np.zeros((2, 5), dtype=bool)}, elbo=np.arange(4.0))
    assert found.posterior.attrs["seed"] == 3
    assert json.loads(found.posterior.attrs["nested"]) == {"a": [1]}
    assert json.loads(found.posterior.attrs["flag"]) is True
    assert found.observed_data["response"].sel(item="x").values.tolist() == [0, 1, 2, 0]
    assert found.sample_stats["diverging"].dims == ("chain", "draw")
    assert found.sample_stats["elbo"].dims == ("step",)


def test_missing_responses_stay_missing_in_inference_data() -> None:
    table = two_kinds().to_frame()
    table.loc["b", "y"] = np.nan
    responses = load_responses(table)
    layout = Layout.of(models.partial_credit(), responses)
    fixed = draw_from_prior(layout, np.random.default_rng(0))
    program: Any = SimpleNamespace(
        spec=layout.spec,
        responses=responses,
        layout=layout,
        constrain=lambda z: {name: np.broadcast_to(v, (*z.shape[:2], *v.shape)) for name, v in fixed.items()},
    )
    observed = labelled(program, Draws(np.zeros((1, 2, 0)), Timings()), {}).observed_data["response"]
    assert np.argwhere(observed.isnull().values).tolist() == [[1, 1]]
