"""What an adaptive test needs of a bank, at the nodes of a grid of ability: computed once, for all persons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from irtbridge.adaptive.constraints import Bounds, Constraints
from irtbridge.adaptive.kernels import Curves, Kernels
from irtbridge.bank.item_bank import ItemBank
from irtbridge.errors import ConfigError
from irtbridge.model.quadrature import MAX_TRAITS, Quadrature, ScatteredNodes

Array = NDArray[np.float64]
Single = NDArray[np.float32]
NODES = {1: 61, 2: 31, 3: 21}  # of each trait of a grid
SCATTERED = 2**13  # of more traits: scattered ones, as many as `irtbridge.model.quadrature` takes
LARGEST = 2**26  # numbers in a table of single precision
HALF_WIDTH = 5.0  # standard deviations of the ability that a grid covers on either side of its mean
FINE = 1201  # abilities at which information is tabulated for interpolation: its error is below 1e-5 of its curvature


@dataclass(frozen=True, eq=False)
class Pool:
    """The items of a bank at the nodes of a grid of ability.

    Attributes
    ----------
    bank : ItemBank
        The items; their parameters count at the mean of the draws, unless a rule draws them.
    nodes : ndarray, shape (node, trait)
        Abilities.
    log_prior : ndarray, shape (node,)
        Log probability of each node before the first answer.
    log_probs : ndarray, shape (node, item, category)
        Log probability of each category; -inf where an item lacks it.
    information : ndarray of float32, shape (node, item)
        Fisher information; of several traits the trace of the information matrix, which is ``information`` times the
        outer product of the item's `directions`.
    directions : ndarray, shape (item, trait)
        Unit vectors along which items discriminate (Reckase & McKinley 1991); 1 of one trait.
    constraints : Constraints
        Content areas and enemies.
    """

    bank: ItemBank
    nodes: Array
    log_prior: Array
    log_probs: Array
    information: Single
    directions: Array
    constraints: Constraints

    @classmethod
    def of(
        cls,
        bank: ItemBank,
        nodes: int | ArrayLike | None = None,
        content: Mapping[str, Bounds] | None = None,
        length: int | None = None,
    ) -> Pool:
        """Of a bank.

        Parameters
        ----------
        bank : ItemBank
            The items and the distribution of abilities.
        nodes : int or array_like, shape (node,) or (node, trait), optional
            How many of each trait, within 5 standard deviations of the mean; or abilities: of one trait in ascending
            order, which count as the trapezoid rule has them, of several an even grid. By default 61 for one trait, 31
            and 21 each for two and three; more traits have 8,192 scattered nodes in all.
        content, length
            As in `Constraints.of`.

        Raises
        ------
        ConfigError
            Nodes that are no number and no finite abilities.
        """
        constraints = Constraints.of(bank, content, length)
        at, log_prior = _grid(bank, nodes)
        known = bank.at_mean
        # In the memory's order (item, category, node): an answer multiplies one row.
        log_probs = np.moveaxis(np.ascontiguousarray(np.moveaxis(known.log_probs(at)[0], 0, -1)), -1, 0)
        return cls(bank, at, log_prior, log_probs, _trace(known, at), _directions(known), constraints)

    @property
    def n_items(self) -> int:
        """Number of items."""
        return self.bank.n_items

    @property
    def n_traits(self) -> int:
        """Number of traits."""
        return int(self.nodes.shape[1])

    def information_at(self, ability: Array) -> Single:
        """Information (person, item), as `information`, at abilities (person, trait).

        Of one trait it is interpolated in a table of 1,201 abilities; beyond the nodes' ends it is that at the end.
        """
        if self.n_traits > 1:
            return _trace(self.bank.at_mean, ability)
        below, share = self._between(ability[:, 0])
        return self._table[below] * (1 - share) + self._table[below + 1] * share

    def _between(self, ability: Array) -> tuple[NDArray[np.intp], Single]:
        """The row of the table below each ability, and how far it lies towards the next, (person, 1)."""
        low, high = self.nodes[0, 0], self.nodes[-1, 0]
        along = np.clip((ability - low) / (high - low), 0, 1) * (FINE - 1)
        below = np.minimum(along.astype(np.intp), FINE - 2)
        return below, (along - below)[:, None].astype(np.float32)

    @cached_property
    def drawn_information(self) -> Single:
        """`information` at draws of the parameters, (draw, node, item): all, or as many as 256 megabytes hold."""
        draws = min(self.bank.n_draws, max(1, LARGEST // self.information.size))
        rows = np.linspace(0, self.bank.n_draws - 1, draws).round().astype(int)
        return np.stack([_trace(self.bank.draw(row), self.nodes) for row in rows])

    @cached_property
    def curves(self) -> Curves | None:
        """The items as logistic curves, where they are."""
        return Curves.of(self.bank)

    @cached_property
    def kernels(self) -> Kernels:
        """Gaussian kernels like the items' information, of one trait."""
        return Kernels.of(self.bank)

    @cached_property
    def kernel_shapes(self) -> Single:
        """The kernels at the nodes, without their heights, (node, item)."""
        return self.kernels.shape(self.nodes[:, 0])

    @cached_property
    def _table(self) -> Single:
        return _trace(self.bank.at_mean, np.linspace(self.nodes[0], self.nodes[-1], FINE))


def _grid(bank: ItemBank, nodes: int | ArrayLike | None) -> tuple[Array, Array]:
    """Nodes (node, trait) and their log probabilities."""
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


def _directions(known: ItemBank) -> Array:
    family, axes = known.spec.family, np.eye(len(known.traits))
    if len(axes) == 1:
        return np.ones((known.n_items, 1))
    params = {**known.params, family.ability: np.zeros((1, 1, len(axes)))}
    slopes = np.concatenate([family.tangent(params, known.spec.dims, axis)[0, 0] for axis in axes], axis=-1)
    norm = np.linalg.norm(slopes, axis=-1, keepdims=True)
    return np.asarray(np.divide(slopes, norm, out=np.full_like(slopes, len(axes) ** -0.5), where=norm > 0))


def _trace(known: ItemBank, ability: Array) -> Single:
    """Sum of the information along each trait, (node, item)."""
    parts = []
    for some in np.array_split(ability, max(1, ability.size * known.n_items // 2**20)):
        along = [known.information(some, axis)[0] for axis in np.eye(len(known.traits))]
        parts.append(np.sum(along, axis=0).astype(np.float32))
    return np.concatenate(parts)
