"""The cases of the conformance suite: every model of the catalogue, small, with missing and unequal categories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from irtbridge import models
from irtbridge.data import Responses
from irtbridge.families import Binary
from irtbridge.simulate import simulate_parameters, simulate_responses
from irtbridge.spec import ModelSpec, Variable

Q_MATRIX = ((1, 0), (1, 0), (0, 1), (0, 1), (1, 1))
BINARY = (2, 2, 2, 2, 2)
UNEQUAL = (3, 4, 2, 3, 4)
EQUAL = (4, 4, 4, 4, 4)
N_PERSONS = 9


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

    def responses(self, seed: int = 1) -> Responses:
        """A response matrix with missing entries, the same for the same seed."""
        params = simulate_parameters(self.spec, N_PERSONS, self.n_categories, seed)
        return simulate_responses(self.spec, params, self.n_categories, seed + 1, self.missing)


def hierarchical_two_pl() -> ModelSpec:
    """A 2PL whose item parameters have unknown means and scales."""
    variables = (
        Variable("ability", ("person",), "Normal(0, 1)"),  # type: ignore[arg-type]
        Variable("mean", (), "Uniform(-1, 1)"),  # type: ignore[arg-type]
        Variable("scale", (), "HalfNormal(1)"),  # type: ignore[arg-type]
        Variable("slope_mean", (), "Beta(2, 3)"),  # type: ignore[arg-type]
        Variable("slope_scale", (), "Gamma(3, 4)"),  # type: ignore[arg-type]
        Variable("discrimination", ("item",), "TruncatedNormal(slope_mean, slope_scale, 0)"),  # type: ignore[arg-type]
        Variable("difficulty", ("item",), "Normal(mean, scale)"),  # type: ignore[arg-type]
    )
    return ModelSpec("hierarchical 2pl", variables, Binary(scaling=1.702))


def hierarchical_graded() -> ModelSpec:
    """A graded model whose thresholds centre on means of their own by category, with array arguments."""
    variables = (
        Variable("ability", ("person",), "Normal(0, 1)"),  # type: ignore[arg-type]
        Variable("centre", ("category",), "Normal([-1, 0, 1], 0.5)"),  # type: ignore[arg-type]
        Variable("discrimination", ("item",), "LogNormal(0, 0.3)"),  # type: ignore[arg-type]
        Variable("threshold", ("item", "category"), "OrderedNormal(centre, 1)"),  # type: ignore[arg-type]
    )
    return ModelSpec("hierarchical grm", variables, models.Graded(location=("threshold",)))


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
    Case("2pl-hierarchical", hierarchical_two_pl, BINARY),
    Case("grm-hierarchical", hierarchical_graded, UNEQUAL),
    Case("m2pl-truncated", truncated_m2pl, BINARY),
)
