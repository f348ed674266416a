"""Abilities of very many persons: moments in place of draws, and the same on other libraries' arrays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import irtbridge as irt
from irtbridge.data.responses import Responses
from irtbridge.inference import ability_moments as module
from irtbridge.inference.abilities import draw_abilities
from irtbridge.inference.ability_moments import ability_moments
from irtbridge.model.layout import Layout
from irtbridge.model.quadrature import Quadrature
from irtbridge.model.simulate import draw_from_prior
from irtbridge.plugin.arrays import Arrays
from irtbridge.testing.cases import CASES, Case

Params = dict[str, NDArray[np.float64]]
MODELS = {
    "2pl": (irt.two_pl(), [2] * 12),
    "graded": (irt.graded(), [4, 3, 4, 5, 4, 4]),
    "two traits": (irt.m2pl(q_matrix=[[1, 0]] * 3 + [[0, 1]] * 3, correlated=True), [2] * 6),
    "bifactor": (irt.bifactor(groups=[0, 0, 0, 1, 1, 1]), [2] * 6),
}
SEVERAL_TRAITS = ("two traits", "bifactor")
FEW = [case for case in CASES if case.name in ("2pl", "grm", "m2pl-correlated", "2pl-regression", "m2pl-groups")]


def around_the_truth(name: str, draws: int, spread: float = 0.1) -> tuple[Layout, Params, Responses]:
    """A model over 50 persons, and draws of its item parameters: true ones by a factor of each item."""
    model, categories = MODELS[name]
    params = irt.simulate_parameters(model, 50, categories, seed=1)
    responses, rng = irt.simulate_responses(model, params, categories, seed=2), np.random.default_rng(4)
    layout, moved = Layout.of(model, responses, Quadrature()), {}
    for slot, dims in ((slot, layout.spec.dims[slot]) for slot in layout.slots):
        ones = (draws, *[size if dim == "item" else 1 for dim, size in zip(dims, params[slot].shape, strict=True)])
        moved[slot] = params[slot] * np.exp(spread * rng.standard_normal(ones) * ("item" in dims))
    return layout, {name: value[None] for name, value in layout.complete(moved).items()}, responses


def from_the_prior(case: Case, draws: int = 6) -> tuple[Layout, Params, Responses]:
    """A case of the conformance suite, with draws that differ as widely as its prior lets them."""
    responses, rng = case.responses(), np.random.default_rng(5)
    layout = Layout.of(case.spec, responses, Quadrature(9))
    rows = [draw_from_prior(layout, rng) for _ in range(draws)]
    return layout, {name: np.stack([row[name] for row in rows])[None] for name in rows[0]}, responses


@pytest.mark.parametrize("name", ["2pl", "graded", *(pytest.param(n, marks=pytest.mark.long) for n in SEVERAL_TRAITS)])
def test_moments_are_those_of_draws(name: str) -> None:
    layout, params, responses = around_the_truth(name, 1500)
    moments = ability_moments(layout, params, responses, seed=1, arrays=Arrays())
    drawn = draw_abilities(layout, params, responses, seed=2)[0]
    sd = drawn.std(axis=0)
    assert np.abs((moments.mean - drawn.mean(axis=0)) / sd).max() < 5 / np.sqrt(len(drawn))
    assert np.abs(moments.sd / sd - 1).max() < 0.12
    share = np.mean(drawn[:, None] < moments.quantile([0.05, 0.5, 0.95]), axis=0)
    assert np.abs(share.reshape(3, -1).T - [0.05, 0.5, 0.95]).max() < 0.06
    assert moments.plausible.shape == (module.PLAUSIBLE, *sd.shape)


def test_all_draws_are_used_where_a_part_would_tell_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Monte Carlo error stays that of as many draws of the abilities, or below."""
    monkeypatch.setattr(module, "ENOUGH", 8)
    for spread, used in ((0.01, 8), (1.0, 60)):
        layout, params, responses = around_the_truth("2pl", 60, spread)
        moments = ability_moments(layout, params, responses, seed=1, arrays=Arrays())
        alone = np.stack([_conditional_means(layout, params, responses, row) for row in range(60)])
        assert (moments.mcse <= moments.sd / np.sqrt(60) * 1.001).all()
        np.testing.assert_allclose(moments.mcse, alone.std(axis=0) / np.sqrt(used), rtol=0.9)


def _conditional_means(layout: Layout, params: Params, responses: Responses, row: int) -> NDArray[np.float64]:
    one = {name: value[:, [row]] for name, value in params.items()}
    return ability_moments(layout, one, responses, seed=1, arrays=Arrays()).mean


def torch_arrays() -> Arrays:
    return pytest.importorskip("irtbridge_pyro.arrays").TorchArrays("cpu")


def tensorflow_arrays() -> Arrays:
    return pytest.importorskip("irtbridge_tfp.arrays").TensorFlowArrays("/CPU:0")


def jax_arrays() -> Arrays:
    device = pytest.importorskip("jax").devices("cpu")[0]
    return pytest.importorskip("irtbridge_numpyro.arrays").JaxArrays(device)


LONG = [pytest.param(library, marks=pytest.mark.long) for library in (tensorflow_arrays, jax_arrays)]


@pytest.mark.parametrize("library", [torch_arrays, lambda: Arrays("float64"), *LONG])
def test_arrays_of_every_library_give_the_same(library: Callable[[], Arrays]) -> None:
    """To the rounding of single precision."""
    arrays = library()
    for case in FEW:
        layout, params, responses = from_the_prior(case)
        expected = ability_moments(layout, params, responses, seed=1, arrays=Arrays())
        found = ability_moments(layout, params, responses, seed=1, arrays=arrays)
        for name in ("mean", "sd", "mcse"):
            np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-3, atol=1e-3)
        drawn, again = (draw_abilities(layout, params, responses, 1, each) for each in (Arrays(), arrays))
        assert np.mean(np.abs(drawn - again) > 1e-6) < 0.01  # a draw at the edge of two nodes may take the other


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS", 2)
    for case in FEW:
        layout, params, responses = from_the_prior(case)
        whole, parts = (ability_moments(layout, params, responses, 1, each) for each in (Arrays(), SmallArrays()))
        np.testing.assert_allclose(parts.mean, whole.mean, atol=1e-3)
        np.testing.assert_allclose(parts.sd, whole.sd, rtol=1e-3, atol=1e-3)


class SmallArrays(Arrays):
    """NumPy's, of so few numbers that each draw and a few persons are a block."""

    cells = 64


@pytest.fixture(scope="module")
def kept() -> irt.Fit:
    return irt.fit("lsat7", "2pl", method="laplace", draws=400, seed=1)


@pytest.fixture(scope="module")
def summarised() -> irt.Fit:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "KEPT", 100)
        return irt.fit("lsat7", "2pl", method="laplace", draws=400, seed=1)


def test_a_fit_without_draws_of_abilities_answers_as_one_with_them(kept: irt.Fit, summarised: irt.Fit) -> None:
    assert "ability" in kept.idata.posterior
    assert "ability" not in summarised.idata.posterior
    assert summarised.items().equals(kept.items())
    assert summarised.verdict == kept.verdict
    assert summarised.scores(items="draws").equals(kept.scores(items="draws"))
    ours, theirs = summarised.persons()["ability"], kept.persons()["ability"]
    assert np.abs((ours["mean"] - theirs["mean"]) / theirs["sd"]).max() < 5 / np.sqrt(400)
    assert np.abs(ours["sd"] / theirs["sd"] - 1).max() < 0.2
    assert np.abs(ours["hdi_2.5%"] - theirs["hdi_2.5%"]).mean() < 0.15
    assert (ours["mcse"] < theirs["sd"] / np.sqrt(400)).all()
    assert summarised.bank().mean == pytest.approx(kept.bank().mean, abs=0.02)
    ppp, other = (fit.person_fit(draws=100, seed=1)["ppp"] for fit in (summarised, kept))
    assert np.abs(ppp - other).max() < 5 * np.sqrt(2 * 0.25 / 100)


def test_it_is_saved_and_goes_on(summarised: irt.Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = irt.load_fit(summarised.save(tmp_path / "fit.nc"))
    assert loaded.persons().equals(summarised.persons())
    monkeypatch.setattr(module, "KEPT", 100)
    longer = loaded.extend(100)
    assert longer.idata.posterior.sizes["draw"] == 500
    assert longer.persons()["ability"]["mean"].to_numpy() == pytest.approx(loaded.persons()["ability"]["mean"], abs=0.1)


def test_a_fit_that_grows_too_large_gives_up_its_draws(kept: irt.Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 450 * 1000)
    longer = kept.extend(100)
    assert "ability" not in longer.idata.posterior
    assert longer.posterior.thinned(7).abilities.shape == (7, 1000)
    apart = longer.posterior.thinned(2).abilities
    assert 0.2 < np.corrcoef(apart)[0, 1] < 0.8  # of the same persons, not the same draws
