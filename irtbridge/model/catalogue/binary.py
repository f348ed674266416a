"""Models of two categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from irtbridge.errors import SpecError
from irtbridge.model.catalogue import parts
from irtbridge.model.families import Binary
from irtbridge.model.priors import Exactly, HalfNormal, Normal, as_prior
from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import Variable


def one_pl(
    *,
    common_discrimination: bool = False,
    ability: parts.PriorLike = parts.ABILITY,
    discrimination: parts.PriorLike = parts.DISCRIMINATION,
    difficulty: parts.PriorLike = parts.DIFFICULTY,
    intercept: parts.PriorLike = parts.INTERCEPT,
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
    location, form = parts.location_of("difficulty", difficulty, intercept, parameterization)
    family = Binary(discrimination="discrimination" if slope else None, scaling=scaling, **form)
    return ModelSpec("1pl", (parts.ability_of(ability), *slope, location), family)


def two_pl(
    *,
    ability: parts.PriorLike = parts.ABILITY,
    discrimination: parts.PriorLike = parts.DISCRIMINATION,
    difficulty: parts.PriorLike = parts.DIFFICULTY,
    intercept: parts.PriorLike = parts.INTERCEPT,
    parameterization: str = "difficulty",
    scaling: float = 1.0,
) -> ModelSpec:
    """Two-parameter logistic (Birnbaum 1968): ``logit P = D a (theta - b)``."""
    location, form = parts.location_of("difficulty", difficulty, intercept, parameterization)
    return ModelSpec(
        "2pl", (parts.ability_of(ability), parts.slopes_of(discrimination), location), Binary(scaling=scaling, **form)
    )


def three_pl(
    *,
    ability: parts.PriorLike = parts.ABILITY,
    discrimination: parts.PriorLike = parts.DISCRIMINATION,
    difficulty: parts.PriorLike = parts.DIFFICULTY,
    lower: parts.PriorLike = parts.LOWER,
    intercept: parts.PriorLike = parts.INTERCEPT,
    parameterization: str = "difficulty",
    scaling: float = 1.0,
) -> ModelSpec:
    """Three-parameter logistic (Birnbaum 1968): ``P = c + (1 - c) sigma(D a (theta - b))``, `lower` = c."""
    location, form = parts.location_of("difficulty", difficulty, intercept, parameterization)
    variables = parts.ability_of(ability), parts.slopes_of(discrimination), location, parts.asymptote_of("lower", lower)
    return ModelSpec("3pl", variables, Binary(lower="lower", scaling=scaling, **form))


def four_pl(
    *,
    ability: parts.PriorLike = parts.ABILITY,
    discrimination: parts.PriorLike = parts.DISCRIMINATION,
    difficulty: parts.PriorLike = parts.DIFFICULTY,
    lower: parts.PriorLike = parts.LOWER,
    upper: parts.PriorLike = parts.UPPER,
    intercept: parts.PriorLike = parts.INTERCEPT,
    parameterization: str = "difficulty",
    scaling: float = 1.0,
) -> ModelSpec:
    """Four-parameter logistic (Barton & Lord 1981): ``P = c + (d - c) sigma(D a (theta - b))``, `upper` = d."""
    asymptotes = parts.asymptote_of("lower", lower), parts.asymptote_of("upper", upper)
    location, form = parts.location_of("difficulty", difficulty, intercept, parameterization)
    variables = parts.ability_of(ability), parts.slopes_of(discrimination), location, *asymptotes
    return ModelSpec("4pl", variables, Binary(lower="lower", upper="upper", scaling=scaling, **form))


def m2pl(
    *,
    traits: int | Sequence[str] = 2,
    q_matrix: ArrayLike | None = None,
    correlated: bool = False,
    ability: parts.PriorLike = parts.ABILITY,
    discrimination: parts.PriorLike = parts.DISCRIMINATION,
    difficulty: parts.PriorLike = parts.DIFFICULTY,
    correlation: parts.PriorLike = parts.CORRELATION,
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
    labels, people = parts.abilities_of(traits, q_matrix, correlated, ability, correlation)
    loadings = parts.loadings_of(discrimination, q_matrix, labels)
    location = Variable("difficulty", ("item",), as_prior(difficulty))
    return ModelSpec("m2pl", (*people, loadings, location), Binary(scaling=scaling), labels)


ESTIMATED = "estimated"
_SLOPE_SD = (Variable("slope_sd", (), HalfNormal(1)),)


def lfm(
    *,
    traits: int | Sequence[str] = 1,
    penalty: float | str = 1.0,
    ability: parts.PriorLike | None = None,
    discrimination: parts.PriorLike | None = None,
    intercept: parts.PriorLike | None = None,
    scaling: float = 1.0,
) -> ModelSpec:
    """Logistic factor model (Takane & de Leeuw 1987): ``logit P = D a . theta + d``, slopes of any sign.

    Whatever the number of factors K, abilities, slopes and intercepts are normal with mean 0, so that the mode of their
    joint posterior (``method="jmle", priors=true``) is a maximum of the likelihood less ``penalty / 2`` times their sum
    of squares. A rotation of the factors changes nothing; see `irtbridge.rotate`.

    Parameters
    ----------
    traits : int or sequence of str
        K, or the factors' labels; 0 leaves the items' intercepts alone.
    penalty : float or "estimated"
        1 / variance of the priors that are not given. Estimated, that of abilities is 1 and that of slopes has a prior,
        ``slope_sd ~ HalfNormal(1)``, for methods that integrate the abilities out: as the products of abilities and
        slopes are what counts, it comes to a penalty of 1 / slope_sd on both.
    ability, discrimination, intercept : Prior or str, optional
        Priors.
    scaling : float
        D.

    Raises
    ------
    SpecError
        A penalty that is not positive.
    """
    estimated = bool(penalty == ESTIMATED)
    shrunk, hyper = (parts.ABILITY, _SLOPE_SD) if estimated else (Normal(0, _scale_of(penalty)), ())
    location = Variable("intercept", ("item",), as_prior(intercept or (parts.INTERCEPT if estimated else shrunk)))
    form: dict[str, Any] = {"location": ("intercept",), "parameterization": "intercept", "scaling": scaling}
    if traits == 0:
        nobody = Variable("ability", ("person",), Exactly(0.0))
        return ModelSpec("lfm", (nobody, location), Binary(discrimination=None, **form))
    labels = parts.trait_labels(traits, None)
    several = ("trait",) if len(labels) > 1 else ()
    people = Variable("ability", ("person", *several), as_prior(ability or shrunk))
    own = Normal(0, "slope_sd") if estimated else shrunk
    slopes = Variable("discrimination", ("item", *several), as_prior(discrimination or own))
    return ModelSpec("lfm", (people, *hyper, slopes, location), Binary(**form), labels)


def _scale_of(penalty: float | str) -> float:
    number = isinstance(penalty, (int, float)) and not isinstance(penalty, bool)
    if not number or not 0 < float(penalty) < np.inf:
        raise SpecError(
            f"penalty={penalty!r} must be a positive number, 1 / variance of the normal priors, or {ESTIMATED!r}."
        )
    return float(float(penalty) ** -0.5)
