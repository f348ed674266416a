"""Ordered categories: the probability of each category or a higher one is a logistic curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from irtbridge.errors import SpecError
from irtbridge.model.families.base import Array, Spec, log_sigmoids, padded
from irtbridge.model.families.categories import Categories


@dataclass(frozen=True)
class Graded(Categories):
    """Ordered categories by cumulative logits (Samejima 1969).

    With u_k = slope - shift_k::

        P(Y >= k) = sigma(u_k),   P(Y = k) = sigma(u_k) - sigma(u_{k+1})
                                           = sigma(u_k) sigma(-u_{k+1}) (1 - exp(-(shift_{k+1} - shift_k)))

    The last form keeps its digits in the tails, and its last factor does not depend on the person.
    """

    name: ClassVar[str] = "graded"
    location_word: ClassVar[str] = "threshold"

    def check(self, spec: Spec) -> None:
        """Shifts increase: locations do, or intercepts decrease; slopes that multiply locations are positive."""
        super().check(spec)
        direction, needed = (-1, "a Decreasing") if self.parameterization == "intercept" else (1, "an Ordered")
        priors = [spec[name].prior for name in self.location]
        if not any(prior.support == "ordered" and prior.direction == direction for prior in priors):
            raise SpecError(f"model {spec.name!r}: a graded model needs {needed}Normal prior on {self.location}.")
        slope, dims = self.discrimination, {name: spec[name].dims for _, name in self.roles()}
        if slope is not None and self.scales_locations(dims) and spec[slope].prior.bounds()[0] < 0:
            raise SpecError(
                f"model {spec.name!r}: a graded model with one trait needs a positive {slope} (its categories "
                f"keep their order only then); {spec[slope].prior} is not. Use LogNormal, or recode the item, or take "
                "parameterization='intercept'."
            )

    def categories(self, slope: Array, shift: Array, exists: NDArray[np.bool_], **shapes: Array) -> Array:
        u = slope - shift
        between = exists[:, 2:]
        gap = np.where(between, np.diff(shift, axis=-1), 1.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            log_gap = np.where(between, np.log(-np.expm1(-gap)), 0.0)
        above, below = log_sigmoids(u)
        log_probs = padded(above, 1, 0)
        log_probs[..., :-1] += np.where(exists[:, 1:], below, 0.0)
        log_probs[..., 1:-1] += log_gap
        return log_probs

    def derivatives(
        self, slope: Array, shift: Array, tangent: Array, exists: NDArray[np.bool_], **shapes: Array
    ) -> Array:
        """``sigma(-u_k) - sigma(u_{k+1})``, without what an item of fewer categories lacks."""
        above, below = map(np.exp, log_sigmoids(slope - shift))
        return np.asarray(padded(tangent * below, 1, 0) - padded(np.where(exists[:, 1:], tangent * above, 0.0), 0, 1))
