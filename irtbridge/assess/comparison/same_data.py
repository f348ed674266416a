"""Whether models were fitted to the same responses, so that their predictions can be held against each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.assess.fairness.person_groups import joined
from irtbridge.data.kinds import CATEGORIES
from irtbridge.data.labels import few
from irtbridge.data.responses import Responses
from irtbridge.errors import StatisticError

WAY_OUT = "a comparison is of models of the same responses: fit all of them to the same data, persons in one order."


def differences(data: Mapping[str, Responses]) -> list[str]:
    """What differs between data that have the same responses: labels of persons, and the coding of categories.

    Rows with weights count as so many persons, items that were split by group as the items that they come from, and
    items may stand in any order.

    Parameters
    ----------
    data : mapping of str to Responses
        By the name of the model.

    Returns
    -------
    list of str
        A sentence for each difference.

    Raises
    ------
    StatisticError
        The responses are not the same.
    """
    (first, reference), *others = ((name, _long(each)) for name, each in data.items())
    return [note for name, each in others for note in _between(first, reference, name, each)]


def _long(responses: Responses) -> tuple[Responses, dict[str, NDArray[Any]]]:
    """A row for each person, and the responses to each item."""
    long = joined(responses.expanded())
    return long, dict(zip(long.items, long.values.T, strict=True))


def _between(
    first: str,
    reference: tuple[Responses, dict[str, NDArray[Any]]],
    name: str,
    other: tuple[Responses, dict[str, NDArray[Any]]],
) -> list[str]:
    (a, mine), (b, theirs) = reference, other
    if a.kind != b.kind:
        raise StatisticError(f"{first!r} is a model of {a.kind}, {name!r} of {b.kind}; {WAY_OUT}")
    if apart := sorted({*mine} ^ {*theirs}):
        raise StatisticError(f"{first!r} and {name!r} do not share the items {few(apart)}; {WAY_OUT}")
    if a.n_persons != b.n_persons:
        raise StatisticError(f"{first!r} has {a.n_persons} persons, {name!r} has {b.n_persons}; {WAY_OUT}")
    if unlike := [item for item in mine if not _same_events(mine[item], theirs[item], a.kind)]:
        raise StatisticError(f"{first!r} and {name!r} have other responses to {few(unlike)}; {WAY_OUT}")
    notes = []
    if a.persons != b.persons:
        notes.append(f"{first!r} and {name!r} have the same responses, of persons with other labels.")
    coding, theirs_coded = _coding(a), _coding(b)
    recoded = [i for i in mine if coding[i] != theirs_coded[i] or not np.array_equal(mine[i], theirs[i])]
    if recoded:
        notes.append(f"{first!r} and {name!r} code the categories of {few(recoded)} in different ways.")
    return notes


def _same_events(a: NDArray[Any], b: NDArray[Any], kind: str) -> bool:
    """Whether responses are the same, or codes that stand for each other one to one."""
    if kind != CATEGORIES or not np.array_equal(a < 0, b < 0):
        return np.array_equal(a, b)
    pairs = np.unique(np.stack([a, b]), axis=1)
    return bool(pairs.shape[1] == len(np.unique(a)) == len(np.unique(b)))


def _coding(responses: Responses) -> dict[str, tuple[int, ...]]:
    return dict(zip(responses.items, responses.categories or [()] * responses.n_items, strict=True))
