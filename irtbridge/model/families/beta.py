"""Fractions between 0 and 1: a beta distribution whose mean is a logistic curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import special

from irtbridge.data.kinds import FRACTIONS
from irtbridge.data.responses import Responses
from irtbridge.errors import DataError, SpecError
from irtbridge.model.families.base import Array, ExponentialForm, RoleDims, Spec
from irtbridge.model.families.numbers import Numbers

LEAST_PARAMETER = 1e-100  # of a beta distribution: the square of its inverse is a number
HIGHEST_PRECISION = 1000.0  # of a guess: a grid for more would not be small
LEAST, MOST = np.finfo(float).tiny, 1 - np.finfo(float).epsneg  # the ends of what is a fraction between 0 and 1


@dataclass(frozen=True)
class Beta(Numbers):
    """Fractions between 0 and 1, the ends excluded (Ferrari & Cribari-Neto 2004; of tests Noel & Dauvier 2007).

    With x = slope - shift, ``D a (theta - b)``, and precision phi::

        Y ~ Beta(mu phi, (1 - mu) phi),   mu = sigma(x)

    so that the mean is mu and the variance ``mu (1 - mu) / (1 + phi)``. The statistics are log y and log(1 - y), their
    natural parameters ``mu phi - 1`` and ``(1 - mu) phi - 1``.

    Parameters
    ----------
    precision : str
        Variable of dims () or (item,), positive.
    """

    precision: str = "precision"
    name: ClassVar[str] = "beta"
    kind: ClassVar[str] = FRACTIONS
    number_of_statistics: ClassVar[int] = 2
    role_dims: ClassVar[RoleDims] = {**Numbers.role_dims, "precision": ((), ("item",))}

    def check(self, spec: Spec) -> None:
        """Raise `SpecError` where a prior lets the precision be negative, besides the rules of all families."""
        super().check(spec)
        check_precision(spec, self.precision)

    def check_responses(self, spec: Spec, responses: Responses) -> None:
        """Raise `DataError` where a response is 0 or 1, besides the rules of all families."""
        super().check_responses(spec, responses)
        at_end = responses.observed & ((responses.values == 0) | (responses.values == 1))
        if at_end.any():
            person, item = np.argwhere(at_end)[0]
            raise DataError(
                f"model {spec.name!r}: item {responses.items[item]!r} has the response "
                f"{responses.values[person, item]:g} (and {int(at_end.sum())} responses in all are 0 or 1); a beta "
                "distribution has none: use ordered_beta, which has mass at both ends."
            )

    def statistics(self, values: NDArray[Any], exists: NDArray[np.bool_]) -> Array:
        return logarithms(values)

    def form(self, x: Array, **shapes: Array) -> ExponentialForm:
        return beta_form(x, shapes["precision"][..., None, :])

    def moments_at(self, x: Array, **shapes: Array) -> tuple[Array, Array]:
        return beta_moments(x, shapes["precision"][..., None, :])

    def information_at(self, x: Array, **shapes: Array) -> Array:
        return beta_information(x, shapes["precision"][..., None, :])

    def draw_at(self, rng: np.random.Generator, x: Array, **shapes: Array) -> NDArray[Any]:
        return draw_between(rng, x, shapes["precision"][..., None, :])

    def steps(self, responses: Responses) -> float:
        return float(steps_of_fractions(responses).sum())


def check_precision(spec: Spec, name: str) -> None:
    """Raise `SpecError` unless a prior keeps the precision positive."""
    if spec[name].prior.bounds()[0] < 0:
        raise SpecError(f"{spec[name]}: a precision is positive; use a LogNormal, Gamma or HalfNormal prior.")


def logarithms(values: NDArray[Any]) -> Array:
    """log y and log(1 - y) of what lies between 0 and 1, shape (..., 2); 0 for all else."""
    between = (values > 0) & (values < 1)
    y = np.where(between, values, 0.5)
    return np.where(between[..., None], np.stack([np.log(y), np.log1p(-y)], axis=-1), 0.0)


def beta_form(x: Array, precision: Array) -> ExponentialForm:
    """Natural parameters of log y and log(1 - y), and the logarithm of the beta function's inverse."""
    above, below = special.expit(x) * precision, special.expit(-x) * precision
    base = special.gammaln(precision) - special.gammaln(above) - special.gammaln(below)
    return ExponentialForm(np.stack([above - 1, below - 1], axis=-1), base)


def beta_moments(x: Array, precision: Array) -> tuple[Array, Array]:
    """Mean and variance of a beta distribution."""
    mean = special.expit(x)
    return mean, mean * special.expit(-x) / (1 + precision)


def beta_information(x: Array, precision: Array) -> Array:
    """On x: ``(phi mu (1 - mu))^2 (psi'(mu phi) + psi'((1 - mu) phi))`` (Ferrari & Cribari-Neto 2004)."""
    mu, rest = special.expit(x), special.expit(-x)
    # Where mu phi underflows to 0, psi' is infinite and its factor 0; the limit of their product is (1 - mu)^2.
    above, below = np.maximum(mu * precision, LEAST_PARAMETER), np.maximum(rest * precision, LEAST_PARAMETER)
    parts = ((above, rest), (below, mu))
    return np.asarray(sum((one * other) ** 2 * special.polygamma(1, one) for one, other in parts))


def draw_between(rng: np.random.Generator, x: Array, precision: Array) -> Array:
    """Beta variates; where rounding would make one 0 or 1, the number next to it."""
    return np.clip(rng.beta(special.expit(x) * precision, special.expit(-x) * precision), LEAST, MOST)


def steps_of_fractions(responses: Responses) -> Array:
    """Responses of two categories that tell at least as much of an ability as a fraction does, shape (item,).

    Its information on x is ``(phi mu (1 - mu))^2 (psi'(mu phi) + psi'((1 - mu) phi))``, at most ``phi / 4 + 1``, as
    psi'(z) <= 1 / z + 1 / z^2; that of a response of two categories is 1/4 at most. The precision is guessed: phi is
    the mean of y (1 - y) over the variance that is left when persons and items have their means.
    """
    observed, y = responses.observed, np.where(responses.observed, responses.values, np.nan)
    by_person, by_item = (
        np.sum(y, axis=axis, where=observed, keepdims=True) / np.maximum(observed.sum(axis=axis, keepdims=True), 1)
        for axis in (1, 0)
    )
    everywhere = np.sum(y, where=observed) / max(int(observed.sum()), 1)
    left = np.sum((y - by_person - by_item + everywhere) ** 2, axis=0, where=observed)
    precision = np.sum(y * (1 - y), axis=0, where=observed) / np.maximum(left, np.finfo(float).tiny)
    return np.asarray(4 + np.minimum(precision, HIGHEST_PRECISION))
