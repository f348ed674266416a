"""Whether items work alike in the groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from irtbridge.report.parts import Section, Table, Text


def section(fit: Any, told: Mapping[str, Any]) -> Section | None:
    """Differential item functioning by the group of the data; no section where there is none."""
    if not fit.responses.groups:
        return None
    words = f"Differential item functioning by {fit.responses.group}; the reference group is {fit.responses.groups[0]}."
    table = fit.dif(fit.responses.group)
    table = table.reset_index(level=list(range(1, table.index.nlevels))) if table.index.nlevels > 1 else table
    marked = table["flag"].tolist() if "flag" in table else ()
    return Section("Fairness", (Text(words), Table.of(table, "Each item in the groups", marked=marked)))
