"""The catalogue and the settings by name: what each gives, and what each refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import pytest

from irtbridge.errors import ConfigError, IRTBridgeError, SpecError, UnknownName
from irtbridge.inference.methods import METHODS, make_settings
from irtbridge.inference.nuts import NutsSettings
from irtbridge.inference.vi import ViSettings
from irtbridge.model import catalogue as models
from irtbridge.model.catalogue import ALIASES, MODELS, build_model

Q = [[1, 0], [1, 1], [0, 1]]
MULTIDIMENSIONAL = [models.m2pl, models.graded, models.generalized_partial_credit]


def check(make: Callable[[], Any], kind: type[IRTBridgeError], parts: tuple[str, ...]) -> None:
    with pytest.raises(kind) as caught:
        make()
    assert type(caught.value) is kind
    for part in parts:
        assert part in str(caught.value)


# By name


GROUPS = [0, 0, 1, 1, None]
NEEDED: dict[str, dict[str, Any]] = {"bifactor": {"groups": GROUPS}, "testlet": {"groups": GROUPS}}


@pytest.mark.parametrize("name", MODELS)
def test_every_model_carries_its_name_and_is_built_by_it(name: str) -> None:
    needed = NEEDED.get(name, {})
    assert build_model(name, **needed) == MODELS[name](**needed)
    assert build_model(name.upper(), **needed).name == name


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_aliases_are_the_models_they_stand_for(alias: str, name: str) -> None:
    needed = NEEDED.get(name, {})
    assert build_model(alias, **needed) == build_model(name, **needed)


def test_options_reach_the_model() -> None:
    assert build_model("2pl", difficulty="Normal(1, 3)", scaling=1.702) == models.two_pl(
        difficulty="Normal(1, 3)", scaling=1.702
    )


@pytest.mark.parametrize("name", MODELS)
def test_every_prior_can_be_replaced(name: str) -> None:
    needed = NEEDED.get(name, {})
    spec = build_model(name, **needed)
    for variable in spec.variables:
        other = {"ordered": "OrderedNormal(0.5, 3)", "interval": "Uniform(0.1, 0.2)", "real": "Normal(0, 7)"}
        prior = other.get(variable.prior.support, "LogNormal(0.5, 3)")
        assert str(build_model(name, **needed, **{variable.name: prior})[variable.name].prior) == prior


def test_a_finished_spec_passes_through() -> None:
    spec = models.two_pl()
    assert build_model(spec) is spec


WRONG_NAMES: list[tuple[Callable[[], Any], type[IRTBridgeError], tuple[str, ...]]] = [
    (lambda: build_model("2pll"), UnknownName, ("'2pll'", "valid: 2pl,", *MODELS)),
    (lambda: build_model("grmm"), UnknownName, ("'grmm'", "valid: grm,")),
    (lambda: build_model(None), UnknownName, ("None", *MODELS)),  # type: ignore[arg-type]
    (
        lambda: build_model("2pl", dificulty="Normal(0, 1)"),
        UnknownName,
        ("option of model '2pl'", "'dificulty'", "valid: difficulty,", "ability", "discrimination", "scaling"),
    ),
    (lambda: build_model("rasch", lower="Beta(1, 1)"), UnknownName, ("model '1pl'", "'lower'", "difficulty")),
    (lambda: build_model(models.two_pl(), scaling=2.0), SpecError, ("'2pl'", "['scaling']", "cannot change it")),
    (lambda: build_model("2pl", scaling=0), SpecError, ("scaling=0", "must be a positive number")),
    (lambda: build_model("2pl", difficulty="Normal(0, -1)"), SpecError, ("scale=-1", "must be positive")),
    (lambda: build_model("grm", discrimination="Normal(0, 1)"), SpecError, ("Normal(0, 1)", "Use LogNormal")),
    (lambda: build_model("grm", threshold="Normal(0, 1)"), SpecError, ("needs an OrderedNormal", "threshold")),
    (
        lambda: build_model("grm", parameterization="intercept", intercept="OrderedNormal(0, 1)"),
        SpecError,
        ("needs a DecreasingNormal", "intercept"),
    ),
    (
        lambda: build_model("2pl", parameterization="intercept", difficulty="Normal(0, 1)"),
        SpecError,
        ("difficulty='Normal(0, 1)'", "give intercept=", "parameterization='difficulty'"),
    ),
    (
        lambda: build_model("grm", intercept="DecreasingNormal(0, 1)"),
        SpecError,
        ("intercept='DecreasingNormal(0, 1)'", "give threshold=", "parameterization='intercept'"),
    ),
    (lambda: build_model("2pl", parameterization="slope"), UnknownName, ("'slope'", "difficulty", "intercept")),
    (lambda: build_model("rsm", step="Normal(1, 1)"), SpecError, ("Normal(1, 1)", "mean 0")),
]


@pytest.mark.parametrize(("make", "kind", "parts"), WRONG_NAMES)
def test_a_wrong_model_or_option_lists_the_right_ones(
    make: Callable[[], Any], kind: type[IRTBridgeError], parts: tuple[str, ...]
) -> None:
    check(make, kind, parts)


# Traits and Q-matrices


@pytest.mark.parametrize("build", MULTIDIMENSIONAL)
def test_a_q_matrix_frees_its_ones(build: Any) -> None:
    assert build(q_matrix=Q)["discrimination"].free == ((True, False), (True, True), (False, True))
    assert build(q_matrix=np.array(Q), traits=["a", "b"]) == build(q_matrix=pd.DataFrame(Q, columns=["a", "b"]))


def test_traits_are_counted_by_whoever_knows() -> None:
    assert models.m2pl(traits=3).traits == ("trait1", "trait2", "trait3")
    assert models.m2pl(q_matrix=np.eye(4)).traits == ("trait1", "trait2", "trait3", "trait4")
    assert models.graded().traits == ("trait",)
    assert models.graded()["ability"].dims == ("person",)


def test_correlated_traits_get_a_cholesky_factor_before_the_abilities() -> None:
    spec = models.graded(traits=2, correlated=True, correlation="LKJCholesky(4)")
    assert spec.names[:2] == ("trait_cholesky", "ability")
    assert str(spec["trait_cholesky"].prior) == "LKJCholesky(4)"
    assert spec["ability"].prior.references() == {"scale_tril": "trait_cholesky"}


WRONG_Q: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"q_matrix": [1, 0]}, ("(2,)", "one row per item", "columns (traits)")),
    ({"q_matrix": Q, "traits": ["a", "b", "c"]}, ("(3, 2)", "3 columns (traits)")),
    ({"q_matrix": [[1, 0], [1]]}, ("[[1, 0], [1]]", "differ in length", "one column per trait")),
    ({"q_matrix": [[1, 0], [0, 0], [0, 1]]}, ("row (item) 2 is empty", "every item needs a trait")),
    ({"q_matrix": [[1, 0], [1, 0]]}, ("column (trait) 2 is empty", "vice versa")),
    ({"q_matrix": [[1, 0], [2, 1]]}, ("must be 0 or 1", "got [2]")),
    ({"q_matrix": [[1, 0], [0.5, 1]]}, ("must be 0 or 1", "got [0.5]")),
    ({"traits": 0}, ("traits=0", "at least 1")),
    ({"traits": ["a", "a"]}, ("trait labels must differ", "['a', 'a']")),
]


@pytest.mark.parametrize("build", MULTIDIMENSIONAL)
@pytest.mark.parametrize(("options", "parts"), WRONG_Q, ids=[parts[0] for _, parts in WRONG_Q])
def test_a_wrong_q_matrix_says_where(build: Any, options: dict[str, Any], parts: tuple[str, ...]) -> None:
    check(lambda: build(**options), SpecError, parts)


# Groups of items


@pytest.mark.parametrize("build", [models.bifactor, models.testlet])
def test_groups_become_traits(build: Any) -> None:
    spec = build(groups=[3, 1, 1, None, 3, -1])
    assert spec.traits == ("general", "specific1", "specific2")
    q = [[1, 0, 1], [1, 1, 0], [1, 1, 0], [1, 0, 0], [1, 0, 1], [1, 0, 0]]
    np.testing.assert_array_equal(spec["discrimination"].free, q)
    assert (spec.items, spec["ability"].dims) == (None, ("person", "trait"))
    assert build(groups=["b", "a", "a", "b"]).traits == ("general", "b", "a")


def test_groups_by_label_are_matched_with_the_items() -> None:
    by_item = {"i3": "b", "i1": "a", "i2": "a", "i4": "b"}
    spec = models.bifactor(groups=by_item)
    assert spec == models.bifactor(groups=pd.Series(by_item))
    assert spec.items == ("i3", "i1", "i2", "i4")
    in_order = spec.for_items(["i1", "i2", "i3", "i4"])["discrimination"].free
    np.testing.assert_array_equal(in_order, [[1, 0, 1], [1, 0, 1], [1, 1, 0], [1, 1, 0]])


@pytest.mark.parametrize(
    ("item_model", "location", "prior"),
    [
        ("2pl", "difficulty", "Normal(0, 5)"),
        ("grm", "threshold", "OrderedNormal(0, 5)"),
        ("gpcm", "step", "Normal(0, 5)"),
    ],
)
@pytest.mark.parametrize("build", [models.bifactor, models.testlet])
def test_items_with_groups_may_have_categories(build: Any, item_model: str, location: str, prior: str) -> None:
    spec = build(groups=GROUPS, item_model=item_model, **{location: prior})
    assert spec.family.location == (location,)
    assert str(spec[location].prior) == prior


WRONG_GROUPS: list[tuple[dict[str, Any], type[IRTBridgeError], tuple[str, ...]]] = [
    ({}, SpecError, ("groups=None", "groups=[0, 0, 0, 1, 1, 1]")),
    ({"groups": "abc"}, SpecError, ("groups='abc'", "the group of each item")),
    ({"groups": [None, -1]}, SpecError, ("none", "two items or more")),
    ({"groups": ["a", "a", "b"]}, SpecError, ("'b' have one item each", "None: an item without a group")),
    ({"groups": ["general", "general"]}, SpecError, ("trait labels must differ",)),
    ({"groups": [0, 0], "item_model": "3pl"}, UnknownName, ("item_model", "'3pl'", "2pl", "grm", "gpcm")),
]


@pytest.mark.parametrize("build", [models.bifactor, models.testlet])
@pytest.mark.parametrize(("options", "kind", "parts"), WRONG_GROUPS)
def test_wrong_groups_say_what_is_needed(
    build: Any, options: dict[str, Any], kind: type[IRTBridgeError], parts: tuple[str, ...]
) -> None:
    check(lambda: build(**options), kind, parts)


# Settings of the methods


@pytest.mark.parametrize(("method", "kind"), [(name, method.settings) for name, method in METHODS.items()])
def test_settings_have_defaults_that_can_be_changed(method: str, kind: type) -> None:
    assert make_settings(method) == kind()
    first = next(name for name, value in asdict(kind()).items() if type(value) is int)
    assert asdict(make_settings(method, **{first: 7})) == asdict(kind()) | {first: 7}


WRONG_SETTINGS: list[tuple[str, dict[str, Any], type[IRTBridgeError], tuple[str, ...]]] = [
    ("nust", {}, UnknownName, ("method", "'nust'", "valid: nuts, nuts_")),
    ("nuts", {"drawz": 1}, UnknownName, ("setting of method 'nuts'", "'drawz'", "valid: draws,", "warmup")),
    ("vi", {"chains": 1}, UnknownName, ("setting of method 'vi'", "'chains'", "learning_rate")),
    ("nuts", {"draws": 0}, ConfigError, ("draws=0", "positive integer")),
    ("nuts", {"draws": 1.5}, ConfigError, ("draws=1.5", "positive integer")),
    ("nuts", {"chains": True}, ConfigError, ("chains=True", "positive integer")),
    ("nuts", {"warmup": "500"}, ConfigError, ("warmup='500'", "positive integer")),
    ("nuts", {"max_tree_depth": -1}, ConfigError, ("max_tree_depth=-1", "positive integer")),
    ("nuts", {"init_radius": 0}, ConfigError, ("init_radius=0", "positive number")),
    ("nuts", {"init_radius": np.nan}, ConfigError, ("init_radius=nan", "positive number")),
    ("nuts", {"target_accept": 1.0}, ConfigError, ("target_accept=1.0", "between 0 and 1")),
    ("nuts", {"target_accept": "high"}, ConfigError, ("target_accept='high'", "between 0 and 1")),
    ("vi", {"learning_rate": -0.1}, ConfigError, ("learning_rate=-0.1", "positive number")),
    ("vi", {"steps": None}, ConfigError, ("steps=None", "positive integer")),
    ("vi", {"particles": 0}, ConfigError, ("particles=0", "positive integer")),
]


@pytest.mark.parametrize(("method", "values", "kind", "parts"), WRONG_SETTINGS)
def test_wrong_settings_name_the_value_and_what_it_must_be(
    method: str, values: dict[str, Any], kind: type[IRTBridgeError], parts: tuple[str, ...]
) -> None:
    check(lambda: make_settings(method, **values), kind, parts)


def test_whole_numbers_serve_where_a_number_is_asked() -> None:
    assert NutsSettings(init_radius=1).init_radius == 1
    assert ViSettings(learning_rate=1).learning_rate == 1


def test_one_trait_may_have_a_label_of_its_own() -> None:
    spec = models.graded(traits=["anger"])
    assert spec.traits == ("anger",)
    assert spec.variables == models.graded().variables


@pytest.mark.parametrize("traits", ["anger", 2.5])
def test_traits_are_a_number_or_labels(traits: object) -> None:
    with pytest.raises(SpecError, match="number or a list of labels"):
        models.m2pl(traits=traits)  # type: ignore[arg-type]
