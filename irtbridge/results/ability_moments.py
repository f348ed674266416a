"""The posterior of each person's ability by its moments, where there are too many persons to keep draws of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy import special

Array = NDArray[np.float64]
GROUP = "abilities"  # of the InferenceData
SHARES = (0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975)  # of the quantiles there


@dataclass(frozen=True, eq=False)
class AbilityMoments:
    """Moments over the draws of the item parameters of the abilities' exact conditional distribution.

    Attributes
    ----------
    mean, sd, skewness, kurtosis : ndarray, shape (person,) or (person, trait)
        Of the marginal posterior; the kurtosis is that above the normal's.
    mcse : ndarray, shape (person,) or (person, trait)
        Monte Carlo error of the mean: the spread of the conditional means between draws, over the root of their number.
    plausible : ndarray, shape (value, person) or (value, person, trait)
        Draws of the abilities, each with one draw of the item parameters.
    at : ndarray of int, shape (value,)
        Which draws of the item parameters these are, chains one after another.
    """

    mean: Array
    sd: Array
    skewness: Array
    kurtosis: Array
    mcse: Array
    plausible: Array
    at: NDArray[np.intp]

    def quantile(self, share: ArrayLike) -> Array:
        """Below which a share of the posterior lies, by the expansion of Cornish & Fisher (1938) to fourth moments.

        Returns
        -------
        ndarray, shape (share, person) or (share, person, trait)
        """
        z = special.ndtri(np.asarray(share, dtype=float)).reshape(-1, *[1] * self.mean.ndim)
        skew, kurtosis = self.skewness / 6, self.kurtosis / 24
        moved = z + (z**2 - 1) * skew + (z**3 - 3 * z) * kurtosis - (2 * z**3 - 5 * z) * skew**2
        return np.asarray(self.mean + self.sd * moved)

    def to_dataset(self, dims: tuple[str, ...], coords: dict[str, Any]) -> xr.Dataset:
        """Labelled, as the group `GROUP` of an InferenceData.

        Parameters
        ----------
        dims : tuple of str
            Of the ability: ``("person",)`` or ``("person", "trait")``.
        coords : dict
            Labels of these dims.
        """
        names = ("mean", "sd", "skewness", "kurtosis", "mcse")
        variables: dict[str, Any] = {name: (dims, getattr(self, name)) for name in names}
        variables["quantile"] = (("share", *dims), self.quantile(SHARES))
        variables["plausible"] = (("value", *dims), self.plausible)
        own = {dim: coords[dim] for dim in dims}
        return xr.Dataset(variables, coords={**own, "share": list(SHARES), "value": self.at})
