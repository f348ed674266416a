"""Blocks of the inverse of a matrix of two sides, each block diagonal, joined by cross terms.

The longer side E is eliminated from the shorter one K, some of its blocks at a time: ``S = K - X inv(E) X'``. What a
convention holds fixed, ``G' x = 0`` on either side, is a border of K: its multipliers stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.linalg import blas, lapack

from irtbridge.inference.coupling import roots_of

Array = NDArray[np.float64]
Crossed = Callable[[], Iterator[tuple[slice, Array]]]
SINGULAR = 1e-5  # share of a diagonal element that elimination leaves; the end of a climb tells it no better


@dataclass(frozen=True, eq=False)
class Side:
    """One side of the matrix.

    Attributes
    ----------
    blocks : ndarray, shape (unit, k, k)
        Of its diagonal, symmetric.
    open : ndarray, shape (unit, k, direction)
        G, zeros where the convention is on the other side.
    """

    blocks: Array
    open: Array

    @cached_property
    def roots(self) -> Array:
        """Inverses of the blocks' lower Cholesky factors."""
        return roots_of(self.blocks)

    @cached_property
    def white(self) -> Array:
        """G in the units of the blocks."""
        return np.asarray(self.roots @ self.open)

    def whole(self) -> Array:
        """The side as a matrix, in Fortran's order."""
        units, k = self.blocks.shape[:2]
        matrix = np.zeros((units * k, units * k), order="F")
        places = np.arange(units * k).reshape(units, k)
        matrix[places[:, :, None], places[:, None, :]] = self.blocks
        return matrix


@dataclass(frozen=True, eq=False)
class Bordered:
    """Two sides and what joins them.

    Attributes
    ----------
    kept, eliminated : Side
    crossed : callable
        Iterates over some units of the eliminated side: which, and X (kept unit x kept k, unit, k), in C's order.
    """

    kept: Side
    eliminated: Side
    crossed: Crossed

    def covariances(self) -> tuple[Array, Array]:
        """Blocks of the inverse, of the kept side and of the eliminated one.

        Raises
        ------
        LinAlgError
            The matrix is singular.
        """
        schur, border = self.kept.whole(), _flat(self.kept.open).copy()
        for units, crossed in self._white():
            flat = crossed.reshape(len(schur), -1)
            schur = blas.dsyrk(-1.0, flat.T, beta=1.0, c=schur, trans=1, lower=1, overwrite_c=1)
            border -= flat @ _flat(self.eliminated.white[units])
        inner = self._inner(schur)
        if border.size:  # else the sum would hold a second matrix of zeros
            schur += border @ inner @ border.T
        factor = _factor(schur)
        fixed = self._fixed(factor)
        others = self._eliminated(factor, fixed, border @ inner, inner)
        return self._kept(factor, fixed), others

    def _white(self) -> Iterator[tuple[slice, Array]]:
        """X in the units of the eliminated blocks."""
        for units, crossed in self.crossed():
            roots, white = self.eliminated.roots[units], np.empty_like(crossed)
            for k in range(roots.shape[1]):
                white[..., k] = np.einsum("nul,ul->nu", crossed[..., : k + 1], roots[:, k, : k + 1])
            yield units, white

    def _inner(self, schur: Array) -> Array:
        """How much a move along the border costs: what the eliminated side makes of it, or any, where it is kept."""
        white = _flat(self.eliminated.white)
        if np.any(white):
            return np.asarray(np.linalg.inv(white.T @ white))
        kept = _flat(self.kept.open)
        return np.asarray(np.diagonal(schur).mean() * np.linalg.inv(kept.T @ kept))

    def _fixed(self, factor: Array) -> Array:
        """Orthonormal directions, in the units of S, in which the kept side does not move."""
        white = linalg.solve_triangular(factor, _flat(self.kept.open), lower=True)
        return np.linalg.qr(white)[0] if np.any(white) else np.zeros((len(factor), 0))

    def _eliminated(self, factor: Array, fixed: Array, border: Array, inner: Array) -> Array:
        side = self.eliminated
        inside = np.eye(side.blocks.shape[1]) - side.white @ inner @ np.swapaxes(side.white, 1, 2)
        for units, crossed in self._white():
            white, flat = side.white[units], crossed.reshape(len(factor), -1)
            flat += border @ _flat(white).T
            flat = blas.dtrsm(1.0, factor, flat.T, side=1, lower=1, trans_a=1, overwrite_b=1).T
            flat -= fixed @ (fixed.T @ flat)
            inside[units] += _squares(flat.reshape(crossed.shape))
        return np.asarray(np.swapaxes(side.roots, 1, 2) @ inside @ side.roots)

    def _kept(self, factor: Array, fixed: Array) -> Array:
        inverse, failed = lapack.dtrtri(factor, lower=1, overwrite_c=1)
        if failed:
            raise np.linalg.LinAlgError("singular")
        shape = (-1, *self.kept.blocks.shape[:2])
        return _squares(inverse.reshape(shape)) - _squares((fixed.T @ inverse).reshape(shape))


def _factor(matrix: Array) -> Array:
    """The lower Cholesky factor, in place."""
    before = np.diagonal(matrix).copy()
    factor = linalg.cholesky(matrix, lower=True, overwrite_a=True, check_finite=False)
    if not np.all(np.diagonal(factor) ** 2 > SINGULAR * before):
        raise np.linalg.LinAlgError("singular")
    return np.asarray(factor)


def _squares(columns: Array) -> Array:
    """Products of each unit's columns, shape (unit, k, k), of (row, unit, k)."""
    k = range(columns.shape[2])
    rows = [[np.einsum("nu,nu->u", columns[..., i], columns[..., j]) for j in k] for i in k]
    return np.moveaxis(np.array(rows), 2, 0)


def _flat(blocks: Array) -> Array:
    """Units and their coordinates as rows."""
    return np.asarray(blocks.reshape(blocks.shape[0] * blocks.shape[1], blocks.shape[2]))
