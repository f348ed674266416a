"""The cases of the conformance suite: every model of the catalogue, small, with missing and unequal categories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from irtbridge.data.labels import Label
from irtbridge.data.responses import Responses
from irtbridge.model import catalogue as models
from irtbridge.model.catalogue import build_model
from irtbridge.model.design import split_for
from irtbridge.model.families import Binary, Graded, Poisson
from irtbridge.model.known import with_known
from irtbridge.model.priors import as_prior
from irtbridge.model.simulate import empty_responses, simulate_parameters_like, simulate_responses_like
from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import Variable

Q_MATRIX = ((1, 0), (1, 0), (0, 1), (0, 1), (1, 1))
BINARY = (2, 2, 2, 2, 2)
UNEQUAL = (3, 4, 2, 3, 4)
EQUAL = (4, 4, 4, 4, 4)
EITHER = "Normal(0, 1)"  # a slope of either sign
NUMBERS = (1, 1, 1, 1, 1)
LOG_RATE = "Normal(-1, 1)"
N_PERSONS = 9
GROUPS = (0, 0, 1, 1, None)


@dataclass(frozen=True)
class Case:
    """A model and the categories of its items (1: its responses are numbers); data are simulated from its own prior."""

    name: str
    build: Callable[[], ModelSpec]
    n_categories: tuple[int, ...]
    missing: float = 0.15
    covariates: bool = False

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
        like = self.test()
        params = simulate_parameters_like(self.spec, like, seed)
        return simulate_responses_like(self.spec, params, like, seed + 1, self.missing)

    def test(self) -> Responses:
        """The test and its persons before anybody has answered."""
        spec = self.spec
        empty = empty_responses(N_PERSONS, self.n_categories, spec.items, spec.family.kind)
        if not self.covariates:
            return empty
        told = replace(empty, person_data=person_data(empty.persons), item_data=item_data(empty.items), group="school")
        return split_for(spec, told, complete=False)


def person_data(persons: Sequence[Label]) -> pd.DataFrame:
    """A number and a category of each person."""
    rng = np.random.default_rng(5)
    school = pd.Categorical([("north", "south", "west")[row % 3] for row in range(len(persons))])
    return pd.DataFrame({"age": rng.normal(size=len(persons)), "school": school}, index=list(persons))


def item_data(items: Sequence[str]) -> pd.DataFrame:
    """A number and a category of each item."""
    kind = pd.Categorical([("word", "picture")[row % 2] for row in range(len(items))])
    return pd.DataFrame({"length": np.linspace(-1, 1, len(items)) ** 2, "kind": kind}, index=list(items))


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
        Variable("ability_mean", (), as_prior("TruncatedNormal(0, 1, -inf, 2)")),
        Variable("ability_sd", (), as_prior("HalfNormal(1)")),
        Variable("ability", ("person",), as_prior("Normal(ability_mean, ability_sd)")),
        Variable("difficulty", ("item",), as_prior("Normal(0, 1)")),
    )
    return ModelSpec("hierarchical abilities", variables, Binary(discrimination=None))


def random_groups() -> ModelSpec:
    """A 2PL whose groups of persons are drawn from a population of groups."""
    variables = (
        Variable("spread", (), as_prior("HalfNormal(1)")),
        Variable("centre", (), as_prior("Normal(0, 1)")),
        Variable("group_mean", ("group",), as_prior("Normal(centre, spread)")),
        Variable("ability", ("person",), as_prior("Normal(group_mean, 1)")),
        Variable("discrimination", ("item",), as_prior("LogNormal(0, 0.5)")),
        Variable("difficulty", ("item",), as_prior("Normal(0, 1)")),
    )
    return ModelSpec("2pl random groups", variables, Binary())


def hierarchical_graded() -> ModelSpec:
    """A graded model whose thresholds centre on means of their own by category, with array arguments."""
    variables = (
        Variable("ability", ("person",), as_prior("Normal(0, 1)")),
        Variable("centre", ("category",), as_prior("Normal([-1, 0, 1], 0.5)")),
        Variable("discrimination", ("item",), as_prior("LogNormal(0, 0.3)")),
        Variable("threshold", ("item", "category"), as_prior("OrderedNormal(centre, 1)")),
    )
    return ModelSpec("hierarchical grm", variables, Graded(location=("threshold",)))


def intercepts(model: Callable[..., ModelSpec], **options: Any) -> ModelSpec:
    """A model of the catalogue as ``D a theta + d``, with slopes of either sign."""
    return model(parameterization="intercept", discrimination=EITHER, scaling=1.702, **options)


def truncated_m2pl() -> ModelSpec:
    """An exploratory M2PL with slopes in an interval and a multivariate normal ability."""
    return models.m2pl(
        discrimination="TruncatedNormal(1, 0.5, 0.1, 3)",
        ability="MultivariateNormal([0, 0.2], [[1, 0], [0.3, 0.9]])",
    )


def counts_by_two_groups() -> ModelSpec:
    """A bifactor model of counts, whose responses have two statistics each."""
    spec = models.bifactor(groups=GROUPS, discrimination="LogNormal(-1, 0.5)", difficulty="Normal(0, 1)")
    return replace(spec, name="bifactor counts", family=Poisson())


def lltm() -> ModelSpec:
    """Difficulties that are a linear predictor, without residual; abilities with an unknown standard deviation."""
    return build_model("1pl", difficulty_on=["length", "kind"], residual="none", ability_sd="HalfNormal(1)")


def explained_two_pl() -> ModelSpec:
    """Difficulties, discriminations and abilities that depend on covariates, with scales of abilities by group."""
    on = {"difficulty_on": "length", "discrimination_on": "kind", "ability_on": "age"}
    return build_model("2pl", invariance="scalar", **on)


def anchored_two_pl() -> ModelSpec:
    """A 2PL in which some slopes and difficulties are known."""
    known = {"discrimination": {"item1": 1.2, "item3": 0.8}, "difficulty": {"item1": -0.5, "item2": 0.4}}
    return with_known(models.two_pl(), known, empty_responses(N_PERSONS, BINARY))


def anchored_graded() -> ModelSpec:
    """A graded model whose first item is known, which has fewer categories than others."""
    known = {"discrimination": {"item1": 1.2}}
    known |= {f"threshold[{k}]": {"item1": value} for k, value in enumerate((-0.5, 0.3), start=1)}
    return with_known(models.graded(), known, empty_responses(N_PERSONS, UNEQUAL))


def scoring() -> ModelSpec:
    """A Rasch model whose difficulties are all known."""
    known = {"difficulty": {f"item{j}": j / 2 - 1.5 for j in range(1, 6)}}
    return with_known(models.one_pl(), known, empty_responses(N_PERSONS, BINARY))


CASES: tuple[Case, ...] = (
    Case("1pl", models.one_pl, BINARY),
    Case("1pl-common-slope", lambda: models.one_pl(common_discrimination=True), BINARY),
    Case("2pl", models.two_pl, BINARY),
    Case("3pl", models.three_pl, BINARY),
    Case("4pl", models.four_pl, BINARY),
    Case("m2pl", models.m2pl, BINARY),
    Case("lfm", lambda: models.lfm(traits=2), BINARY),
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
    Case("1pl-intercept", lambda: models.one_pl(parameterization="intercept", common_discrimination=True), BINARY),
    Case("2pl-intercept", lambda: intercepts(models.two_pl), BINARY),
    Case("4pl-intercept", lambda: intercepts(models.four_pl), BINARY),
    Case("grm-intercept", lambda: intercepts(models.graded), UNEQUAL),
    Case("grm-intercept-equal", lambda: intercepts(models.graded, traits=2), EQUAL),
    Case("gpcm-intercept", lambda: intercepts(models.generalized_partial_credit), UNEQUAL),
    Case("nominal", models.nominal, UNEQUAL),
    Case("nominal-equal", lambda: models.nominal(discrimination=EITHER), EQUAL),
    Case("nominal-two-traits", lambda: models.nominal(traits=2, scaling=1.702), UNEQUAL),
    Case("sequential", models.sequential, UNEQUAL),
    Case("sequential-equal", lambda: intercepts(models.sequential), EQUAL),
    Case("sequential-correlated", lambda: models.sequential(q_matrix=Q_MATRIX, correlated=True), UNEQUAL),
    Case("poisson", lambda: models.poisson_counts(difficulty=LOG_RATE), NUMBERS),
    Case("poisson-common", lambda: models.poisson_counts(common_discrimination=True, difficulty=LOG_RATE), NUMBERS),
    Case("poisson-slopes", lambda: models.poisson_counts(item_discrimination=True, difficulty=LOG_RATE), NUMBERS),
    Case("beta", models.beta_irt, NUMBERS),
    Case("beta-common-precision", lambda: models.beta_irt(common_precision=True), NUMBERS),
    Case("ordered-beta", models.ordered_beta, NUMBERS),
    Case(
        "ordered-beta-cutpoints-by-item",
        lambda: models.ordered_beta(common_cutpoints=False, common_precision=True),
        NUMBERS,
    ),
    Case("bifactor", lambda: models.bifactor(groups=GROUPS), BINARY),
    Case("bifactor-grm", lambda: models.bifactor(groups=GROUPS, item_model="grm"), UNEQUAL),
    Case("bifactor-poisson", counts_by_two_groups, NUMBERS),
    Case("testlet", lambda: models.testlet(groups=GROUPS), BINARY),
    Case("2pl-hierarchical", hierarchical_two_pl, BINARY),
    Case("1pl-hierarchical-abilities", hierarchical_abilities, BINARY),
    Case("grm-hierarchical", hierarchical_graded, UNEQUAL),
    Case("m2pl-truncated", truncated_m2pl, BINARY),
    Case("2pl-groups", lambda: build_model("2pl", invariance="scalar"), BINARY, covariates=True),
    Case("grm-groups-free", lambda: build_model("grm", free=["item2"], free_in="location"), UNEQUAL, covariates=True),
    Case("gpcm-metric", lambda: build_model("gpcm", invariance="metric"), (3, 2), covariates=True),
    Case("m2pl-groups", lambda: build_model("m2pl", q_matrix=Q_MATRIX, invariance="scalar"), BINARY, covariates=True),
    Case("2pl-random-groups", random_groups, BINARY, covariates=True),
    Case("2pl-regression", lambda: build_model("2pl", ability_on="age * school"), BINARY, covariates=True),
    Case("1pl-lltm", lltm, BINARY, covariates=True),
    Case("2pl-explained", explained_two_pl, BINARY, covariates=True),
    Case("grm-explained", lambda: build_model("grm", difficulty_on="kind"), UNEQUAL, covariates=True),
    Case("2pl-anchored", anchored_two_pl, BINARY),
    Case("grm-anchored", anchored_graded, UNEQUAL),
    Case("1pl-scoring", scoring, BINARY),
)
