"""The reduction of dimension of bifactor models: equal to the full grid, whatever the family and what is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats

from irtbridge.data.responses import Responses
from irtbridge.errors import SpecError
from irtbridge.inference.abilities import draw_abilities, expected_abilities
from irtbridge.model import catalogue as models
from irtbridge.model.density import marginal_log_likelihood
from irtbridge.model.families import Beta
from irtbridge.model.layout import Layout
from irtbridge.model.noncentred import ability_at
from irtbridge.model.priors import as_prior
from irtbridge.model.quadrature import Quadrature
from irtbridge.model.reduction import Reduction
from irtbridge.model.simulate import simulate_parameters, simulate_responses
from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import Variable
from irtbridge.testing.cases import counts_by_two_groups

Array = NDArray[np.float64]
GROUPS = [0, 0, None, 1, 1, 1]


def fractions() -> ModelSpec:
    """A bifactor model of fractions."""
    traits = models.bifactor(groups=GROUPS)
    precision = Variable("precision", ("item",), as_prior("LogNormal(1, 0.5)"))
    return replace(traits, family=Beta(), variables=(*traits.variables, precision))


CASES: dict[str, tuple[ModelSpec, list[int]]] = {
    "2pl": (models.bifactor(groups=GROUPS), [2] * 6),
    "grm": (models.bifactor(groups=GROUPS, item_model="grm"), [3, 4, 2, 3, 4, 3]),
    "gpcm": (models.bifactor(groups=GROUPS, item_model="gpcm"), [3, 4, 2, 3, 4, 3]),
    "nominal": (models.nominal(q_matrix=[[1, 1, 0], [1, 1, 0], [1, 0, 0], [1, 0, 1], [1, 0, 1]]), [3, 4, 2, 3, 4]),
    "counts": (counts_by_two_groups(), [1] * 5),
    "fractions": (fractions(), [1] * 6),
    "testlet": (models.testlet(groups=GROUPS), [2] * 6),
    "every item in a group": (models.bifactor(groups=[1, 2, 1, 2, 2, 1]), [2] * 6),
    "scales and means by trait": (
        models.bifactor(groups=GROUPS, ability="Normal([0.3, -0.2, 0], [1, 0.6, 1.7])"),
        [2] * 6,
    ),
    "general trait in the middle": (
        models.m2pl(q_matrix=[[1, 1, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 1, 1], [0, 0, 1]]),
        [2] * 6,
    ),
    "no general trait": (models.m2pl(q_matrix=[[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]]), [2] * 5),
}


def data(name: str, n_persons: int = 8) -> tuple[ModelSpec, dict[str, Array], Responses]:
    spec, counts = CASES[name]
    params = simulate_parameters(spec, n_persons, counts, seed=3)
    return spec, params, simulate_responses(spec, params, counts, seed=4, missing=0.15)


def full_grid(
    spec: ModelSpec, params: dict[str, Array], responses: Responses, quadrature: Quadrature
) -> tuple[Array, Array]:
    """Abilities at the nodes of the product grid of all traits, and each person's log posterior there, times p."""
    layout, n_traits = Layout.of(spec, responses), len(spec.traits)
    nodes = ability_at(layout, quadrature.standard_nodes(n_traits), params)
    rows = []
    for row in responses.values:
        values = np.broadcast_to(row, (len(nodes), len(row)))
        each = spec.family.log_density(values, {**params, "ability": nodes}, spec.dims, layout.exists)
        rows.append(each[:, row >= 0].sum(axis=1) + quadrature.log_weights(n_traits))
    return nodes, np.array(rows)


@pytest.mark.parametrize("name", CASES)
def test_it_equals_the_product_grid_of_all_traits(name: str) -> None:
    spec, params, responses = data(name)
    quadrature = Quadrature(15)
    layout = Layout.of(spec, responses, quadrature)
    assert layout.standard_nodes.shape == (15**2, 3)
    reduced = marginal_log_likelihood(layout, params, responses)[: responses.n_persons]
    np.testing.assert_allclose(
        reduced, special.logsumexp(full_grid(spec, params, responses, quadrature)[1], axis=1), rtol=1e-10
    )


@pytest.mark.parametrize("name", CASES)
def test_expected_abilities_are_those_of_the_product_grid(name: str) -> None:
    spec, params, responses = data(name)
    quadrature = Quadrature(15)
    nodes, log_posterior = full_grid(spec, params, responses, quadrature)
    weights = special.softmax(log_posterior, axis=1)
    mean, sd = expected_abilities(Layout.of(spec, responses, quadrature), _of_items(params), responses)
    np.testing.assert_allclose(mean, weights @ nodes, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(sd, np.sqrt(weights @ nodes**2 - mean**2), rtol=1e-7)


@pytest.mark.parametrize("name", ["2pl", "grm", "general trait in the middle"])
def test_drawn_abilities_have_their_joint_posterior(name: str) -> None:
    """Of 3 persons: each trait by Kolmogorov-Smirnov and all products of two by z-tests; Bonferroni at 1e-4."""
    spec, params, responses = data(name, n_persons=3)
    n_draws, quadrature = 4000, Quadrature(25)
    repeated = {k: np.broadcast_to(v, (1, n_draws, *v.shape)) for k, v in _of_items(params).items()}
    draws = draw_abilities(Layout.of(spec, responses, quadrature), repeated, responses, seed=1)[0]
    assert draws.shape == (n_draws, 3, 3)
    nodes, log_posterior = full_grid(spec, params, responses, Quadrature(49))
    weights = special.softmax(log_posterior, axis=1)
    for person in range(3):
        for trait in range(3):
            x, place = np.unique(nodes[:, trait], return_inverse=True)
            mass = np.bincount(place, weights[person])
            # Half of each node's mass lies below it: the cumulative distribution at the nodes, to second order.
            uniform = np.interp(draws[:, person, trait], x, np.cumsum(mass) - mass / 2)
            assert stats.kstest(uniform, "uniform").pvalue > 1e-4 / 18
        pairs = np.triu_indices(3, 1)
        products, expected = (v[:, pairs[0]] * v[:, pairs[1]] for v in (draws[:, person], nodes))
        z = (products.mean(axis=0) - weights[person] @ expected) / (products.std(axis=0) / np.sqrt(n_draws))
        assert np.abs(z).max() < stats.norm.isf(1e-4 / 18 / 2)


def _of_items(params: dict[str, Array]) -> dict[str, Array]:
    return {name: value for name, value in params.items() if name != "ability"}


NOT_REDUCED: dict[str, Any] = {
    "two traits": models.m2pl(q_matrix=[[1, 0], [1, 1], [1, 1]]),
    "three traits of one item": models.m2pl(q_matrix=[[1, 1, 1], [1, 0, 1], [1, 1, 0]]),
    "correlated traits": models.m2pl(q_matrix=[[1, 1, 0], [1, 0, 1]], correlated=True),
    "no Q-matrix": models.m2pl(traits=3),
    "one trait": models.two_pl(),
}


@pytest.mark.parametrize("case", NOT_REDUCED)
def test_other_models_are_not_reduced(case: str) -> None:
    assert Reduction.of(NOT_REDUCED[case]) is None


def test_the_general_trait_is_that_with_the_most_items() -> None:
    reduction = Reduction.of(models.m2pl(q_matrix=[[0, 1, 0], [1, 0, 0], [0, 1, 1], [0, 1, 1]]))
    assert reduction is not None
    assert (reduction.general, reduction.specific) == (1, (0, 2))
    assert [block.tolist() for block in reduction.blocks] == [[1], [2, 3]]
    assert reduction.alone.tolist() == [0]


def test_any_number_of_groups_is_integrated_out_in_two_dimensions() -> None:
    """Twice the nodes that are chosen move the log likelihood by less than 1e-6 of itself."""
    spec = models.bifactor(groups=np.repeat(np.arange(6), 4))
    params = simulate_parameters(spec, 50, [2] * 24, seed=3)
    responses = simulate_responses(spec, params, [2] * 24, seed=4, missing=0.05)
    layout = Layout.of(spec, responses, Quadrature())
    assert layout.collapse is not None
    assert layout.standard_nodes.shape == (layout.collapse.n_nodes**2, 7)
    finer = Layout.of(spec, responses, Quadrature(2 * layout.collapse.n_nodes))
    values = [marginal_log_likelihood(one, params, responses).sum() for one in (layout, finer)]
    assert abs(values[1] / values[0] - 1) < 1e-6


def test_four_traits_that_cannot_be_reduced_are_refused() -> None:
    q = [[1, 1, 1, 0], [1, 0, 0, 1], [1, 1, 0, 0]]
    with pytest.raises(SpecError, match="4 traits; a grid serves at most 3, or any number of independent ones"):
        Layout.of(models.m2pl(q_matrix=q), Responses.from_codes(np.array([[0, 1, 1], [1, 0, 0]])), Quadrature())
