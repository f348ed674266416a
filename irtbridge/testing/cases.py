"""The cases of the conformance suite: every model of the catalogue, small, with missing and unequal categories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from irtbridge.data.responses import Responses
from irtbridge.model import catalogue as models
from irtbridge.model.families import Binary, Graded
from irtbridge.model.priors import as_prior
from irtbridge.model.simulate import simulate_parameters, simulate_responses
from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import Variable

Q_MATRIX = ((1, 0), (1, 0), (0, 1), (0, 1), (1, 1))
BINARY = (2, 2, 2, 2, 2)
UNEQUAL = (3, 4, 2, 3, 4)
EQUAL = (4, 4, 4, 4, 4)
N_PERSONS = 9
GROUPS = (0, 0, 1, 1, None)


@dataclass(frozen=True)
class Case:
    """A model and the categories of its items; data are simulated from its own prior."""

    name: str
    build: Callable[[], ModelSpec]
    n_categories: tuple[int, ...]
    missing: float = 0.15

    @property
    def spec(self) -> ModelSpec:
        """The model."""
        return self.build()

    @property
    def has_ability_parameters(self) -> bool:
        """Whether the abilities' prior has parameters of its own."""
        return bool(self.spec[self.spec.family.ability].prior.references())

    def responses(self, seed: int = 1) -> Responses:
        """A response matrix with missing entries, the same for the same seed."""
        params = simulate_parameters(self.spec, N_PERSONS, self.n_categories, seed)
        return simulate_responses(self.spec, params, self.n_categories, seed + 1, self.missing)


def hierarchical_two_pl() -> ModelSpec:
    """A 2PL whose item parameters have unknown means and scales."""
    variables = (
        Variable("ability", ("person",), as_prior("Normal(0, 1)")),
        Variable("mean", (), as_prior("Uniform(-1, 1)")),
        Variable("scale", (), as_prior("HalfNormal(1)")),
        Variable("slope_mean", (), as_prior("Beta(2, 3)")),
        Variable("slope_scale", (), as_prior("Gamma(3, 4)")),
        Variable("discrimination", ("item",), as_prior("TruncatedNormal(slope_mean, slope_scale, 0)")),
        Variable("difficulty", ("item",), as_prior("Normal(mean, scale)")),
    )
    return ModelSpec("hierarchical 2pl", variables, Binary(scaling=1.702))


def hierarchical_abilities() -> ModelSpec:
    """A Rasch model whose abilities have an unknown mean and standard deviation."""
    variables = (
        Variable("ability_mean", (), as_prior("Normal(0, 1)")),
        Variable("ability_sd", (), as_prior("HalfNormal(1)")),
        Variable("ability", ("person",), as_prior("Normal(ability_mean, ability_sd)")),
        Variable("difficulty", ("item",), as_prior("Normal(0, 1)")),
    )
    return ModelSpec("hierarchical abilities", variables, Binary(discrimination=None))


def hierarchical_graded() -> ModelSpec:
    """A graded model whose thresholds centre on means of their own by category, with array arguments."""
    variables = (
        Variable("ability", ("person",), as_prior("Normal(0, 1)")),
        Variable("centre", ("category",), as_prior("Normal([-1, 0, 1], 0.5)")),
        Variable("discrimination", ("item",), as_prior("LogNormal(0, 0.3)")),
        Variable("threshold", ("item", "category"), as_prior("OrderedNormal(centre, 1)")),
    )
    return ModelSpec("hierarchical grm", variables, Graded(location=("threshold",)))


def truncated_m2pl() -> ModelSpec:
    """An exploratory M2PL with slopes in an interval and a multivariate normal ability."""
    return models.m2pl(
        discrimination="TruncatedNormal(1, 0.5, 0.1, 3)",
        ability="MultivariateNormal([0, 0.2], [[1, 0], [0.3, 0.9]])",
    )


CASES: tuple[Case, ...] = (
    Case("1pl", models.one_pl, BINARY),
    Case("1pl-common-slope", lambda: models.one_pl(common_discrimination=True), BINARY),
    Case("2pl", models.two_pl, BINARY),
    Case("3pl", models.three_pl, BINARY),
    Case("4pl", models.four_pl, BINARY),
    Case("m2pl", models.m2pl, BINARY),
    Case("m2pl-confirmatory", lambda: models.m2pl(q_matrix=Q_MATRIX), BINARY),
    Case("m2pl-correlated", lambda: models.m2pl(q_matrix=Q_MATRIX, correlated=True), BINARY),
    Case("m2pl-three-traits", lambda: models.m2pl(traits=3, correlated=True), BINARY),
    Case("grm", models.graded, UNEQUAL),
    Case("grm-equal", models.graded, EQUAL),
    Case("grm-two-traits", lambda: models.graded(traits=2), EQUAL),
    Case("grm-correlated", lambda: models.graded(q_matrix=Q_MATRIX, correlated=True), UNEQUAL),
    Case("pcm", models.partial_credit, UNEQUAL),
    Case("gpcm", models.generalized_partial_credit, UNEQUAL),
    Case("gpcm-two-traits", lambda: models.generalized_partial_credit(traits=2), EQUAL),
    Case("gpcm-correlated", lambda: models.generalized_partial_credit(q_matrix=Q_MATRIX, correlated=True), UNEQUAL),
    Case("rsm", models.rating_scale, EQUAL),
    Case("rsm-common-slope", lambda: models.rating_scale(common_discrimination=True), EQUAL),
    Case("bifactor", lambda: models.bifactor(groups=GROUPS), BINARY),
    Case("bifactor-grm", lambda: models.bifactor(groups=GROUPS, item_model="grm"), UNEQUAL),
    Case("bifactor-gpcm", lambda: models.bifactor(groups=(0, 0, None, 1, 1), item_model="gpcm"), UNEQUAL),
    Case("2pl-hierarchical", hierarchical_two_pl, BINARY),
    Case("1pl-hierarchical-abilities", hierarchical_abilities, BINARY),
    Case("grm-hierarchical", hierarchical_graded, UNEQUAL),
    Case("m2pl-truncated", truncated_m2pl, BINARY),
)
