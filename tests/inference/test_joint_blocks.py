"""Standard errors by blocks of persons and items are those by a gradient for each item parameter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irtbridge as irt
from irtbridge.data.sparse_responses import SparseResponses
from irtbridge.inference import coupling, joint_blocks, joint_climb, joint_information
from irtbridge.inference.joint_blocks import JointBlocks
from irtbridge.inference.joint_rise import risen
from irtbridge.inference.observed_entries import EntriesProgram
from irtbridge.model.layout import Layout

pytestmark = pytest.mark.usefixtures("compiled_once")


def data(persons: int, items: int) -> irt.Responses:
    spec = irt.two_pl(difficulty="Normal(0, 1)")
    true = irt.simulate_parameters(spec, persons, [2] * items, seed=3)
    return irt.simulate_responses(spec, true, [2] * items, seed=4, missing=0.15)


@pytest.mark.parametrize(("persons", "items"), [(60, 12), (40, 60)])
@pytest.mark.parametrize(
    ("model", "settings"), [("2pl", {"priors": True}), ("1pl", {}), ("2pl", {}), ("lfm", {"priors": True})]
)
def test_they_are_those_by_gradients(
    persons: int, items: int, model: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either side the shorter one, with missing responses, with priors and with conventions in their place."""

    def errors() -> dict[str, np.ndarray]:
        fit = irt.fit(data(persons, items), model, method="jmle", seed=1, max_iterations=500, **settings)
        assert fit.draws.standard_errors is not None
        return fit.draws.standard_errors

    blocks = errors()
    monkeypatch.setattr(joint_information, "serves", lambda program: False)
    for name, gradients in errors().items():
        np.testing.assert_allclose(blocks[name], gradients, rtol=1e-6)
    if settings or persons > items:
        assert np.isfinite(blocks["ability"]).any()


def test_sparse_responses_have_them_as_whole_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = data(40, 25)
    sparse = SparseResponses(whole.entries, whole.persons, whole.items, whole.categories, name="sparse")
    how: dict[str, Any] = {"method": "jmle", "priors": True, "seed": 1}
    one, other = irt.fit(whole, "lfm", observed_only=True, **how), irt.fit(sparse, "lfm", **how)
    for name, errors in (one.draws.standard_errors or {}).items():
        np.testing.assert_allclose((other.draws.standard_errors or {})[name], errors, rtol=1e-6)
        assert np.isfinite(errors).all()
    monkeypatch.setattr(joint_blocks, "MOST_KEPT", 24)
    assert np.isnan((irt.fit(sparse, "lfm", **how).draws.standard_errors or {})["ability"]).all()


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = []
    for size in (joint_blocks.AT_ONCE, 500):
        monkeypatch.setattr(joint_blocks, "AT_ONCE", size)
        fits.append(irt.fit(data(40, 25), "2pl", method="jmle", priors=True, seed=1))
    np.testing.assert_allclose(fits[0].items(), fits[1].items(), rtol=1e-9)
    np.testing.assert_allclose(fits[0].persons(), fits[1].persons(), rtol=1e-9)


def test_where_traits_can_be_rotated_there_are_none() -> None:
    fit = irt.fit(data(40, 25), "lfm", method="jmle", priors=True, seed=1, model_options={"traits": 2})
    assert np.isnan((fit.draws.standard_errors or {})["ability"]).all()


@pytest.mark.parametrize(
    ("model", "options", "persons", "items"),
    [
        ("2pl", {}, 250, 40),
        ("2pl", {"scaling": 1.7, "parameterization": "intercept"}, 60, 120),
        ("1pl", {}, 120, 60),
        ("lfm", {}, 250, 40),
    ],
)
def test_a_climb_from_steps_of_scoring_ends_at_the_same_mode(
    model: str, options: dict[str, Any], persons: int, items: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As L-BFGS alone does, in fewer iterations, with responses missing."""
    how: dict[str, Any] = {"method": "jmle", "priors": True, "observed_only": True, "standard_errors": False, "seed": 1}
    fits = []
    for fewest in (2**60, 0):
        monkeypatch.setattr(joint_climb, "FEWEST", fewest)
        fits.append(irt.fit(data(persons, items), model, model_options=options, **how))
    one, other = fits
    params = [{**fit.posterior.params, "ability": fit.posterior.abilities} for fit in fits]
    assert one.draws.objective is not None
    assert other.draws.objective is not None
    assert other.draws.objective[-1] == pytest.approx(one.draws.objective[-1], abs=1e-6)
    assert len(other.draws.objective) < len(one.draws.objective)
    for name, values in params[0].items():
        np.testing.assert_allclose(params[1][name], values, atol=5e-5)
    gradient = other.program.value_and_grad(other.draws.z[0, 0], jacobian=False)[1]
    assert np.abs(gradient).max() < 1e-3


def blocks_at_mode(persons: int, items: int) -> JointBlocks:
    responses = data(persons, items)
    program = EntriesProgram(Layout.of(irt.build_model("2pl"), responses), responses)
    how: dict[str, Any] = {"method": "jmle", "priors": True, "observed_only": True, "standard_errors": False, "seed": 1}
    z = irt.fit(responses, "2pl", **how).draws.z[0, 0]
    return JointBlocks(program, z, np.arange(persons), np.zeros(program.dim, dtype=bool), np.zeros((persons, 1, 0)))


@pytest.mark.parametrize("model", ["2pl", "1pl", "2pl-intercept"])
def test_blocks_of_one_pass_are_those_of_finite_differences(model: str) -> None:
    name, _, form = model.partition("-")
    responses = data(40, 15)
    spec = irt.build_model(name, **({"parameterization": form} if form else {}))
    program = EntriesProgram(Layout.of(spec, responses), responses)
    z = np.random.default_rng(2).normal(0, 0.5, program.dim)
    blocks = JointBlocks(program, z, np.arange(40), np.zeros(program.dim, dtype=bool), np.zeros((40, 1, 0)))
    for found, places in zip(blocks.of_both_sides(), (blocks.abilities, blocks.items), strict=True):
        np.testing.assert_allclose(found, blocks.blocks(places), rtol=1e-5, atol=1e-6)


def test_expected_information_is_that_of_simulated_responses() -> None:
    """The mean of the observed blocks over responses drawn at the point; those of the persons do not depend on them."""
    rng, blocks = np.random.default_rng(1), blocks_at_mode(60, 12)
    point, program = blocks.z, blocks.program
    assert isinstance(program, EntriesProgram)
    params = program.constrain(point)
    odds = params["discrimination"] * (params["ability"][:, None] - params["difficulty"])
    drawn = []
    for _ in range(300):
        codes = rng.uniform(size=odds.shape) < 1 / (1 + np.exp(-odds))
        responses = program.responses.with_values(np.where(program.responses.observed, codes, -1).astype(np.int8))
        other = JointBlocks.expected_at(program.with_data(responses), point)
        drawn.append(other.blocks(other.items))
        of_persons = other.blocks(other.abilities)
    persons, items = JointBlocks.expected_at(program, point).blocks_in_one_pass(program.precision)
    np.testing.assert_allclose(persons, of_persons, rtol=1e-6)
    error = np.std(drawn, axis=0) / np.sqrt(len(drawn))
    assert np.all(np.abs(np.mean(drawn, axis=0) - items) < 4.5 * error + 1e-6)


def test_with_all_triplets_the_coupling_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the dense inverse, and against the identity in whose units a climb moves."""
    blocks = blocks_at_mode(30, 20)
    exact = blocks.covariances()
    monkeypatch.setattr(coupling, "TRIPLETS", 30)
    monkeypatch.setattr(joint_blocks, "SMALL", 0)
    monkeypatch.setattr(joint_blocks, "FAINT", 1.0)
    for one, other in zip(blocks.covariances(), exact, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-12)


def test_of_a_large_matrix_the_leading_triplets_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of a standard error is of the fourth order in the rest: a fourth for twice as many of both sides."""

    def error(persons: int, items: int) -> float:
        blocks = blocks_at_mode(persons, items)
        monkeypatch.setattr(joint_blocks, "SMALL", 2**60)
        exact = blocks.covariances()
        monkeypatch.setattr(joint_blocks, "SMALL", 0)
        ratios = [one / other for one, other in zip(blocks.covariances(), exact, strict=True)]
        return float(np.mean([np.abs(np.sqrt(np.diagonal(each, axis1=1, axis2=2)) - 1).mean() for each in ratios]))

    monkeypatch.setattr(joint_blocks, "FAINT", 1.0)
    assert error(600, 1000) < min(error(300, 500) / 2, 1e-3)


def test_steps_of_scoring_lead_near_the_mode() -> None:
    """To within what is left of the log density at the start by a hundredth."""
    blocks = blocks_at_mode(250, 40)
    program = blocks.program
    assert isinstance(program, EntriesProgram)
    start = np.random.default_rng(1).uniform(-0.1, 0.1, program.dim)
    values = [float(program.value_and_grad(z, jacobian=False)[0]) for z in (start, risen(program, start), blocks.z)]
    assert values[2] - values[1] < 0.01 * (values[2] - values[0])
