"""Traits that a model cannot tell apart: what may change places or signs, and one rule for both."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import irtbridge as irt
from irtbridge.inference import compile_for, make_settings
from irtbridge.inference.alignment import Symmetry, align
from irtbridge.model.density import log_density_terms
from irtbridge.model.layout import Layout
from irtbridge.model.simulate import empty_responses
from irtbridge.plugin.loading import load_backend
from irtbridge.plugin.program import Program
from irtbridge.results.draws import Draws, Timings

pytestmark = pytest.mark.usefixtures("compiled_once")

Q_MATRIX = [[1, 0], [1, 0], [0, 1], [0, 1], [1, 1]]
TWINS = [[1, 0, 0], [1, 0, 0], [0, 1, 1], [0, 1, 1], [1, 1, 1]]
EITHER = "Normal(0, 1)"

# What may change places (pairs of traits) and signs (traits).
CASES: dict[str, tuple[Callable[[], irt.ModelSpec], list[tuple[int, int]], list[int]]] = {
    "2pl": (irt.two_pl, [], []),
    "1pl": (irt.one_pl, [], []),
    "2pl, either sign": (lambda: irt.two_pl(discrimination=EITHER), [], [0]),
    "2pl, either sign, centred at 1": (lambda: irt.two_pl(discrimination="Normal(1, 1)"), [], []),
    "2pl, difficulty off centre": (lambda: irt.two_pl(discrimination=EITHER, difficulty="Normal(1, 1)"), [], []),
    "2pl, means by item": (lambda: irt.two_pl(discrimination="Normal([0, 0, 0, 0, 1], 1)"), [], []),
    "2pl, scales by item": (lambda: irt.two_pl(discrimination="Normal([0, 0, 0, 0, 0], [1, 1, 1, 1, 2])"), [], [0]),
    "2pl, uniform": (lambda: irt.two_pl(discrimination="Uniform(-3, 3)"), [], [0]),
    "gpcm, either sign": (lambda: irt.generalized_partial_credit(discrimination=EITHER), [], [0]),
    "2pl, intercepts": (lambda: irt.two_pl(parameterization="intercept", discrimination=EITHER), [], [0]),
    "intercepts off centre": (
        lambda: irt.two_pl(parameterization="intercept", discrimination=EITHER, intercept="Normal(1, 1)"),
        [],
        [0],
    ),
    "4pl, intercepts": (lambda: irt.four_pl(parameterization="intercept", discrimination=EITHER), [], [0]),
    "exploratory": (irt.m2pl, [(0, 1)], []),
    "exploratory, correlated": (lambda: irt.m2pl(traits=3, correlated=True), [(0, 1), (0, 2), (1, 2)], []),
    "exploratory, either sign": (lambda: irt.m2pl(discrimination=EITHER), [(0, 1)], [0, 1]),
    "either sign, correlated": (lambda: irt.m2pl(discrimination=EITHER, correlated=True), [(0, 1)], [0, 1]),
    "confirmatory": (lambda: irt.m2pl(q_matrix=Q_MATRIX), [], []),
    "confirmatory, either sign": (lambda: irt.m2pl(q_matrix=Q_MATRIX, discrimination=EITHER), [], [0, 1]),
    "two of three alike": (lambda: irt.m2pl(q_matrix=TWINS), [(1, 2)], []),
    "unlike abilities": (lambda: irt.m2pl(ability="Normal([0, 0.2], 1)"), [], []),
    "unlike scales": (lambda: irt.m2pl(ability="Normal(0, [1, 2])", discrimination=EITHER), [], [0, 1]),
    "given correlation": (lambda: irt.m2pl(ability="MultivariateNormal(0, [[1, 0], [0.6, 0.8]])"), [(0, 1)], []),
    "given factor": (lambda: irt.m2pl(ability="MultivariateNormal(0, [[1, 0], [0.3, 0.9]])"), [], []),
}


def symmetry_of(spec: irt.ModelSpec) -> Symmetry | None:
    return Symmetry.of(Layout.of(spec, empty_responses(4, [2] * 5)))


@pytest.mark.parametrize("case", CASES)
def test_what_a_model_leaves_open(case: str) -> None:
    build, places, signs = CASES[case]
    symmetry = symmetry_of(build())
    if not places and not signs:
        assert symmetry is None
        return
    assert symmetry is not None
    assert list(zip(*np.nonzero(np.triu(symmetry.alike, 1)), strict=True)) == places
    assert np.flatnonzero(symmetry.flips).tolist() == signs


@pytest.mark.parametrize("case", [case for case, (_, places, signs) in CASES.items() if places or signs])
def test_relabelling_leaves_the_posterior_what_it_is(case: str) -> None:
    """Likelihood and priors are the same at every relabelled point, and what the rule has put in order stays so.

    The LKJ prior is left out: it is a power of the correlation matrix's determinant, which no relabelling changes.
    """
    spec = CASES[case][0]()
    params = irt.simulate_parameters(spec, 12, [2] * 5, seed=1)
    responses = irt.simulate_responses(spec, params, [2] * 5, seed=2, missing=0.1)
    program = load_backend("pyro").compile(spec, responses, device="cpu")
    symmetry = Symmetry.of(program.layout)
    assert symmetry is not None
    rng = np.random.default_rng(3)
    z = rng.uniform(-0.7, 0.7, (1, 6, program.dim))
    full = {name: value[0] for name, value in program.constrain(z).items()}
    orders, turned = relabelings(symmetry, rng, 6)
    moved = symmetry.relabelled(full, orders, turned)
    for i in range(6):
        before, after = (
            log_density_terms(program.layout, {name: value[i] for name, value in p.items()}, responses)
            for p in (full, moved)
        )
        assert sum(after.values()) - after.get("trait_cholesky", 0) == pytest.approx(
            sum(before.values()) - before.get("trait_cholesky", 0), rel=1e-9
        )
    once = symmetry.aligned(program, z)
    np.testing.assert_allclose(symmetry.aligned(program, once), once, atol=1e-7)


def relabelings(symmetry: Symmetry, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Random orders and signs among those that are allowed."""
    n_traits = len(symmetry.flips)
    orders = np.tile(np.arange(n_traits), (count, 1))
    for order in orders:
        for group in {tuple(np.flatnonzero(row)) for row in symmetry.alike}:
            order[list(group)] = rng.permutation(group)
    return orders, np.where(symmetry.flips & (rng.uniform(size=(count, n_traits)) < 0.5), -1.0, 1.0)


@pytest.mark.parametrize("n_traits", [2, 3, 5])
def test_the_rule_undoes_any_labelling(n_traits: int) -> None:
    """Draws around one pattern of loadings, each under a labelling of its own, come back to one labelling."""
    rng = np.random.default_rng(7)
    pattern = rng.normal(0, 1, (12, n_traits))
    pattern = pattern[:, np.argsort(-np.sum(pattern**2, axis=0))]
    draws = pattern + 0.15 * rng.normal(size=(400, 12, n_traits))
    mean = draws.mean(axis=0)
    draws *= np.sign(mean[np.abs(mean).argmax(axis=0), np.arange(n_traits)])
    symmetry = symmetry_of(irt.m2pl(traits=n_traits, discrimination=EITHER))
    assert symmetry is not None
    orders, signs = relabelings(symmetry, rng, 400)
    shuffled = np.take_along_axis(draws * signs[:, None], orders[:, None], axis=2)
    found, turned = symmetry.relabeling(shuffled)
    back = np.take_along_axis(shuffled, found[:, None], axis=2) * turned[:, None]
    np.testing.assert_allclose(back, draws, atol=1e-12)


def exploratory(seed: int) -> irt.Responses:
    spec = irt.m2pl(traits=2)
    params = irt.simulate_parameters(spec, 200, [2] * 8, seed)
    return irt.simulate_responses(spec, params, [2] * 8, seed + 50)


def test_chains_in_different_labellings_become_one_posterior() -> None:
    """Two chains that mirror each other have an R-hat far above 1 before, and the same draws after."""
    program = collapsed(irt.m2pl(traits=2), exploratory(1))
    rng = np.random.default_rng(1)
    chain = np.zeros(program.dim)
    places = program.layout.places["discrimination"].reshape(8, 2)
    chain[places] = np.log([1.5, 0.3])
    chain = chain + 0.1 * rng.normal(size=(50, program.dim))
    other = chain.copy()
    other[:, places] = chain[:, places[:, ::-1]]
    draws = align(program, Draws(np.stack([chain, other]), Timings()))
    np.testing.assert_allclose(draws.z[0], draws.z[1], atol=1e-12)
    loadings = np.exp(draws.z[0][:, places]).mean(axis=0)
    assert np.sum(loadings[:, 0] ** 2) > np.sum(loadings[:, 1] ** 2)


def collapsed(spec: irt.ModelSpec, responses: irt.Responses) -> Program:
    settings = make_settings("map")
    return compile_for(load_backend("pyro"), spec, responses, settings, device="cpu", dtype="float64")


@pytest.mark.parametrize(("backend", "data"), [("pyro", 1), ("pyro", 2), ("tfp", 1)])
def test_an_exploratory_fit_has_one_labelling_on_every_seed(backend: str, data: int) -> None:
    fits = [irt.fit(exploratory(data), "m2pl", backend=backend, method="map", seed=seed) for seed in (1, 2, 3)]
    loadings = [fit.idata.posterior.discrimination.values[0, 0] for fit in fits]
    for other in loadings[1:]:
        np.testing.assert_allclose(other, loadings[0], atol=0.02)
    size = np.sum(loadings[0] ** 2, axis=0)
    assert size[0] >= size[1]
    errors = [fit.draws.standard_errors for fit in fits]
    assert errors[0] is not None
    assert errors[1] is not None
    np.testing.assert_allclose(errors[1]["discrimination"], errors[0]["discrimination"], rtol=0.05)
    abilities = [fit.idata.posterior.ability.values[0, 0] for fit in fits]
    np.testing.assert_allclose(abilities[1], abilities[0], atol=0.05)


@pytest.mark.long
def test_chains_of_an_exploratory_model_agree() -> None:
    """R-hat of the loadings is that of one posterior: before alignment it is far above 1.1 on these data."""
    fit = irt.fit(exploratory(1), "m2pl", method="nuts_collapsed", seed=1, chains=2, warmup=60, draws=100)
    assert fit.max_r_hat < 1.1
    correlations = [np.corrcoef(fit.idata.posterior.discrimination[:, :, i].values.reshape(-1, 2).T) for i in range(8)]
    assert np.mean([c[0, 1] for c in correlations]) < 0.5
