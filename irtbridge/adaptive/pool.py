"""What an adaptive test needs of a bank, at the nodes of a grid of ability: computed once, for all persons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from irtbridge.adaptive.constraints import Bounds, Constraints
from irtbridge.adaptive.grid import grid_of
from irtbridge.adaptive.kernels import Curves, Kernels
from irtbridge.bank.item_bank import ItemBank
from irtbridge.errors import ConfigError, UnknownName
from irtbridge.plugin.arrays import Arrays

Array = NDArray[np.float64]
Single = NDArray[np.float32]
LARGEST = 2**26  # numbers in a table
ITEMS = ("mean", "draws")
DRAWS, FEWEST = 100, 10  # of the parameters, over which posteriors are averaged
FINE = 1201  # abilities at which information is tabulated for interpolation: its error is below 1e-5 of its curvature


@dataclass(frozen=True, eq=False)
class Pool:
    """The items of a bank at the nodes of a grid of ability.

    Where the uncertainty of the parameters counts (``items="draws"``), a node is an ability and a draw of all item
    parameters: the posterior of the two together is updated by Bayes' rule, and what is said of the ability is averaged
    over the draws.

    Attributes
    ----------
    bank : ItemBank
        The items.
    nodes : ndarray, shape (node, trait)
        Abilities, of one trait ascending; each as many times as there are draws of the parameters.
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
    items : str
        ``mean``: parameters count at the mean of the bank's draws, unless a rule draws them; ``draws``: at draws.
    arrays : Arrays
        Whose the arrays over persons are; what is looked up for persons is held as theirs.
    """

    bank: ItemBank
    nodes: Array
    log_prior: Array
    log_probs: Array
    information: Single
    directions: Array
    constraints: Constraints
    items: str
    arrays: Arrays = field(default_factory=lambda: Arrays("float64"))

    @classmethod
    def of(
        cls,
        bank: ItemBank,
        nodes: int | ArrayLike | None = None,
        content: Mapping[str, Bounds] | None = None,
        length: int | None = None,
        items: str = "mean",
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
        items : {"mean", "draws"}
            What stands for the items' parameters: the mean of the bank's draws, or the draws: 100 of them evenly
            spaced, or as many as tables of half a gigabyte hold.

        Raises
        ------
        ConfigError
            Nodes that are no number and no finite abilities; draws of a bank that has one, or too large for ten.
        UnknownName
            Neither the mean nor draws.
        """
        constraints = Constraints.of(bank, content, length)
        at, log_prior = grid_of(bank, nodes)
        drawn = _drawn(bank, items, len(at))
        # In the memory's order (item, category, node): an answer multiplies one row.
        log_probs = np.empty((*bank.exists.shape, len(at), len(drawn)))
        information = np.empty((len(at), len(drawn), bank.n_items), dtype=np.float32)
        for place, one in enumerate(drawn):
            log_probs[..., place] = np.moveaxis(one.log_probs(at)[0], 0, -1)
            information[:, place] = _trace(one, at)
        return cls(
            bank,
            np.repeat(at, len(drawn), axis=0),
            np.repeat(log_prior - np.log(len(drawn)), len(drawn)),
            np.moveaxis(log_probs.reshape(*bank.exists.shape, -1), -1, 0),
            information.reshape(-1, bank.n_items),
            _directions(bank.at_mean),
            constraints,
            items,
        )

    @property
    def n_items(self) -> int:
        """Number of items."""
        return self.bank.n_items

    @property
    def n_traits(self) -> int:
        """Number of traits."""
        return int(self.nodes.shape[1])

    def on(self, arrays: Arrays | None) -> Pool:
        """The same pool for persons in the arrays of another library; for None as it is."""
        return self if arrays is None else replace(self, arrays=arrays)

    def expected(self, posterior: Any, values: Array) -> Array:
        """Expectations (person, value) of functions of the node, (node, value), under posteriors (person, node)."""
        return np.asarray(self.arrays.get(self.arrays.product(posterior, self.arrays.put(values))), dtype=float)

    def log_likelihood(self, places: NDArray[np.int64], codes: NDArray[np.int64]) -> Any:
        """Log probability, (person, node), of answers to items by their places; 0 where a place is -1."""
        asked, size = places >= 0, self.log_probs.shape[2]
        found = self.arrays.rows(self._answers, np.where(asked, places * size + codes, 0))
        return found if asked.all() else found * self.arrays.put(asked[:, None])

    def information_at(self, ability: Array) -> Any:
        """Information (person, item), as `information`, at abilities (person, trait).

        Of one trait it is interpolated in a table of 1,201 abilities; beyond the nodes' ends it is that at the end.
        """
        if self.n_traits > 1:
            return self.held(_trace(self.bank.at_mean, ability))
        below, share = self._between(ability[:, 0])
        low, high = (self.arrays.rows(self._table, place) for place in (below, below + 1))
        return low * self.held(1 - share) + high * self.held(share)

    def held(self, table: Single) -> Any:
        """Numbers in single precision, which suffices for scores, as the arrays have them."""
        return self.arrays.put(table, "float32")

    def _between(self, ability: Array) -> tuple[NDArray[np.intp], Single]:
        """The row of the table below each ability, and how far it lies towards the next, (person, 1)."""
        low, high = self.nodes[0, 0], self.nodes[-1, 0]
        along = np.clip((ability - low) / (high - low), 0, 1) * (FINE - 1)
        below = np.minimum(along.astype(np.intp), FINE - 2)
        return below, (along - below)[:, None].astype(np.float32)

    @cached_property
    def _answers(self) -> Any:
        """`log_probs`, a row for each category of each item: in the memory's order."""
        return self.arrays.put(np.moveaxis(self.log_probs, 0, -1).reshape(-1, len(self.nodes)))

    @cached_property
    def held_information(self) -> Any:
        """`information` as the arrays have it."""
        return self.held(self.information)

    @cached_property
    def drawn_information(self) -> Any:
        """`information` at draws of the parameters, one after another: all, or as many as 256 megabytes hold.

        One table where the nodes have draws of their own.
        """
        if self.items == "draws":
            return self.held_information
        draws = min(self.bank.n_draws, max(1, LARGEST // self.information.size))
        return self.held(np.concatenate([_trace(one, self.nodes) for one in _spaced(self.bank, draws)]))

    @cached_property
    def curves(self) -> Curves | None:
        """The items as logistic curves, where they are."""
        return Curves.of(self.bank)

    @cached_property
    def kernels(self) -> Kernels:
        """Gaussian kernels like the items' information, of one trait."""
        return Kernels.of(self.bank)

    @cached_property
    def kernel_shapes(self) -> Any:
        """The kernels at the nodes, without their heights, (node, item)."""
        return self.held(self.kernels.shape(self.nodes[:, 0]))

    @cached_property
    def _table(self) -> Any:
        return self.held(_trace(self.bank.at_mean, np.linspace(self.nodes[0], self.nodes[-1], FINE)))


def _drawn(bank: ItemBank, items: str, n_nodes: int) -> list[ItemBank]:
    """The parameters that count, each as a bank of one draw."""
    if items not in ITEMS:
        raise UnknownName("items", items, ITEMS)
    if items == "mean":
        return [bank.at_mean]
    if bank.n_draws == 1:
        raise ConfigError("items='draws' needs a bank with draws of its parameters; this one takes them as known.")
    number = min(DRAWS, LARGEST // (bank.exists.size * n_nodes))
    if number < FEWEST:
        raise ConfigError(f"items='draws': a bank of {bank.n_items} items needs fewer than {n_nodes} nodes.")
    return _spaced(bank, min(number, bank.n_draws))


def _spaced(bank: ItemBank, number: int) -> list[ItemBank]:
    """So many of the draws, evenly spaced."""
    return [bank.draw(row) for row in np.linspace(0, bank.n_draws - 1, number).round().astype(int)]


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
