"""Whether one set of traits accounts for the responses: overall fit, and pairs of items that depend on each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from irtbridge.report.parts import Block, Section, Table, Text, reported

SHOWN = 8
OVERALL = {
    "rmsea": "RMSEA", "rmsea_lower": "from", "rmsea_upper": "to", "srmsr": "SRMSR", "cfi": "CFI", "tli": "TLI",
}  # fmt: skip
COLUMNS = {
    "q3": "Q3", "q3_predicted": "Q3 predicted", "q3_ppp": "Q3 p", "ld_z": "LD X2 z", "cramers_v": "Cramer's V",
    "ld_ppp": "LD p",
}  # fmt: skip


def section(fit: Any, told: Mapping[str, Any]) -> Section:
    """Limited-information statistics, then the pairs with the largest residual dependence."""
    return Section("Dimension and local dependence", (*reported(_overall, fit), *reported(_pairs, fit)))


def _overall(fit: Any) -> list[Block]:
    table = fit.overall_fit().rename(columns=OVERALL)
    return [Table.of(table, "Overall fit from univariate and bivariate margins", decimals=3)]


def _pairs(fit: Any) -> list[Block]:
    table = fit.local_dependence()
    worst = table.iloc[:SHOWN]
    shown = worst[[c for c in COLUMNS if c in worst]].rename(columns=COLUMNS)
    shown.index = [f"{one} with {other}" for one, other in worst.index]
    words = (
        "Residual correlations Q3 (Yen 1984) and LD X2 (Chen & Thissen 1997) of the pairs with most of them; p is the "
        "share of replicated data with a larger value, so that dependence beyond the model has p near 0."
    )
    return [
        Text(words),
        Table.of(shown.rename_axis("pair"), f"The first {len(worst)} of {len(table)} pairs", decimals=3),
    ]
