"""The catalogue: each model is one function that returns a ModelSpec.

Parameterisation: ``D a (theta - b)`` for one trait, ``D a . theta - b`` for several, D = 1 unless `scaling` says
otherwise; with ``parameterization="intercept"`` ``D a theta + d``, d being the variable ``intercept``. Default priors
are weakly informative; every one can be replaced by name, as in ``two_pl(discrimination="LogNormal(0, 1)")``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from irtbridge.errors import SpecError, UnknownName
from irtbridge.model.catalogue.binary import four_pl, lfm, m2pl, one_pl, three_pl, two_pl
from irtbridge.model.catalogue.item_groups import bifactor, testlet
from irtbridge.model.catalogue.numbers import beta_irt, ordered_beta, poisson_counts
from irtbridge.model.catalogue.polytomous import (
    generalized_partial_credit,
    graded,
    nominal,
    partial_credit,
    rating_scale,
    sequential,
)
from irtbridge.model.design import designed
from irtbridge.model.spec import ModelSpec

__all__ = [
    "ALIASES",
    "DESIGN",
    "MODELS",
    "beta_irt",
    "bifactor",
    "build_model",
    "defaults_of",
    "four_pl",
    "generalized_partial_credit",
    "graded",
    "lfm",
    "m2pl",
    "nominal",
    "one_pl",
    "options_of",
    "ordered_beta",
    "partial_credit",
    "poisson_counts",
    "rating_scale",
    "sequential",
    "testlet",
    "three_pl",
    "two_pl",
    "with_option",
]

MODELS: dict[str, Callable[..., ModelSpec]] = {
    "1pl": one_pl,
    "2pl": two_pl,
    "3pl": three_pl,
    "4pl": four_pl,
    "m2pl": m2pl,
    "lfm": lfm,
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
    """Names of what may be chosen of a model of the catalogue; none of a name that is not there."""
    function = MODELS.get(ALIASES.get(model.lower(), model.lower()))
    return () if function is None else tuple(function.__kwdefaults__ or {})


def defaults_of(model: str) -> dict[str, Any]:
    """What may be chosen of a model of the catalogue, or of any, as it is by default."""
    return {**(MODELS[model].__kwdefaults__ or {}), **(designed.__kwdefaults__ or {})}


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
