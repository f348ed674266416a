"""How simulated persons answer: with the probabilities that their items have at their true abilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from irtbridge.bank.item_bank import ItemBank
from irtbridge.errors import SpecError
from irtbridge.model.families import Categories

Array = NDArray[np.float64]
Places = NDArray[np.int64]
Answer = Callable[[Array, Places, np.random.Generator], Places]
"""Of abilities (pair, trait) and items' places (pair,): the code of each pair's response."""


@dataclass(frozen=True, eq=False)
class TrueAnswers:
    """Responses drawn at true abilities and true item parameters.

    Attributes
    ----------
    bank : ItemBank
        The true parameters: one draw.
    """

    bank: ItemBank

    def __call__(self, abilities: Array, places: Places, rng: np.random.Generator) -> Places:
        """One response for each pair of a person and an item."""
        below = np.cumsum(pair_probs(self.bank, abilities, places)[:, :-1], axis=1)
        return np.asarray((rng.uniform(size=(len(places), 1)) > below).sum(axis=1))


def population(bank: ItemBank, persons: int, seed: int) -> Array:
    """Abilities drawn from the distribution that a bank has for them, shape (person, trait)."""
    rng = np.random.default_rng([seed, 0, 0])
    return np.asarray(rng.multivariate_normal(bank.mean, bank.covariance, persons, method="cholesky"))


def pair_probs(bank: ItemBank, abilities: Array, places: Places) -> Array:
    """Probability of each category for pairs of a person and an item, (pair, category); 0 where an item lacks it.

    Parameters
    ----------
    bank : ItemBank
        Its first draw counts.
    abilities : ndarray, shape (pair, trait)
    places : ndarray of int, shape (pair,)

    Raises
    ------
    SpecError
        Responses are numbers, not categories.

    Notes
    -----
    Pairs are to the family what draws are: a leading axis, with one person and one item each. Items with the same
    categories go together.
    """
    family = bank.spec.family
    if not isinstance(family, Categories):
        raise SpecError(f"model {bank.spec.name!r} is of {family.kind}; adaptive tests need categories.")
    probs = np.zeros((len(places), bank.exists.shape[1]))
    counts = bank.exists.sum(axis=1)[places]
    for count in np.unique(counts):
        rows = np.flatnonzero(counts == count)
        exists = bank.exists[places[rows[:1]]]
        params = {name: _of_items(bank, name, places[rows]) for name in bank.params}
        ability = abilities[rows] if "trait" in bank.spec.dims[family.ability] else abilities[rows, 0]
        params[family.ability] = ability[:, None]
        probs[rows] = np.exp(family.log_probs(params, bank.spec.dims, exists)[:, 0, 0])
    return probs


def _of_items(bank: ItemBank, name: str, places: Places) -> Array:
    """A variable's values for each of the places, with an axis for the one item where it has items."""
    value: Array = bank.params[name][0]
    if bank.spec.dims[name][:1] == ("item",):
        return value[places, None]
    return np.broadcast_to(value, (len(places), *value.shape))
