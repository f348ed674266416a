"""The normal distribution of abilities that a test starts from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from irtbridge.assess.posterior import Posterior
from irtbridge.errors import SpecError
from irtbridge.model.spec import ModelSpec

Array = NDArray[np.float64]


def population(posterior: Posterior) -> tuple[Array, Array]:
    """Mean and covariance of the abilities of all persons: within their posteriors and between them."""
    if posterior.point or posterior.layout.collapse is not None:
        nodes, log_weights = posterior.at_mean.nodes()
        if log_weights.ndim == 2:
            return _moments(nodes[0].reshape(len(nodes[0]), -1), np.exp(log_weights[0]))
    some = posterior.in_memory
    abilities = some.abilities.reshape(-1, len(posterior.traits))
    return _moments(abilities, np.tile(posterior.weights, some.n_draws))


def _moments(values: Array, weights: Array) -> tuple[Array, Array]:
    mean = np.average(values, axis=0, weights=weights)
    return mean, np.atleast_2d(np.cov(values, rowvar=False, aweights=weights, ddof=0))


def start_of(
    spec: ModelSpec, header: Mapping[str, Any], mean: ArrayLike | None, covariance: ArrayLike | None
) -> tuple[Array, Array]:
    """Mean and covariance of the abilities that a test starts from.

    Raises
    ------
    SpecError
        They are not of the model's traits, or no numbers, or the covariance is none.
    """
    traits = len(spec.traits)
    given = header.get("mean", np.zeros(traits)) if mean is None else mean
    spread = header.get("covariance", np.eye(traits)) if covariance is None else covariance
    try:
        both = np.asarray(given, dtype=float).reshape(-1), np.atleast_2d(np.asarray(spread, dtype=float))
    except (TypeError, ValueError):
        raise SpecError(f"mean={given!r} and covariance={spread!r} must be numbers.") from None
    if both[0].shape != (traits,) or both[1].shape != (traits, traits):
        raise SpecError(
            f"mean {np.shape(given)} and covariance {np.shape(spread)} are not those of {traits} traits: give "
            f"({traits},) and ({traits}, {traits})."
        )
    if not np.isfinite(both[0]).all() or not _is_covariance(both[1]):
        raise SpecError(
            f"mean {both[0].tolist()} must be finite, and covariance {both[1].tolist()} that of abilities that vary: "
            "symmetric, with positive eigenvalues."
        )
    return both


def _is_covariance(matrix: Array) -> bool:
    alike = bool(np.isfinite(matrix).all()) and np.allclose(matrix, matrix.T)
    return alike and bool(np.linalg.eigvalsh(matrix)[0] > 0)
