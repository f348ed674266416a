"""The catalogue: each model is one function that returns a ModelSpec.

Parameterisation: ``D a (theta - b)`` for one trait, ``D a . theta - b`` for several, D = 1 unless `scaling` says
otherwise; with ``parameterization="intercept"`` ``D a theta + d``, d being the variable ``intercept``. Default priors
are weakly informative; every one can be replaced by name, as in ``two_pl(discrimination="LogNormal(0, 1)")``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from irtbridge.data.labels import aligned, as_text, by_item, labels_of
from irtbridge.errors import SpecError, UnknownName
from irtbridge.model.design import designed
from irtbridge.model.families import (
    Beta,
    Binary,
    Family,
    Graded,
    Nominal,
    OrderedBeta,
    PartialCredit,
    Poisson,
    Sequential,
)
from irtbridge.model.item_groups import Groups, q_matrix_of
from irtbridge.model.priors import (
    DecreasingNormal,
    HalfNormal,
    LKJCholesky,
    LogNormal,
    MultivariateNormal,
    Normal,
    OrderedNormal,
    Prior,
    as_prior,
)
from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import Variable

PriorLike = Prior | str

ABILITY = Normal(0, 1)
DISCRIMINATION = LogNormal(0, 0.5)
DIFFICULTY = Normal(0, 2)
THRESHOLD = OrderedNormal(0, 2)
STEP = Normal(0, 2)
INTERCEPT = Normal(0, 2)
DECREASING = DecreasingNormal(0, 2)
LOG_ODDS = Normal(0, 3)
SCORE_DEVIATION = Normal(0, 1)
RATE_SLOPE = LogNormal(-0.5, 0.5)  # of the logarithm of a rate
RATE_DIFFICULTY = Normal(-2, 4)  # wide, as it is the logarithm of a rate over a slope
RATE_INTERCEPT = Normal(2, 2)
DEFAULT_LOCATIONS = (DIFFICULTY, THRESHOLD, INTERCEPT, DECREASING, RATE_DIFFICULTY, RATE_INTERCEPT)
PRECISION = LogNormal(2, 1)  # its median is 7.4
CUTPOINT = OrderedNormal((-2.0, 2.0), 2)
CORRELATION = LKJCholesky(2)
LOWER = "Beta(5, 17)"
UPPER = "Beta(17, 5)"
TRAIT_SD = HalfNormal(1)
TESTLET_ABILITY = Normal(0, "trait_sd")


def one_pl(
    *,
    common_discrimination: bool = False,
    ability: PriorLike = ABILITY,
    discrimination: PriorLike = DISCRIMINATION,
    difficulty: PriorLike = DIFFICULTY,
    intercept: PriorLike = INTERCEPT,
    parameterization: str = "difficulty",
    scaling: float = 1.0,
) -> ModelSpec:
    """One-parameter logistic (Rasch 1960): ``logit P = D (theta - b)``.

    Parameters
    ----------
    common_discrimination : bool
        Estimate one slope for all items, ``D a (theta - b)``; the same model as a = 1 with a free ability SD.
    ability, discrimination, difficulty, intercept : Prior or str
        Priors.
    parameterization : str
        ``difficulty``, or ``intercept``: ``D a theta + d``.
    scaling : float
        D.
    """
    slope = [Variable("discrimination", (), as_prior(discrimination))] if common_discrimination else []
    location, form = _location("difficulty", difficulty, intercept, parameterization)
    family = Binary(discrimination="discrimination" if slope else None, scaling=scaling, **form)
    return ModelSpec("1pl", (_ability(ability), *slope, location), family)


def two_pl(
    *,
    ability: PriorLike = ABILITY,
    discrimination: PriorLike = DISCRIMINATION,
    difficulty: PriorLike = DIFFICULTY,
    intercept: PriorLike = INTERCEPT,
    parameterization: str = "difficulty",
    scaling: float = 1.0,
) -> ModelSpec:
    """Two-parameter logistic (Birnbaum 1968): ``logit P = D a (theta - b)``."""
    location, form = _location("difficulty", difficulty, intercept, parameterization)
    return ModelSpec("2pl", (_ability(ability), _slopes(discrimination), location), Binary(scaling=scaling, **form))


def three_pl(
    *,
    ability: PriorLike = ABILITY,
    discrimination: PriorLike = DISCRIMINATION,
    difficulty: PriorLike = DIFFICULTY,
    lower: PriorLike = LOWER,
    intercept: PriorLike = INTERCEPT,
    parameterization: str = "difficulty",
    scaling: float = 1.0,
) -> ModelSpec:
    """Three-parameter logistic (Birnbaum 1968): ``P = c + (1 - c) sigma(D a (theta - b))``, `lower` = c."""
    location, form = _location("difficulty", difficulty, intercept, parameterization)
    variables = _ability(ability), _slopes(discrimination), location, _asymptote("lower", lower)
    return ModelSpec("3pl", variables, Binary(lower="lower", scaling=scaling, **form))


def four_pl(
    *,
    ability: PriorLike = ABILITY,
    discrimination: PriorLike = DISCRIMINATION,
    difficulty: PriorLike = DIFFICULTY,
    lower: PriorLike = LOWER,
    upper: PriorLike = UPPER,
    intercept: PriorLike = INTERCEPT,
    parameterization: str = "difficulty",
    scaling: float = 1.0,
) -> ModelSpec:
    """Four-parameter logistic (Barton & Lord 1981): ``P = c + (d - c) sigma(D a (theta - b))``, `upper` = d."""
    asymptotes = _asymptote("lower", lower), _asymptote("upper", upper)
    location, form = _location("difficulty", difficulty, intercept, parameterization)
    variables = _ability(ability), _slopes(discrimination), location, *asymptotes
    return ModelSpec("4pl", variables, Binary(lower="lower", upper="upper", scaling=scaling, **form))


def m2pl(
    *,
    traits: int | Sequence[str] = 2,
    q_matrix: ArrayLike | None = None,
    correlated: bool = False,
    ability: PriorLike = ABILITY,
    discrimination: PriorLike = DISCRIMINATION,
    difficulty: PriorLike = DIFFICULTY,
    correlation: PriorLike = CORRELATION,
    scaling: float = 1.0,
) -> ModelSpec:
    """Multidimensional two-parameter logistic (Reckase 1985): ``logit P = D a . theta - b``.

    Parameters
    ----------
    traits : int or sequence of str
        How many traits, or their labels.
    q_matrix : array_like, shape (item, trait), optional
        1 where a loading is free, 0 where it is zero (confirmatory). Without it all loadings are free
        (exploratory, kept positive by their prior). The index of a DataFrame, or its column item, names the items, its
        columns name the traits: they are matched with the data's items and with `traits` by label. An array, or a
        DataFrame whose index only counts, is taken by position.
    correlated : bool
        Traits with an LKJ prior on their correlations; otherwise independent.
    ability, discrimination, difficulty, correlation : Prior or str
        Priors; with correlated traits `ability` is multivariate normal with unit variances.
    scaling : float
        D.

    Raises
    ------
    SpecError
        A Q-matrix with the wrong number of columns, entries other than 0 and 1, an empty row or column, or labels that
        occur twice or are not those of the traits.
    """
    labels, people = _abilities(traits, q_matrix, correlated, ability, correlation)
    loadings = _loadings(discrimination, q_matrix, labels)
    location = Variable("difficulty", ("item",), as_prior(difficulty))
    return ModelSpec("m2pl", (*people, loadings, location), Binary(scaling=scaling), labels)


def graded(
    *,
    traits: int | Sequence[str] = 1,
    q_matrix: ArrayLike | None = None,
    correlated: bool = False,
    ability: PriorLike = ABILITY,
    discrimination: PriorLike = DISCRIMINATION,
    threshold: PriorLike = THRESHOLD,
    intercept: PriorLike = DECREASING,
    parameterization: str = "difficulty",
    correlation: PriorLike = CORRELATION,
    scaling: float = 1.0,
) -> ModelSpec:
    """Graded response model (Samejima 1969): ``logit P(Y >= k) = D a (theta - b_k)``, b_k increasing.

    With several traits ``logit P(Y >= k) = D a . theta - b_k``; with ``parameterization="intercept"`` ``D a . theta +
    d_k``, d_k decreasing, and discriminations of any sign. Parameters as in `m2pl`.
    """
    location, form = _location("threshold", threshold, intercept, parameterization, by_category=True)
    return _polytomous(
        "grm", Graded(scaling=scaling, **form), location,
        traits, q_matrix, correlated, ability, discrimination, correlation,
    )  # fmt: skip


def generalized_partial_credit(
    *,
    traits: int | Sequence[str] = 1,
    q_matrix: ArrayLike | None = None,
    correlated: bool = False,
    ability: PriorLike = ABILITY,
    discrimination: PriorLike = DISCRIMINATION,
    step: PriorLike = STEP,
    intercept: PriorLike = INTERCEPT,
    parameterization: str = "difficulty",
    correlation: PriorLike = CORRELATION,
    scaling: float = 1.0,
) -> ModelSpec:
    """Generalised partial credit (Muraki 1992): ``log P(k) / P(k-1) = D a (theta - b_k)``.

    With several traits ``D a . theta - b_k``; with ``parameterization="intercept"`` ``D a . theta + d_k``. Parameters
    as in `m2pl`.
    """
    location, form = _location("step", step, intercept, parameterization, by_category=True)
    return _polytomous(
        "gpcm", PartialCredit(scaling=scaling, **form), location,
        traits, q_matrix, correlated, ability, discrimination, correlation,
    )  # fmt: skip


def sequential(
    *,
    traits: int | Sequence[str] = 1,
    q_matrix: ArrayLike | None = None,
    correlated: bool = False,
    ability: PriorLike = ABILITY,
    discrimination: PriorLike = DISCRIMINATION,
    step: PriorLike = STEP,
    intercept: PriorLike = INTERCEPT,
    parameterization: str = "difficulty",
    correlation: PriorLike = CORRELATION,
    scaling: float = 1.0,
) -> ModelSpec:
    """Sequential (Tutz 1990): ``P(Y >= k) / P(Y >= k-1) = sigma(D a (theta - b_k))``, the b_k in any order.

    With several traits ``D a . theta - b_k``; with ``parameterization="intercept"`` ``D a . theta + d_k``. Parameters
    as in `m2pl`.
    """
    location, form = _location("step", step, intercept, parameterization, by_category=True)
    return _polytomous(
        "sequential", Sequential(scaling=scaling, **form), location,
        traits, q_matrix, correlated, ability, discrimination, correlation,
    )  # fmt: skip


def nominal(
    *,
    traits: int | Sequence[str] = 1,
    q_matrix: ArrayLike | None = None,
    correlated: bool = False,
    ability: PriorLike = ABILITY,
    discrimination: PriorLike = DISCRIMINATION,
    score_deviation: PriorLike = SCORE_DEVIATION,
    intercept: PriorLike = LOG_ODDS,
    correlation: PriorLike = CORRELATION,
    scaling: float = 1.0,
) -> ModelSpec:
    """Nominal categories (Bock 1972; Thissen, Cai & Bock 2010): ``log P(k) / P(0) = D a s_k theta + c_k``.

    The scoring values are ``s_k = k + score_deviation_k``, ``s_0 = 0`` and ``s_{K-1} = K - 1``, the intercepts c_k of
    the categories above the lowest. With several traits ``D (a . theta) s_k + c_k``. Other parameters as in `m2pl`.
    """
    family, by_category = Nominal(scaling=scaling), ("item", "category")
    return _polytomous(
        "nominal", family, Variable("intercept", by_category, as_prior(intercept)),
        traits, q_matrix, correlated, ability, discrimination, correlation,
        Variable("score_deviation", by_category, as_prior(score_deviation), inner=True),
    )  # fmt: skip


def partial_credit(
    *,
    common_discrimination: bool = False,
    ability: PriorLike = ABILITY,
    discrimination: PriorLike = DISCRIMINATION,
    step: PriorLike = STEP,
    intercept: PriorLike = INTERCEPT,
    parameterization: str = "difficulty",
    scaling: float = 1.0,
) -> ModelSpec:
    """Partial credit (Masters 1982): ``log P(k) / P(k-1) = D (theta - b_k)``.

    With `common_discrimination` one slope for all items is estimated: ``D a (theta - b_k)``.
    """
    slope = [Variable("discrimination", (), as_prior(discrimination))] if common_discrimination else []
    location, form = _location("step", step, intercept, parameterization, by_category=True)
    family = PartialCredit(discrimination="discrimination" if slope else None, scaling=scaling, **form)
    return ModelSpec("pcm", (_ability(ability), *slope, location), family)


def rating_scale(
    *,
    common_discrimination: bool = False,
    ability: PriorLike = ABILITY,
    discrimination: PriorLike = DISCRIMINATION,
    difficulty: PriorLike = DIFFICULTY,
    step: PriorLike = STEP,
    scaling: float = 1.0,
) -> ModelSpec:
    """Rating scale (Andrich 1978): ``log P(k) / P(k-1) = D (theta - b - tau_k)``, the tau_k sum to zero.

    All items share the steps tau, so they must have the same number of categories, three or more.
    """
    slope = [Variable("discrimination", (), as_prior(discrimination))] if common_discrimination else []
    location = Variable("difficulty", ("item",), as_prior(difficulty))
    steps = Variable("step", ("category",), as_prior(step), zero_sum=True)
    name = "discrimination" if slope else None
    family = PartialCredit(discrimination=name, location=("difficulty", "step"), scaling=scaling)
    return ModelSpec("rsm", (_ability(ability), *slope, location, steps), family)


def beta_irt(
    *,
    common_precision: bool = False,
    ability: PriorLike = ABILITY,
    discrimination: PriorLike = DISCRIMINATION,
    difficulty: PriorLike = DIFFICULTY,
    intercept: PriorLike = INTERCEPT,
    parameterization: str = "difficulty",
    precision: PriorLike = PRECISION,
    scaling: float = 1.0,
) -> ModelSpec:
    """Beta response model (Noel & Dauvier 2007): ``Y ~ Beta(mu phi, (1 - mu) phi)``, ``logit mu = D a (theta - b)``.

    For fractions between 0 and 1, the ends excluded; with them `ordered_beta`.

    Parameters
    ----------
    common_precision : bool
        One precision phi for all items; by default each item has its own.
    ability, discrimination, difficulty, intercept, precision : Prior or str
        Priors.
    parameterization : str
        ``difficulty``, or ``intercept``: ``D a theta + d``.
    scaling : float
        D.
    """
    location, form = _location("difficulty", difficulty, intercept, parameterization)
    variables = _ability(ability), _slopes(discrimination), location, _precision(precision, common_precision)
    return ModelSpec("beta", variables, Beta(scaling=scaling, **form))


def ordered_beta(
    *,
    common_cutpoints: bool = True,
    common_precision: bool = False,
    ability: PriorLike = ABILITY,
    discrimination: PriorLike = DISCRIMINATION,
    difficulty: PriorLike = DIFFICULTY,
    intercept: PriorLike = INTERCEPT,
    parameterization: str = "difficulty",
    cutpoint: PriorLike = CUTPOINT,
    precision: PriorLike = PRECISION,
    scaling: float = 1.0,
) -> ModelSpec:
    """Ordered beta (Kubinec 2022): ``P(Y > 0) = sigma(x - c_1)``, ``P(Y = 1) = sigma(x - c_2)``, between as `beta_irt`.

    For fractions from 0 to 1, the ends included; ``x = D a (theta - b)``.

    Parameters
    ----------
    common_cutpoints : bool
        The same cutpoints c for all items; otherwise each item has its own.
    common_precision : bool
        One precision phi for all items; by default each item has its own.
    ability, discrimination, difficulty, intercept, cutpoint, precision : Prior or str
        Priors.
    parameterization : str
        ``difficulty``, or ``intercept``: ``D a theta + d``.
    scaling : float
        D.
    """
    location, form = _location("difficulty", difficulty, intercept, parameterization)
    cutpoints = Variable("cutpoint", ("category",) if common_cutpoints else ("item", "category"), as_prior(cutpoint))
    shape = cutpoints, _precision(precision, common_precision)
    family = OrderedBeta(scaling=scaling, **form)
    return ModelSpec("ordered_beta", (_ability(ability), _slopes(discrimination), location, *shape), family)


def poisson_counts(
    *,
    common_discrimination: bool = False,
    item_discrimination: bool = False,
    ability: PriorLike = ABILITY,
    discrimination: PriorLike = RATE_SLOPE,
    difficulty: PriorLike = RATE_DIFFICULTY,
    intercept: PriorLike = RATE_INTERCEPT,
    parameterization: str = "difficulty",
    scaling: float = 1.0,
) -> ModelSpec:
    """Poisson counts (Rasch 1960): ``log rate = D (theta - b)``.

    Parameters
    ----------
    common_discrimination : bool
        Estimate one slope for all items, ``D a (theta - b)``; the same model as a = 1 with a free ability SD.
    item_discrimination : bool
        Estimate a slope for each item (Myszkowski & Storme 2021).
    ability, discrimination, difficulty, intercept : Prior or str
        Priors.
    parameterization : str
        ``difficulty``, or ``intercept``: ``D a theta + d``.
    scaling : float
        D.
    """
    if common_discrimination and item_discrimination:
        raise SpecError("common_discrimination is one slope for all items, item_discrimination one for each: take one.")
    dims = ("item",) if item_discrimination else ()
    slope = [Variable("discrimination", dims, as_prior(discrimination))] if dims or common_discrimination else []
    location, form = _location("difficulty", difficulty, intercept, parameterization)
    family = Poisson(discrimination="discrimination" if slope else None, scaling=scaling, **form)
    return ModelSpec("poisson", (_ability(ability), *slope, location), family)


def bifactor(
    *,
    groups: Groups | None = None,
    item_model: str = "2pl",
    ability: PriorLike = ABILITY,
    discrimination: PriorLike = DISCRIMINATION,
    difficulty: PriorLike = DIFFICULTY,
    threshold: PriorLike = THRESHOLD,
    step: PriorLike = STEP,
    scaling: float = 1.0,
) -> ModelSpec:
    """Bifactor (Gibbons & Hedeker 1992): ``D (a_0 theta_0 + a_s theta_s) - b``, s being the item's group.

    All items load on a general trait, those of a group on a specific trait too; all traits are independent (Holzinger &
    Swineford 1937). The abilities are integrated out in two dimensions, whatever the number of groups (see
    `irtbridge.model.reduction`).

    Parameters
    ----------
    groups : sequence, mapping or Series
        The group of each item, as numbers or labels; None or -1 for an item that has only the general trait. With keys
        or an index that name the items, they are matched with the data's by label.
    item_model : str
        How responses depend on the traits: ``2pl``, ``grm`` or ``gpcm``.
    ability, discrimination : Prior or str
        Priors, as in `m2pl`.
    difficulty, threshold, step : Prior or str
        Prior of the location b of a ``2pl``, ``grm`` or ``gpcm``.
    scaling : float
        D.

    Raises
    ------
    SpecError
        No groups, or one with a single item.
    """
    locations = {"difficulty": difficulty, "threshold": threshold, "step": step}
    spec = _with_item_groups(
        groups, item_model, locations, ability=ability, discrimination=discrimination, scaling=scaling
    )
    return replace(spec, name="bifactor")


def testlet(
    *,
    groups: Groups | None = None,
    item_model: str = "2pl",
    trait_sd: PriorLike = TRAIT_SD,
    ability: PriorLike = TESTLET_ABILITY,
    discrimination: PriorLike = DISCRIMINATION,
    difficulty: PriorLike = DIFFICULTY,
    threshold: PriorLike = THRESHOLD,
    step: PriorLike = STEP,
    scaling: float = 1.0,
) -> ModelSpec:
    """Testlet (Bradlow, Wainer & Wang 1999): ``D a (theta + gamma_s) - b``, gamma_s ~ N(0, sd_s^2) of testlet s.

    A bifactor model in which an item's loading on its specific trait, the testlet's effect, is that on the general one
    (Li, Bolt & Fu 2006). The general trait's standard deviation is 1, those of the testlets' effects are estimated.

    Parameters
    ----------
    groups, item_model, discrimination, difficulty, threshold, step, scaling
        As in `bifactor`; the groups are the testlets.
    trait_sd : Prior or str
        Prior of the effects' standard deviations.
    ability : Prior or str
        Prior of all traits; it refers to `trait_sd`.

    Raises
    ------
    SpecError
        No groups, or one with a single item.
    """
    locations = {"difficulty": difficulty, "threshold": threshold, "step": step}
    spec = _with_item_groups(groups, item_model, locations, discrimination=discrimination, scaling=scaling)
    people, loadings, location = spec.variables
    spread = Variable("trait_sd", ("trait",), as_prior(trait_sd), reference=1.0)
    people, loadings = replace(people, prior=as_prior(ability)), replace(loadings, equal="trait")
    return replace(spec, name="testlet", variables=(spread, people, loadings, location))


WITH_TRAITS: dict[str, Callable[..., ModelSpec]] = {"2pl": m2pl, "grm": graded, "gpcm": generalized_partial_credit}
LOCATIONS = {"2pl": "difficulty", "grm": "threshold", "gpcm": "step"}

MODELS: dict[str, Callable[..., ModelSpec]] = {
    "1pl": one_pl,
    "2pl": two_pl,
    "3pl": three_pl,
    "4pl": four_pl,
    "m2pl": m2pl,
    "grm": graded,
    "pcm": partial_credit,
    "gpcm": generalized_partial_credit,
    "rsm": rating_scale,
    "nominal": nominal,
    "sequential": sequential,
    "beta": beta_irt,
    "ordered_beta": ordered_beta,
    "poisson": poisson_counts,
    "bifactor": bifactor,
    "testlet": testlet,
}

ALIASES: dict[str, str] = {
    "rasch": "1pl",
    **{function.__name__: name for name, function in MODELS.items() if function.__name__ != name},
}


# Options of every model: what its persons and items are told by (see `irtbridge.model.design`).
DESIGN: tuple[str, ...] = tuple(designed.__kwdefaults__ or ())


def options_of(model: str) -> tuple[str, ...]:
    """Names of what may be chosen of a model of the catalogue."""
    return tuple(MODELS[model].__kwdefaults__ or {})


def with_option(option: str) -> tuple[str, ...]:
    """The models of the catalogue that have an option."""
    return tuple(name for name in MODELS if option in options_of(name))


def build_model(model: str | ModelSpec, **options: Any) -> ModelSpec:
    """Return the spec of a model named in the catalogue (a spec is returned as it is).

    Parameters
    ----------
    model : str or ModelSpec
        A key of `MODELS`, one of its function names, or a spec.
    **options
        Arguments of the model's function, and of `irtbridge.model.design.designed`, which every model takes.

    Raises
    ------
    UnknownName
        No such model, or no such option of it.
    """
    if isinstance(model, ModelSpec):
        if options:
            raise SpecError(f"model {model.name!r} is a finished spec; options {sorted(options)} cannot change it.")
        return model
    name = ALIASES.get(str(model).lower(), str(model).lower())
    design = {option: options.pop(option) for option in DESIGN if option in options}
    if name not in MODELS:
        hint = "Call the function itself." if callable(model) else ""
        raise UnknownName("model", model, MODELS, hint)
    for option in options:
        if option not in options_of(name):
            raise UnknownName(f"option of model {name!r}", option, (*options_of(name), *DESIGN))
    return designed(MODELS[name](**options), **design)


def _ability(prior: PriorLike) -> Variable:
    return Variable("ability", ("person",), as_prior(prior))


def _asymptote(name: str, prior: PriorLike) -> Variable:
    return Variable(name, ("item",), as_prior(prior))


def _precision(prior: PriorLike, common: bool) -> Variable:
    return Variable("precision", () if common else ("item",), as_prior(prior))


def _slopes(prior: PriorLike) -> Variable:
    return Variable("discrimination", ("item",), as_prior(prior))


def _difficulty(prior: PriorLike) -> Variable:
    return Variable("difficulty", ("item",), as_prior(prior))


def _location(
    word: str, prior: PriorLike, intercept: PriorLike, parameterization: str, *, by_category: bool = False
) -> tuple[Variable, dict[str, Any]]:
    """The variable of the locations or, as the parameterization says, of the intercepts, and what its family is told.

    Raises
    ------
    SpecError
        A prior of the one is given, but the other is asked for.
    """
    chosen, other = ("intercept", word) if parameterization == "intercept" else (word, "intercept")
    priors = {word: as_prior(prior), "intercept": as_prior(intercept)}
    if priors[other] not in DEFAULT_LOCATIONS:
        raise SpecError(
            f"{other}={str(priors[other])!r} has no place where parameterization={parameterization!r}: there "
            f"{chosen} is estimated; give {chosen}=, or parameterization={'difficulty' if other == word else other!r}."
        )
    variable = Variable(chosen, ("item", "category") if by_category else ("item",), priors[chosen])
    return variable, {"location": (chosen,), "parameterization": parameterization}


def _polytomous(
    name: str,
    family: Family,
    location: Variable,
    traits: int | Sequence[str],
    q_matrix: ArrayLike | None,
    correlated: bool,
    ability: PriorLike,
    discrimination: PriorLike,
    correlation: PriorLike,
    *others: Variable,
) -> ModelSpec:
    """A model with one location for each item and category, for one trait or several."""
    single = _labels(traits, q_matrix)
    if q_matrix is None and len(single) == 1:
        return ModelSpec(name, (_ability(ability), _slopes(discrimination), *others, location), family, single)
    labels, people = _abilities(traits, q_matrix, correlated, ability, correlation)
    slopes = _loadings(discrimination, q_matrix, labels)
    return ModelSpec(name, (*people, slopes, *others, location), family, labels)


def _with_item_groups(
    groups: Groups | None, item_model: str, locations: Mapping[str, PriorLike], **options: Any
) -> ModelSpec:
    """A model in which all items load on a general trait, and those of a group on one more."""
    if item_model not in LOCATIONS:
        raise UnknownName("item_model", item_model, LOCATIONS)
    q_matrix, traits = q_matrix_of(groups)
    location = LOCATIONS[item_model]
    return WITH_TRAITS[item_model](traits=traits, q_matrix=q_matrix, **{location: locations[location]}, **options)


def _abilities(
    traits: int | Sequence[str],
    q_matrix: ArrayLike | None,
    correlated: bool,
    ability: PriorLike,
    correlation: PriorLike,
) -> tuple[tuple[str, ...], tuple[Variable, ...]]:
    labels = _labels(traits, q_matrix)
    if not correlated:
        return labels, (Variable("ability", ("person", "trait"), as_prior(ability)),)
    factor = Variable("trait_cholesky", ("trait", "trait"), as_prior(correlation))
    joint = MultivariateNormal(0, "trait_cholesky")
    return labels, (factor, Variable("ability", ("person", "trait"), joint))


def _labels(traits: int | Sequence[str], q_matrix: ArrayLike | None) -> tuple[str, ...]:
    """Trait labels; a Q-matrix that is a DataFrame names them by its columns."""
    if isinstance(traits, (str, float)):
        raise SpecError(f"traits={traits!r}: give their number or a list of labels.")
    if not isinstance(traits, int):
        return tuple(str(t) for t in traits)
    try:
        np.shape(q_matrix)  # type: ignore[arg-type]
    except ValueError as error:
        raise SpecError(f"Q-matrix {q_matrix!r}: its rows differ in length; give one column per trait.") from error
    if isinstance(q_matrix, pd.DataFrame):
        return tuple(as_text(c) for c in by_item(q_matrix).columns)
    count = traits if q_matrix is None or np.ndim(q_matrix) != 2 else np.shape(q_matrix)[1]
    if count < 1:
        raise SpecError(f"traits={traits} must be at least 1.")
    return ("trait",) if count == 1 and q_matrix is None else tuple(f"trait{t + 1}" for t in range(count))


def _loadings(prior: PriorLike, q_matrix: ArrayLike | None, labels: tuple[str, ...]) -> Variable:
    """Discriminations of several traits, masked by a Q-matrix."""
    dims = ("item", "trait")
    if q_matrix is None:
        return Variable("discrimination", dims, as_prior(prior))
    if isinstance(q_matrix, pd.DataFrame):
        q_matrix = aligned("columns (traits) of the Q-matrix", by_item(q_matrix), labels, axis=1)
    items = labels_of(q_matrix)
    q = _checked(np.asarray(q_matrix), items, labels)
    free = tuple(tuple(bool(v) for v in row) for row in q)
    return Variable("discrimination", dims, as_prior(prior), free, items=items)


def _checked(q: NDArray[Any], items: tuple[str, ...] | None, labels: tuple[str, ...]) -> NDArray[Any]:
    """The Q-matrix as given; raises `SpecError` unless it is a matrix of 0 and 1 without an empty row or column."""
    if q.ndim != 2 or q.shape[1] != len(labels):
        raise SpecError(f"Q-matrix has shape {q.shape}; it needs one row per item and {len(labels)} columns (traits).")
    right = np.isin(q, (0, 1))
    if not right.all():
        raise SpecError(f"Q-matrix entries must be 0 or 1, got {list(dict.fromkeys(q[~right].tolist()))[:5]}.")
    for axis, kind, names in ((1, "row (item)", items), (0, "column (trait)", labels)):
        empty = np.flatnonzero(~q.astype(bool).any(axis=axis))
        if empty.size:
            first = int(empty[0])
            name = f" ({names[first]!r})" if names else ""
            raise SpecError(f"Q-matrix: {kind} {first + 1} is empty{name}; every item needs a trait and vice versa.")
    return q
