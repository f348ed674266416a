"""A model without its priors, for methods of maximum likelihood: supports stay, densities become flat."""

from __future__ import annotations

from dataclasses import replace

from irtbridge.errors import SpecError
from irtbridge.model.priors import Exactly, HalfNormal, Normal, OrderedNormal, Prior, Uniform
from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import Variable

# Standard deviation of a prior that says nothing: it pulls a parameter with the 1e-12th part of a response's weight,
# and leaves 1e-9 of the log likelihood's digits alone.
FLAT = 1e6


def without_priors(spec: ModelSpec) -> ModelSpec:
    """The model with a flat prior for every variable, so that its log joint density is the log likelihood.

    Slopes that cannot be negative stay so, ordered thresholds stay ordered, and asymptotes stay within their bounds;
    no other bounds are kept.

    Raises
    ------
    SpecError
        A prior has parameters that are estimated: of these a likelihood given the abilities says nothing.
    """
    for variable in spec.variables:
        if references := variable.prior.references():
            named = ", ".join(sorted(set(references.values())))
            raise SpecError(
                f"model {spec.name!r}: the prior of {variable.name} is to be estimated ({named}), which takes a "
                "distribution of abilities; use method=map, or numbers in that prior."
            )
    return replace(spec, variables=tuple(flat(spec, variable) for variable in spec.variables))


def flat(spec: ModelSpec, variable: Variable) -> Variable:
    """A variable of the model with a prior of the same support that says nothing; as it is where nothing is estimated.

    Positive variables stay positive, vectors in order, and asymptotes within their bounds; no other bounds are kept.
    """
    asymptotes = [name for role, name in spec.family.roles() if role in ("lower", "upper")]
    return replace(variable, prior=_flat_prior(variable.prior, bounded=variable.name in asymptotes))


def _flat_prior(prior: Prior, *, bounded: bool) -> Prior:
    if isinstance(prior, Exactly):
        return prior
    if isinstance(prior, OrderedNormal):
        return replace(prior, loc=0.0, scale=FLAT)
    if bounded:
        return Uniform(*prior.bounds())
    return HalfNormal(FLAT) if prior.bounds()[0] >= 0 else Normal(0.0, FLAT)
