"""The key: which answer to each item is right."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from irtbridge.data.cells import MISSING_TEXTS, canonical
from irtbridge.data.labels import as_label, few
from irtbridge.data.notes import Notes
from irtbridge.data.text import TEXT_ENDINGS, read_text
from irtbridge.errors import DataError, DataNotFound

Key: TypeAlias = "str | PathLike[str] | Mapping[str, object] | Sequence[object] | pd.Series[object] | None"


def read_key(key: Key, items: Sequence[str], notes: Notes) -> dict[str, str]:
    """The right answer of each item, as `canonical` writes it; empty where there is no key.

    Parameters
    ----------
    key : mapping, sequence, str or path, optional
        Answers by item, or in the order of the items; as text a letter for each item, answers with commas between
        them, or the path of a file with the columns item and answer.
    items : sequence of str
        The items to score.
    notes : Notes
        Told of answers to items that are not there.

    Raises
    ------
    DataError
        An item without an answer, or another number of answers than of items.
    """
    if key is None:
        return {}
    given = _plain(key, items)
    if isinstance(given, Mapping):
        answers = {str(as_label(item)): answer for item, answer in given.items()}
    else:
        answers = _in_order(given, items)
    _check_complete(answers, items)
    if unknown := [repr(item) for item in answers if item not in items]:
        notes.say(f"key: the answers to {few(unknown)} are not used, there are no such items.")
    return {item: canonical(answers[item]) for item in items}


def _plain(key: object, items: Sequence[str]) -> Mapping[Any, object] | Sequence[object]:
    """A key of any form as a mapping or a sequence."""
    if isinstance(key, PathLike) or (isinstance(key, str) and _is_file(key)):
        return _from_file(Path(key).expanduser())
    if isinstance(key, pd.Series):
        return key.to_dict() if set(items) & set(map(str, key.index)) else key.tolist()
    if isinstance(key, str):
        parts = [key.split(separator) for separator in (",", ";", None)]
        return next((part for part in parts if len(part) > 1), key.strip())
    if isinstance(key, (Mapping, Sequence)):
        return key
    if isinstance(key, np.ndarray) and key.ndim == 1:
        return list(key)
    raise DataError(f"key={key!r}: give the answers by item, in the order of the items, or the path of a csv file.")


def _is_file(text: str) -> bool:
    return text.lower().endswith(TEXT_ENDINGS) or os.path.isfile(os.path.expanduser(text))


def _from_file(path: Path) -> Mapping[str, object] | Sequence[object]:
    if not path.is_file():
        raise DataNotFound(f"key: no such file: {path}; or give a letter for each item, as key=ABCDA.")
    table = read_text(path, header=True, notes=Notes()).cells
    names = [str(name).strip().casefold() for name in table.columns]
    if table.shape[1] < 2:
        return table.iloc[:, 0].tolist()
    item = names.index("item") if "item" in names else 0
    answer = next((names.index(name) for name in ("answer", "key") if name in names), 1)
    labels = [str(label).strip() for label in table.iloc[:, item]]
    if len(set(labels)) < len(labels):
        raise DataError(f"key: {path} has an item more than once; give each item one answer.")
    return dict(zip(labels, table.iloc[:, answer], strict=True))


def _in_order(answers: Sequence[object], items: Sequence[str]) -> dict[str, object]:
    if len(answers) != len(items):
        raise DataError(
            f"key has {len(answers)} answers for {len(items)} items ({few(items)}); give one for each, or name the "
            "items: key={'item': 'answer'} in Python, a csv file with the columns item and answer elsewhere."
        )
    return dict(zip(items, answers, strict=True))


def _check_complete(answers: Mapping[str, object], items: Sequence[str]) -> None:
    lacking = [repr(item) for item in items if item not in answers or canonical(answers[item]) in MISSING_TEXTS]
    if lacking:
        raise DataError(
            f"key has no answer for {few(lacking)}; it has answers for {few(map(repr, answers)) or 'no item'}. Give "
            "each item its right answer, or leave out with drop= what is no item."
        )
