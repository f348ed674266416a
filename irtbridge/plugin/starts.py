"""Where methods begin: points in any program's coordinates, for the methods of irtbridge and of a library alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from irtbridge.plugin.program import Program

Array = NDArray[np.float64]


def starting_point(program: Program, rng: np.random.Generator, radius: float) -> Array:
    """A point (dim,) where a method may begin: within `radius` of the origin in each coordinate, in convention."""
    return in_convention(program, rng.uniform(-radius, radius, program.dim))


def in_convention(program: Program, z: Array) -> Array:
    """Coordinates (dim,) with positive slopes, as a higher ability goes with higher categories.

    Where the prior lets a discrimination be negative it becomes ``exp(z)``, at most half its upper bound, and items of
    two categories are as difficult as the data say. From the origin each slope's sign would be a toss, each combination
    of signs has a mode of its own nearby, and a chain's first steps may lead from one to another.
    """
    spec = program.spec
    name = spec.family.discrimination
    low, high = (0.0, 0.0) if name is None else spec[name].prior.bounds()
    if name is None or low >= 0 or name not in program.layout.slots:
        return z
    params, slot = program.constrain(z), program.layout.slots[name]
    positive = np.minimum(np.exp(z[program.layout.places[name]]), high / 2)
    slopes = slot.to_full(positive.reshape(slot.site_shape))
    return program.unconstrain({**params, name: slopes, **_difficulties_of_data(program, slopes)})


def _difficulties_of_data(program: Program, slopes: Array) -> dict[str, Array]:
    """Where a person of mean ability gets items of two categories right as often as the persons of the data do."""
    spec, responses = program.spec, program.responses
    family, location = spec.family, spec[spec.family.location[0]]
    if family.max_categories != 2 or location.dims != ("item",) or location.prior.support != "real":
        return {}
    weights = np.ones(responses.n_persons) if responses.weights is None else responses.weights
    entries, size = responses.entries, responses.n_items
    each = np.repeat(weights, np.diff(entries.indptr))
    observed = np.bincount(entries.indices, each, size)
    right = np.bincount(entries.indices, each * (entries.data == 1), size)
    log_odds = np.log((right + 0.5) / (observed - right + 0.5))
    if family.parameterization == "intercept":
        return {location.name: log_odds}
    return {location.name: -log_odds / (family.scaling * slopes if family.scales_locations(spec.dims) else 1.0)}
