"""The table of priors, and priors read from text and plain data."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from irtbridge.errors import SpecError, UnknownName
from irtbridge.model.priors.base import Prior
from irtbridge.model.priors.correlations import LKJCholesky
from irtbridge.model.priors.elementwise import Beta, Gamma, HalfNormal, LogNormal, Normal, TruncatedNormal, Uniform
from irtbridge.model.priors.exactly import Exactly
from irtbridge.model.priors.predictor import Predictor, predictor_of
from irtbridge.model.priors.vectors import DecreasingNormal, MultivariateNormal, OrderedNormal

PRIORS: dict[str, type[Prior]] = {
    prior.__name__: prior
    for prior in (
        Normal,
        HalfNormal,
        LogNormal,
        TruncatedNormal,
        Uniform,
        Beta,
        Gamma,
        OrderedNormal,
        DecreasingNormal,
        MultivariateNormal,
        LKJCholesky,
    )
}


def as_prior(value: Prior | str | Predictor | Mapping[str, Any]) -> Prior:
    """Read a prior from an object, a string such as ``"LogNormal(0, 0.5)"``, or plain data.

    A linear predictor alone, as ``"item_data[mode] @ weights"``, is the variable itself: see `Exactly`.

    Raises
    ------
    UnknownName
        No prior of that name.
    SpecError
        A string that does not read as ``Name(argument, ...)``, or wrong arguments.
    """
    if isinstance(value, Prior):
        return value
    if isinstance(value, Predictor):
        return Exactly(value)
    if isinstance(value, str):
        name, positional, named = _parse_call(value)
    else:
        (name, named), positional = _single_item(value), []
    # `Exactly` is none of the priors, which a backend translates: what it says is known.
    readable = PRIORS | {Exactly.__name__: Exactly}
    if name not in readable:
        raise UnknownName("prior", name, PRIORS)
    try:
        return readable[name](*positional, **named)
    except TypeError as error:
        arguments = ", ".join(f.name for f in fields(readable[name]))
        raise SpecError(f"prior {value!r}: {name} takes ({arguments}).") from error


def _single_item(value: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    items = list(value.items()) if isinstance(value, Mapping) else []
    if len(items) != 1 or not isinstance(items[0][1], Mapping):
        raise SpecError(f"prior {value!r}: give one name with its arguments, as {{Normal: {{loc: 0, scale: 1}}}}.")
    name, arguments = items[0]
    return name, dict(arguments)


def _parse_call(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Parse ``Name(1, scale='sigma')``; a bare word is the name of a variable."""
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if (predictor := predictor_of(call)) is not None:
            return Exactly.__name__, [predictor], {}
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            raise ValueError(text)
        positional = [_literal(node) for node in call.args]
        named = {str(k.arg): _literal(k.value) for k in call.keywords}
    except (SyntaxError, ValueError) as error:
        raise SpecError(f"cannot read the prior {text!r}; write it as 'Normal(0, 1)' or 'Normal(mu, 1)'.") from error
    return call.func.id, positional, named


def _literal(node: ast.expr) -> Any:
    if ast.unparse(node) == "-inf":
        return -np.inf
    if (predictor := predictor_of(node)) is not None:
        return predictor
    if isinstance(node, ast.Name):
        return np.inf if node.id == "inf" else node.id
    return ast.literal_eval(node)
