"""Groups of persons: whose abilities have a mean and a standard deviation of their own, and items that differ by group.

Item parameters are the same in every group, unless said otherwise: abilities of all groups are then on one scale, and
their means and standard deviations can be compared (scalar invariance). An item that is free stands in the data once
for each group (`Responses.split`; Andrich & Hagquist 2012), so that every family, prior and method serves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from irtbridge.errors import SpecError, UnknownName
from irtbridge.model.priors import HalfNormal, LogNormal, Normal, Prior, as_prior
from irtbridge.model.spec import EVERY_ITEM, ModelSpec
from irtbridge.model.variable import Variable

INVARIANCE = ("scalar", "metric", "configural")
FREE_IN = ("both", "location", "discrimination")
MEAN, SD = "ability_mean", "ability_sd"
GROUP_MEAN, GROUP_SD = Normal(0, 1), LogNormal(0, 0.5)  # beside a first group that is standard normal
ANCHORED_MEAN, ANCHORED_SD = Normal(0, 2), HalfNormal(2)  # on a scale that known items fix


def with_groups(
    spec: ModelSpec,
    invariance: str = "scalar",
    *,
    free: Sequence[str] = (),
    free_in: str = "both",
    ability_mean: Prior | str = GROUP_MEAN,
    ability_sd: Prior | str = GROUP_SD,
) -> ModelSpec:
    """A model for several groups of persons: ability ~ Normal(mean[group], sd[group]), the first group N(0, 1).

    Abilities that covariates explain keep the mean that these give.

    Parameters
    ----------
    spec : ModelSpec
        The model of one group, with a Normal ability.
    invariance : str
        ``scalar``: item parameters are the same in every group. ``metric``: discriminations are, locations are not, and
        every group's mean is 0. ``configural``: none is, and every group is N(0, 1).
    free : sequence of str
        With scalar invariance, items that have parameters of their own in each group (partial invariance).
    free_in : str
        Which parameters of these: ``both``, ``location`` or ``discrimination``.
    ability_mean, ability_sd : Prior or str
        Priors of the means and standard deviations of the groups but the first.

    Raises
    ------
    UnknownName
        No such invariance, or no such kind of parameters.
    SpecError
        The abilities already depend on other variables, or items are named where all are free.
    """
    if invariance not in INVARIANCE:
        raise UnknownName("invariance", invariance, INVARIANCE)
    if free_in not in FREE_IN:
        raise UnknownName("free_in", free_in, FREE_IN)
    if free and invariance != "scalar":
        raise SpecError(f"free={list(free)} with invariance={invariance!r}: every item is free already; use scalar.")
    if invariance == "scalar":
        regressed = "loc" in spec[spec.family.ability].prior.references()
        with_means = with_ability(spec, mean=None if regressed else ability_mean, sd=ability_sd, by_group=True)
        return _split(with_means, tuple(free), _same(spec, free_in)) if free else with_means
    if invariance == "metric":
        return _split(with_ability(spec, sd=ability_sd, by_group=True), EVERY_ITEM, _same(spec, "location"))
    return _split(spec, EVERY_ITEM, ())


def with_ability(
    spec: ModelSpec, *, mean: Prior | str | None = None, sd: Prior | str | None = None, by_group: bool = False
) -> ModelSpec:
    """A model whose abilities have a mean, a standard deviation, or both, to be estimated.

    Parameters
    ----------
    spec : ModelSpec
        The model, with a Normal ability.
    mean, sd : Prior or str, optional
        Their priors; None leaves what the ability's prior says.
    by_group : bool
        One for each group of persons; the first group's mean is 0, and its standard deviation 1.

    Raises
    ------
    SpecError
        The ability has no Normal prior, or one whose mean or standard deviation is another variable already.
    """
    ability = spec[spec.family.ability]
    changes = {"loc": (MEAN, mean, 0.0), "scale": (SD, sd, 1.0)}
    wanted = {argument: change for argument, change in changes.items() if change[1] is not None}
    if not isinstance(ability.prior, Normal) or set(wanted) & set(ability.prior.references()):
        raise SpecError(
            f"{ability}: means and standard deviations to estimate need a Normal ability with numbers there."
        )
    dims = (*(("group",) if by_group else ()), *ability.dims[1:])
    variables = [
        Variable(name, dims, as_prior(prior), reference=reference if by_group else None)
        for name, prior, reference in wanted.values()
        if prior is not None
    ]
    moved = replace(ability.prior, **{argument: name for argument, (name, _, _) in wanted.items()})
    return replaced(spec, replace(ability, prior=moved), before=variables)


def replaced(spec: ModelSpec, variable: Variable, before: Sequence[Variable] = ()) -> ModelSpec:
    """A spec with another variable in the place of that of the same name, and new ones before it."""
    each = [[*before, variable] if v.name == variable.name else [v] for v in spec.variables]
    return replace(spec, variables=tuple(v for part in each for v in part))


def _same(spec: ModelSpec, free_in: str) -> tuple[str, ...]:
    """The variables that are the same in every group although their items are free."""
    locations = spec.family.location
    others = tuple(name for role, name in spec.family.roles() if role not in ("ability", "location"))
    return {"both": (), "location": others, "discrimination": tuple(n for n in locations)}[free_in]


def _split(spec: ModelSpec, items: tuple[str, ...] | str, same: Sequence[str]) -> ModelSpec:
    variables = [replace(v, equal="group") if v.name in same and v.dims[:1] == ("item",) else v for v in spec.variables]
    return replace(spec, variables=tuple(variables), split=items)
