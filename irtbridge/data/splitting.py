"""Item splitting: an item answered by several groups becomes one item per group (Andrich & Hagquist 2012)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.kinds import MISSING
from irtbridge.errors import DataError, nearest_first

WAY_OUT = "keep the item the same in all groups"


@dataclass(frozen=True)
class Piece:
    """An item of split data: the number of the item that it comes from, and of its group where it was split."""

    item: int
    group: int | None


def pieces_of(items: Sequence[str], chosen: Collection[str], groups: Sequence[str]) -> list[Piece]:
    """What items are split into: those chosen one per group, side by side, the others as they are.

    Raises
    ------
    DataError
        There are no groups, or no such item.
    """
    if not groups:
        raise DataError("items are split by group, and these data have none; name the column of the groups: group=.")
    for item in chosen:
        if item not in items:
            raise DataError(f"there is no item {item!r} to split; valid: {', '.join(nearest_first(item, items))}.")
    every: list[int | None] = [*range(len(groups))]
    return [Piece(i, group) for i, item in enumerate(items) for group in (every if item in chosen else [None])]


def values_of(piece: Piece, values: NDArray[Any], group_codes: NDArray[np.intp]) -> NDArray[Any]:
    """Responses (person,) to an item of split data: missing for persons of other groups."""
    column = values[:, piece.item]
    return column if piece.group is None else np.where(group_codes == piece.group, column, MISSING)


def check_given(item: str, group: str, values: NDArray[Any], categories: Sequence[int]) -> None:
    """Raise `DataError` unless a group gave each category of an item, or any response where it has no categories."""
    if not (values != MISSING).any():
        raise DataError(f"item {item!r} cannot be free in group {group!r}: nobody there responded to it; {WAY_OUT}.")
    for code, category in enumerate(categories):
        if not (values == code).any():
            raise DataError(
                f"item {item!r} cannot be free in group {group!r}: nobody there gave category {category}; {WAY_OUT}, "
                "or merge the category with its neighbour."
            )
