"""The curvature of a log density at its mode, as what methods need of it: its root, whole or by items.

Minus the second derivatives are ``J = F'^-1 F^-1``: F turns a standard normal into a normal with this precision.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from irtbridge.errors import NumericalError
from irtbridge.inference.blocks import Blocks

Array = NDArray[np.float64]


class Curvature(ABC):
    """Minus the second derivatives J of a log density, which are positive definite.

    Raises
    ------
    NumericalError
        Whatever is asked of it, where they are not.
    """

    @abstractmethod
    def spread(self, white: Array) -> Array:
        """F times standard coordinates (..., dim)."""

    @abstractmethod
    def whiten(self, away: Array) -> Array:
        """The inverse of `spread`."""

    @abstractmethod
    def pull(self, gradient: Array) -> Array:
        """The transpose of F times a gradient (..., dim)."""

    @property
    @abstractmethod
    def log_det(self) -> float:
        """Log determinant of F."""

    @abstractmethod
    def covariance_of(self, blocks: Blocks) -> tuple[Array, Array, Array]:
        """The inverse of J among each item's coordinates (item, k, k), with the shared ones, and among these."""

    @property
    @abstractmethod
    def factor(self) -> Array:
        """F as a matrix (dim, dim)."""

    def step(self, gradient: Array) -> Array:
        """Newton's step from a gradient (..., dim)."""
        return self.spread(self.pull(gradient))


@dataclass(frozen=True, eq=False)
class WholeCurvature(Curvature):
    """A curvature as one matrix.

    Attributes
    ----------
    precision : ndarray, shape (dim, dim)
        J.
    """

    precision: Array

    @cached_property
    def factor(self) -> Array:
        """F, lower triangular."""
        try:
            root = linalg.cholesky(self.precision[::-1, ::-1], lower=True)
        except (linalg.LinAlgError, ValueError) as error:
            raise _not_positive() from error
        inverse = linalg.solve_triangular(root, np.eye(len(root)), lower=True)
        return np.asarray(inverse.T[::-1, ::-1])

    def spread(self, white: Array) -> Array:
        return np.asarray(white @ self.factor.T)

    def whiten(self, away: Array) -> Array:
        return np.asarray(linalg.solve_triangular(self.factor, away.T, lower=True).T)

    def pull(self, gradient: Array) -> Array:
        return np.asarray(gradient @ self.factor)

    def step(self, gradient: Array) -> Array:
        try:
            return super().step(gradient)
        except NumericalError:  # at a saddle a climb may still be near enough to a point without slope
            return np.asarray(linalg.lstsq(self.precision, gradient)[0])

    @property
    def log_det(self) -> float:
        return float(np.sum(np.log(np.diag(self.factor))))

    def covariance_of(self, blocks: Blocks) -> tuple[Array, Array, Array]:
        own, shared = blocks.split(self.factor.T)
        return np.einsum("djk,djl->jkl", own, own), np.einsum("djk,ds->jks", own, shared), shared.T @ shared


@dataclass(frozen=True, eq=False)
class Arrow:
    """A positive definite matrix B of a block for each item, with a border for what items share, by its root C.

    ``B = C C'``, the items' coordinates first.

    Attributes
    ----------
    root : ndarray, shape (item, k, k)
        Lower triangular, of the items' blocks; 1 on the diagonal where an item has no coordinate.
    border : ndarray, shape (item, k, shared)
        Of C', above its root of the shared coordinates.
    end : ndarray, shape (shared, shared)
        Lower triangular, of the shared coordinates.
    """

    root: Array
    border: Array
    end: Array

    @classmethod
    def of(cls, own: Array, border: Array, shared: Array) -> Arrow:
        """From the items' blocks (item, k, k), the border (item, k, shared) and the shared block."""
        try:
            root = np.linalg.cholesky(own)
            border = np.linalg.solve(root, border)
            end = np.linalg.cholesky(shared - np.einsum("jks,jkt->st", border, border))
            return cls(np.asarray(root, dtype=float), border, np.asarray(end, dtype=float))
        except np.linalg.LinAlgError as error:
            raise _not_positive() from error

    @cached_property
    def inverses(self) -> tuple[Array, Array]:
        """Inverses of `root` and `end`."""
        return np.asarray(np.linalg.inv(self.root)), np.asarray(np.linalg.inv(self.end))

    def times(self, own: Array, shared: Array) -> tuple[Array, Array]:
        """C times coordinates (..., item, k) and (..., shared)."""
        end = np.einsum("jks,...jk->...s", self.border, own) + shared @ self.end.T
        return np.einsum("jkl,...jl->...jk", self.root, own), end

    def solve(self, own: Array, shared: Array) -> tuple[Array, Array]:
        """The inverse of `times`."""
        root, end = self.inverses
        own = np.einsum("jkl,...jl->...jk", root, own)
        return own, (shared - np.einsum("jks,...jk->...s", self.border, own)) @ end.T

    def transposed(self, own: Array, shared: Array) -> tuple[Array, Array]:
        """C' times coordinates."""
        own = np.einsum("jlk,...jl->...jk", self.root, own) + np.einsum("jks,...s->...jk", self.border, shared)
        return own, shared @ self.end

    def solve_transposed(self, own: Array, shared: Array) -> tuple[Array, Array]:
        """The inverse of `transposed`."""
        root, end = self.inverses
        shared = shared @ end
        own = own - np.einsum("jks,...s->...jk", self.border, shared)
        return np.einsum("jlk,...jl->...jk", root, own), shared

    @property
    def log_det(self) -> float:
        """Log determinant of C."""
        diagonal = np.einsum("jkk->jk", self.root)
        return float(np.log(diagonal).sum() + np.log(np.diag(self.end)).sum())


@dataclass(frozen=True, eq=False)
class ItemCurvature(Curvature):
    """``J = B - L L'``, in time linear in the items (Woodbury's identity, in its form for roots).

    With ``C^-1 L = U diag(s) V'`` it is ``J = C (I - U diag(s^2) U') C'``, so that
    ``F = C'^-1 (I + U diag((1 - s^2)^(-1/2) - 1) U')``.

    Attributes
    ----------
    blocks : Blocks
    arrow : Arrow
        The root C of B.
    axes : ndarray, shape (rank, dim)
        The columns of U, in coordinates.
    lost : ndarray, shape (rank,)
        s^2: the share of the complete data's information that is missing along each.
    """

    blocks: Blocks
    arrow: Arrow
    axes: Array
    lost: Array

    @classmethod
    def of(cls, blocks: Blocks, arrow: Arrow, low_rank: Array) -> ItemCurvature:
        """From the root of B and L as rows, shape (rank, dim)."""
        white = blocks.join(*arrow.solve(*blocks.split(low_rank)))
        _, singular, axes = linalg.svd(white, full_matrices=False)
        if not (singular < 1).all():
            raise _not_positive()
        return cls(blocks, arrow, axes, singular**2)

    def _scaled(self, x: Array, power: float) -> Array:
        """``(I - U diag(s^2) U')^power`` times x (..., dim)."""
        return np.asarray(x + (x @ self.axes.T * ((1 - self.lost) ** power - 1)) @ self.axes)

    def spread(self, white: Array) -> Array:
        return self.blocks.join(*self.arrow.solve_transposed(*self.blocks.split(self._scaled(white, -0.5))))

    def whiten(self, away: Array) -> Array:
        return self._scaled(self.blocks.join(*self.arrow.transposed(*self.blocks.split(away))), 0.5)

    def pull(self, gradient: Array) -> Array:
        return self._scaled(self.blocks.join(*self.arrow.solve(*self.blocks.split(gradient))), -0.5)

    @property
    def log_det(self) -> float:
        return float(-self.arrow.log_det - 0.5 * np.log1p(-self.lost).sum())

    @property
    def factor(self) -> Array:
        return self.spread(np.eye(self.blocks.dim)).T

    def covariance_of(self, blocks: Blocks) -> tuple[Array, Array, Array]:
        """The blocks must be its own."""
        gains = self.axes * np.sqrt(self.lost / (1 - self.lost))[:, None]
        ends = np.zeros((len(self.arrow.end), blocks.dim))
        ends[:, blocks.shared] = np.eye(len(ends))
        rows = np.concatenate([gains, ends])
        own, shared = self.arrow.solve_transposed(*blocks.split(rows))
        inverse = self.arrow.inverses[0] * blocks.exists[:, None, :]
        among = np.einsum("jlk,jlm->jkm", inverse, inverse) + np.einsum("djk,djl->jkl", own, own)
        return among, np.einsum("djk,ds->jks", own, shared), shared.T @ shared


def _not_positive() -> NumericalError:
    return NumericalError(
        "the curvature at the mode is not positive: some direction is not identified by data and priors; "
        "use a tighter prior, or method=nuts."
    )
