"""Labels of persons and items: what they are, how two labelled things are matched, how messages list them.

Where two labelled things meet, they are matched by label, and it is here. A table whose index (or columns) only counts,
a pandas RangeIndex, has no labels there: it is taken by position.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.errors import DataError, SpecError, nearest_first

Label: TypeAlias = str | int

# Who answers: a person, or what stands for one where models are tested.
PERSON = re.compile(
    r"(person|subject|respondent|participant|student|examinee|user|model)[ _.-]?(id|nr|no|name|code)?|id", re.IGNORECASE
)
ITEM_COLUMNS = ("item", "items", "label")
MOST = 5  # labels that a message lists
WAY_OUT = "Use the same labels in both, or a table without labels, which is taken by position."


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
    given = tuple(labels)
    if set(map(type, given)) in ({str}, {int}):
        return cast("tuple[Label, ...]", given)
    each = tuple(as_label(label) for label in given)
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


def as_text(label: object) -> str:
    """A label as the data's item labels are written: 7 and 7.0 are both ``7``."""
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def labels_of(table: Any, axis: int = 0) -> tuple[str, ...] | None:
    """Labels along an axis of a Series or DataFrame; None where it has none, and of everything else."""
    axes = table.axes if isinstance(table, (pd.Series, pd.DataFrame)) else []
    if axis >= len(axes) or isinstance(axes[axis], pd.RangeIndex):
        return None
    return tuple(as_text(label) for label in axes[axis].tolist())


def positions(what: str, given: Sequence[str], wanted: Sequence[str], *, others: bool = False) -> NDArray[np.intp]:
    """Where each wanted label stands among those given.

    Parameters
    ----------
    what : str
        What has the labels, for the message.
    given, wanted : sequence of str
        Labels.
    others : bool
        Allow labels that are not wanted.

    Returns
    -------
    ndarray of int, shape (wanted,)

    Raises
    ------
    SpecError
        A label occurs twice, is missing, or is not wanted.
    """
    place = {label: position for position, label in enumerate(given)}
    if len(place) < len(given):
        twice = [label for label in place if list(given).count(label) > 1]
        raise SpecError(f"{what}: labels that occur more than once: {listed(twice)}; each needs its own.")
    missing = [label for label in wanted if label not in place]
    surplus = [] if others else [label for label in given if label not in set(wanted)]
    if missing or surplus:
        lacks = f"lacks {listed(missing)}" if missing else ""
        nearest = nearest_first((missing or surplus)[0], given if missing else wanted)
        further = f"has {listed(surplus)} besides" if surplus else ""
        found = f"labels {'there' if missing else 'wanted'}, nearest first: {listed(nearest)}"
        raise SpecError(f"{what}: {' and '.join(filter(None, [lacks, further]))}; {found}. {WAY_OUT}")
    return np.array([place[label] for label in wanted], dtype=np.intp)


def aligned(what: str, table: Any, wanted: Sequence[str] | None, axis: int = 0) -> Any:
    """A Series or DataFrame with an axis in the order of the wanted labels; as it is where either has none.

    Raises
    ------
    SpecError
        The labels differ.
    """
    given = labels_of(table, axis)
    if given is None or wanted is None:
        return table
    return table.take(positions(what, given, wanted), axis=axis)


def by_item(table: pd.DataFrame) -> pd.DataFrame:
    """A table with a row for each item, its item labels as its index.

    They are the index already, or in a column: the first if it has no name, else one called item, items or label, else
    the first without any 0 or 1 in it. Where there is none, the rows stay without labels.
    """
    if not isinstance(table.index, pd.RangeIndex):
        return table
    names = [str(name).strip().lower() for name in table.columns]
    nameless = [0] if names[:1] in ([""], ["nan"], ["none"], ["unnamed: 0"]) else []
    named = [i for i, name in enumerate(names) if name in ITEM_COLUMNS]
    other = [i for i in range(len(names)) if not pd.to_numeric(table.iloc[:, i], errors="coerce").isin((0, 1)).any()]
    for column in (*nameless, *named, *other):
        rest = [i for i in range(len(names)) if i != column]
        return table.iloc[:, rest].set_axis(pd.Index(table.iloc[:, column].tolist()), axis=0)
    return table


def listed(labels: Sequence[str]) -> str:
    """The first labels, quoted, and how many there are."""
    return few(map(repr, labels), MOST)
