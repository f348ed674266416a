"""A fit put down and taken up again: the same in all that can be asked of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import irtbridge as irt
from irtbridge.errors import BackendUnavailable, ResultsError, UnknownName
from irtbridge.fitting import fitted as module
from irtbridge.model.density import log_likelihood, marginal_log_likelihood
from irtbridge.model.layout import Layout
from irtbridge.results import stored

pytestmark = pytest.mark.usefixtures("compiled_once")

CHAINS = {"chains": 2, "warmup": 10, "draws": 10, "max_tree_depth": 4}
METHODS: dict[str, dict[str, Any]] = {
    "nuts": CHAINS,
    "nuts_collapsed": CHAINS,
    "nuts_whitened": CHAINS,
    "laplace": {"draws": 30},
    "map": {},
    "em": {},
    "cmle": {},
    "jmle": {},
    "metropolis": {"chains": 2, "warmup": 10, "draws": 10},
    "vi": {"steps": 20, "draws": 30},
    "vi_newton": {"steps": 20, "draws": 30},
    "vi_collapsed": {"draws": 30},
}


def one_fit(method: str, backend: str = "pyro") -> irt.Fit:
    few = irt.load_responses("lsat7").select(slice(0, 1000, 25))
    return irt.fit(few, "1pl", method=method, backend=backend, seed=1, **METHODS[method])


def check_is_the_same(found: irt.Fit, fit: irt.Fit) -> None:
    assert found.spec == fit.spec
    assert found.spec.hash == fit.spec.hash
    assert str(found.responses.to_dict()) == str(fit.responses.to_dict())
    assert found.responses.fingerprint == fit.responses.fingerprint
    assert str(found.provenance) == str(fit.provenance)
    assert found.idata.groups() == fit.idata.groups()
    for group in fit.idata.groups():
        xr.testing.assert_identical(found.idata[group], fit.idata[group])
    for name, value in vars(fit.draws).items():
        own, other = (asdict(each) if is_dataclass(each) else each for each in (value, getattr(found.draws, name)))
        np.testing.assert_equal(other, own)
    for table in ("items", "persons", "shared"):
        pd.testing.assert_frame_equal(getattr(found, table)(), getattr(fit, table)())
    assert found.verdict == fit.verdict
    assert str(found.record()) == str(fit.record())
    np.testing.assert_array_equal(found.posterior.abilities, fit.posterior.abilities)


@pytest.mark.parametrize("method", METHODS)
def test_a_fit_of_every_method_is_the_same_after_it_was_saved(method: str, tmp_path: Path) -> None:
    fit = one_fit(method)
    check_is_the_same(irt.load_fit(fit.save(tmp_path / "fit.nc")), fit)


@pytest.mark.long
@pytest.mark.parametrize("method", ["nuts", "laplace"])
def test_a_fit_of_the_other_backend_is_the_same_too(method: str, tmp_path: Path) -> None:
    fit = one_fit(method, "tfp")
    check_is_the_same(irt.load_fit(fit.save(tmp_path / "fit.nc")), fit)


@pytest.fixture(scope="module")
def rich() -> irt.Fit:
    """Groups, weights, covariates, labels of odd text, recoded categories with one that is missing here and there."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.choice([2, 3, 5], (60, 3)), columns=["a/b", "x [1]", "ü"]).astype(float)
    frame.iloc[0, 0] = np.nan
    frame = frame.assign(sex=rng.choice(["m", "w"], 60), age=rng.normal(size=60), count=rng.integers(1, 4, 60))
    data = {"covariates": ["age"], "weights": "count"}
    return irt.fit(frame, "pcm", group="sex", method="laplace", draws=40, seed=3, data_options=data)


def test_what_belongs_to_the_data_comes_back(rich: irt.Fit, tmp_path: Path) -> None:
    back = irt.load_fit(rich.save(tmp_path / "fit.nc"))
    check_is_the_same(back, rich)
    assert back.responses.weights is not None
    assert back.responses.groups == ("m", "w")
    assert back.responses.recoded == rich.responses.recoded
    constant = back.idata.constant_data
    assert set(constant.data_vars) == {"person_sex", "person_age", "weight"}
    np.testing.assert_array_equal(constant.weight, rich.responses.weights)
    assert constant.person_sex.values.tolist() == [rich.responses.groups[c] for c in rich.responses.group_codes]


def test_saved_twice_is_saved_once(rich: irt.Fit, tmp_path: Path) -> None:
    path = rich.save(tmp_path / "fit.nc")
    back = irt.load_fit(path)
    back.save(path)
    check_is_the_same(irt.load_fit(path), rich)


def test_the_program_is_compiled_when_it_is_asked_for(rich: irt.Fit, tmp_path: Path) -> None:
    back = irt.load_fit(rich.save(tmp_path / "fit.nc"))
    assert back.program.layout.collapse is not None
    for name, value in back.program.constrain(back.draws.z).items():
        np.testing.assert_allclose(value, rich.program.constrain(rich.draws.z)[name])


def test_what_needs_no_program_needs_no_backend(rich: irt.Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = rich.save(tmp_path / "fit.nc")

    def missing(*name: object, **options: object) -> None:
        raise BackendUnavailable("not installed")

    monkeypatch.setattr(module, "load_backend", missing)
    back = irt.load_fit(path)
    check_is_the_same(back, rich)
    back.save(tmp_path / "again.nc")
    with pytest.raises(BackendUnavailable):
        _ = back.program


@pytest.mark.long
def test_a_new_process_does_not_load_the_library_and_has_the_same_tables(rich: irt.Fit, tmp_path: Path) -> None:
    path = rich.save(tmp_path / "fit.nc")
    code = (
        f"import sys; import irtbridge as irt; fit = irt.load_fit({str(path)!r}); print(fit.verdict)\n"
        f"fit.items(tidy=True).to_csv({str(tmp_path / 'items.csv')!r}, index=False); print('torch' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [str(rich.verdict), "False"]
    found = pd.read_csv(tmp_path / "items.csv")
    pd.testing.assert_frame_equal(found, rich.items(tidy=True), check_dtype=False)


def test_arviz_reads_the_groups_without_a_warning(rich: irt.Fit, tmp_path: Path, recwarn: Any) -> None:
    back = az.from_netcdf(rich.save(tmp_path / "fit.nc"))
    assert back.groups() == rich.idata.groups()
    assert not [w for w in recwarn if issubclass(w.category, UserWarning)]


# What is no fit


def refused(path: Path, *parts: str) -> None:
    with pytest.raises(ResultsError) as caught:
        irt.load_fit(path)
    for part in (str(path), *parts):
        assert part in str(caught.value)


def test_what_is_not_there_or_no_fit_is_refused(rich: irt.Fit, tmp_path: Path) -> None:
    refused(tmp_path / "none.nc", "Fit.save")
    refused(tmp_path, "irtbridge fit")
    (tmp_path / "text.nc").write_text("no fit")
    refused(tmp_path / "text.nc", "load another file")
    rich.idata.to_netcdf(str(tmp_path / "before.nc"), engine="h5netcdf")
    refused(tmp_path / "before.nc", "arviz.from_netcdf", "fit again")
    path = rich.save(tmp_path / "later.nc")
    xr.Dataset(attrs={"irtbridge_format": 2}).to_netcdf(path, mode="a", engine="h5netcdf")
    refused(path, "format 2", "update irtbridge")


def test_a_file_whose_numbers_stand_beside_the_others_is_read(
    rich: irt.Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As files had them at first; what they lack has its default."""
    dumps = json.dumps

    def flat(text: dict[str, Any]) -> str:
        numbers = {name: value for name, value in text["draws"].items() if name != "adapted"}
        return dumps({name: value for name, value in text.items() if name != "draws"} | numbers)

    monkeypatch.setattr(stored.json, "dumps", flat)
    path = rich.save(tmp_path / "fit.nc")
    read = irt.load_fit(path)
    assert (read.draws.chain_method, read.draws.adapted) == (rich.draws.chain_method, True)
    pd.testing.assert_frame_equal(read.items(), rich.items())


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_refused(part: float, rich: irt.Fit, tmp_path: Path) -> None:
    whole = rich.save(tmp_path / "fit.nc").read_bytes()
    path = tmp_path / "part.nc"
    path.write_bytes(whole[: int(part * len(whole))])
    refused(path, "damaged")


def test_a_failed_save_leaves_what_was_there(rich: irt.Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = rich.save(tmp_path / "fit.nc")
    before = path.read_bytes()

    def full(*where: object, **how: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", full)
    with pytest.raises(ResultsError, match="No space left"):
        rich.save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["fit.nc"]


# Groups on demand


def test_log_likelihoods_are_those_of_the_reference_density(rich: irt.Fit, tmp_path: Path) -> None:
    fit = rich.with_log_likelihood()
    group, layout = fit.idata.log_likelihood, Layout.of(rich.spec, rich.responses)
    for draw in (0, 7):
        at = rich.posterior.with_abilities(rich.posterior.abilities)
        params = {name: value[draw] for name, value in at.items()}
        expected = log_likelihood(layout, params, rich.responses)
        np.testing.assert_allclose(group.response.values[0, draw], expected, rtol=1e-10)
        marginal = marginal_log_likelihood(rich.posterior.layout, params, rich.responses)
        weighted = group.person_marginal.values[0, draw] * rich.responses.weights
        np.testing.assert_allclose(weighted.sum(), marginal.sum(), rtol=1e-8)
    check_is_the_same(irt.load_fit(fit.save(tmp_path / "fit.nc")), fit)
    assert set(rich.with_log_likelihood("person").idata.log_likelihood) == {"person_marginal"}
    with pytest.raises(UnknownName, match="person"):
        rich.with_log_likelihood("persons")
    assert "log_likelihood" not in rich.idata


def test_arviz_compares_by_the_group() -> None:
    fit = irt.fit("lsat7", "2pl", method="laplace", draws=200, seed=1).with_log_likelihood("person")
    assert az.loo(fit.idata, var_name="person_marginal").elpd_loo == pytest.approx(fit.loo().elpd_loo, abs=1.0)


def test_replicated_responses_are_like_the_data_and_missing_where_they_are(rich: irt.Fit, tmp_path: Path) -> None:
    fit = rich.with_posterior_predictive(20, seed=4)
    drawn = fit.idata.posterior_predictive.response
    assert drawn.sizes == {"chain": 1, "draw": 20, "person": 60, "item": 3}
    observed = fit.idata.observed_data.response
    np.testing.assert_array_equal(np.isnan(drawn.values[0]).all(axis=0), np.isnan(observed))
    assert set(np.unique(drawn.values[0, :, 1:])) == {0.0, 1.0, 2.0}
    spread = 4 * np.sqrt(observed.var() / 60 * 2)  # four standard errors of an item's mean, its own and the model's
    assert float(abs(drawn.mean(["chain", "draw", "person"]) - observed.mean("person")).max()) < spread
    check_is_the_same(irt.load_fit(fit.save(tmp_path / "fit.nc")), fit)


# Folders


def test_a_folder_with_one_fit_is_that_fit_and_one_with_several_names_them(rich: irt.Fit, tmp_path: Path) -> None:
    rich.save(tmp_path / "draws" / "pyro-laplace.nc")
    check_is_the_same(irt.load_fit(tmp_path), rich)
    check_is_the_same(irt.load_fit(str(tmp_path / "draws")), rich)
    rich.save(tmp_path / "draws" / "tfp-laplace.nc")
    refused(tmp_path, "2 fits", "pyro-laplace.nc", "tfp-laplace.nc")
