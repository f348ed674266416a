"""What the models of the catalogue are made of: default priors, and variables that many of them have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from irtbridge.data.labels import aligned, as_text, by_item, labels_of
from irtbridge.errors import SpecError
from irtbridge.model.families import Family
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


def ability_of(prior: PriorLike) -> Variable:
    """The ability of one trait."""
    return Variable("ability", ("person",), as_prior(prior))


def asymptote_of(name: str, prior: PriorLike) -> Variable:
    """An asymptote of each item."""
    return Variable(name, ("item",), as_prior(prior))


def precision_of(prior: PriorLike, common: bool) -> Variable:
    """The precision of fractions: one for all items, or one for each."""
    return Variable("precision", () if common else ("item",), as_prior(prior))


def slopes_of(prior: PriorLike) -> Variable:
    """A discrimination of each item."""
    return Variable("discrimination", ("item",), as_prior(prior))


def difficulty_of(prior: PriorLike) -> Variable:
    """A difficulty of each item."""
    return Variable("difficulty", ("item",), as_prior(prior))


def location_of(
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


def polytomous(
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
    single = trait_labels(traits, q_matrix)
    if q_matrix is None and len(single) == 1:
        return ModelSpec(name, (ability_of(ability), slopes_of(discrimination), *others, location), family, single)
    labels, people = abilities_of(traits, q_matrix, correlated, ability, correlation)
    slopes = loadings_of(discrimination, q_matrix, labels)
    return ModelSpec(name, (*people, slopes, *others, location), family, labels)


def abilities_of(
    traits: int | Sequence[str],
    q_matrix: ArrayLike | None,
    correlated: bool,
    ability: PriorLike,
    correlation: PriorLike,
) -> tuple[tuple[str, ...], tuple[Variable, ...]]:
    """Trait labels, and the abilities of several traits, with the factor of their correlations where they correlate."""
    labels = trait_labels(traits, q_matrix)
    if not correlated:
        return labels, (Variable("ability", ("person", "trait"), as_prior(ability)),)
    factor = Variable("trait_cholesky", ("trait", "trait"), as_prior(correlation))
    joint = MultivariateNormal(0, "trait_cholesky")
    return labels, (factor, Variable("ability", ("person", "trait"), joint))


def trait_labels(traits: int | Sequence[str], q_matrix: ArrayLike | None) -> tuple[str, ...]:
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


def loadings_of(prior: PriorLike, q_matrix: ArrayLike | None, labels: tuple[str, ...]) -> Variable:
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
