"""Models of responses that are no categories: fractions and counts."""

from __future__ import annotations

from irtbridge.errors import SpecError
from irtbridge.model.catalogue import parts
from irtbridge.model.families import Beta, OrderedBeta, Poisson
from irtbridge.model.priors import as_prior
from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import Variable


def beta_irt(
    *,
    common_precision: bool = False,
    ability: parts.PriorLike = parts.ABILITY,
    discrimination: parts.PriorLike = parts.DISCRIMINATION,
    difficulty: parts.PriorLike = parts.DIFFICULTY,
    intercept: parts.PriorLike = parts.INTERCEPT,
    parameterization: str = "difficulty",
    precision: parts.PriorLike = parts.PRECISION,
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
    location, form = parts.location_of("difficulty", difficulty, intercept, parameterization)
    variables = (
        parts.ability_of(ability),
        parts.slopes_of(discrimination),
        location,
        parts.precision_of(precision, common_precision),
    )
    return ModelSpec("beta", variables, Beta(scaling=scaling, **form))


def ordered_beta(
    *,
    common_cutpoints: bool = True,
    common_precision: bool = False,
    ability: parts.PriorLike = parts.ABILITY,
    discrimination: parts.PriorLike = parts.DISCRIMINATION,
    difficulty: parts.PriorLike = parts.DIFFICULTY,
    intercept: parts.PriorLike = parts.INTERCEPT,
    parameterization: str = "difficulty",
    cutpoint: parts.PriorLike = parts.CUTPOINT,
    precision: parts.PriorLike = parts.PRECISION,
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
    location, form = parts.location_of("difficulty", difficulty, intercept, parameterization)
    cutpoints = Variable("cutpoint", ("category",) if common_cutpoints else ("item", "category"), as_prior(cutpoint))
    shape = cutpoints, parts.precision_of(precision, common_precision)
    family = OrderedBeta(scaling=scaling, **form)
    return ModelSpec(
        "ordered_beta", (parts.ability_of(ability), parts.slopes_of(discrimination), location, *shape), family
    )


def poisson_counts(
    *,
    common_discrimination: bool = False,
    item_discrimination: bool = False,
    ability: parts.PriorLike = parts.ABILITY,
    discrimination: parts.PriorLike = parts.RATE_SLOPE,
    difficulty: parts.PriorLike = parts.RATE_DIFFICULTY,
    intercept: parts.PriorLike = parts.RATE_INTERCEPT,
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
    location, form = parts.location_of("difficulty", difficulty, intercept, parameterization)
    family = Poisson(discrimination="discrimination" if slope else None, scaling=scaling, **form)
    return ModelSpec("poisson", (parts.ability_of(ability), *slope, location), family)
