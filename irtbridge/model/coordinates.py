"""Unconstrained coordinates of each prior's support, in NumPy: what references, and libraries without their own, have.

Stan's transforms (Stan Reference Manual, "Constraint transforms"): exp for positive, scaled logit for an interval,
first + cumulative exp for ordered vectors, canonical partial correlations for Cholesky factors of correlations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from irtbridge.model.slot import Slot

Array = NDArray[np.float64]


def to_params(slots: Sequence[Slot], z: Array) -> tuple[dict[str, Array], float]:
    """Full arrays at unconstrained coordinates, and the log Jacobian.

    Parameters
    ----------
    slots : sequence of Slot
        In the order of the coordinates.
    z : ndarray, shape (dim,)
    """
    params, log_jacobian, start = {}, 0.0, 0
    for slot in slots:
        site, term = to_support(slot, z[start : start + slot.size])
        params[slot.name] = slot.to_full(site)
        log_jacobian, start = log_jacobian + term, start + slot.size
    return params, log_jacobian


def to_coordinates(slots: Sequence[Slot], params: Mapping[str, Array]) -> Array:
    """The inverse of `to_params`: full arrays to coordinates, shape (dim,)."""
    return np.concatenate([from_support(slot, slot.to_site(params[slot.name])).ravel() for slot in slots])


def to_support(slot: Slot, z: Array) -> tuple[Array, float]:
    """Coordinates (size,) of one variable to its site array, and the log Jacobian."""
    prior = slot.variable.prior
    low, high = prior.bounds()
    if prior.support == "ordered":
        return _to_ordered(slot, z)
    if prior.support == "cholesky":
        return _to_cholesky(slot, z)
    z = z.reshape(slot.site_shape)
    if np.isinf(low) and np.isinf(high):
        return z, 0.0
    if np.isinf(high):
        return low + np.exp(z), float(z.sum())
    if np.isinf(low):
        return high - np.exp(z), float(z.sum())
    log_jacobian = np.log(high - low) + special.log_expit(z) + special.log_expit(-z)
    return low + (high - low) * special.expit(z), float(log_jacobian.sum())


def from_support(slot: Slot, site: Array) -> Array:
    """The inverse of `to_support`: a site array to coordinates."""
    prior = slot.variable.prior
    low, high = prior.bounds()
    if prior.support == "ordered":
        rows = _rows(slot, prior.direction * site)
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = np.concatenate([rows[..., :1], np.log(np.diff(rows, axis=-1))], axis=-1)
        return slot.to_site(steps)
    if prior.support == "cholesky":
        return _from_cholesky(site)
    if np.isinf(low) and np.isinf(high):
        return site
    if np.isinf(high):
        return np.asarray(np.log(site - low))
    if np.isinf(low):
        return np.asarray(np.log(high - site))
    return np.asarray(special.logit((site - low) / (high - low)))


def _rows(slot: Slot, site: Array) -> Array:
    """A site's elements in the padded full array, 0 where an item lacks the category."""
    rows = np.zeros(slot.shape)
    rows.ravel()[slot.index if slot.index is not None else slice(None)] = site.ravel()
    return rows


def _to_ordered(slot: Slot, z: Array) -> tuple[Array, float]:
    rows = _rows(slot, z)
    values = np.cumsum(np.concatenate([rows[..., :1], np.exp(rows[..., 1:])], axis=-1), axis=-1)
    return slot.variable.prior.direction * slot.to_site(values), float(rows[..., 1:].sum())


def _to_cholesky(slot: Slot, z: Array) -> tuple[Array, float]:
    size = slot.shape[0]
    factor, log_jacobian = np.eye(size), 0.0
    partial = np.zeros((size, size))
    partial[np.tril_indices(size, -1)] = np.tanh(z)
    for i in range(1, size):
        for j in range(i):
            left = 1 - np.sum(factor[i, :j] ** 2)
            factor[i, j] = partial[i, j] * np.sqrt(left)
            log_jacobian += np.log1p(-(partial[i, j] ** 2)) + 0.5 * np.log(left)
        factor[i, i] = np.sqrt(1 - np.sum(factor[i, :i] ** 2))
    return factor, float(log_jacobian)


def _from_cholesky(factor: Array) -> Array:
    below = np.tril_indices(len(factor), -1)
    left = 1 - np.cumsum(np.pad(factor, ((0, 0), (1, 0)))[:, :-1] ** 2, axis=1)
    return np.arctanh(factor[below] / np.sqrt(left[below]))
