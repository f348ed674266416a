"""Parameters explained by covariates: against R's lme4 and eRm, formulas, recovery, refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import irtbridge as irt
from irtbridge.errors import DataError, NumericalError, SpecError
from irtbridge.model.catalogue import build_model

REFERENCE = Path(__file__).parents[2] / "shared" / "reference" / "data"
WIDE = {"effect": "Normal(0, 100)", "residual": "HalfNormal(10)", "ability_sd": "HalfNormal(10)"}
DESIGN = ["btype", "situ", "mode"]


@pytest.fixture(scope="module")
def verbal() -> irt.Responses:
    """VerbAgg, 316 persons and 24 items, with gender, anger and the items' design."""
    path = REFERENCE / "verbagg_r2_gender.csv"
    if not path.is_file():
        pytest.skip("the reference data are not beside this checkout")
    design = REFERENCE / "verbagg_item_design.csv"
    return irt.load_responses(path, covariates=["Anger", "Gender"], item_data=design)


def effects(fit: irt.Fit) -> pd.DataFrame:
    """Shared parameters whose effects are named by their terms alone."""
    return fit.shared().rename(index=lambda name: name.partition("_effect[")[2].removesuffix("]") or name)


# R lme4 1.1.31: glmer(r2 ~ btype + situ + mode + (1 | id) + (1 | item), binomial), without and with Anger + Gender.
# Easinesses there: curse 1.776, scold .716, shout -.327, do -.707, self -1.054; item variance .117.
GLMER = {"btype[T.scold]": 1.776 - 0.716, "btype[T.shout]": 1.776 + 0.327, "mode[T.want]": -0.707,
         "situ[T.self]": 1.054, "difficulty_sd": 0.117**0.5}  # fmt: skip


@pytest.mark.long
def test_random_items_and_persons_are_those_of_glmer(verbal: irt.Responses) -> None:
    fit = irt.fit(verbal, "1pl", method="laplace", model_options=WIDE | {"difficulty_on": DESIGN}, seed=1)
    found = effects(fit)
    for name, expected in GLMER.items():
        assert abs(found.loc[name, "mean"] - expected) < 2 * found.loc[name, "sd"], name
    curse_other_want = -found.loc["Intercept", "mean"] - found.loc["mode[T.want]", "mean"]
    assert abs(curse_other_want - 1.776) < 2 * found.loc["Intercept", "sd"]


@pytest.mark.long
def test_latent_regression_is_that_of_glmer(verbal: irt.Responses) -> None:
    options = WIDE | {"difficulty_on": DESIGN, "ability_on": "Anger + Gender"}
    found = effects(irt.fit(verbal, "1pl", method="laplace", model_options=options, seed=1))
    for name, expected in {"Anger": 0.057, "Gender[T.M]": 0.321}.items():
        assert abs(found.loc[name, "mean"] - expected) < 2 * found.loc[name, "sd"], name


def test_the_linear_logistic_test_model_is_that_of_erm(verbal: irt.Responses) -> None:
    """R eRm 1.0-2, LLTM by conditional maximum likelihood: basic parameters within .05."""
    options = WIDE | {"difficulty_on": DESIGN, "residual": "none"}
    fit = irt.fit(verbal, "1pl", method="map", model_options=options)
    found = effects(fit)["mean"]
    expected = {"btype[T.scold]": 1.0521197, "btype[T.shout]": 2.0388516, "situ[T.self]": 1.0269986}
    for name, value in expected.items():
        assert abs(found[name] - value) < 0.05, name
    assert abs(found["mode[T.want]"] + 0.6712006) < 0.05
    difficulty = fit.items()["difficulty", "mean"]
    np.testing.assert_allclose(difficulty["S1WantCurse"], difficulty["S2WantCurse"], rtol=1e-12)


def told(n_persons: int = 400, n_items: int = 12) -> irt.Responses:
    """Persons and items with covariates, before anybody has answered."""
    rng = np.random.default_rng(0)
    empty = irt.Responses.from_codes(np.full((n_persons, n_items), -1), n_categories=2)
    persons = pd.DataFrame({"age": rng.normal(size=n_persons), "sex": np.resize(["f", "m"], n_persons)})
    items = pd.DataFrame({"words": rng.normal(size=n_items), "kind": np.resize(["text", "table", "figure"], n_items)})
    return replace(
        empty, person_data=persons.set_axis(list(empty.persons)), item_data=items.set_axis(list(empty.items))
    )


@pytest.mark.parametrize("backend", ["pyro", "tfp"])
def test_effects_are_recovered(backend: str) -> None:
    """Each weight within 4 posterior SDs: all 9 hold in 999 of 1,000 seeds; the seed is fixed."""
    on = {"ability_on": "age * sex", "difficulty_on": "words + kind", "residual": "none", "effect": "Normal(0, 1)"}
    spec, like = build_model("2pl", **on), told()
    truth = irt.simulate_parameters_like(spec, like, 2)
    data = irt.simulate_responses_like(spec, truth, like, 3)
    shared = irt.fit(data, spec, backend=backend, method="laplace", seed=1).shared()
    names = {"ability_effect": ["age", "sex[T.m]", "age:sex[T.m]"]}
    names["difficulty_effect"] = ["Intercept", "words", "kind[T.table]", "kind[T.text]"]
    for variable, terms in names.items():
        rows = shared.loc[[f"{variable}[{term}]" for term in terms]]
        assert (np.abs(rows["mean"] - truth[variable]) < 4 * rows["sd"]).all()


def test_formulas_say_what_lists_of_columns_say() -> None:
    as_list, as_text = (build_model("2pl", ability_on=on) for on in (["age", "sex"], "age + sex"))
    assert as_list == as_text
    assert irt.ModelSpec.from_dict(as_list.to_dict()) == as_list
    assert "ability[person] ~ Normal(person_data[age + sex] @ ability_effect, 1)" in str(as_list)
    assert build_model("2pl", ability_on="age").hash != as_list.hash


@pytest.mark.parametrize(
    ("change", "options", "error", "words"),
    [
        ({"age": 1.0}, {"ability_on": "age"}, DataError, ["age", "tells nothing"]),
        ({"years": None}, {"ability_on": "age + years"}, DataError, ["age", "years", "told apart"]),
        ({}, {"ability_on": "wage"}, DataError, ["wage", "age", "sex"]),
        ({}, {"ability_on": "age +* sex"}, DataError, ["age +* sex"]),
        ({}, {"ability_on": ""}, SpecError, ["empty"]),
        ({}, {"ability_on": "age", "ability": "Normal(mu, 1)"}, SpecError, ["mu"]),
        ({}, {"difficulty_on": "length"}, DataError, ["length", "words"]),
    ],
)
def test_covariates_that_tell_nothing_are_refused(
    change: dict[str, object], options: dict[str, object], error: type[Exception], words: list[str]
) -> None:
    like = told(60, 6)
    table = like.person_data.copy()  # type: ignore[union-attr]
    for column, value in change.items():
        table[column] = 2 * table["age"] + 1 if value is None else value
    data = irt.simulate_responses_like(irt.two_pl(), irt.simulate_parameters_like(irt.two_pl(), like, 1), like, 2)
    with pytest.raises(error) as caught:
        irt.fit(replace(data, person_data=table), "2pl", method="map", model_options=options)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_person_without_a_covariate_is_named() -> None:
    like = told(60, 6)
    table = like.person_data.copy()  # type: ignore[union-attr]
    table.loc[17, "age"] = np.nan
    with pytest.raises(DataError, match=r"age.*17"):
        replace(like, person_data=table)


def test_data_without_covariates_are_asked_for_them() -> None:
    with pytest.raises(DataError, match=r"no person_data.*give person_data="):
        irt.fit("lsat7", "2pl", method="map", model_options={"ability_on": "age"})


def test_residuals_of_few_items_have_no_mode_and_the_message_says_why() -> None:
    """Six difficulties and their standard deviation: the density has no bound where all residuals go to 0."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=6)
    truth = irt.simulate_parameters(irt.build_model("1pl"), 200, [2] * 6, 0)
    truth["difficulty"] = 0.8 * x + 0.3 * rng.normal(size=6)
    data = irt.simulate_responses(irt.build_model("1pl"), truth, [2] * 6, 1, 0.1)
    data = replace(data, item_data=pd.DataFrame({"x": x}, index=list(data.items)))
    options = {"difficulty_on": ["x"]}
    with pytest.raises(NumericalError, match="difficulty_sd, the standard deviation of difficulty, is estimated"):
        irt.evaluate(irt.hold_out(data, "columns", seed=0), "1pl", model_options=options)
    irt.fit(data, "1pl", method="map", standard_errors=False, model_options=options | {"residual": "none"})
