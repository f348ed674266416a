"""Where a climb of several factors begins: at the leading singular vectors of the standardised responses.

From abilities and slopes that are all alike the factors would have to part by chance, and often end in another mode
than the highest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import linalg

from irtbridge.data.responses import Responses
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.program import Program

Array = NDArray[np.float64]
SD_OF_LOGISTIC = np.pi / np.sqrt(3)  # slopes of standardised responses, put on logits


def spectral_start(program: Program, z: Array) -> Array:
    """Coordinates (dim,) with abilities and slopes of the leading factors, where all slopes may have either sign."""
    spec, traits = program.spec, program.layout.sizes["trait"]
    name = spec.family.discrimination
    if (
        name is None
        or not _has_factors(spec, name)
        or traits >= min(program.responses.n_persons, program.responses.n_items)
    ):
        return z
    left, sizes, right = linalg.svds(standardised(program.responses), traits, random_state=0)
    root = np.sqrt(program.responses.n_persons)
    slopes = SD_OF_LOGISTIC * right.T * sizes / root
    return program.unconstrain({**program.constrain(z), spec.family.ability: left * root, name: slopes})


def standardised(responses: Responses) -> Array:
    """Responses less their item's mean, over its SD, shape (person, item); 0 where missing."""
    observed = responses.observed
    counts = np.maximum(observed.sum(axis=0), 1)
    away = np.where(observed, responses.values, 0.0)
    away = np.where(observed, away - away.sum(axis=0) / counts, 0.0)
    return np.asarray(away / np.sqrt(np.maximum((away**2).sum(axis=0) / counts, 1e-12)))


def _has_factors(spec: ModelSpec, name: str) -> bool:
    slopes = spec[name]
    return slopes.dims == ("item", "trait") and slopes.free is None and slopes.prior.bounds()[0] < 0
