"""A fit in hand: pickled and back, tidy tables, and devices that do not exist."""

from __future__ import annotations

import pickle
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from irtbridge_experiments.config.compose import read_config

import irtbridge as irt
from irtbridge.errors import DeviceError, UnknownName
from irtbridge.plugin.devices import DEVICES, DTYPES
from irtbridge.results.tables import STATISTICS, tidy

pytestmark = pytest.mark.usefixtures("compiled_once")

BACKENDS = pytest.mark.parametrize("backend", ["pyro", "tfp"])


@pytest.fixture(scope="module")
def fitted() -> irt.Fit:
    """Graded items of 2 to 4 categories on two traits."""
    q = pd.DataFrame([[1, 0], [1, 0], [0, 1], [0, 1]], list("abcd"), ["verbal", "math"])
    spec, counts = irt.graded(q_matrix=q), [2, 3, 4, 3]
    params = irt.simulate_parameters(spec, 60, counts, seed=1)
    responses = irt.simulate_responses(spec, params, counts, seed=2)
    return irt.fit(responses, spec, method="laplace", seed=1, draws=40, n_nodes=7)


# Pickle


def check_is_the_same(fit: irt.Fit) -> None:
    back: irt.Fit = pickle.loads(pickle.dumps(fit))
    for found, expected in (
        (back.items(), fit.items()),
        (back.persons(), fit.persons()),
        (back.shared(), fit.shared()),
    ):
        pd.testing.assert_frame_equal(found, expected)
    assert back.quadrature_error == pytest.approx(fit.quadrature_error, nan_ok=True)
    assert back.spec == fit.spec
    assert str(back.record()) == str(fit.record())
    params = fit.program.constrain(fit.draws.z)
    for name, value in back.program.constrain(back.draws.z).items():
        np.testing.assert_allclose(value, params[name])


def test_a_fit_survives_pickle_with_its_options_and_settings(fitted: irt.Fit) -> None:
    check_is_the_same(fitted)
    assert pickle.loads(pickle.dumps(fitted)).program.layout.collapse.n_nodes == 7


@BACKENDS
@pytest.mark.long
def test_fits_of_many_data_sets_survive_pickle(backend: str) -> None:
    how: dict[str, Any] = {"backend": backend, "method": "map", "seed": 1}
    for fit in irt.fit_many(["lsat7", "lsat7"], "2pl", **how):
        check_is_the_same(fit)


@pytest.mark.long
def test_fits_of_other_processes_and_unpickled_ones_survive_pickle() -> None:
    for fit in irt.fit_many(["lsat6", "lsat6"], "1pl", method="map", processes=2, seed=1):
        check_is_the_same(fit)
        check_is_the_same(pickle.loads(pickle.dumps(fit)))


def test_chains_survive_pickle() -> None:
    check_is_the_same(irt.fit("lsat7", "1pl", method="nuts", chains=1, warmup=5, draws=5, seed=1))


# Tidy tables


def wide(table: pd.DataFrame, row: str) -> pd.DataFrame:
    """A tidy table in the wide form."""
    pivoted = table.pivot(index=row, columns="parameter", values=list(STATISTICS)).swaplevel(axis=1)
    pivoted.columns.names = ["parameter", "statistic"]
    order = pd.MultiIndex.from_product([table["parameter"].unique(), STATISTICS], names=["parameter", "statistic"])
    return pivoted.loc[table[row].unique(), order]


@pytest.mark.parametrize("row", ["item", "person"])
def test_tidy_tables_hold_what_the_wide_ones_hold(fitted: irt.Fit, row: str) -> None:
    tables = getattr(fitted, f"{row}s")
    table = tables(tidy=True)
    assert table.columns.tolist() == [row, "parameter", *STATISTICS]
    names = tables().columns.unique(0)
    found = wide(table, row)[names]
    pd.testing.assert_frame_equal(found, tables(), check_column_type=False)
    pd.testing.assert_frame_equal(tidy(found), table, check_column_type=False)


def test_a_tidy_table_leaves_out_what_an_item_does_not_have(fitted: irt.Fit) -> None:
    table = fitted.items(tidy=True)
    thresholds = table[table["parameter"].str.startswith("threshold")]
    assert thresholds["item"].value_counts().to_dict() == {"a": 1, "b": 2, "c": 3, "d": 2}
    assert table["mean"].notna().all()


def test_a_tidy_table_is_plain_csv(fitted: irt.Fit) -> None:
    table = fitted.items(tidy=True)
    lines = table.to_csv(index=False).splitlines()
    assert len(lines) == len(table) + 1
    pd.testing.assert_frame_equal(pd.read_csv(StringIO("\n".join(lines))), table, check_exact=False)


def test_what_a_fit_its_data_and_its_bank_say_of_themselves_is_a_line(fitted: irt.Fit) -> None:
    for one in (fitted, fitted.responses, irt.ItemBank.of(fitted.posterior)):
        assert repr(one).startswith(f"{type(one).__name__}(")
        assert len(repr(one)) < 120
        assert "\n" not in repr(one)


def test_a_tidy_table_fits_a_terminal(fitted: irt.Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    with pd.option_context("display.width", None, "display.max_columns", 0, "display.max_rows", 100):
        head = repr(fitted.items(tidy=True)).splitlines()[0]
    assert head.split() == ["item", "parameter", *STATISTICS]


# Devices and precisions that do not exist


@pytest.mark.parametrize("device", ["gpu", "cuda0", "CPU", ""])
def test_an_unknown_device_is_refused_before_anything_is_read(device: str, tmp_path: Path) -> None:
    file = str(tmp_path / "no such file.csv")
    for call in (
        lambda: irt.fit(file, device=device, backend="no such backend"),
        lambda: irt.fit_many([file], device=device, backend="no such backend"),
        lambda: read_config("fit", [f"data='{file}'", f"device='{device}'", "model=2pl"]),
        lambda: read_config("run", ["study=quickstart", f"device='{device}'"]),
    ):
        with pytest.raises(DeviceError) as caught:
            call()
        for part in (repr(device), *DEVICES):
            assert part in str(caught.value)


def test_an_unknown_precision_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    file = str(tmp_path / "no such file.csv")
    for call in (
        lambda: irt.fit(file, dtype="float16"),
        lambda: irt.fit_many([file], dtype="float16"),
        lambda: read_config("fit", [f"data='{file}'", "dtype=float16", "model=2pl"]),
    ):
        with pytest.raises(UnknownName) as caught:
            call()
        for part in ("float16", *DTYPES):
            assert part in str(caught.value)


@pytest.mark.parametrize("backend", ["pyro", "tfp"])
@pytest.mark.parametrize("model", ["grm", "gpcm"])
def test_categories_mean_the_same_in_every_fit(backend: str, model: str) -> None:
    """Items on a scale from 1 to 4, one of which leaves 1 unused: the others' thresholds keep their names."""
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.integers(1, 5, (60, 3)), columns=["x", "y", "z"])
    fits = [
        irt.fit(data, model, backend=backend, method="map", seed=1) for data in (frame, frame.assign(z=frame.z.clip(2)))
    ]
    name = irt.build_model(model).family.location[0]
    for fit in fits:
        locations = fit.idata.posterior[name]
        assert locations.category.values.tolist() == [1, 2, 3]
        assert locations.category_value.sel(item="x").values.tolist() == [2, 3, 4]
        assert fit.items().loc["x", (f"{name}[1]", "mean")] == pytest.approx(locations.sel(item="x", category=1).item())
    assert fits[1].idata.posterior[name].category_value.sel(item="z").values.tolist()[:2] == [3, 4]
    assert np.isnan(fits[1].items().loc["z", (f"{name}[3]", "mean")])
