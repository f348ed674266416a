"""The items: parameters with intervals, and how each fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from irtbridge.assess.items.misfit import misfit
from irtbridge.report.parts import Block, Section, Table, Text, cell

FIT_COLUMNS = {
    "item_rest": "item-rest r", "s_x2": "S-X2", "s_x2_df": "df", "s_x2_p": "p", "pv_q1_p": "PV-Q1 p",
    "infit": "infit", "infit_ppp": "infit p", "outfit": "outfit", "outfit_ppp": "outfit p",
}  # fmt: skip
SHARED_SHOWN = 30
_TABLES: WeakKeyDictionary[Any, pd.DataFrame] = WeakKeyDictionary()  # by fit, as long as there is the fit


def section(fit: Any, told: Mapping[str, Any]) -> Section:
    """Posterior means with 95 % intervals, then statistics of fit; marked rows fail at .05 for all items at once."""
    blocks: list[Block] = [Table.of(parameters(fit.items(tidy=True)), "Item parameters: mean [95 % HDI]")]
    shared = fit.shared()
    if len(shared):
        some = shared.iloc[:SHARED_SHOWN][["mean", "sd", *_interval(shared)]]
        first = "" if len(some) == len(shared) else f", the first {len(some)} of {len(shared)}"
        blocks.append(Table.of(some, f"Shared parameters{first}"))
    table = fit_of(fit)
    worst = misfit(table)
    shown = table[[c for c in FIT_COLUMNS if c in table and table[c].notna().any()]].rename(columns=FIT_COLUMNS)
    words = (
        f"Marked items fail {worst['statistic'].iloc[0]} at .05, adjusted for their number (Benjamini & Hochberg "
        "1995). p of infit and outfit is predictive: the share of replicated data with a larger mean square, so that "
        "values near 0 and near 1 are both odd."
    )
    left_out = [Text(f"Left out: {name}: {why}") for name, why in table.attrs.get("left_out", {}).items()]
    marked = worst["flag"].reindex(table.index).tolist()
    return Section("The items", (*blocks, Text(words), Table.of(shown, "Item fit", marked=marked), *left_out))


def fit_of(fit: Any) -> pd.DataFrame:
    """Statistics of item fit, computed once for the sections of a page."""
    if fit not in _TABLES:
        _TABLES[fit] = fit.item_fit()
    return _TABLES[fit]


def parameters(tidy: pd.DataFrame) -> pd.DataFrame:
    """Mean and interval of each parameter as text: a row for each item, a column for each parameter."""
    lower, upper = _interval(tidy)
    text = [
        "" if np.isnan(m) else cell(m) if np.isnan(low) else f"{cell(m)} [{cell(low)}, {cell(high)}]"
        for m, low, high in zip(tidy["mean"], tidy[lower], tidy[upper], strict=True)
    ]
    wide = tidy.assign(text=text).pivot_table(
        index="item", columns="parameter", values="text", aggfunc="first", sort=False
    )
    return wide.fillna("").rename_axis(columns=None)


def _interval(table: pd.DataFrame) -> list[str]:
    return [str(name) for name in table.columns if str(name).startswith("hdi")][:2]
