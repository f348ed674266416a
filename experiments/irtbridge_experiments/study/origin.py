"""Estimates on the scale of the truth: an origin that a method puts elsewhere is moved to the mean of the persons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from irtbridge.fitting.fitted import Fit
from irtbridge.model.groups import MEAN

Errors = Mapping[str, NDArray[np.float64]]


def on_scale_of(truth: Mapping[str, Any], fit: Fit) -> tuple[xr.Dataset, Errors | None]:
    """Draws, and the standard errors of a point estimate, comparable with true values.

    A method that estimates the mean of the abilities, where the truth has none, puts the origin at the items (`cmle`).
    Abilities and locations less that mean are on the scale of the truth, whose abilities come from a distribution with
    mean 0. Its error and theirs are taken as independent, as `cmle` has them.
    """
    posterior, errors = fit.idata.posterior, fit.draws.standard_errors
    if MEAN in truth or MEAN not in posterior:
        return posterior, errors
    family, mean = fit.spec.family, posterior[MEAN]
    location = next(name for name in family.location if "item" in fit.spec.dims[name])
    sign = -1.0 if family.parameterization == "intercept" else 1.0
    signs = {family.ability: 1.0, location: sign * (family.scaling if sign < 0 else 1.0)}
    moved = posterior.assign({name: posterior[name] - by * mean for name, by in signs.items()})
    if errors is None:
        return moved, None
    wider = {name: np.hypot(errors[name], by * errors[MEAN]) for name, by in signs.items()}
    return moved, {**errors, **wider}
