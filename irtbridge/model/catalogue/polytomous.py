"""Models of several categories."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from irtbridge.model.catalogue import parts
from irtbridge.model.families import Graded, Nominal, PartialCredit, Sequential
from irtbridge.model.priors import as_prior
from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import Variable


def graded(
    *,
    traits: int | Sequence[str] = 1,
    q_matrix: ArrayLike | None = None,
    correlated: bool = False,
    ability: parts.PriorLike = parts.ABILITY,
    discrimination: parts.PriorLike = parts.DISCRIMINATION,
    threshold: parts.PriorLike = parts.THRESHOLD,
    intercept: parts.PriorLike = parts.DECREASING,
    parameterization: str = "difficulty",
    correlation: parts.PriorLike = parts.CORRELATION,
    scaling: float = 1.0,
) -> ModelSpec:
    """Graded response model (Samejima 1969): ``logit P(Y >= k) = D a (theta - b_k)``, b_k increasing.

    With several traits ``logit P(Y >= k) = D a . theta - b_k``; with ``parameterization="intercept"`` ``D a . theta +
    d_k``, d_k decreasing, and discriminations of any sign. Parameters as in `m2pl`.
    """
    location, form = parts.location_of("threshold", threshold, intercept, parameterization, by_category=True)
    return parts.polytomous(
        "grm", Graded(scaling=scaling, **form), location,
        traits, q_matrix, correlated, ability, discrimination, correlation,
    )  # fmt: skip


def generalized_partial_credit(
    *,
    traits: int | Sequence[str] = 1,
    q_matrix: ArrayLike | None = None,
    correlated: bool = False,
    ability: parts.PriorLike = parts.ABILITY,
    discrimination: parts.PriorLike = parts.DISCRIMINATION,
    step: parts.PriorLike = parts.STEP,
    intercept: parts.PriorLike = parts.INTERCEPT,
    parameterization: str = "difficulty",
    correlation: parts.PriorLike = parts.CORRELATION,
    scaling: float = 1.0,
) -> ModelSpec:
    """Generalised partial credit (Muraki 1992): ``log P(k) / P(k-1) = D a (theta - b_k)``.

    With several traits ``D a . theta - b_k``; with ``parameterization="intercept"`` ``D a . theta + d_k``. Parameters
    as in `m2pl`.
    """
    location, form = parts.location_of("step", step, intercept, parameterization, by_category=True)
    return parts.polytomous(
        "gpcm", PartialCredit(scaling=scaling, **form), location,
        traits, q_matrix, correlated, ability, discrimination, correlation,
    )  # fmt: skip


def sequential(
    *,
    traits: int | Sequence[str] = 1,
    q_matrix: ArrayLike | None = None,
    correlated: bool = False,
    ability: parts.PriorLike = parts.ABILITY,
    discrimination: parts.PriorLike = parts.DISCRIMINATION,
    step: parts.PriorLike = parts.STEP,
    intercept: parts.PriorLike = parts.INTERCEPT,
    parameterization: str = "difficulty",
    correlation: parts.PriorLike = parts.CORRELATION,
    scaling: float = 1.0,
) -> ModelSpec:
    """Sequential (Tutz 1990): ``P(Y >= k) / P(Y >= k-1) = sigma(D a (theta - b_k))``, the b_k in any order.

    With several traits ``D a . theta - b_k``; with ``parameterization="intercept"`` ``D a . theta + d_k``. Parameters
    as in `m2pl`.
    """
    location, form = parts.location_of("step", step, intercept, parameterization, by_category=True)
    return parts.polytomous(
        "sequential", Sequential(scaling=scaling, **form), location,
        traits, q_matrix, correlated, ability, discrimination, correlation,
    )  # fmt: skip


def nominal(
    *,
    traits: int | Sequence[str] = 1,
    q_matrix: ArrayLike | None = None,
    correlated: bool = False,
    ability: parts.PriorLike = parts.ABILITY,
    discrimination: parts.PriorLike = parts.DISCRIMINATION,
    score_deviation: parts.PriorLike = parts.SCORE_DEVIATION,
    intercept: parts.PriorLike = parts.LOG_ODDS,
    correlation: parts.PriorLike = parts.CORRELATION,
    scaling: float = 1.0,
) -> ModelSpec:
    """Nominal categories (Bock 1972; Thissen, Cai & Bock 2010): ``log P(k) / P(0) = D a s_k theta + c_k``.

    The scoring values are ``s_k = k + score_deviation_k``, ``s_0 = 0`` and ``s_{K-1} = K - 1``, the intercepts c_k of
    the categories above the lowest. With several traits ``D (a . theta) s_k + c_k``. Other parameters as in `m2pl`.
    """
    family, by_category = Nominal(scaling=scaling), ("item", "category")
    return parts.polytomous(
        "nominal", family, Variable("intercept", by_category, as_prior(intercept)),
        traits, q_matrix, correlated, ability, discrimination, correlation,
        Variable("score_deviation", by_category, as_prior(score_deviation), inner=True),
    )  # fmt: skip


def partial_credit(
    *,
    common_discrimination: bool = False,
    ability: parts.PriorLike = parts.ABILITY,
    discrimination: parts.PriorLike = parts.DISCRIMINATION,
    step: parts.PriorLike = parts.STEP,
    intercept: parts.PriorLike = parts.INTERCEPT,
    parameterization: str = "difficulty",
    scaling: float = 1.0,
) -> ModelSpec:
    """Partial credit (Masters 1982): ``log P(k) / P(k-1) = D (theta - b_k)``.

    With `common_discrimination` one slope for all items is estimated: ``D a (theta - b_k)``.
    """
    slope = [Variable("discrimination", (), as_prior(discrimination))] if common_discrimination else []
    location, form = parts.location_of("step", step, intercept, parameterization, by_category=True)
    family = PartialCredit(discrimination="discrimination" if slope else None, scaling=scaling, **form)
    return ModelSpec("pcm", (parts.ability_of(ability), *slope, location), family)


def rating_scale(
    *,
    common_discrimination: bool = False,
    ability: parts.PriorLike = parts.ABILITY,
    discrimination: parts.PriorLike = parts.DISCRIMINATION,
    difficulty: parts.PriorLike = parts.DIFFICULTY,
    step: parts.PriorLike = parts.STEP,
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
    return ModelSpec("rsm", (parts.ability_of(ability), *slope, location, steps), family)
