"""Grids of ability that a test's posteriors stand on: an even rule of the bank's distribution, or the user's own."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from irtbridge.bank.item_bank import ItemBank
from irtbridge.errors import ConfigError
from irtbridge.model.quadrature import MAX_TRAITS, Quadrature, ScatteredNodes

Array = NDArray[np.float64]
NODES = {1: 61, 2: 31, 3: 21}  # of each trait of a grid
SCATTERED = 2**13  # of more traits: scattered ones, as many as `irtbridge.model.quadrature` takes
HALF_WIDTH = 5.0  # standard deviations of the ability that a grid covers on either side of its mean


def grid_of(bank: ItemBank, nodes: int | ArrayLike | None) -> tuple[Array, Array]:
    """Nodes (node, trait) and their log probabilities (node,), as `irtbridge.adaptive.pool.Pool.of` takes them."""
    n_traits, root = len(bank.traits), linalg.cholesky(bank.covariance, lower=True)
    if nodes is None or (isinstance(nodes, int) and nodes != 0):
        rule = _rule(n_traits, nodes)
        return bank.mean + rule.standard_nodes(n_traits) @ root.T, rule.log_weights(n_traits)
    at = _abilities(nodes, n_traits)
    standard = linalg.solve_triangular(root, (at - bank.mean).T, lower=True).T
    log_weights = -0.5 * (standard**2).sum(axis=1)
    if n_traits == 1:
        log_weights += np.log(_cells(at[:, 0]))
    return at, log_weights - np.logaddexp.reduce(log_weights)


def _abilities(nodes: ArrayLike, n_traits: int) -> Array:
    """Nodes of the user's own, (node, trait)."""
    try:
        at = np.asarray(nodes, dtype=float)
    except (TypeError, ValueError):
        at = np.empty(0)
    at = at.reshape(len(at), -1) if at.ndim and at.size else np.empty((0, n_traits))
    if len(at) < 2 or at.shape[1] != n_traits or not np.isfinite(at).all():
        raise ConfigError(
            f"nodes={nodes!r} must be a number of nodes, or two or more finite abilities of {n_traits} trait(s), as "
            "numpy.linspace(-4, 4, 33)."
        )
    return at


def _cells(line: Array) -> Array:
    """Weights of the trapezoid rule: half the distance between the neighbours of each node."""
    steps = np.diff(line)
    if not (steps > 0).all():
        raise ConfigError("nodes of one trait must be in ascending order.")
    return np.asarray(np.r_[steps, 0] / 2 + np.r_[0, steps] / 2)


def _rule(n_traits: int, nodes: int | None) -> Quadrature:
    if n_traits > MAX_TRAITS:
        return ScatteredNodes(SCATTERED if nodes is None else nodes).chosen(n_traits, 0)
    return Quadrature(NODES[n_traits] if nodes is None else nodes, HALF_WIDTH)
