"""The logistic factor model: its form, its penalised maximum, rotation, and the number of factors."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special

import irtbridge as irt
from irtbridge.assess.factors.rotation import METHODS
from irtbridge.errors import ConfigError, DataError, IRTBridgeWarning, SpecError, StatisticError, UnknownName
from irtbridge.model import catalogue as models

pytestmark = pytest.mark.usefixtures("compiled_once")


@cache
def planted(n_persons: int = 300) -> tuple[pd.DataFrame, np.ndarray]:
    """Responses to twelve items of two factors, six each, and the loadings."""
    rng, loadings = np.random.default_rng(1), np.zeros((12, 2))
    loadings[:6, 0], loadings[6:, 1] = rng.uniform(1, 2, 6), rng.uniform(1, 2, 6)
    logits = rng.normal(size=(n_persons, 2)) @ loadings.T + rng.normal(size=12) / 2
    codes = (rng.uniform(size=logits.shape) < special.expit(logits)).astype(float)
    codes[rng.uniform(size=codes.shape) < 0.1] = np.nan
    return pd.DataFrame(codes, columns=[f"i{j}" for j in range(12)]), loadings


@cache
def fitted(traits: int, penalty: float = 0.5) -> irt.Fit:
    options: dict[str, Any] = {"traits": traits, "penalty": penalty}
    return irt.fit(planted()[0], "lfm", method="jmle", priors=True, model_options=options)


def penalised(x: np.ndarray, traits: int, penalty: float) -> float:
    """Minus the log likelihood plus the penalty, written down anew."""
    codes = planted()[0].to_numpy()
    n, j = codes.shape
    u, v, z = np.split(x, [n * traits, (n + j) * traits])
    logits = u.reshape(n, traits) @ v.reshape(j, traits).T + z
    each = np.where(np.isnan(codes), 0, special.log_expit(np.where(codes == 1, logits, -logits)))
    return float(-each.sum() + penalty / 2 * np.sum(x**2))


def coordinates(fit: irt.Fit) -> np.ndarray:
    params = fit.posterior.params
    parts = [] if "discrimination" not in params else [fit.posterior.abilities[0], params["discrimination"][0]]
    return np.concatenate([np.ravel(part) for part in (*parts, params["intercept"][0])])


@pytest.mark.parametrize("traits", [1, 2])
def test_its_joint_mode_is_the_penalised_maximum(traits: int) -> None:
    x = coordinates(fitted(traits))
    directions = np.random.default_rng(1).normal(size=(20, len(x)))
    slopes = [(penalised(x + 1e-4 * d, traits, 0.5) - penalised(x - 1e-4 * d, traits, 0.5)) / 2e-4 for d in directions]
    np.testing.assert_allclose(slopes, 0, atol=0.02)
    assert fitted(traits).verdict.trusted


def test_without_factors_items_are_shrunken_alone() -> None:
    counts = planted()[0].agg(["sum", "count"]).T

    def slope(z: float, right: float, n: float) -> float:
        return float(right - n * special.expit(z) - 0.5 * z)

    expected = [optimize.brentq(slope, -9, 9, args=(right, n)) for right, n in counts.itertuples(index=False)]
    np.testing.assert_allclose(fitted(0).items()["intercept"]["mean"], expected, atol=1e-4)


def test_the_penalty_is_one_over_the_variance_of_every_prior() -> None:
    spec = models.lfm(traits=3, penalty=4)
    assert {str(variable.prior) for variable in spec.variables} == {"Normal(0, 0.5)"}
    assert models.lfm(traits=["a"], penalty=4).dims["discrimination"] == ("item",)
    assert spec.dims["discrimination"] == ("item", "trait")
    assert models.lfm(penalty=4, intercept="Normal(0, 3)")["intercept"].prior.to_dict() == {
        "Normal": {"loc": 0.0, "scale": 3.0}
    }
    assert models.lfm(traits=0).dims == {"ability": ("person",), "intercept": ("item",)}


@pytest.mark.parametrize("penalty", [0, -1, float("inf"), "weak", True])
def test_a_penalty_is_a_positive_number(penalty: Any) -> None:
    with pytest.raises(SpecError, match="must be a positive number"):
        models.lfm(penalty=penalty)


@pytest.mark.parametrize("method", METHODS)
def test_rotation_leaves_the_products_and_finds_the_structure(method: str) -> None:
    rng, loadings = np.random.default_rng(3), planted()[1]
    mixing = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    abilities = rng.normal(size=(50, 2))
    found = irt.rotate(loadings @ mixing, method, abilities=abilities @ mixing)
    assert found.abilities is not None
    np.testing.assert_allclose(found.abilities @ found.loadings.T.to_numpy(), abilities @ loadings.T, atol=1e-12)
    order = np.argsort(-np.sum(loadings**2, axis=0))
    np.testing.assert_allclose(found.loadings, loadings[:, order], atol=1e-6)
    assert (found.loadings.sum() > 0).all()


def test_oblique_factors_are_found_with_their_correlation() -> None:
    """Simple structure of factors that correlate .5, hidden behind their Cholesky factor."""
    loadings, correlation = planted()[1], np.array([[1, 0.5], [0.5, 1]])
    found = irt.rotate(loadings @ np.linalg.cholesky(correlation), "oblimin")
    np.testing.assert_allclose(found.correlations, correlation, atol=1e-6)
    varimax = irt.rotate(loadings @ np.linalg.cholesky(correlation), "varimax").loadings
    assert np.abs(np.sort(found.loadings.abs(), axis=1)[:, 0]).max() < 1e-6 < np.sort(varimax.abs(), axis=1)[:, 0].min()


def test_varimax_is_a_maximum_of_its_criterion() -> None:
    """By Kaiser's own criterion over all angles of two factors."""
    loadings = np.random.default_rng(4).normal(size=(9, 2))

    def criterion(matrix: np.ndarray) -> float:
        return float(np.var(matrix**2, axis=0).sum())

    angles = np.linspace(0, np.pi / 2, 2001)
    turns = [np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) for t in angles]
    best = max(criterion(loadings @ turn) for turn in turns)
    found = irt.rotate(loadings, "varimax", normalise=False).loadings.to_numpy()
    assert criterion(found) == pytest.approx(best, rel=1e-5)


def test_a_fit_is_rotated_with_its_persons() -> None:
    found = fitted(2).rotate()
    assert found.abilities is not None
    posterior = fitted(2).posterior
    before = posterior.abilities[0] @ posterior.params["discrimination"][0].T
    np.testing.assert_allclose(found.abilities @ found.loadings.T, before, atol=1e-9)
    sizes = found.loadings.abs().to_numpy()
    assert (sizes[:6].argmax(axis=1) == sizes[0].argmax()).all()
    assert (sizes[6:].argmax(axis=1) != sizes[0].argmax()).all()


def test_what_cannot_be_rotated_says_why() -> None:
    with pytest.raises(UnknownName, match="'promax'"):
        irt.rotate(planted()[1], "promax")
    with pytest.raises(StatisticError, match="no two traits"):
        fitted(1).rotate()
    with pytest.raises(StatisticError, match="finite numbers"):
        irt.rotate([[1.0, np.nan]])
    with pytest.raises(StatisticError, match="a row for each item"):
        irt.rotate([[1.0, 0.5], [0.3]])
    with pytest.raises(StatisticError, match="abilities of 3 factors, loadings of 2"):
        irt.rotate(np.eye(2), abilities=np.ones((4, 3)))


def test_parallel_analysis_finds_as_many_factors_as_there_are() -> None:
    found = irt.parallel_analysis(planted()[0], most=5)
    assert list(found["retained"]) == [True, True, False, False, False]
    assert found["eigenvalue"].is_monotonic_decreasing


def test_parallel_analysis_rarely_finds_factors_in_noise() -> None:
    """At its level, 5 %: of 40 data sets at most 6 (binomial probability .99)."""
    rng = np.random.default_rng(5)
    noise = [pd.DataFrame((rng.uniform(size=(80, 6)) < 0.5).astype(int)) for _ in range(40)]
    assert sum(irt.parallel_analysis(x, most=1, replications=60)["retained"].iloc[0] for x in noise) <= 6


def test_parallel_analysis_refuses_more_factors_than_items() -> None:
    with pytest.raises(StatisticError, match="most=12"):
        irt.parallel_analysis(planted()[0], most=12)


@pytest.mark.parametrize("how", [{"most": 2.5}, {"replications": 0}, {"level": 95}, {"seed": -1}])
def test_parallel_analysis_refuses_numbers_out_of_range(how: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(how))}="):
        irt.parallel_analysis(planted()[0], **how)


def test_a_path_is_that_of_the_fits_at_each_penalty() -> None:
    path = irt.regularisation_path(planted()[0], "lfm", traits=1, penalty=[0.5, 30, 4], folds=3)
    assert list(path.table.index) == [30, 4, 0.5]
    assert path.best == 4
    for penalty in (4, 0.5):
        params = fitted(1, penalty).posterior
        row = path.table.loc[penalty]
        assert row["slopes"] == pytest.approx(np.sqrt(np.mean(params.params["discrimination"] ** 2)), rel=1e-3)
        assert row["abilities"] == pytest.approx(np.sqrt(np.mean(params.abilities**2)), rel=1e-3)
    assert path.table["log_likelihood"].is_monotonic_increasing


def test_factors_that_a_strong_penalty_has_put_to_sleep_wake_up_again() -> None:
    """At penalty 1000 the slopes are 0, which is a saddle at any other penalty."""
    path = irt.regularisation_path(planted()[0], "lfm", traits=2, penalty=[1000, 30, 2], folds=2)
    assert path.table["slopes"].iloc[0] < 1e-3
    alone = irt.regularisation_path(planted()[0], "lfm", traits=2, penalty=[2], folds=2)
    assert path.table["log_likelihood"].iloc[-1] == pytest.approx(alone.table["log_likelihood"].iloc[0], abs=0.05)


def test_a_path_that_ends_too_early_and_models_without_penalty_are_told() -> None:
    with pytest.warns(IRTBridgeWarning, match="the best penalty, 0.1, is the last of the path; try stronger ones"):
        irt.regularisation_path(planted()[0], traits=1, penalty=[0.1, 0.05, 0.02], folds=2)
    with pytest.raises(ConfigError, match="'2pl' has no penalty; models with one: lfm"):
        irt.regularisation_path(planted()[0], "2pl", penalty=[1])
    with pytest.raises(ConfigError, match="folds=1 must be a whole number, 2 or greater"):
        irt.regularisation_path(planted()[0], penalty=[1], folds=1)


@pytest.mark.parametrize(
    "how", [{"folds": 2.5}, {"penalty": 1.0}, {"penalty": ["strong"]}, {"penalty": []}, {"seed": -1}]
)
def test_a_path_of_what_cannot_be_is_refused(how: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(how))}="):
        irt.regularisation_path(planted()[0], **{"penalty": [1.0], "folds": 2, **how})


def test_more_folds_than_responses_are_refused() -> None:
    """The mean loss of no response is not a number, and every penalty would be the best."""
    with pytest.raises(DataError, match="take fewer folds"):
        irt.regularisation_path(pd.DataFrame({"a": [0, 1, 1], "b": [1, 0, 1]}), penalty=[1.0], folds=40)


def test_the_penalty_can_be_estimated_as_a_scale() -> None:
    """Slopes of SD s beside abilities of SD 1: the estimated s is near that of the loadings that were planted."""
    rng, slopes = np.random.default_rng(6), np.random.default_rng(7).normal(0, 1.5, 30)
    logits = np.outer(rng.normal(size=400), slopes)
    codes = pd.DataFrame((rng.uniform(size=logits.shape) < special.expit(logits)).astype(int))
    fit = irt.fit(codes, "lfm", method="map", model_options={"penalty": "estimated"})
    scale = fit.shared().loc["slope_sd"]
    assert scale["mean"] == pytest.approx(np.std(slopes), abs=3 * scale["sd"])
    with pytest.raises(SpecError, match="use a number"):
        irt.fit(codes, "lfm", method="jmle", priors=True, model_options={"penalty": "estimated"})


@pytest.mark.parametrize("method", ["map", "em"])
def test_factors_that_can_be_rotated_have_no_standard_errors_and_it_is_said(method: str) -> None:
    """Any rotation has the same density, so that the curvature has a direction of 0; one factor has none."""
    codes, options = planted(120)[0].iloc[:, 3:9], {"traits": 2}
    with pytest.warns(IRTBridgeWarning, match="its 2 traits can be rotated"):
        fit = irt.fit(codes, "lfm", method=method, model_options=options, n_nodes=15)
    assert fit.draws.standard_errors is not None
    assert np.isnan(fit.draws.standard_errors["discrimination"]).all()
    params = {name: value[0] for name, value in fit.posterior.params.items()}
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    turned = {**params, "discrimination": params["discrimination"] @ turn}
    values = [float(fit.program.log_density(each)) for each in (params, turned)]
    assert values[0] == pytest.approx(values[1], abs=0.05)
    one = irt.fit(codes, "lfm", method=method)
    assert (one.items()["discrimination"]["sd"] > 0).all()
