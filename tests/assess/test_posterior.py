"""What every question after the fit is asked of."""

from __future__ import annotations

import numpy as np
import pytest

import irtbridge as irt
from irtbridge.errors import StatisticError
from irtbridge.model.layout import Layout


@pytest.fixture(scope="module")
def fit() -> irt.Fit:
    return irt.fit("lsat7", "2pl", method="laplace", draws=100)


def test_it_has_every_variable_for_every_draw(fit: irt.Fit) -> None:
    posterior = fit.posterior
    assert posterior.n_draws == 100
    assert {name: value.shape for name, value in posterior.params.items()} == {
        "discrimination": (100, 5),
        "difficulty": (100, 5),
    }
    assert posterior.thinned(7).abilities.shape == (7, 1000)


def test_expected_abilities_at_nodes_are_those_of_the_draws(fit: irt.Fit) -> None:
    nodes, weights = fit.posterior.at_mean.at_nodes()
    assert weights.sum(axis=1) == pytest.approx(1.0)
    expected = np.sum(nodes[..., None] * weights, axis=1)[0]
    spread = fit.posterior.abilities.std(axis=0) / 10
    assert np.mean(np.abs(expected - fit.posterior.abilities.mean(axis=0)) > 4 * spread) < 0.01


def test_moments_of_categories_follow_from_their_probabilities(fit: irt.Fit) -> None:
    posterior = fit.posterior.thinned(3)
    mean, variance = posterior.moments()
    success = posterior.category_probs()[..., 1]
    assert mean == pytest.approx(success)
    assert variance == pytest.approx(success * (1 - success))


@pytest.mark.parametrize("model", [irt.beta_irt(), irt.ordered_beta(), irt.poisson_counts()])
def test_moments_of_numbers_are_those_of_draws(model: irt.ModelSpec) -> None:
    params = irt.simulate_parameters(model, 3, [1, 1], seed=1)
    repeated = {k: np.repeat(v, 20_000, axis=0) if k == "ability" else v for k, v in params.items()}
    responses = irt.simulate_responses(model, repeated, [1, 1], seed=2)
    layout = Layout.of(model, responses)
    mean, variance = model.family.moments(layout.complete(params), layout.spec.dims, layout.exists)
    drawn = responses.values.reshape(3, 20_000, 2)
    error = np.sqrt(variance / 20_000)
    assert np.all(np.abs(drawn.mean(axis=1) - mean) < 5 * error)
    # The variance of a variance is at most the fourth moment over n.
    fourth = np.mean((drawn - drawn.mean(axis=1, keepdims=True)) ** 4, axis=1)
    assert np.all(np.abs(drawn.var(axis=1) - variance) < 5 * np.sqrt(fourth / 20_000))


def test_numbers_have_no_category_probabilities() -> None:
    model = irt.poisson_counts()
    params = irt.simulate_parameters(model, 50, [1] * 4, seed=1)
    fit = irt.fit(irt.simulate_responses(model, params, [1] * 4, seed=2), model, method="map")
    with pytest.raises(StatisticError, match="of counts, which have no categories; use moments"):
        fit.posterior.category_probs()
