"""What the cells of an item say: a number, a truth value, an answer to score, nothing."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.data.labels import few
from irtbridge.data.notes import Notes
from irtbridge.errors import DataError

# What `pandas.read_csv` takes for missing, in any case.
MISSING_TEXTS = {"", "#n/a", "#n/a n/a", "#na", "<na>", "n/a", "na", "nan", "nat", "none", "null"}
MISSING_TEXTS |= {"-1.#ind", "-1.#qnan", "-nan", "1.#ind", "1.#qnan"}
# Words for 1 and for 0 that go together.
TRUTHS = (
    (("true",), ("false",)),
    (("t",), ("f",)),
    (("yes",), ("no",)),
    (("y",), ("n",)),
    (("correct", "right"), ("incorrect", "wrong")),
)
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


def canonical(cell: object) -> str:
    """A cell as text that is the same for 1, 1.0, "1" and " 1,0 ", and in any case of letters."""
    text = str(cell).strip().casefold()
    if DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    try:
        return repr(float(text))
    except ValueError:
        return text


def texts_in(column: pd.Series[Any]) -> set[str]:
    """All that the cells of a column say, as `canonical` writes it."""
    return set(map(canonical, column.unique()))


def numbers_of(
    item: str, column: pd.Series[Any], missing: Collection[str], answer: str | None, words: dict[str, list[str]]
) -> NDArray[np.float64]:
    """The responses to one item as numbers; NaN is missing.

    Parameters
    ----------
    item : str
        Its label, for messages.
    column : Series, length person
        Cells of any type.
    missing : collection of str
        Codes that mean missing, as `canonical` writes them.
    answer : str, optional
        The right answer, as `canonical` writes it: 1 where given, 0 elsewhere.
    words : dict of str to list of str
        Gets the item under "yes read as 1, no as 0", where it has such words.

    Raises
    ------
    DataError
        Cells that are no numbers.
    """
    if column.dtype.kind in "iuf" and answer is None:
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        if not missing:
            return numbers
        codes = pd.to_numeric(pd.Series([*missing], dtype=object), errors="coerce").dropna()
        return np.where(np.isin(numbers, codes), np.nan, numbers) if len(codes) else numbers
    places, cells = pd.factorize(column.astype(object))
    texts = [canonical(cell) for cell in cells]
    seen = [text not in MISSING_TEXTS and text not in missing for text in texts]
    present = {text: cell for text, cell, is_seen in zip(texts, cells, seen, strict=True) if is_seen}
    value = _scored(present, answer) if answer is not None else _valued(item, column, present, words)
    return np.array([*(value[t] if s else np.nan for t, s in zip(texts, seen, strict=True)), np.nan])[places]


def say_words(words: dict[str, list[str]], notes: Notes) -> None:
    """Note which words were read as 1 and 0, and in which items."""
    for reading, items in words.items():
        notes.say(f"{reading}: {few(items)}.")


def _scored(present: Iterable[str], answer: str) -> dict[str, float]:
    return {text: float(text == answer) for text in present}


def _valued(
    item: str, column: pd.Series[Any], present: dict[str, object], words: dict[str, list[str]]
) -> dict[str, float]:
    digits = {"0.0": 0.0, "1.0": 1.0}
    for ones, zeros in TRUTHS:
        truths = {**dict.fromkeys(ones, 1.0), **dict.fromkeys(zeros, 0.0)}
        if truths.keys() & present.keys() and present.keys() <= truths.keys() | digits.keys():
            used, unused = (
                "/".join(str(present[w]).strip() for w in side if w in present) or side[0] for side in (ones, zeros)
            )
            words.setdefault(f"{used} read as 1, {unused} as 0", []).append(item)
            return truths | digits
    numbers = {text: pd.to_numeric(text, errors="coerce") for text in present}
    bad = [present[text] for text, number in numbers.items() if np.isnan(number)]
    if bad:
        raise DataError(f"item {item!r} is not numeric: it has {few(map(_shown, bad), 5)}. {_way_out(item, column)}")
    return {text: float(number) for text, number in numbers.items()}


def _shown(cell: object) -> str:
    return repr(str(cell))


def _way_out(item: str, column: pd.Series[Any]) -> str:
    labels = f"If it labels the persons, pass person={item!r}. " if column.is_unique else ""
    return (
        f"{labels}Recode ordered answers (disagree, agree) to integers in that order; give the right answers with key= "
        "where they are to be scored; name a code that means missing with missing=; what is no item keep beside the "
        f"responses with group={item!r} or covariates={item!r}, or leave it out with drop={item!r}, or pick the items "
        "with items=[...]; or name the columns of a long table (person=, item=, response=)."
    )


def id_hint(item: str) -> str:
    """What to do about a column that seems to label the persons."""
    return (
        f"If it labels the persons, pass person={item!r}; if it is no item, leave it out with drop={item!r} or pick "
        "the items with items=[...]."
    )
