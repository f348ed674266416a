"""Numbers that are perhaps no responses: codes that mean missing, a sum of the items among the items."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.labels import few
from irtbridge.data.notes import Notes
from irtbridge.errors import DataError

# Codes customary for a missing response: 7 to 9 and repetitions of 6 to 9 (European Social Survey, NHANES), 95 to 99
# and 995 to 999 (PISA).
CUSTOMARY = re.compile(r"[7-9]|([6-9])\1+|9+[5-9]")
# A chance as small as this, that a scale has responses beyond a gap and none in it, is no chance.
RARE = 0.05
# A sum is only certain of so many items, in so many complete rows.
FEWEST_SUMMED = 3


@dataclass(frozen=True)
class Item:
    """The responses to one item as numbers (NaN is missing), the categories among them, and how often each occurs."""

    name: str
    values: NDArray[np.float64]
    categories: tuple[int, ...]
    counts: tuple[int, ...]


def say_codes(items: Sequence[Item], notes: Notes) -> None:
    """Note the categories that stand apart from an item's others as codes for missing do: 99 beside 1 to 5."""
    found: dict[tuple[int, ...], list[Item]] = {}
    for item in items:
        if codes := _codes(item, items):
            found.setdefault(codes, []).append(item)
    for codes, with_codes in found.items():
        listed = ",".join(map(str, codes))
        others = few(str(c) for c in with_codes[0].categories if c not in codes)
        names = few(repr(item.name) for item in with_codes)
        notes.doubt(
            f"the category {listed} stands apart from the others ({others}) of {names}; if it means a missing "
            f"response, pass missing={listed}."
        )


def _codes(item: Item, items: Sequence[Item]) -> tuple[int, ...]:
    """The categories of an item that seem to be codes; empty where none does."""
    values = item.categories
    customary = [CUSTOMARY.fullmatch(str(value)) is not None for value in values]
    for split in (place for place in range(1, len(values)) if all(customary[place:])):
        rest, codes = values[:split], values[split:]
        times = sum(other.counts[other.categories.index(codes[0])] for other in items if codes[0] in other.categories)
        if (
            2 * sum(item.counts[split:]) < sum(item.counts)
            and _is_apart(codes[0] - rest[-1], rest, times)
            and not _is_used(range(rest[-1] + 1, codes[0]), items)
        ):
            return codes
    low = len(values) > 2 and values[0] == 0 and _is_apart(values[1], values[1:], times=0)
    return (0,) if low and not _is_used(range(1, values[1]), items) else ()


def _is_apart(gap: int, rest: tuple[int, ...], times: int) -> bool:
    """Whether a category is far from the rest, or so frequent that unused ones between it and the rest are no chance.

    A category between is thought to be half as likely as the one beyond it, at least.
    """
    hole = int(np.diff(rest).max(initial=1))
    far = gap >= max(rest[-1] - rest[0], 3 * hole)
    return far or (len(rest) > 1 and hole == 1 and gap > 1 and (1 + (gap - 1) / 2) ** -times < RARE)


def _is_used(between: range, items: Sequence[Item]) -> bool:
    """Whether most items have categories between a code and the rest."""
    return sum(any(category in between for category in item.categories) for item in items) > len(items) / 2


def check_no_sum(items: Sequence[Item]) -> None:
    """Raise `DataError` if an item is the sum of all others, or of all before it, in each complete row."""
    if len({item.categories[-1] for item in items}) == 1:
        return  # a sum has more than any of its parts
    total = sum((item.values for item in items), np.zeros(len(items[0].values)))
    before = np.zeros(len(total))
    for place, item in enumerate(items):
        for others, others_sum in (
            (items[:place], before),
            ([*items[:place], *items[place + 1 :]], total - item.values),
        ):
            if _is_sum(item, others, others_sum):
                raise DataError(
                    f"column {item.name!r} is the sum of {len(others)} other items; a sum is no item: leave it out "
                    f"with drop={item.name!r}, or pick the items with items=[...]."
                )
        before = before + item.values


def _is_sum(item: Item, others: Sequence[Item], others_sum: NDArray[np.float64]) -> bool:
    # larger than any of them, so that no item is a sum by chance
    if len(others) < FEWEST_SUMMED or item.categories[-1] <= max(other.categories[-1] for other in others):
        return False
    complete = ~np.isnan(others_sum) & ~np.isnan(item.values)
    return complete.sum() >= FEWEST_SUMMED and bool((others_sum == item.values)[complete].all())
