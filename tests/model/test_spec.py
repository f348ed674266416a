"""The language: round trips, a hash that means the content, and models that cannot be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from irtbridge.errors import IRTBridgeError, SpecError, UnknownName
from irtbridge.model import catalogue as models
from irtbridge.model.families import Binary, Graded
from irtbridge.model.priors import Normal, as_prior
from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import DIMS, Variable
from irtbridge.testing.cases import CASES, Case

every_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])

ABILITY = Variable("ability", ("person",), Normal(0, 1))
ABILITIES = Variable("ability", ("person", "trait"), Normal(0, 1))
DIFFICULTY = Variable("difficulty", ("item",), Normal(0, 1))
SLOPE = Variable("discrimination", ("item",), Normal(0, 1))
CORRELATION = Variable("r", ("trait", "trait"), as_prior("LKJCholesky(1)"))
RASCH = Binary(discrimination=None)

HASHES = """
from irtbridge.testing.cases import CASES
print(" ".join(case.spec.hash for case in CASES))
"""


def variable(name: str, dims: str, prior: str, **options: Any) -> Variable:
    return Variable(name, tuple(dims.split()), as_prior(prior), **options)


def rasch(*before: Variable, ability: Variable = ABILITY, difficulty: Variable = DIFFICULTY) -> ModelSpec:
    return ModelSpec("mine", (*before, ability, difficulty), RASCH)


def graded(slope: str = "LogNormal(0, 1)", threshold: str = "OrderedNormal(0, 1)") -> ModelSpec:
    parts = variable("discrimination", "item", slope), variable("threshold", "item category", threshold)
    return ModelSpec("mine", (ABILITY, *parts), Graded(location=("threshold",)))


# Round trips


@every_case
def test_a_spec_reads_back_from_json(case: Case) -> None:
    spec = case.spec
    again = ModelSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert again.hash == spec.hash
    assert str(again) == str(spec)


def test_a_spec_prints_as_the_model_is_written() -> None:
    assert str(models.m2pl(q_matrix=[[1, 0], [1, 1]], correlated=True)).splitlines() == [
        "m2pl",
        "trait_cholesky[trait, trait] ~ LKJCholesky(2)",
        "ability[person, trait] ~ MultivariateNormal(0, trait_cholesky)",
        "discrimination[item, trait] ~ LogNormal(0, 0.5)  (3 of 4 free, others 0)",
        "difficulty[item] ~ Normal(0, 2)",
        "response[person, item] ~ binary(ability=ability, discrimination=discrimination, location=difficulty)",
    ]


def test_lists_and_strings_are_read_into_the_same_spec() -> None:
    loose = ModelSpec("mine", [ABILITY, Variable("difficulty", ["item"], "Normal(0, 1)")], RASCH)  # type: ignore[arg-type]
    assert loose == rasch()
    assert hash(loose) == hash(rasch())


def test_variables_are_found_by_name() -> None:
    spec = models.two_pl()
    assert spec.names == ("ability", "discrimination", "difficulty")
    assert spec["difficulty"].dims == spec.dims["difficulty"] == ("item",)
    with pytest.raises(UnknownName, match=r"'dificulty'; valid: difficulty,"):
        spec["dificulty"]


# The hash


def test_hashes_differ_from_case_to_case() -> None:
    hashes = {case.spec.hash for case in CASES}
    distinct = {json.dumps(case.spec.to_dict(), sort_keys=True) for case in CASES}
    assert len(hashes) == len(distinct)


def test_hash_is_the_same_in_another_process() -> None:
    env = {**os.environ, "PYTHONHASHSEED": "123"}
    done = subprocess.run([sys.executable, "-c", HASHES], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [case.spec.hash for case in CASES]


def test_hash_is_pinned() -> None:
    """Results are filed under it: if this fails, old results are no longer found."""
    assert models.two_pl().hash == "6b2d208a0e383c9d"


def test_hash_does_not_see_how_a_number_is_written() -> None:
    assert models.two_pl(scaling=1, difficulty="Normal(0, 2)").hash == models.two_pl(difficulty="Normal(0.0, 2.0)").hash


@pytest.mark.parametrize(
    "other",
    [
        models.two_pl(difficulty="Normal(0, 2.0000001)"),
        models.two_pl(scaling=1.702),
        replace(models.two_pl(), name="3pl"),
        replace(models.two_pl(), traits=("ability",)),
        ModelSpec("2pl", models.two_pl().variables[::-1], Binary()),
        models.one_pl(),
    ],
    ids=["prior", "scaling", "name", "trait", "order", "model"],
)
def test_hash_sees_every_part(other: ModelSpec) -> None:
    assert other.hash != models.two_pl().hash


# Errors

WRONG: list[tuple[Callable[[], Any], type[IRTBridgeError], tuple[str, ...]]] = [
    (lambda: variable("2x", "item", "Normal(0, 1)"), SpecError, ("'2x'", "not an identifier")),
    (lambda: variable("response", "item", "Normal(0, 1)"), SpecError, ("'response' is taken", "choose another")),
    (lambda: variable("item", "item", "Normal(0, 1)"), SpecError, ("'item' is taken", "choose another")),
    (lambda: variable("b", "itm", "Normal(0, 1)"), UnknownName, ("'itm'", "valid: item,", "'b'", *DIMS)),
    (lambda: variable("b", "", "OrderedNormal(0, 1)"), SpecError, ("b ~ OrderedNormal", "at least 1 dims")),
    (lambda: variable("r", "trait", "LKJCholesky(1)"), SpecError, ("LKJCholesky", "at least 2 dims")),
    (lambda: variable("r", "item trait", "LKJCholesky(1)"), SpecError, ("(trait, trait)", "go together")),
    (lambda: variable("r", "trait trait", "Normal(0, 1)"), SpecError, ("Normal(0, 1)", "go together")),
    (lambda: variable("b", "item", "Normal(0, 1)", free=[[1]]), SpecError, ("'b'", "(1, 1)", "('item',)")),
    (lambda: variable("b", "item", "Normal(0, 1)", free=[0, 0]), SpecError, ("'b'", "no element is free")),
    (
        lambda: variable("b", "item category", "OrderedNormal(0, 1)", free=[[1, 0]]),
        SpecError,
        ("OrderedNormal", "elementwise prior"),
    ),
    *(
        (
            lambda dims=dims, prior=prior, free=free: variable("tau", dims, prior, free=free, zero_sum=True),
            SpecError,
            ("tau", prior.split("(")[0], "Normal prior with mean 0"),
        )
        for dims, prior, free in [
            ("category", "Normal(1, 1)", None),
            ("category", "Normal(0, [1, 2])", None),
            ("category", "LogNormal(0, 1)", None),
            ("category", "Normal(mu, 1)", None),
            ("category", "Normal(0, 1)", [1, 0]),
            ("", "Normal(0, 1)", None),
        ]
    ),
    *(
        (
            lambda dims=dims, prior=prior: variable("s", dims, prior, inner=True),
            SpecError,
            ("s[", "inner categories need dims (item, category)"),
        )
        for dims, prior in [("item", "Normal(0, 1)"), ("item category", "OrderedNormal(0, 1)")]
    ),
    (
        lambda: replace(models.nominal().family, parameterization="difficulty").check(models.nominal()),
        SpecError,
        ("nominal", "have intercepts", "parameterization='intercept'"),
    ),
    (
        lambda: rasch(difficulty=variable("difficulty", "item", "Normal(mu, 1)")),
        SpecError,
        ("loc='mu' is not a variable defined before it", "before it stand: ability"),
    ),
    (
        lambda: rasch(ability=variable("ability", "person", "Normal(0, difficulty)")),
        SpecError,
        ("scale='difficulty' is not a variable defined before it", "before it stand: none"),
    ),
    (
        lambda: rasch(variable("mu", "", "Normal(mu, 1)")),
        SpecError,
        ("loc='mu' is not a variable defined before it",),
    ),
    (
        lambda: rasch(variable("mu", "", "Normal(0, 1)"), ability=variable("ability", "person", "Normal(0, mu)")),
        SpecError,
        ("scale must be positive", "mu ~ Normal(0, 1)", "use HalfNormal or LogNormal"),
    ),
    (
        lambda: rasch(difficulty=variable("difficulty", "item", "Normal(ability, 1)")),
        SpecError,
        ("ability has dims ('person',)", "among ('item',)"),
    ),
    (
        lambda: ModelSpec(
            "mine", (CORRELATION, variable("ability", "person", "Normal(r, 1)"), DIFFICULTY), RASCH, ("a", "b")
        ),
        SpecError,
        ("loc cannot be the variable 'r'",),
    ),
    (
        lambda: rasch(CORRELATION),
        SpecError,
        ("correlations need two or more traits", "['trait']"),
    ),
    (
        lambda: rasch(
            variable("m", "trait", "Normal(0, 1)"),
            ability=variable("ability", "person trait", "MultivariateNormal(0, m)"),
        ),
        SpecError,
        ("scale_tril cannot be the variable 'm'",),
    ),
    (
        lambda: rasch(
            variable("m", "item", "Normal(0, 1)", free=[1, 0]),
            difficulty=variable("difficulty", "item", "Normal(m, 1)"),
        ),
        SpecError,
        ("'m' has fixed or ordered elements",),
    ),
    (lambda: ModelSpec("mine", (ABILITY, ABILITY), RASCH), SpecError, ("'mine'", "must differ", "ability")),
    (lambda: replace(rasch(), traits=("a", "a")), SpecError, ("trait labels must differ", "['a', 'a']")),
    (
        lambda: ModelSpec("mine", (ABILITY, variable("dificulty", "item", "Normal(0, 1)")), RASCH),
        UnknownName,
        ("'difficulty'", "valid: dificulty, ability", "The binary family needs it"),
    ),
    (
        lambda: rasch(ability=variable("ability", "item", "Normal(0, 1)")),
        SpecError,
        ("ability 'ability' has dims ('item',)", "must have ('person',) or ('person', 'trait')"),
    ),
    (
        lambda: rasch(difficulty=variable("difficulty", "person", "Normal(0, 1)")),
        SpecError,
        ("location 'difficulty' has dims ('person',)", "('item',) or ('category',) or ('item', 'category')"),
    ),
    (lambda: rasch(ability=ABILITIES), SpecError, ("several traits need a discrimination of dims (item, trait)",)),
    (
        lambda: ModelSpec("mine", (ABILITIES, SLOPE, DIFFICULTY), Binary()),
        SpecError,
        ("ability has dims ('person', 'trait')", "discrimination has dims ('item',)"),
    ),
    (
        lambda: graded(slope="Normal(0, 1)"),
        SpecError,
        ("positive discrimination", "Normal(0, 1) is not", "Use LogNormal"),
    ),
    (lambda: graded(threshold="Normal(0, 1)"), SpecError, ("OrderedNormal prior on ('threshold',)",)),
    (
        lambda: ModelSpec(
            "mine",
            (*graded().variables, variable("guessing", "item", "Beta(1, 1)")),
            Graded(location=("threshold",), lower="guessing"),
        ),
        SpecError,
        ("the graded family has no lower", "only ability, discrimination, location"),
    ),
    (
        lambda: ModelSpec(
            "mine",
            (ABILITY, variable("discrimination", "item category", "Normal(0, 1)"), DIFFICULTY),
            Binary(),
        ),
        SpecError,
        ("discrimination 'discrimination' has dims ('item', 'category')", "must have () or ('item',)"),
    ),
    (lambda: models.three_pl(lower="Normal(0, 1)"), SpecError, ("lower[item] ~ Normal(0, 1)", "use a Beta or Uniform")),
    (lambda: models.four_pl(upper="Uniform(0, 2)"), SpecError, ("upper[item] ~ Uniform(0, 2)", "is a probability")),
]


@pytest.mark.parametrize(("make", "kind", "parts"), WRONG, ids=[parts[0] for _, _, parts in WRONG])
def test_a_model_that_cannot_be_says_why(
    make: Callable[[], Any], kind: type[IRTBridgeError], parts: tuple[str, ...]
) -> None:
    with pytest.raises(kind) as caught:
        make()
    assert type(caught.value) is kind
    for part in parts:
        assert part in str(caught.value)


def without(key: str) -> dict[str, Any]:
    return {k: v for k, v in models.two_pl().to_dict().items() if k != key}


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (without("family"), "'family'"),
        (without("variables"), "'variables'"),
        (without("traits") | {"traits": None}, "not iterable"),
        (without("family") | {"family": {"name": "binary", "guessing": 1}}, "'guessing'"),
        (without("variables") | {"variables": [{"name": "b"}]}, "'dims'"),
        ([1, 2], "not a model specification"),
    ],
)
def test_data_of_no_spec_are_refused(data: Any, part: str) -> None:
    with pytest.raises(SpecError, match=r"not a model specification.*write one with ModelSpec\.to_dict") as caught:
        ModelSpec.from_dict(data)
    assert part in str(caught.value)


def test_a_hierarchical_spec_with_every_kind_of_reference_is_accepted() -> None:
    spec = rasch(
        variable("mu", "", "Normal(0, 1)"),
        variable("spread", "item", "HalfNormal(1)"),
        difficulty=variable("difficulty", "item", "Normal(mu, spread)"),
    )
    assert spec["difficulty"].prior.references() == {"loc": "mu", "scale": "spread"}


def test_infinite_bounds_survive_strict_json() -> None:
    spec = models.two_pl(discrimination="TruncatedNormal(1, 1, 0, inf)", difficulty="TruncatedNormal(0, 1, -inf, 3)")
    assert ModelSpec.from_dict(json.loads(json.dumps(spec.to_dict(), allow_nan=False))) == spec
