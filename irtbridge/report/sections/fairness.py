"""Whether items work alike in the groups."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import pandas as pd

from irtbridge.errors import IRTBridgeError, IRTBridgeWarning
from irtbridge.report.parts import Section, Table, Text, cell

WALD = {"X2": "Wald X2", "df": "df", "p": "p"}
SIZES = ("area", "SIDS", "ESSD")  # of the whole item; the unsigned ones, which these stand for, are left out
UNSIGNED = ("uarea", "UIDS")
BY_SCORES = {"X2": "MH X2", "p": "p", "delta": "delta", "class": "class", "std": "standardised difference"}


def section(fit: Any, told: Mapping[str, Any]) -> Section | None:
    """Differential item functioning by the group of the data; no section where there is none.

    By the model, or by observed scores where the model cannot be fitted to each group by itself.
    """
    if not fit.responses.groups:
        return None
    try:
        table = fit.dif(fit.responses.group)
    except IRTBridgeError as error:
        return Section("Fairness", _by_scores(fit, error))
    words = (
        f"Differential item functioning by {fit.responses.group}: each group less {fit.responses.groups[0]}, on one "
        "scale. Marked items differ by Lord's Wald test at .05, as one fair item of twenty does by chance; sizes have "
        "95 % intervals, a negative area, SIDS or ESSD says that the item is harder for the group."
    )
    flagged = table["wald", "flagged"].astype(bool).tolist()
    return Section("Fairness", (Text(words), Table.of(shown(table), "Each item by group", marked=flagged)))


def _by_scores(fit: Any, why: IRTBridgeError) -> tuple[Text | Table, ...]:
    """By Mantel and Haenszel, and why not by the model."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", IRTBridgeWarning)
        table = fit.dif(fit.responses.group, "mantel-haenszel")
    notes = [Text(str(one.message)) for one in caught if issubclass(one.category, IRTBridgeWarning)]
    words = (
        f"Differential item functioning by {fit.responses.group}: each group against {fit.responses.groups[0]}, "
        "persons matched by their sum scores (Mantel & Haenszel 1959). Marked items differ at .05, as one fair item of "
        "twenty does by chance; odds ratios have 95 % intervals, a negative delta says that the item is harder for the "
        "group, class C that it is much so (ETS)."
    )
    marked = table["flagged"].astype(bool).tolist()
    by_scores = Table.of(shown_by_scores(table), "Each item by group, by observed scores", marked=marked)
    return Text(f"Not by the model: {why}"), Text(words), *notes, by_scores


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Of `Fit.dif`: the test, and each size of the difference with its interval as text, those of parameters last."""
    wald = pd.DataFrame({word: table["wald", name] for name, word in WALD.items()})
    every = [str(name) for name in dict.fromkeys(table.columns.get_level_values(0)) if name not in ("wald", "raju")]
    sizes = [*SIZES, *(name for name in every if name not in (*SIZES, *UNSIGNED))]
    found = wald.assign(**{name: _with_interval(table.loc[:, [name]]) for name in sizes})
    return _labelled(found)


def shown_by_scores(table: pd.DataFrame) -> pd.DataFrame:
    """Of `Fit.dif` by Mantel and Haenszel: the test, the odds ratio with its interval as text, ETS's class."""
    found = table[list(BY_SCORES)].rename(columns=BY_SCORES)
    found.insert(2, "odds ratio", _with_interval(table[["odds_ratio", "2.5%", "97.5%"]]))
    return _labelled(found)


def _with_interval(ends: pd.DataFrame) -> list[str]:
    """Text of each row of a value and the ends of its interval; nothing where there is no value."""
    texts = (tuple(map(cell, row)) for row in ends.to_numpy())
    return [f"{middle} [{low}, {high}]" if middle else "" for middle, low, high in texts]


def _labelled(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_axis(pd.Index([f"{item} ({group})" for item, group in table.index], name="item (group)"))
