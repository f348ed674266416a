"""The prior of correlation matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import special

from irtbridge.errors import SpecError
from irtbridge.model.priors.base import Argument, Array, Prior


@dataclass(frozen=True)
class LKJCholesky(Prior):
    """Cholesky factor of a correlation matrix R whose density is proportional to det(R)^(eta-1).

    The density is that of the factor L, over its elements below the diagonal:
    ``log p(L) = sum_{k=2}^{K} (K - k + 2 eta - 2) log L_kk - log c(K, eta)`` (Lewandowski, Kurowicka & Joe 2009,
    equations 16 and 17, with the Jacobian of L -> L L').
    """

    eta: Argument = 1.0
    support: ClassVar[str] = "cholesky"
    event_ndim: ClassVar[int] = 2
    positive: ClassVar[tuple[str, ...]] = ("eta",)
    numbers_only: ClassVar[tuple[str, ...]] = ("eta",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.eta, float):
            raise SpecError(f"{self}: eta must be a single number.")

    def free(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        return np.tril(np.ones(shape, dtype=bool), -1)

    def reported(self, name: str, dims: tuple[str, ...], value: Array) -> tuple[str, tuple[str, ...], Array]:
        """The correlation matrix that the factor is of."""
        matrix = value @ np.swapaxes(value, -1, -2)
        return name.replace("cholesky", "correlation"), ("trait", "trait_other"), matrix

    def log_density(self, x: Array, **arguments: Array) -> Array:
        size = x.shape[-1]
        eta = float(np.asarray(arguments["eta"]))
        k = np.arange(2, size + 1)
        diagonal = np.diagonal(x, axis1=-2, axis2=-1)[..., 1:]
        return np.asarray(np.sum((size - k + 2 * eta - 2) * np.log(diagonal), axis=-1) - _log_lkj(size, eta))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], **arguments: Array) -> Array:
        """Vine-free sampler: row k has a Beta(k/2, eta + (K-1-k)/2) squared length below the diagonal."""
        size = shape[-1]
        eta = float(np.asarray(arguments["eta"]))
        factor = np.zeros(shape)
        factor[..., 0, 0] = 1.0
        for k in range(1, size):
            squared = rng.beta(k / 2, eta + (size - 1 - k) / 2, shape[:-2])
            direction = rng.normal(size=(*shape[:-2], k))
            direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
            factor[..., k, :k] = np.sqrt(squared)[..., None] * direction
            factor[..., k, k] = np.sqrt(1 - squared)
        return factor


def _log_lkj(size: int, eta: float) -> float:
    """Log normaliser of the LKJ density, Lewandowski et al. (2009), equation 16."""
    k = np.arange(1, size)
    alpha = eta + (size - 1 - k) / 2
    return float(np.sum(k * np.log(np.pi) / 2 + special.gammaln(alpha) - special.gammaln(alpha + k / 2)))
