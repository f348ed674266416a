"""Simulated, fitted, recovered: the truth lies where the posterior says, in models of all kinds of responses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import irtbridge as irt
from irtbridge.model.density import log_density_terms

COUNTS = [4, 3, 2, 4, 3, 4]
EITHER = "Normal(0, 1.5)"

MODELS: dict[str, Callable[[], irt.ModelSpec]] = {
    "nominal": irt.nominal,
    "sequential": irt.sequential,
    "grm, intercepts": lambda: irt.graded(parameterization="intercept"),
}


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_the_truth_is_within_the_posterior(name: str) -> None:
    """Standard scores of the true item parameters: none beyond 4, and their squares 1 on average, give or take 4 SDs.

    Of independent scores the mean square has the SD sqrt(2 / n); these are correlated, so that twice as much may be.
    """
    spec = MODELS[name]()
    truth = irt.simulate_parameters(spec, 500, COUNTS, seed=3)
    fit = irt.fit(irt.simulate_responses(spec, truth, COUNTS, seed=4, missing=0.05), spec, method="laplace", seed=1)
    assert fit.pareto_k < 0.7
    scores = []
    for variable in fit.program.layout.slots.values():
        draws = fit.idata.posterior[variable.name].values[0]
        free = variable.estimated
        scores.append((truth[variable.name] - draws.mean(axis=0))[free] / draws.std(axis=0)[free])
    together = np.concatenate(scores)
    assert np.abs(together).max() < 4
    assert abs(np.mean(together**2) - 1) < 8 * np.sqrt(2 / len(together))


def test_what_follows_from_the_parameters_is_in_the_tables_too() -> None:
    """Locations b = -d / (D a) beside intercepts, with standard errors by the delta method."""
    spec = irt.two_pl(parameterization="intercept")
    truth = irt.simulate_parameters(spec, 300, [2] * 5, seed=3)
    fit = irt.fit(irt.simulate_responses(spec, truth, [2] * 5, seed=4), spec, method="map", seed=1)
    items = fit.items()
    a, d, b = (items[name, "mean"].to_numpy() for name in ("discrimination", "intercept", "difficulty"))
    np.testing.assert_allclose(b, -d / a)
    program, z = fit.program, fit.draws.z[0, 0]
    step = 1e-4 * np.eye(program.dim)
    information = -np.array([program.value_and_grad(z + one, jacobian=False)[1] for one in step]) / 1e-4
    information -= -program.value_and_grad(z, jacobian=False)[1] / 1e-4
    slope = (
        np.array([_difficulty(program.constrain(z + s)) - _difficulty(program.constrain(z - s)) for s in step]) / 2e-4
    )
    expected = np.sqrt(np.diag(slope.T @ np.linalg.inv(information) @ slope))
    np.testing.assert_allclose(items["difficulty", "sd"], expected, rtol=2e-3)


def _difficulty(params: dict[str, np.ndarray]) -> np.ndarray:
    return np.asarray(-params["intercept"] / params["discrimination"])


@pytest.fixture(scope="module")
def along() -> irt.Responses:
    """300 persons x 5 graded items, all scored with the trait."""
    spec = irt.graded(discrimination="LogNormal(0.4, 0.2)")
    truth = irt.simulate_parameters(spec, 300, [4] * 5, seed=5)
    return irt.simulate_responses(spec, truth, [4] * 5, seed=6)


@pytest.fixture(scope="module")
def against(along: irt.Responses) -> irt.Responses:
    """The same, but for the first item, which is scored against the trait."""
    codes = along.values.copy()
    codes[:, 0] = 3 - codes[:, 0]
    return irt.Responses.from_codes(codes, n_categories=along.n_categories)


@pytest.fixture(scope="module")
def fits(along: irt.Responses, against: irt.Responses) -> tuple[irt.Fit, irt.Fit]:
    spec = irt.graded(parameterization="intercept", discrimination=EITHER)
    first, second = (irt.fit(data, spec, method="laplace", seed=1) for data in (along, against))
    return first, second


@pytest.mark.long
def test_an_item_scored_against_the_trait_needs_no_recoding(fits: tuple[irt.Fit, irt.Fit]) -> None:
    """Its slope is negative, and the posterior is that of the recoded data: means within 4 Monte Carlo errors."""
    recoded, as_it_is = (fit.items() for fit in fits)
    turned = np.array([-1, 1, 1, 1, 1])
    a, b = recoded["discrimination"], as_it_is["discrimination"]
    assert b["mean"].iloc[0] < -4 * b["sd"].iloc[0]
    error = 4 * np.hypot(a["mcse"], b["mcse"])
    assert (np.abs(turned * b["mean"] - a["mean"]) < error).all()
    for k in (1, 2, 3):
        a, b = recoded[f"intercept[{k}]"], as_it_is[f"intercept[{k}]"].copy()
        mirror = as_it_is[f"intercept[{4 - k}]"].iloc[0]
        b.loc[b.index[0], ["mean", "mcse"]] = -mirror["mean"], mirror["mcse"]
        assert (np.abs(b["mean"] - a["mean"]) < 4 * np.hypot(a["mcse"], b["mcse"])).all()
    assert all(fit.verdict.trusted for fit in fits)


def test_the_density_at_mirrored_parameters_is_the_same(fits: tuple[irt.Fit, irt.Fit]) -> None:
    """Categories of an item reversed: its slope and intercepts change their signs, these in reverse order."""
    recoded, as_it_is = fits
    params = {name: value[0, 0] for name, value in recoded.program.constrain(recoded.draws.z).items()}
    mirrored = {name: value.copy() for name, value in params.items()}
    mirrored["discrimination"][0] *= -1
    mirrored["intercept"][0] *= -1
    mirrored["intercept"][0] = mirrored["intercept"][0, ::-1]
    assert as_it_is.program.log_density(mirrored) == pytest.approx(recoded.program.log_density(params), rel=1e-12)
    terms = log_density_terms(as_it_is.program.layout, mirrored, as_it_is.responses)
    assert sum(terms.values()) == pytest.approx(float(as_it_is.program.log_density(mirrored)), rel=1e-10)


def test_the_item_that_fixes_the_sign_is_said(fits: tuple[irt.Fit, irt.Fit]) -> None:
    """It has the largest mean slope in size, and there the slope is positive; a prior of positive slopes needs none."""
    for fit in fits:
        slopes = fit.items()["discrimination", "mean"]
        item = slopes.abs().idxmax()
        assert fit.provenance["sign_items"] == {"trait": item}
        assert slopes[item] > 0
    assert "sign_items" not in irt.fit(fits[0].responses, "grm", method="map", seed=1).provenance
