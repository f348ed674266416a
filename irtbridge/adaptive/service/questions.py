"""What a person sees of an item, and what their choice counts as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from irtbridge.bank.item_bank import ItemBank
from irtbridge.data.labels import few, listed
from irtbridge.errors import DataError

BETWEEN = "|"
Choice = float | str


@dataclass(frozen=True)
class Question:
    """An item as it is shown.

    Attributes
    ----------
    text : str
        What is asked.
    options : tuple of (value, str)
        What may be chosen: what is sent, and what is shown.
    key : str or None
        The right option, of an item that is right or wrong.
    categories : tuple of float
        Values of the item's categories, the lowest first.
    """

    text: str
    options: tuple[tuple[Choice, str], ...]
    key: str | None
    categories: tuple[float, ...]

    def value(self, item: str, choice: Choice) -> float:
        """The category's value that a choice counts as: of an item with a key, right or wrong."""
        if self.key is None:
            if isinstance(choice, str):
                raise DataError(f"answer {choice!r} to {item!r}: its categories are {_listed(self.categories)}.")
            return choice
        labels = [label for _, label in self.options]
        if choice not in labels:
            raise DataError(f"answer {choice!r} to {item!r}: its options are {few(map(repr, labels))}.")
        return self.categories[int(choice == self.key)]

    def to_dict(self) -> dict[str, Any]:
        """As plain data, without the key."""
        return {"text": self.text, "options": [{"value": v, "label": label} for v, label in self.options]}


def questions_of(bank: ItemBank) -> dict[str, Question]:
    """Each item as it is shown, by its label.

    The bank's column ``text`` has what is asked, by default the label; ``options`` what may be chosen, with | between:
    the categories, the lowest first, or where ``key`` names the right one as many as there are; by default the values
    of the categories.

    Raises
    ------
    DataError
        As many options as an item has categories are not there, one is empty or there twice, a key is none of them, or
        an item of two categories has none while others have: which option is right?
    """
    columns = {name: _texts(bank, name) for name in ("text", "options", "key")}
    _check_keys(bank, columns["key"])
    rows = zip(bank.items, *columns.values(), bank.categories, strict=True)
    return {item: _question(item, text or item, options, key, own) for item, text, options, key, own in rows}


def _check_keys(bank: ItemBank, keys: list[str]) -> None:
    lacking = [
        item for item, key, own in zip(bank.items, keys, bank.categories, strict=True) if not key and len(own) == 2
    ]
    if any(keys) and lacking:
        raise DataError(
            f"item {listed(lacking)} of two categories has no key, and others have: say which option is right."
        )


def _texts(bank: ItemBank, column: str) -> list[str]:
    if column not in bank.about:
        return [""] * bank.n_items
    return ["" if pd.isna(cell) else str(cell).strip() for cell in bank.about[column]]


def _question(item: str, text: str, options: str, key: str, categories: tuple[float, ...]) -> Question:
    labels = [label.strip() for label in options.split(BETWEEN)] if options else [f"{value:g}" for value in categories]
    if "" in labels or len(set(labels)) < len(labels):
        raise DataError(f"item {item!r} has the options {options!r}: one is empty, or there twice.")
    if key:
        if len(categories) != 2:
            raise DataError(
                f"item {item!r} has a key, {key!r}, and {len(categories)} categories: right and wrong are two."
            )
        if key not in labels:
            raise DataError(f"item {item!r}: key {key!r} must be one of its options, {few(map(repr, labels))}.")
        return Question(text, tuple((label, label) for label in labels), key, categories)
    if len(labels) != len(categories):
        raise DataError(
            f"item {item!r} has {len(labels)} options for {len(categories)} categories ({_listed(categories)}); give "
            f"one for each with {BETWEEN} between, or the right one in a column 'key'."
        )
    return Question(text, tuple(zip(categories, labels, strict=True)), None, categories)


def _listed(categories: tuple[float, ...]) -> str:
    return few(f"{value:g}" for value in categories)
