"""What a test may not be: two items that are enemies, too many or too few items of a content area; areas by lot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from irtbridge.bank.item_bank import ItemBank
from irtbridge.data.labels import as_text, few
from irtbridge.errors import ConfigError, DataError, UnknownName

Array = NDArray[np.float64]
Bounds = int | float | tuple[int, int]
ALL = 1 + 1e-9  # shares that are all of a test, with the rounding of their sum


@dataclass(frozen=True, eq=False)
class Constraints:
    """Content areas and enemies of the items of a bank.

    Attributes
    ----------
    areas : tuple of str
        Labels of the content areas that are bounded.
    area : ndarray of int, shape (item,)
        Place of each item's area in `areas`; -1 where it has none that is bounded.
    least, most : ndarray of int, shape (area,)
        Items of each area in a test.
    shares : ndarray, shape (area,)
        Probability that the next item is of the area, where lots are drawn for it; 0 of areas with bounds. What the
        shares leave of 1 is that of all other items together.
    enemies : sparse array of bool, shape (item, item), or None
        Which items never stand in one test; symmetric.
    length : int or None
        Items of a test at most; never more than the bank has.
    """

    areas: tuple[str, ...]
    area: NDArray[np.int64]
    least: NDArray[np.int64]
    most: NDArray[np.int64]
    shares: Array
    enemies: sparse.csr_array | None
    length: int | None = None

    @classmethod
    def of(cls, bank: ItemBank, content: Mapping[str, Bounds] | None = None, length: int | None = None) -> Constraints:
        """From the columns ``content`` and ``enemies`` of a bank.

        Parameters
        ----------
        bank : ItemBank
            The items.
        content : mapping of str to int, (int, int) or float, optional
            By area, how many of its items a test has: exactly, or at least and at most; or with which probability the
            next item is one of them, a float below 1 (the multinomial procedure of Chen & Ankenmann 2004).
        length : int, optional
            Items of a test at most; needed where areas have a least number.

        Raises
        ------
        UnknownName
            An area that no item has.
        ConfigError
            Bounds that no test of this length and bank can keep.
        DataError
            Enemies that are not in the bank.
        """
        if content is not None and not isinstance(content, Mapping):
            raise ConfigError(f"content={content!r} must say items by area, as {{'algebra': 5, 'geometry': (2, 4)}}.")
        bounds = {str(name): _bounds(name, given, bank.n_items) for name, given in (content or {}).items()}
        labels = np.array(_texts(bank, "content"))
        for name in bounds:
            if name not in labels:
                raise UnknownName("content area of the bank", name, sorted(set(labels) - {""}))
        area = np.full(bank.n_items, -1)
        for place, name in enumerate(bounds):
            area[labels == name] = place
        least, most, shares = np.array([*bounds.values()], dtype=float).reshape(-1, 3).T
        length = None if length is None else min(length, bank.n_items)
        own = cls(tuple(bounds), area, least.astype(np.int64), most.astype(np.int64), shares, _enemies(bank), length)
        own.check()
        return own

    def check(self) -> None:
        """Raise `ConfigError` where no test could keep the bounds."""
        for name, low, have in zip(self.areas, self.least, self.counts, strict=True):
            if low > have:
                raise ConfigError(f"content area {name!r}: at least {low} items are asked, the bank has {have}.")
        if self.least.sum() and self.length is None:
            raise ConfigError("content areas with a least number need a length: say stop='... or items=20'.")
        if self.length is not None and self.least.sum() > self.length:
            raise ConfigError(f"content areas ask for {self.least.sum()} items, and the test ends at {self.length}.")
        if self.shares.sum() > ALL:
            raise ConfigError(f"shares of content areas add up to {self.shares.sum():g}; they may be 1 together.")
        possible = np.minimum(self.most, self.counts).sum() + (self.area < 0).sum()
        if self.length is not None and possible < self.length:
            raise ConfigError(f"content areas leave at most {possible} items to a test of {self.length}.")

    def need_length(self, rule: str) -> int:
        """The length, or a `ConfigError` that says how to give one to a rule that needs it."""
        if self.length is None:
            raise ConfigError(f"{rule} needs the length of a test: say stop='items=20', or '... or items=20'.")
        return self.length

    @property
    def counts(self) -> NDArray[np.int64]:
        """Items of the bank in each area."""
        return np.bincount(self.area[self.area >= 0], minlength=len(self.areas))

    def allowed(self, given: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which items may follow for persons who were given others, shape (person, item).

        Parameters
        ----------
        given : ndarray of int, shape (person, step)
            Places of the items, -1 where none.
        """
        count = self.of_area(given)
        needed = np.maximum(self.least - count, 0)
        left = (self.length or 0) - (given >= 0).sum(axis=1)
        must = (needed.sum(axis=1) > 0) & (needed.sum(axis=1) >= left)
        open_areas = np.where(must[:, None], needed > 0, count < self.most)
        # The last column answers for items without a bounded area, which have place -1.
        return np.asarray(np.c_[open_areas, ~must][:, self.area], dtype=bool)

    def by_lot(self, candidates: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
        """Those candidates, (person, item), whose area a lot names; each person's is drawn among areas that have some.

        All of them for persons for whom no area with a share has any left.
        """
        others = len(self.areas)
        group = np.where((self.area >= 0) & (self.shares[self.area] > 0), self.area, others)
        left = np.stack([candidates[:, group == k].any(axis=1) for k in range(others + 1)], axis=1)
        odds = np.cumsum(left * np.r_[self.shares, max(0.0, 1 - self.shares.sum())], axis=1)
        lot = (rng.random((len(odds), 1)) * odds[:, -1:] >= odds[:, :-1]).sum(axis=1)
        return np.asarray(candidates & ((group == lot[:, None]) | (odds[:, -1:] == 0)))

    def of_area(self, given: NDArray[np.int64]) -> NDArray[np.int64]:
        """Items of each area among those given, shape (person, area)."""
        area = np.where(given >= 0, self.area[given], -1)
        return np.asarray((area[:, :, None] == np.arange(len(self.areas))).sum(axis=1))


def _bounds(name: str, given: Bounds, n_items: int) -> tuple[int, int, float]:
    """Least and most of an area's items, and its share where lots are drawn for it."""
    if isinstance(given, float):
        if not 0 < given < 1:
            raise ConfigError(f"content area {name!r}: a share of {given!r} must lie between 0 and 1.")
        return 0, n_items, given
    ends = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else (given, given)
    whole = len(ends) == 2 and all(isinstance(end, Integral) and not isinstance(end, bool) for end in ends)
    if not whole or not 0 <= ends[0] <= ends[1]:
        raise ConfigError(
            f"content area {name!r}: {given!r} must be a number of items, the least and the most, or a share below 1."
        )
    return int(ends[0]), int(ends[1]), 0.0


def _texts(bank: ItemBank, column: str) -> list[str]:
    """A column that has labels in it, whole numbers written as labels are, empty where one is missing."""
    values = bank.about[column].tolist() if column in bank.about else []
    return ["" if pd.isna(value) else as_text(value) for value in values]


def _enemies(bank: ItemBank) -> sparse.csr_array | None:
    if "enemies" not in bank.about:
        return None
    place = {label: i for i, label in enumerate(bank.items)}
    said = zip(bank.items, _texts(bank, "enemies"), strict=True)
    pairs = [(label, enemy) for label, enemies in said for enemy in enemies.split()]
    if unknown := [enemy for _, enemy in pairs if enemy not in place]:
        raise DataError(f"enemies that are no items of the bank: {few(map(repr, unknown))}.")
    if not pairs:
        return None
    one, other = np.array([(place[a], place[b]) for a, b in pairs]).T
    both = np.r_[one, other], np.r_[other, one]
    return sparse.csr_array((np.ones(2 * len(one), dtype=bool), both), shape=(bank.n_items,) * 2)
