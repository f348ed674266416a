"""Whether items work alike in the groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from irtbridge.report.parts import Section, Table, Text, cell

WALD = {"X2": "Wald X2", "df": "df", "p": "p"}
LEFT_OUT = ("uarea", "UIDS")  # unsigned sizes, which the signed ones stand for


def section(fit: Any, told: Mapping[str, Any]) -> Section | None:
    """Differential item functioning by the group of the data; no section where there is none."""
    if not fit.responses.groups:
        return None
    reference = fit.responses.groups[0]
    words = (
        f"Differential item functioning by {fit.responses.group}: each group less {reference}, on one scale. Marked "
        "items differ by Lord's Wald test at .05; sizes have 95 % intervals, a negative area or SIDS says that the "
        "item is harder for the group."
    )
    table = fit.dif(fit.responses.group)
    flagged = table["wald", "flagged"].astype(bool).tolist()
    return Section("Fairness", (Text(words), Table.of(shown(table), "Each item by group", marked=flagged)))


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Of `Fit.dif`: the test, and each size of the difference with its interval as text."""
    wald = pd.DataFrame({word: table["wald", name] for name, word in WALD.items()})
    sizes = [name for name in dict.fromkeys(table.columns.get_level_values(0)) if name not in ("wald", *LEFT_OUT)]
    text = {name: [f"{cell(m)} [{cell(low)}, {cell(high)}]" for m, low, high in table[name].values] for name in sizes}
    found: pd.DataFrame = wald.assign(**text)
    found.index = pd.Index([f"{item} ({group})" for item, group in table.index], name="item (group)")
    return found
