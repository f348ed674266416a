"""Responses with each person's group, each item once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from irtbridge.data.responses import Responses
from irtbridge.errors import StatisticError, nearest_first

GROUP = "group"  # the column of a group that is given as an array
Group = str | pd.Series | ArrayLike | None


def grouped(responses: Responses, group: Group = None) -> Responses:
    """The data with two or more groups, items that were split by group joined again.

    Parameters
    ----------
    responses : Responses
        The data.
    group : str, Series or array_like, optional
        A column of their `person_data`, or each person's group: a Series whose index has the persons' labels is matched
        with them. By default the group that the data have.

    Raises
    ------
    StatisticError
        No such column, another number of persons, a person without a group, or fewer than two groups.
    """
    whole = joined(responses)
    if isinstance(group, str):
        columns = [] if whole.person_data is None else [str(name) for name in whole.person_data.columns]
        if group not in columns:
            raise StatisticError(
                f"group={group!r} is no column of the data's person_data ({', '.join(nearest_first(group, columns))}); "
                "name one of these, or give each person's group as a Series or an array."
            )
        whole = replace(whole, group=group)
    elif group is not None:
        beside = pd.DataFrame(index=pd.RangeIndex(whole.n_persons)) if whole.person_data is None else whole.person_data
        whole = replace(whole, person_data=beside.assign(**{GROUP: _by_person(whole, group)}), group=GROUP)
    if len(whole.groups) < 2:
        raise StatisticError(f"the data have {len(whole.groups)} groups; name a column with two or more: group=.")
    return whole


def joined(responses: Responses) -> Responses:
    """Each item once, as before the data were split by group."""
    if responses.origins is None:
        return responses
    first = {item: place for place, item in reversed([*enumerate(responses.origins)])}
    kept = sorted(first.values())
    of = [np.flatnonzero([o == responses.origins[place] for o in responses.origins]) for place in kept]
    return replace(
        responses,
        values=np.column_stack([responses.values[:, places].max(axis=1) for places in of]),
        items=tuple(responses.origins[place] for place in kept),
        categories=tuple(responses.categories[place] for place in kept) if responses.categories else (),
        item_data=None,
        origins=None,
    )


def _by_person(responses: Responses, group: Any) -> Any:
    if isinstance(group, pd.Series) and set(responses.persons) <= set(group.index):
        group = group.loc[list(responses.persons)]
    values = pd.Series(group).reset_index(drop=True)
    if len(values) != responses.n_persons:
        raise StatisticError(f"group has {len(values)} entries for {responses.n_persons} persons; give one for each.")
    column = pd.Categorical(values)
    if (missing := np.flatnonzero(column.codes < 0)).size:
        raise StatisticError(f"person {responses.persons[missing[0]]!r} has no group; leave out persons without one.")
    return column.remove_unused_categories()
