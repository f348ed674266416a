"""Groups of items, each with a trait of its own beside a general one: as a Q-matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.data.labels import as_text, labels_of, listed
from irtbridge.errors import SpecError

GENERAL = "general"
Groups = Mapping[Any, Any] | Sequence[Any] | pd.Series


def q_matrix_of(groups: Groups | None) -> tuple[pd.DataFrame | NDArray[np.int64], list[str]]:
    """The Q-matrix of a bifactor model: all items load on the first trait, those of a group on one more.

    Parameters
    ----------
    groups : sequence, mapping or Series
        The group of each item; None, NaN or -1 for an item without one. A mapping's keys, or the index of a Series,
        name the items, which are then matched with the data's by label; a sequence stands in the data's order.

    Returns
    -------
    DataFrame or ndarray, shape (item, trait)
        A DataFrame, its index the item labels, where `groups` has these.
    list of str
        Trait labels: ``general``, then the groups: as they are called where that is text, in the order of their first
        items; ``specific1``, ``specific2``, ... in the order of their numbers where these are integers.

    Raises
    ------
    SpecError
        No groups, none with an item, or one with a single item, whose specific trait nothing could tell from noise.
    """
    items, of_item = _by_item(groups)
    names = list(dict.fromkeys(group for group in of_item if group is not None))
    numbered = all(isinstance(name, Integral) for name in names)
    names = sorted(names) if numbered else names
    alone = [as_text(name) for name in names if of_item.count(name) == 1]
    if not names or alone:
        what = f"{listed(alone)} have one item each" if alone else "none"
        raise SpecError(f"groups={groups!r}: {what}; a group needs two items or more (None: an item without a group).")
    traits = [GENERAL] + [f"specific{i}" if numbered else as_text(name) for i, name in enumerate(names, 1)]
    q = np.array([[True, *(group == name for name in names)] for group in of_item], dtype=int)
    return (q if items is None else pd.DataFrame(q, index=list(items), columns=traits)), traits


def _by_item(groups: Groups | None) -> tuple[Sequence[str] | None, list[Any]]:
    """Item labels, None where there are none, and the group of each item, None where it has none."""
    if groups is None or isinstance(groups, str):
        raise SpecError(
            f"groups={groups!r}: give the group of each item, as in groups=[0, 0, 0, 1, 1, 1] or "
            "groups={'item1': 'reading', 'item2': 'reading', ...}."
        )
    if isinstance(groups, Mapping):
        groups = pd.Series(groups, dtype=object)
    values = groups.tolist() if isinstance(groups, pd.Series) else list(groups)
    return labels_of(groups), [None if pd.isna(value) or value == -1 else _plain(value) for value in values]


def _plain(value: Any) -> Any:
    """A whole number as an integer, anything else as text."""
    whole = isinstance(value, (Integral, float)) and float(value).is_integer() and not isinstance(value, bool)
    return int(value) if whole else str(value)
