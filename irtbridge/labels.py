"""Labels of persons and items, and how messages list them."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

from irtbridge.errors import DataError

Label: TypeAlias = str | int

# Who answers: a person, or what stands for one where models are tested.
PERSON = re.compile(
    r"(person|subject|respondent|participant|student|examinee|user|model)[ _.-]?(id|nr|no|name|code)?|id", re.IGNORECASE
)


def is_person_name(column: object) -> bool:
    """Whether a column of this name has the labels of persons: ID, Person, subject_id, model, ..."""
    return PERSON.fullmatch(str(column).strip()) is not None


def as_label(label: object) -> Label:
    """An integer where the label is a whole number, else text."""
    if isinstance(label, (int, np.integer)) or (isinstance(label, float) and label.is_integer()):
        return int(label)
    return str(label)


def of_one_type(labels: Iterable[object]) -> tuple[Label, ...]:
    """Labels as integers or, where any is text, all as text: 1 and "a" become "1" and "a"."""
    each = tuple(as_label(label) for label in labels)
    return tuple(str(label) for label in each) if any(isinstance(label, str) for label in each) else each


def check_unique(kind: str, labels: Sequence[Hashable], hint: str = "") -> None:
    """Raise `DataError`, naming the labels that occur more than once and what to do."""
    if len(set(labels)) < len(labels):
        counts = pd.Series([*labels], dtype=object).value_counts(sort=False)
        repeated = few(repr(label) for label in counts[counts > 1].index)
        raise DataError(f"{kind} labels that occur more than once: {repeated}; every {kind} needs its own.{hint}")


def item_names(n_items: int) -> list[str]:
    """``item1``, ``item2``, ..."""
    return [f"item{i}" for i in range(1, n_items + 1)]


def few(texts: Iterable[str], limit: int = 10) -> str:
    """The first of many texts, and how many there are."""
    every = list(texts)
    more = f", ... ({len(every)} in all)" if len(every) > limit else ""
    return ", ".join(every[:limit]) + more
