"""Metropolis within Gibbs: the moves, the densities they rest on, and the posterior they lead to."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import stats

import irtbridge as irt
from irtbridge.errors import SpecError
from irtbridge.inference.metropolis import Chain, moves_of
from irtbridge.model.density import log_joint
from irtbridge.model.layout import Layout
from irtbridge.testing import reference_posterior
from irtbridge.testing.cases import CASES, Case

pytestmark = pytest.mark.usefixtures("compiled_once")

MOVED = [case for case in CASES if not any(v.prior.support == "cholesky" for v in case.spec.variables)]


def chain(case: Case) -> Chain:
    responses = case.responses()
    layout = Layout.of(case.spec, responses)
    params = irt.simulate_parameters_like(case.spec, case.test(), seed=4)
    own = {name: np.asarray(params[name], dtype=float) for name in layout.slots}
    return Chain(layout, responses, own, np.full(layout.dim, 0.5), np.random.default_rng(5))


@pytest.mark.parametrize("case", MOVED, ids=lambda case: case.name)
def test_a_step_moves_every_number_once_and_knows_where_it_is(case: Case) -> None:
    walk = chain(case)
    places = [walk.layout.places[move.slot.name][move.elements] for move in walk.moves]
    np.testing.assert_array_equal(np.sort(np.concatenate(places)), np.arange(walk.layout.dim))
    before, accepted = walk.params, np.zeros(walk.layout.dim)
    for _ in range(3):
        accepted += walk.step()
        assert walk.log_density == pytest.approx(log_joint(walk.layout, walk.params, walk.responses), abs=1e-8)
    moved = [
        (slot.to_site(walk.params[name]) != slot.to_site(before[name])).ravel()
        for name, slot in walk.layout.slots.items()
        if slot.basis is None
    ]
    kept = np.concatenate([accepted[walk.layout.places[n]] for n, s in walk.layout.slots.items() if s.basis is None])
    np.testing.assert_array_equal(np.concatenate(moved), kept > 0)


def test_correlations_are_refused() -> None:
    case = next(case for case in CASES if case.name == "m2pl-correlated")
    with pytest.raises(SpecError, match="metropolis moves no correlations; use method=nuts"):
        list(moves_of(Layout.of(case.spec, case.responses())))


def test_without_responses_it_draws_from_the_prior() -> None:
    """Thinned draws by Kolmogorov-Smirnov, at 1e-4 for each of three variables."""
    spec = irt.two_pl(discrimination="LogNormal(0, 0.5)", difficulty="Normal(1, 2)")
    blank = irt.simulate_responses(spec, irt.simulate_parameters(spec, 4, [2] * 3, seed=1), [2] * 3, seed=1).blank()
    layout = Layout.of(spec, blank)
    start = {slot.name: np.ones(slot.shape) for slot in layout.slots.values()}
    walk = Chain(layout, blank, start, np.full(layout.dim, 2.5), np.random.default_rng(2))
    draws = []
    for t in range(4000):
        walk.step()
        if t % 20 == 0:
            draws.append(
                [walk.params["ability"][0], np.log(walk.params["discrimination"][1]), walk.params["difficulty"][2]]
            )
    for values, law in zip(np.transpose(draws), (stats.norm(), stats.norm(0, 0.5), stats.norm(1, 2)), strict=True):
        assert stats.kstest(values, law.cdf).pvalue > 1e-4


@cache
def small() -> irt.Responses:
    spec = irt.two_pl()
    true = irt.simulate_parameters(spec, 60, [2] * 4, seed=1)
    return irt.simulate_responses(spec, true, [2] * 4, seed=2, missing=0.1)


@pytest.mark.long
def test_it_agrees_with_the_posterior_by_quadrature() -> None:
    """Within 4 Monte Carlo standard errors of both, for each of eight means; SDs within 15 %."""
    fit = irt.fit(small(), "2pl", method="metropolis", seed=3, warmup=1000, draws=1500, thin=2)
    reference = reference_posterior(irt.two_pl(), small(), draws=4000)
    for name in ("discrimination", "difficulty"):
        table = fit.items()[name]
        error = np.hypot(table["mcse"], reference.mcse[name])
        assert np.all(np.abs(table["mean"] - reference.mean[name]) < 4 * error)
        np.testing.assert_allclose(table["sd"], reference.sd[name], rtol=0.15)
    assert fit.draws.stats["acceptance_rate"].mean() == pytest.approx(0.44, abs=0.03)


def test_chains_go_on_with_fixed_scales() -> None:
    fit = irt.fit(small(), "1pl", method="metropolis", chains=2, warmup=100, draws=20)
    longer = fit.extend(draws=15)
    assert longer.draws.z.shape == (2, 35, 64)
    np.testing.assert_array_equal(longer.draws.z[:, :20], fit.draws.z)
    np.testing.assert_array_equal(longer.draws.kept_adaptation["scale"], fit.draws.kept_adaptation["scale"])
    assert np.ptp(fit.draws.kept_adaptation["scale"]) > 0
