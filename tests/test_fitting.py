"""fit(): labels, tables, provenance and errors. The samplers themselves are judged in tests/backends."""

from __future__ import annotations

import json
from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest

import irtbridge as irt
from irtbridge import errors
from irtbridge.model.quadrature import Quadrature
from irtbridge.results import provenance
from irtbridge.results.quiet_arviz import az

pytestmark = pytest.mark.usefixtures("compiled_once")

QUICK = {"chains": 2, "warmup": 40, "draws": 30}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """40 persons x 5 items with string labels, categories 1 to 3 (item e: 1 to 2) and missing entries."""
    spec = irt.graded(q_matrix=[[1, 0], [1, 0], [0, 1], [0, 1], [1, 1]], correlated=True)
    counts = [3, 3, 3, 3, 2]
    params = irt.simulate_parameters(spec, 40, counts, seed=1)
    responses = irt.simulate_responses(spec, params, counts, seed=2, missing=0.1)
    data = responses.to_frame() + 1
    return data.set_axis([f"Ms {i}" for i in range(40)]).set_axis(list("abcde"), axis=1)


@pytest.fixture(scope="module")
def fitted(frame: pd.DataFrame) -> irt.Fit:
    q_matrix = pd.DataFrame([[1, 0], [1, 0], [0, 1], [0, 1], [1, 1]], columns=["calm", "bold"])
    options = {"q_matrix": q_matrix, "correlated": True}
    return irt.fit(frame, "grm", backend="pyro", seed=1, model_options=options, **QUICK)


@pytest.mark.long
def test_inference_data_carries_the_data_labels(fitted: irt.Fit, frame: pd.DataFrame) -> None:
    posterior = fitted.idata.posterior
    assert list(posterior.person.values) == list(frame.index)
    assert list(posterior.item.values) == list("abcde")
    assert list(posterior.trait.values) == ["calm", "bold"]
    assert list(posterior.category.values) == [1, 2]
    assert dict(posterior.ability.sizes) == {"chain": 2, "draw": 30, "person": 40, "trait": 2}
    observed = fitted.idata.observed_data.response
    np.testing.assert_array_equal(observed.values + 1, frame.to_numpy(dtype=float))


def test_fixed_loadings_are_zero_and_missing_thresholds_nan(fitted: irt.Fit) -> None:
    posterior = fitted.idata.posterior
    assert np.all(posterior.discrimination.sel(item="a", trait="bold") == 0)
    assert np.all(posterior.discrimination.sel(item="e") > 0)
    assert np.isnan(posterior.threshold.sel(item="e", category=2)).all()
    assert np.isfinite(posterior.threshold.sel(item="d")).all()


def test_correlations_are_reported_as_a_matrix(fitted: irt.Fit) -> None:
    matrix = fitted.idata.posterior.trait_correlation
    np.testing.assert_allclose(matrix.sel(trait="calm", trait_other="calm"), 1, atol=1e-9)
    np.testing.assert_allclose(matrix.values, np.swapaxes(matrix.values, -1, -2))
    assert {"trait_correlation[calm, bold]"} <= set(fitted.shared().index)


def test_tables_equal_the_draws(fitted: irt.Fit) -> None:
    items, draws = fitted.items(), fitted.idata.posterior
    assert list(items.index) == list("abcde")
    assert items.loc["b", ("discrimination[calm]", "mean")] == pytest.approx(
        float(draws.discrimination.sel(item="b", trait="calm").mean())
    )
    expected = az.summary(draws, var_names=["ability"], hdi_prob=0.95, round_to="none")
    persons = fitted.persons()
    np.testing.assert_allclose(persons["ability[calm]", "sd"], expected["sd"][::2])
    np.testing.assert_allclose(persons["ability[bold]", "hdi_2.5%"], expected["hdi_2.5%"][1::2])
    np.testing.assert_allclose(persons["ability[bold]", "ess_bulk"], expected["ess_bulk"][1::2])
    np.testing.assert_allclose(persons["ability[bold]", "r_hat"], expected["r_hat"][1::2])


def test_saved_file_is_the_fit(fitted: irt.Fit, tmp_path: object) -> None:
    path = fitted.save(f"{tmp_path}/a folder/fit.nc")
    back = az.from_netcdf(path)
    np.testing.assert_array_equal(back.posterior.ability.values, fitted.idata.posterior.ability.values)
    assert irt.ModelSpec.from_dict(json.loads(back.posterior.attrs["spec"])) == fitted.spec
    assert back.posterior.attrs["backend"] == "pyro"
    assert "torch" in json.loads(back.posterior.attrs["versions"])
    assert back.posterior.attrs["irtbridge_version"] == version("irtbridge")


def test_a_record_is_plain_data_and_the_attributes_hold_its_provenance(fitted: irt.Fit) -> None:
    record, attrs = fitted.record(), fitted.idata.posterior.attrs
    assert json.dumps(json.loads(json.dumps(record))) == json.dumps(record)
    assert record["verdict"] == fitted.verdict.to_dict()
    assert (record["min_ess"], record["divergences"]) == (fitted.min_ess, fitted.divergences)
    assert attrs.keys() == fitted.provenance.keys() | {"spec"}
    for name, value in fitted.provenance.items():
        assert record[name] == value
        assert attrs[name] == (value if isinstance(value, (str, float)) or type(value) is int else json.dumps(value))


def test_timings_add_up_to_no_more_than_the_wall(fitted: irt.Fit) -> None:
    times = fitted.timings
    assert min(times.warmup, times.sampling) > 0
    assert times.total <= fitted.idata.posterior.attrs["wall_seconds"] + 1e-3


def test_quadrature_error_tells_too_few_nodes_for_steep_items() -> None:
    spec = irt.two_pl(discrimination="LogNormal(3, 0.1)")
    levels = irt.simulate_responses(spec, irt.simulate_parameters(spec, 400, [2] * 20, seed=1), [2] * 20, seed=2)
    fit = irt.fit(levels, spec, method="map", seed=1, standard_errors=False)
    assert fit.quadrature_error > 0.5
    params, nodes = fit.program.constrain(fit.draws.z[0, 0]), fit.program.layout.collapse
    assert nodes is not None
    coarse, fine = (
        irt.load_backend("pyro").compile(spec, levels, collapse=Quadrature(n)).log_density(params)
        for n in (nodes.n_nodes, 2 * nodes.n_nodes)
    )
    assert fit.quadrature_error == pytest.approx(abs(fine - coarse), rel=1e-6)
    assert irt.fit(levels, spec, method="map", seed=1, standard_errors=False, n_nodes=401).quadrature_error < 0.05


@pytest.mark.parametrize(("model", "n_nodes"), [("2pl", 25), ("grm", 21)])
def test_quadrature_error_of_a_mode_is_how_far_twice_the_nodes_move_it(model: str, n_nodes: int) -> None:
    spec = irt.build_model(model, discrimination="LogNormal(1.2, 0.2)")
    counts = [3 if model == "grm" else 2] * 6
    data = irt.simulate_responses(spec, irt.simulate_parameters(spec, 600, counts, seed=3), counts, seed=4)
    few, twice = (irt.fit(data, spec, method="map", seed=1, n_nodes=n) for n in (n_nodes, 2 * n_nodes))
    here, there = (fit.items() for fit in (few, twice))
    names = [name for name, statistic in here.columns if statistic == "mean"]
    moved = max((abs(there[name, "mean"] - here[name, "mean"]) / here[name, "sd"]).max() for name in names)
    assert moved > 1e-3
    assert few.quadrature_error == pytest.approx(moved, rel=0.2)
    em = irt.fit(data, spec, method="em", seed=1, n_nodes=n_nodes)
    assert em.quadrature_error == pytest.approx(few.quadrature_error, rel=1e-2)


def test_quadrature_error_is_small_where_items_are_not_steep(fitted: irt.Fit) -> None:
    assert irt.fit("lsat7", method="map", seed=1).quadrature_error < 1e-5
    assert np.isnan(fitted.quadrature_error)


def test_persons_without_responses_are_kept_when_asked(frame: pd.DataFrame) -> None:
    empty = frame.copy()
    empty.loc["Ms 3"] = np.nan
    with pytest.raises(errors.DataError, match="Ms 3"):
        irt.fit(empty, "grm")
    fit = irt.fit(empty, "grm", method="vi", steps=10, draws=10, data_options={"allow_empty": True})
    assert "Ms 3" in fit.persons().index


@pytest.mark.parametrize("backend", ["pyro", "tfp"])
def test_overflow_in_the_log_density_names_variable_and_prior(backend: str) -> None:
    spec = irt.two_pl(difficulty="Normal(0, 1e-200)")
    with pytest.raises(errors.NumericalError, match=r"difficulty\[item\] ~ Normal\(0, 1e-200\)"):
        irt.fit("lsat7", spec, backend=backend, seed=3)


REFUSED = {
    "model": ({"model": "2pk"}, errors.UnknownName, "'2pk'; valid: 2pl"),
    "backend": ({"backend": "piro"}, errors.UnknownName, "'piro'; valid: pyro"),
    "method": ({"method": "nut"}, errors.UnknownName, "'nut'; valid: nuts"),
    "setting": ({"drawz": 3}, errors.UnknownName, "'drawz'; valid: draws"),
    "of data": ({"allow_empty": True}, errors.UnknownName, "data_options={'allow_empty': ...}"),
    "of a model": ({"difficulty": 0}, errors.UnknownName, "model_options={'difficulty': ...}"),
    "of any model": ({"difficulty_on": "1 + x"}, errors.UnknownName, "model_options={'difficulty_on': ...}"),
    "value": ({"draws": -3}, errors.ConfigError, "draws=-3"),
    "seed": ({"seed": -1}, errors.ConfigError, "seed=-1"),
    "device": ({"device": "abacus"}, errors.DeviceError, "'abacus'; valid: "),
    "dtype": ({"dtype": "int8"}, errors.UnknownName, "'int8'; valid: float"),
    "option": ({"backend_options": {"jitt": 1}}, errors.UnknownName, "'jitt'; valid: jit"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_arguments_are_refused_with_the_valid_ones(case: str) -> None:
    arguments, kind, message = REFUSED[case]
    with pytest.raises(kind) as caught:
        irt.fit("lsat7", **arguments)
    assert message in str(caught.value)


def test_q_matrix_must_fit_the_items(frame: pd.DataFrame) -> None:
    with pytest.raises(errors.SpecError, match=r"\(4, 2\).*\(5, 2\)"):
        irt.fit(frame, "grm", model_options={"q_matrix": [[1, 0]] * 3 + [[0, 1]]})


def test_a_machine_without_git_has_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert provenance.git_commit.__wrapped__() == ""
