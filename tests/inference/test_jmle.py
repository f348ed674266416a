"""Joint maximum likelihood: its equations, its known bias, its invariances; and the joint posterior mode."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import irtbridge as irt
from irtbridge import errors
from irtbridge.inference.binary_responses import Cells, Entries
from irtbridge.inference.climbing import hessian_at
from irtbridge.inference.extreme_scores import extreme_persons, without_extremes
from irtbridge.inference.observed_entries import EntriesProgram
from irtbridge.inference.recentring import Convention, check_recentrable, recentred
from irtbridge.model.density import log_joint, log_likelihood
from irtbridge.model.known import with_known
from irtbridge.model.layout import Layout
from irtbridge.testing.cases import CASES, Case

pytestmark = pytest.mark.usefixtures("compiled_once")

EXTREME = 0.3


@cache
def data(items: int = 8, persons: int = 150, seed: int = 1) -> irt.Responses:
    spec = irt.two_pl(difficulty="Normal(0, 1)")
    true = irt.simulate_parameters(spec, persons, [2] * items, seed=seed)
    return irt.simulate_responses(spec, true, [2] * items, seed=seed + 1, missing=0.1)


@cache
def rasch(backend: str = "pyro", **settings: Any) -> irt.Fit:
    return irt.fit(data(), "1pl", backend=backend, method="jmle", seed=1, **settings)


def probabilities(fit: irt.Fit) -> np.ndarray:
    ability = fit.posterior.abilities[0]
    return 1 / (1 + np.exp(fit.posterior.params["difficulty"][0] - ability[:, None]))


@pytest.mark.parametrize("backend", ["pyro", pytest.param("tfp", marks=pytest.mark.long)])
def test_rasch_sums_are_as_expected(backend: str) -> None:
    """Of items over the persons who inform them, and of persons, extreme scores moved by 0.3."""
    fit, responses = rasch(backend), data()
    observed, extreme = responses.observed, extreme_persons(responses)
    right, expected = np.where(observed, responses.values, 0), np.where(observed, probabilities(fit), 0)
    np.testing.assert_allclose(expected[~extreme].sum(axis=0), right[~extreme].sum(axis=0), atol=1e-3)
    score, most = right.sum(axis=1), observed.sum(axis=1)
    moved = np.where(score == most, score - EXTREME, np.where(score == 0, EXTREME, score))
    assert extreme.sum() > 5
    np.testing.assert_allclose(expected.sum(axis=1), moved, atol=1e-4)
    assert fit.posterior.abilities.mean() == pytest.approx(0, abs=1e-9)
    assert fit.verdict.trusted


def test_of_two_items_it_is_twice_the_conditional_estimate() -> None:
    """Andersen 1973: log(n01 / n10) is the conditional one, and the correction (J - 1) / J = 1 / 2 makes it that."""
    counts = {(0, 0): 20, (1, 0): 17, (0, 1): 41, (1, 1): 30}
    rows = np.repeat(list(counts), list(counts.values()), axis=0)
    for correction, factor in ((False, 2.0), (True, 1.0)):
        fit = irt.fit(rows, "1pl", method="jmle", correction=correction)
        easier, harder = fit.items()["difficulty"]["mean"].iloc[::-1]
        assert harder - easier == pytest.approx(factor * np.log(41 / 17), abs=1e-5)


def test_corrected_it_is_near_the_conditional_estimate() -> None:
    """Distances between the difficulties of LSAT 7, and their standard errors (on scales that differ in origin)."""
    corrected, conditional = (
        irt.fit("lsat7", "1pl", method=method, **settings).items()["difficulty"]
        for method, settings in (("jmle", {"correction": True}), ("cmle", {}))
    )
    apart = corrected["mean"] - corrected["mean"].mean()
    np.testing.assert_allclose(apart, conditional["mean"] - conditional["mean"].mean(), atol=0.03)
    np.testing.assert_allclose(corrected["sd"], conditional["sd"], rtol=0.15)


def test_it_does_not_matter_how_responses_are_scored_or_ordered() -> None:
    frame = data().to_frame()
    turned = irt.fit(1 - frame, "1pl", method="jmle")
    shuffled = irt.fit(frame.sample(frac=1, random_state=1).iloc[:, ::-1], "1pl", method="jmle")
    own = rasch().items()["difficulty"]
    for other, sign in ((turned, -1), (shuffled, 1)):
        table = other.items()["difficulty"].loc[own.index]
        np.testing.assert_allclose(sign * table["mean"], own["mean"], atol=2e-5)
        np.testing.assert_allclose(table["sd"], own["sd"], rtol=1e-4)
    persons = shuffled.persons()["ability"]["mean"].loc[rasch().persons().index]
    np.testing.assert_allclose(persons, rasch().persons()["ability"]["mean"], atol=2e-5)


@pytest.mark.parametrize(
    ("optimiser", "settings"), [("adam", {}), ("adam", {"priors": True}), ("gradient_descent", {})]
)
def test_optimisers_agree(optimiser: str, settings: dict[str, Any]) -> None:
    model = {"model_options": {"discrimination": "Normal(1, 0.5)"}} if settings else {}
    fits = [
        irt.fit(data(), "2pl" if settings else "1pl", method="jmle", seed=1, optimiser=name, **settings, **model)
        for name in ("lbfgs", optimiser)
    ]
    one, other = (fit.items().xs("mean", axis=1, level=1) for fit in fits)
    np.testing.assert_allclose(other, one, atol=1e-4)
    for fit in fits:
        trace = fit.idata.sample_stats["objective"]
        assert trace.dims == ("step",)
        assert trace[-1] > trace[0]
    if not settings:
        layout, params = fits[0].program.layout, fits[0].program.constrain(fits[0].draws.z[0, 0])
        core = without_extremes(data(), extreme_persons(data()))
        assert float(trace[-1]) == pytest.approx(log_likelihood(layout, params, core).sum(), abs=1e-4)


def test_with_priors_it_is_the_mode_of_the_joint_density() -> None:
    fit = irt.fit(data(), "grm", method="jmle", priors=True, model_options={"ability": "Normal(0.5, 2)"})
    gradient = fit.program.value_and_grad(fit.draws.z[0, 0], jacobian=False)[1]
    assert np.abs(gradient).max() < 1e-3
    params = fit.program.constrain(fit.draws.z[0, 0])
    assert fit.draws.objective is not None
    assert fit.draws.objective[-1] == pytest.approx(log_joint(fit.program.layout, params, data()), abs=1e-6)
    covariance = np.linalg.inv(-hessian_at(lambda z: fit.program.value_and_grad(z, jacobian=False), fit.draws.z[0, 0]))
    places = fit.program.layout.places["ability"]
    np.testing.assert_allclose(
        fit.persons()["ability"]["sd"], np.sqrt(np.diag(covariance))[places], rtol=1e-3
    )  # fmt: skip


def test_standard_errors_are_those_of_the_information_where_the_scale_is_fixed() -> None:
    """Against a dense information with one row and column more, for the mean of the abilities."""
    fit, responses = rasch(), data()
    informing = ~extreme_persons(responses)
    weight = np.where(responses.observed, probabilities(fit) * (1 - probabilities(fit)), 0)[informing]
    persons, items = weight.shape
    dense = np.zeros((persons + items + 1,) * 2)
    dense[:persons, :persons], dense[persons:-1, persons:-1] = np.diag(weight.sum(1)), np.diag(weight.sum(0))
    dense[:persons, persons:-1] = -weight
    dense[persons:-1, :persons] = -weight.T
    dense[-1, :persons] = dense[:persons, -1] = 1
    errors = np.sqrt(np.diag(np.linalg.inv(dense)))
    np.testing.assert_allclose(fit.items()["difficulty"]["sd"], errors[persons:-1], rtol=1e-4)
    own = fit.persons()["ability"]["sd"].to_numpy()
    np.testing.assert_allclose(own[informing], errors[:persons], rtol=1e-4)
    assert np.isnan(own[~informing]).all()


def test_standard_errors_of_slopes_are_those_where_mean_and_spread_are_fixed() -> None:
    """Against a dense information by differences, with a row and column for each of the two."""
    easy = irt.two_pl(discrimination="LogNormal(0, 0.2)", difficulty="Normal(0, 0.7)")
    true = irt.simulate_parameters(easy, 200, [2] * 20, seed=5)
    responses = irt.simulate_responses(easy, true, [2] * 20, seed=6)
    fit = irt.fit(responses, "2pl", method="jmle", seed=1)
    assert fit.verdict.trusted
    extreme = extreme_persons(responses)
    core, z = fit.program.bind(without_extremes(responses, extreme)), fit.draws.z[0, 0]
    places = fit.program.layout.places
    kept = np.setdiff1d(np.arange(len(z)), places["ability"][extreme])
    dense = np.zeros((len(kept) + 2,) * 2)
    hessian = hessian_at(lambda z: core.value_and_grad(z, jacobian=False), z)
    dense[:-2, :-2] = -hessian[np.ix_(kept, kept)]
    persons = np.isin(kept, places["ability"])
    for row, gradient in ((-2, np.ones(persons.sum())), (-1, z[kept][persons])):
        dense[row, :-2][persons] = dense[:-2, row][persons] = gradient
    covariance = np.linalg.inv(dense)
    step = 1e-6
    moved = fit.program.constrain(z + step)["discrimination"] - fit.program.constrain(z - step)["discrimination"]
    slopes = np.isin(kept, places["discrimination"])
    expected = np.sqrt(np.diag(covariance)[:-2][slopes]) * moved / (2 * step)
    np.testing.assert_allclose(fit.items()["discrimination"]["sd"], expected, rtol=2e-3)


def test_the_convention_holds_the_scale_and_its_gradient_is_right() -> None:
    rng = np.random.default_rng(1)
    convention, z, weights = Convention(np.array([1, 3, 4, 5]), scaled=True), rng.normal(size=7), rng.normal(size=7)

    def density(z: np.ndarray) -> float:
        return float(weights @ np.sin(convention.held(z)))

    held = convention.held(z)
    assert held[[1, 3, 4, 5]].mean() == pytest.approx(0)
    assert held[[1, 3, 4, 5]].std() == pytest.approx(1)
    slope = convention.pulled_back(z, weights * np.cos(held))
    step = 1e-6 * np.eye(7)
    np.testing.assert_allclose(slope, [(density(z + s) - density(z - s)) / 2e-6 for s in step], atol=1e-8)


def unrestricted(case: Case) -> bool:
    try:
        check_recentrable(Layout.of(case.spec, case.responses()))
    except errors.SpecError:
        return False
    return True


@pytest.mark.parametrize("case", [case for case in CASES if unrestricted(case)], ids=lambda case: case.name)
def test_items_that_move_along_leave_the_likelihood(case: Case) -> None:
    responses = case.responses()
    layout = Layout.of(case.spec, responses)
    params = layout.complete(irt.simulate_parameters_like(case.spec, case.test(), seed=3))
    moved = recentred(layout, params)
    before, after = (log_likelihood(layout, values, responses) for values in (params, moved))
    np.testing.assert_allclose(after, before, atol=1e-9)
    ability = moved[case.spec.family.ability]
    assert ability.mean() == pytest.approx(0, abs=1e-12)
    if case.spec.family.discrimination is not None:
        assert ability.std() == pytest.approx(1)


def test_slopes_without_a_finite_maximum_stop_at_a_bound_and_are_told() -> None:
    with pytest.warns(errors.IRTBridgeWarning, match="bound"):
        fit = irt.fit("lsat7", "2pl", method="jmle", steepest=3)
    slopes = fit.items()["discrimination"]
    assert "bounds" in fit.verdict.flags
    assert slopes["sd"].isna().any()
    assert fit.posterior.abilities.std() == pytest.approx(1)


def test_it_is_kept(tmp_path: Any) -> None:
    loaded = irt.load_fit(rasch().save(tmp_path / "fit.nc"))
    pd.testing.assert_frame_equal(loaded.items(), rasch().items())
    np.testing.assert_array_equal(loaded.draws.objective, rasch().draws.objective)


@pytest.mark.parametrize(("model", "settings"), [("1pl", {}), ("lfm", {"priors": True}), ("2pl", {"priors": True})])
def test_observed_responses_alone_give_the_same(model: str, settings: dict[str, Any]) -> None:
    own, all_of_them = (
        irt.fit(data(), model, method="jmle", seed=1, observed_only=only, **settings) for only in (True, False)
    )
    for table, other in ((own.items(), all_of_them.items()), (own.persons(), all_of_them.persons())):
        np.testing.assert_allclose(table, other, atol=2e-5)
    assert own.draws.stats["lp"] == pytest.approx(all_of_them.draws.stats["lp"], abs=1e-6)


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("1pl", {"scaling": 1.7}),
        ("1pl", {"parameterization": "intercept"}),
        ("lfm", {"traits": 2}),
        ("lfm", {"traits": 0}),
        ("m2pl", {"discrimination": "Normal(0.5, 1)", "scaling": 1.7}),
        ("2pl", {"scaling": 1.7}),
        ("2pl", {"parameterization": "intercept"}),
        ("m2pl", {"discrimination": "Normal(0.5, 1)", "traits": 2, "q_matrix": [[1, 0], [0, 1]] * 4}),
        ("2pl", {"known": {"discrimination": {"item2": 1.3}, "difficulty": {"item2": 0.4, "item5": -1.0}}}),
    ],
)
def test_density_of_observed_responses_is_that_of_the_reference(model: str, options: dict[str, Any]) -> None:
    own, known = {name: value for name, value in options.items() if name != "known"}, options.get("known")
    spec = irt.build_model(model, **own)
    spec = with_known(spec, known, data(), population=False) if known else spec
    layout = Layout.of(spec, data())
    for held in (Entries.of(data()), Cells(data().values)):
        program, rng = EntriesProgram(layout, data(), held), np.random.default_rng(1)
        z, along = rng.normal(size=(2, program.dim))
        assert program.value(z) == pytest.approx(log_joint(layout, program.constrain(z), data()) + jacobian(program, z))
        for with_jacobian in (True, False):
            up, down = (program.value_and_grad(z + h * along, jacobian=with_jacobian)[0] for h in (1e-5, -1e-5))
            slope = program.value_and_grad(z, jacobian=with_jacobian)[1] @ along
            assert slope == pytest.approx((up - down) / 2e-5, rel=1e-6)


def jacobian(program: EntriesProgram, z: np.ndarray) -> float:
    return float(sum(z[program.layout.places[name]].sum() for name in program.positive))


def test_observed_responses_alone_are_for_linear_log_odds() -> None:
    with pytest.raises(errors.SpecError, match="observed_only=true is for 1pl and lfm"):
        irt.fit(data(), "2pl", method="jmle", observed_only=True)


CONSTANT = np.array([[1, 1, 1, 1], [0, 1, 1, 0], [1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0]])
HIERARCHICAL = next(case for case in CASES if case.name == "1pl-hierarchical-abilities")


@pytest.mark.parametrize(
    ("source", "model", "settings", "kind", "words"),
    [
        (None, "m2pl", {}, errors.SpecError, "several traits .* priors=true"),
        (None, HIERARCHICAL.spec, {}, errors.SpecError, "to be estimated .* method=map"),
        (None, HIERARCHICAL.spec, {"priors": True}, errors.SpecError, "is highest where that is 0"),
        (CONSTANT, "1pl", {}, errors.DataError, "item2.*infinite.*drop="),
        ([[1, 1], [0, 0]], "1pl", {}, errors.DataError, "nothing to go by"),
    ],
)
def test_what_it_cannot_do_says_why(
    source: Any, model: Any, settings: dict[str, Any], kind: type[errors.IRTBridgeError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        irt.fit(data() if source is None else source, model, method="jmle", **settings)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(errors.UnknownName, match="no optimiser called 'adams'; valid: adam"):
        irt.fit(data(), "1pl", method="jmle", optimiser="adams")
    with pytest.raises(errors.ConfigError, match="correction=true is known for the Rasch model"):
        irt.fit(data(), "2pl", method="jmle", correction=True)
    with pytest.raises(errors.ConfigError, match="extreme=0"):
        irt.fit(data(), "1pl", method="jmle", extreme=0)
