"""Unordered categories: each has a log odds against the lowest, linear in the ability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.errors import DataError, SpecError
from irtbridge.model.families.base import Array, Dims, Family, Params, RoleDims, Spec, padded
from irtbridge.model.families.categories import IMPOSSIBLE, Categories, centred


@dataclass(frozen=True)
class Nominal(Categories):
    """Nominal categories (Bock 1972), identified by a scoring function (Thissen, Cai & Bock 2010).

    With the item's slope ``D a theta``, or ``D a . theta``, scoring values s_k and intercepts c_k = -shift_k::

        log P(Y = k) - log P(Y = 0) = s_k (D a theta) + c_k,   s_k = k + deviation_k

    and s_0 = 0 and s_{K-1} = K - 1 for an item of K categories. So a is the mean slope of a step from one category to
    the next, as in the generalised partial credit model, which this is where no scoring value deviates; a_k = a s_k and
    c_k are Bock's parameters, with a_0 = c_0 = 0.

    Parameters
    ----------
    deviation : str
        Variable of dims (item, category), its highest category fixed at 0 (`Variable.inner`).
    """

    location: tuple[str, ...] = ("intercept",)
    parameterization: str = "intercept"
    deviation: str = "score_deviation"
    name: ClassVar[str] = "nominal"
    location_word: ClassVar[str] = "step"
    role_dims: ClassVar[RoleDims] = {**Family.role_dims, "deviation": (("item", "category"),)}

    @property
    def linear(self) -> bool:
        return True

    def check(self, spec: Spec) -> None:
        """Raise `SpecError` unless the scoring function is identified, besides the rules of all families."""
        super().check(spec)
        if self.parameterization != "intercept":
            raise SpecError(f"model {spec.name!r}: nominal categories have intercepts; parameterization='intercept'.")
        if not spec[self.deviation].inner:
            raise SpecError(f"{spec[self.deviation]}: a scoring function ends at K - 1; give the variable inner=True.")

    def check_responses(self, spec: Spec, responses: Responses) -> None:
        """Raise `DataError` where no item has a category between two others."""
        super().check_responses(spec, responses)
        if responses.n_categories.max() < 3:
            raise DataError(f"model {spec.name!r}: every item has two categories, which is the 2pl; use that.")

    def categories(self, slope: Array, shift: Array, exists: NDArray[np.bool_], **shapes: Array) -> Array:
        score = _scores(np.nan_to_num(shapes["deviation"]))[..., None, :, :]
        log_odds = np.where(exists, padded(score * slope - shift, 1, 0), IMPOSSIBLE)
        return np.asarray(log_odds - np.logaddexp.reduce(log_odds, axis=-1, keepdims=True))

    def derivatives(
        self, slope: Array, shift: Array, tangent: Array, exists: NDArray[np.bool_], **shapes: Array
    ) -> Array:
        """The category's scoring value less its expectation, times the tangent."""
        score = _scores(np.nan_to_num(shapes["deviation"]))[..., None, :, :]
        return centred(padded(score * tangent, 1, 0), self.categories(slope, shift, exists, **shapes))

    def derives(self, dims: Mapping[str, Dims]) -> tuple[str, ...]:
        return ("score",)

    def derived(self, params: Params, dims: Mapping[str, Dims]) -> dict[str, tuple[Dims, Array]]:
        """The scoring values of the categories above the lowest."""
        return {"score": (("item", "category"), _scores(np.asarray(params[self.deviation])))}

    def locations(self, params: Params, dims: Mapping[str, Dims]) -> Array:
        """Where each category is as likely as the one below it, (..., item, category - 1): steps, in any order."""
        score, intercept = _scores(np.asarray(params[self.deviation])), self._located(params, dims)
        slope = self._per_item(params, dims)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(-np.diff(padded(intercept, 1, 0)) / (slope * np.diff(padded(score, 1, 0))))


def _scores(deviation: Array) -> Array:
    return np.asarray(np.arange(1, deviation.shape[-1] + 1) + deviation)
