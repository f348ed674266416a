"""Where a climb of several factors begins: at the leading singular vectors of the standardised responses.

From abilities and slopes that are all alike the factors would have to part by chance, and often end in another mode
than the highest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import linalg

from irtbridge.data.responses import Responses
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.program import Program

Array = NDArray[np.float64]
SD_OF_LOGISTIC = np.pi / np.sqrt(3)  # slopes of standardised responses, put on logits


def spectral_start(program: Program, z: Array) -> Array:
    """Coordinates (dim,) with abilities and slopes of the leading factors, where all slopes may have either sign."""
    spec, traits, responses = program.spec, program.layout.sizes["trait"], program.responses
    name = spec.family.discrimination
    if name is None or not _has_factors(spec, name) or traits >= min(responses.n_persons, responses.n_items):
        return z
    factors: Any = linalg.svds(standardised(responses), traits, random_state=0)
    left, sizes, right = factors
    root = np.sqrt(responses.n_persons)
    slopes = SD_OF_LOGISTIC * right.T * sizes / root
    found = {spec.family.ability: left * root, name: slopes}
    params = program.constrain(z)
    return program.unconstrain({**params, **{each: value.reshape(params[each].shape) for each, value in found.items()}})


def standardised(responses: Responses) -> sparse.csr_array:
    """Responses less their item's mean, over its SD, shape (person, item); those that are missing are not stored."""
    entries, size = responses.entries, responses.n_items
    items, values = entries.indices, entries.data.astype(float)
    counts = np.maximum(np.bincount(items, minlength=size), 1)
    away = values - (np.bincount(items, values, size) / counts)[items]
    spread = np.sqrt(np.maximum(np.bincount(items, away**2, size) / counts, 1e-12))
    return sparse.csr_array((away / spread[items], items, entries.indptr), shape=entries.shape)


def _has_factors(spec: ModelSpec, name: str) -> bool:
    slopes = spec[name]
    known = slopes.free is not None or "category" in slopes.dims
    return slopes.dims[:1] == ("item",) and not known and slopes.prior.bounds()[0] < 0
