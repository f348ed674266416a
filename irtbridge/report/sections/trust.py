"""Whether the numbers of the page are to be believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from irtbridge.report.parts import Listing, Section, Table, Text

SHOWN = 8
COLUMNS = {
    "mean": "mean", "sd": "SD", "mcse": "MC error", "mcse_percent": "% of SD", "ess_bulk": "bulk ESS",
    "ess_tail": "tail ESS", "r_hat": "R-hat", "psrf": "psrf", "psrf_upper": "psrf upper", "geweke": "Geweke z",
}  # fmt: skip


def section(fit: Any, told: Mapping[str, Any]) -> Section:
    """The check in words, and the diagnostics of the parameters with the fewest effective draws."""
    check = fit.check()
    table = check.parameters
    columns = [name for name in COLUMNS if name in table and table[name].notna().any()]
    blocks = (Listing(str(check)),)
    if "ess_bulk" in columns:
        worst = table.sort_values("ess_bulk", kind="stable").iloc[:SHOWN][columns].rename(columns=COLUMNS)
        words = Text(f"Of {len(table)} parameters those with the fewest effective draws:")
        return Section("Can the fit be believed?", (*blocks, words, Table.of(worst, "Diagnostics", decimals=3)))
    return Section("Can the fit be believed?", blocks)
