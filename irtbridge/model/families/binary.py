"""Two categories: the logistic curve, between asymptotes where a model has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from irtbridge.errors import SpecError
from irtbridge.model.families.base import Array, Dims, Params, RoleDims, Spec, log_sigmoids, sigmoids
from irtbridge.model.families.categories import Categories

ENDS = (("lower", 0.0), ("upper", 1.0))


@dataclass(frozen=True)
class Binary(Categories):
    """Two categories, with optional lower and upper asymptotes (Birnbaum 1968; Barton & Lord 1981).

    With x = slope - shift, lower asymptote c and upper asymptote d (c = 0 and d = 1 where absent)::

        P(Y = 1) = c + (d - c) / (1 + exp(-x))

    computed as c sigma(-x) + d sigma(x), which is a probability for every c and d in [0, 1].
    """

    name: ClassVar[str] = "binary"
    max_categories: ClassVar[int | None] = 2
    role_dims: ClassVar[RoleDims] = {
        **Categories.role_dims,
        "lower": (("item",),),
        "upper": (("item",),),
    }

    @property
    def linear(self) -> bool:
        return self.lower is None and self.upper is None

    def check(self, spec: Spec) -> None:
        """Raise `SpecError` where a prior lets an asymptote be no probability, besides the rules of all families."""
        super().check(spec)
        for role, name in self.roles():
            low, high = spec[name].prior.bounds()
            if role in ("lower", "upper") and not 0 <= low < high <= 1:
                raise SpecError(f"{spec[name]}: the {role} asymptote is a probability; use a Beta or Uniform prior.")

    def categories(self, slope: Array, shift: Array, exists: NDArray[np.bool_], **shapes: Array) -> Array:
        x = slope - shift
        above, below = log_sigmoids(x)
        if not shapes:
            return np.concatenate([below, above], axis=-1)
        lower, upper = _ends(shapes)
        with np.errstate(divide="ignore"):
            right = np.logaddexp(np.log(lower) + below, np.log(upper) + above)
            wrong = np.logaddexp(np.log1p(-lower) + below, np.log1p(-upper) + above)
        return np.concatenate([np.asarray(wrong), np.asarray(right)], axis=-1)

    def moments(self, params: Params, dims: Mapping[str, Dims], exists: NDArray[np.bool_]) -> tuple[Array, Array]:
        wrong, right = self._probs(params, dims, exists)
        return right, wrong * right

    def draw(
        self, rng: np.random.Generator, params: Params, dims: Mapping[str, Dims], exists: NDArray[np.bool_]
    ) -> NDArray[Any]:
        wrong, _ = self._probs(params, dims, exists)
        return np.asarray(rng.uniform(size=wrong.shape) > wrong, dtype=np.int64)

    def _probs(self, params: Params, dims: Mapping[str, Dims], exists: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Probabilities of the lower and of the upper category, (..., person, item), without a way over logarithms."""
        slope, shift = self.predictor(params, dims)
        right, wrong = sigmoids((slope - np.nan_to_num(shift)[..., None, :, :])[..., 0])
        if shapes := self.shapes(params, dims):
            (lower, upper), above, below = (end[..., 0] for end in _ends(shapes)), right, wrong
            right, wrong = lower * below + upper * above, (1 - lower) * below + (1 - upper) * above
        return (
            (wrong, right) if exists.all() else (np.where(exists[:, 1], wrong, 1.0), np.where(exists[:, 1], right, 0.0))
        )

    def derivatives(
        self, slope: Array, shift: Array, tangent: Array, exists: NDArray[np.bool_], **shapes: Array
    ) -> Array:
        """``(d - c) sigma(x) sigma(-x)`` over the probability, with opposite signs."""
        above, below = log_sigmoids(slope - shift)
        lower, upper = _ends(shapes)
        log_probs = self.categories(slope, shift, exists, **shapes)
        return np.asarray(np.array([-1, 1]) * tangent * (upper - lower) * np.exp(above + below - log_probs))


def _ends(shapes: Mapping[str, Array]) -> tuple[Array, Array]:
    """Lower and upper asymptotes, with axes for persons and categories."""
    lower, upper = (np.asarray(shapes.get(role, [end]))[..., None, :, None] for role, end in ENDS)
    return lower, upper
