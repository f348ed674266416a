"""What was analysed: persons, items, categories, missing responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from irtbridge.data.kinds import CATEGORIES
from irtbridge.data.responses import Responses
from irtbridge.report.parts import Section, Table, Text


def section(fit: Any, told: Mapping[str, Any]) -> Section:
    """Size, missing responses and notes in words; a row for each item."""
    responses: Responses = fit.responses
    words = [_size(responses), *_groups(responses), *responses.notes]
    if responses.kind == CATEGORIES:
        table = Table.of(frequencies(responses), "Responses by item: shares of each category, in percent", decimals=0)
    else:
        table = Table.of(moments(responses), "Responses by item")
    return Section("The data", (*map(Text, words), table))


def _size(responses: Responses) -> str:
    asked, weights, persons = responses.administered, responses.weights_or_ones, int(responses.total_weight)
    missing = weights @ (asked & ~responses.observed).sum(axis=1) / (weights @ asked.sum(axis=1))
    complete = weights @ (responses.observed | ~asked).all(axis=1)
    words = f"{persons:,} persons, {responses.n_items} items; {100 * missing:.1f} % of the responses are missing"
    return words + ("." if missing == 0 else f", {int(complete):,} persons have none missing.")


def _groups(responses: Responses) -> list[str]:
    if not responses.groups:
        return []
    counts = np.bincount(responses.group_codes, responses.weights_or_ones, len(responses.groups)).astype(int)
    named = ", ".join(f"{group} {n:,}" for group, n in zip(responses.groups, counts, strict=True))
    return [f"Groups by {responses.group}: {named} (the first is the reference)."]


def frequencies(responses: Responses) -> pd.DataFrame:
    """Shares of the categories in percent of an item's responses, by their values in the data, and of missing ones."""
    values = sorted({value for own in responses.categories for value in own})
    rows = {item: _shares(responses, j, values) for j, item in enumerate(responses.items)}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[*map(str, values), "missing", "n"])
    return table.astype({"n": int}).rename_axis("item").astype(object)


def _shares(responses: Responses, j: int, values: Sequence[int]) -> list[float]:
    """Percent of the j-th item's responses with each value, percent missing, and the number of responses."""
    codes, weights, own = responses.values[:, j], responses.weights_or_ones, responses.categories[j]
    counts = np.bincount(codes[codes >= 0], weights[codes >= 0], len(own))
    share = dict(zip(own, 100 * counts / max(counts.sum(), 1), strict=True))
    asked = weights[responses.administered[:, j]].sum()
    return [*(share.get(value, np.nan) for value in values), 100 * (1 - counts.sum() / asked), counts.sum()]


def moments(responses: Responses) -> pd.DataFrame:
    """Mean, standard deviation, extremes and number of an item's responses, each row as often as its weight says."""
    long = responses.expanded()
    values = pd.DataFrame(np.where(long.observed, long.values, np.nan), columns=list(long.items))
    table = values.agg(["mean", "std", "min", "max"]).T
    return table.assign(n=values.count()).rename_axis("item").astype(object)
