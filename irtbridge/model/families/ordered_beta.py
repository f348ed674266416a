"""Fractions from 0 to 1 with mass at both ends: two cutpoints, and a beta distribution between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.kinds import FRACTIONS
from irtbridge.data.responses import Responses
from irtbridge.errors import SpecError
from irtbridge.model.families.base import Array, ExponentialForm, RoleDims, Spec, log_sigmoids
from irtbridge.model.families.beta import (
    beta_form,
    beta_information,
    beta_moments,
    check_precision,
    draw_between,
    logarithms,
    steps_of_fractions,
)
from irtbridge.model.families.numbers import Numbers


@dataclass(frozen=True)
class OrderedBeta(Numbers):
    """Fractions from 0 to 1, the ends included (Kubinec 2022).

    With x = slope - shift, ``D a (theta - b)``, cutpoints c_1 < c_2 and precision phi::

        P(Y = 0) = 1 - sigma(x - c_1),   P(Y = 1) = sigma(x - c_2)
        between: Y ~ Beta(mu phi, (1 - mu) phi),   mu = sigma(x)

    The statistics are whether y is 0, whether it is 1, and between these log y and log(1 - y). As of three ordered
    categories (0, between, 1), the cutpoints are as many as there are categories above the lowest.

    Parameters
    ----------
    cutpoint : str
        Variable of dims (category,) or (item, category), with an ordered prior.
    precision : str
        Variable of dims () or (item,), positive.
    """

    cutpoint: str = "cutpoint"
    precision: str = "precision"
    name: ClassVar[str] = "ordered_beta"
    kind: ClassVar[str] = FRACTIONS
    number_of_statistics: ClassVar[int] = 4
    role_dims: ClassVar[RoleDims] = {
        **Numbers.role_dims,
        "cutpoint": (("category",), ("item", "category")),
        "precision": ((), ("item",)),
    }

    def check(self, spec: Spec) -> None:
        """Raise `SpecError` where a prior lets cutpoints cross or the precision be negative."""
        super().check(spec)
        check_precision(spec, self.precision)
        if spec[self.cutpoint].prior.support != "ordered":
            raise SpecError(f"{spec[self.cutpoint]}: cutpoints increase; use an OrderedNormal prior.")

    def n_categories(self, responses: Responses) -> NDArray[np.int64]:
        return np.full(responses.n_items, 3)

    def statistics(self, values: NDArray[Any], exists: NDArray[np.bool_]) -> Array:
        ends = np.stack([values == 0, values == 1], axis=-1)
        return np.concatenate([ends, logarithms(values)], axis=-1, dtype=float)

    def form(self, x: Array, **shapes: Array) -> ExponentialForm:
        zero, between, one = self._parts(x, shapes["cutpoint"])
        natural, base = beta_form(x, shapes["precision"][..., None, :])
        base = between + base
        ends = np.stack([zero - base, one - base], axis=-1)
        return ExponentialForm(np.concatenate([ends, natural], axis=-1), base)

    def moments_at(self, x: Array, **shapes: Array) -> tuple[Array, Array]:
        _, between, one = map(np.exp, self._parts(x, shapes["cutpoint"]))
        mu, variance = beta_moments(x, shapes["precision"][..., None, :])
        mean = one + between * mu
        return mean, one + between * (variance + mu**2) - mean**2

    def information_at(self, x: Array, **shapes: Array) -> Array:
        """Which of the three it is, and what the fraction says where it lies between the ends."""
        cutpoint = shapes["cutpoint"]
        zero, between, one = map(np.exp, self._parts(x, cutpoint))
        (up, up_again), (down, down_again) = (
            np.moveaxis(np.exp(part), -1, 0) for part in log_sigmoids(x[..., None] - cutpoint[..., None, :, :])
        )
        which = zero * up**2 + between * (down - up_again) ** 2 + one * down_again**2
        return np.asarray(which + between * beta_information(x, shapes["precision"][..., None, :]))

    def draw_at(self, rng: np.random.Generator, x: Array, **shapes: Array) -> NDArray[Any]:
        zero, _, one = map(np.exp, self._parts(x, shapes["cutpoint"]))
        uniform, y = rng.uniform(size=x.shape), draw_between(rng, x, shapes["precision"][..., None, :])
        return np.where(uniform < zero, 0.0, np.where(uniform > 1 - one, 1.0, y))

    def steps(self, responses: Responses) -> float:
        """Which of the three categories it is tells as much as two steps do, at most."""
        return float(np.sum(2 + steps_of_fractions(responses)))

    @staticmethod
    def _parts(x: Array, cutpoint: Array) -> tuple[Array, Array, Array]:
        """Log probabilities of 0, of what lies between, and of 1, each (..., person, item).

        That between is ``sigma(u_1) sigma(-u_2) (1 - exp(-(c_2 - c_1)))``, as in the graded model.
        """
        u = x[..., None] - cutpoint[..., None, :, :]
        above, below = log_sigmoids(u)
        with np.errstate(divide="ignore"):
            gap = np.log(-np.expm1(-np.diff(cutpoint, axis=-1)[..., None, :, 0]))
        return below[..., 0], np.asarray(above[..., 0] + below[..., 1] + gap), above[..., 1]
