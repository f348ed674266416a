"""Parameters explained by covariates: latent regression, and explanatory models of items (De Boeck & Wilson 2004)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from irtbridge.errors import SpecError
from irtbridge.model.groups import replaced
from irtbridge.model.priors import Exactly, HalfNormal, Normal, Predictor, Prior, as_prior
from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import COVARIATE, Variable

EFFECT = Normal(0, 2)
RESIDUAL = HalfNormal(1)


def with_ability_on(spec: ModelSpec, formula: str | Sequence[str], effect: Prior | str = EFFECT) -> ModelSpec:
    """Latent regression: ability ~ Normal(person_data[formula] @ ability_effect, sd).

    Parameters
    ----------
    spec : ModelSpec
        The model, with a Normal ability.
    formula : str or sequence of str
        Right side of a formula over the columns of the persons' covariates, or names of columns to add up. There is no
        intercept: the mean at the reference levels and at 0 is 0.
    effect : Prior or str
        Prior of the weights.

    Raises
    ------
    SpecError
        The ability is not Normal, or has a mean already.
    """
    ability = spec[spec.family.ability]
    if not isinstance(ability.prior, Normal) or "loc" in ability.prior.references() or len(ability.dims) > 1:
        raise SpecError(f"{ability}: only one Normal trait whose mean is a number can depend on covariates.")
    return _explained(spec, ability, "person_data", "loc", formula, effect)


def with_difficulty_on(
    spec: ModelSpec,
    formula: str | Sequence[str],
    *,
    residual: Prior | str | None = RESIDUAL,
    effect: Prior | str = EFFECT,
) -> ModelSpec:
    """Difficulties explained by covariates of the items: Normal(item_data[formula] @ difficulty_effect, difficulty_sd).

    Parameters
    ----------
    spec : ModelSpec
        The model; its first location by item is what is explained.
    formula : str or sequence of str
        Right side of a formula over the columns of the items' covariates, or names of columns to add up. The intercept
        comes with it.
    residual : Prior or str, optional
        Prior of the residual's standard deviation. None: no residual, the linear logistic test model (Fischer 1973).
    effect : Prior or str
        Prior of the weights.

    Raises
    ------
    SpecError
        The model has no location by item, or one of several categories and no residual.
    """
    location = next((spec[name] for name in spec.family.location if "item" in spec[name].dims), None)
    if location is None:
        raise SpecError(f"model {spec.name!r} has no location by item that covariates could explain.")
    if residual is None:
        if location.dims != ("item",):
            raise SpecError(f"{location}: categories differ by more than their item; give a residual.")
        return _explained(spec, replace(location, prior=Exactly()), "item_data", "value", formula, effect)
    return _explained(_with_residual(spec, location, residual), location, "item_data", "loc", formula, effect)


def with_discrimination_on(
    spec: ModelSpec, formula: str | Sequence[str], *, residual: Prior | str = RESIDUAL, effect: Prior | str = EFFECT
) -> ModelSpec:
    """Discriminations explained by covariates of the items: `loc` of their prior, the logarithm's for a LogNormal.

    Parameters as in `with_difficulty_on`.

    Raises
    ------
    SpecError
        The model has no discrimination by item.
    """
    name = spec.family.discrimination
    if name is None or spec[name].dims != ("item",) or "loc" not in spec[name].prior.arguments():
        raise SpecError(f"model {spec.name!r} has no discrimination by item that covariates could explain.")
    return _explained(_with_residual(spec, spec[name], residual), spec[name], "item_data", "loc", formula, effect)


def _with_residual(spec: ModelSpec, variable: Variable, residual: Prior | str) -> ModelSpec:
    name = f"{variable.name}_sd"
    if "scale" not in variable.prior.arguments() or variable.prior.references():
        raise SpecError(f"{variable}: covariates explain a prior with a mean and a scale that are numbers.")
    prior: Any = variable.prior
    moved = replace(variable, prior=replace(prior, scale=name))
    return replaced(spec, moved, before=[Variable(name, (), as_prior(residual))])


def _explained(
    spec: ModelSpec, variable: Variable, table: str, argument: str, formula: str | Sequence[str], effect: Prior | str
) -> ModelSpec:
    """One argument of a variable's prior as a linear predictor."""
    text = formula if isinstance(formula, str) else " + ".join(map(str, formula))
    if not text.strip():
        raise SpecError(f"{variable}: the formula is empty; name the columns of {table} it depends on.")
    weights = Variable(f"{variable.name}_effect", (f"{variable.name}{COVARIATE}",), as_prior(effect))
    predictor = Predictor(table, text, weights.name)
    prior = spec[variable.name].prior if argument == "loc" else variable.prior
    explained = replace(variable, prior=replace(prior, **{argument: predictor}))
    return replaced(spec, explained, before=[weights])
