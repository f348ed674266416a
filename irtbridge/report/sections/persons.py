"""The persons: where they stand, how sure that is, and who answered oddly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from irtbridge.report.parts import Block, Picture, Section, Table, Text, reported

SHOWN = 8
COLUMNS = {
    "n": "responses", "outfit": "outfit", "infit": "infit", "zh": "Zh", "lz_star": "lz*", "ppp": "predictive p",
    "note": "note",
}  # fmt: skip


def section(fit: Any, told: Mapping[str, Any]) -> Section:
    """Reliability, the distribution of abilities beside the items, predicted sum scores, persons that fit worst."""
    blocks = (block for make in (_reliability, _map, _scores, _odd) for block in reported(make, fit))
    return Section("The persons", tuple(blocks))


def _reliability(fit: Any) -> list[Block]:
    table = fit.reliability()
    table = table.reset_index() if table.index.nlevels > 1 else table
    return [Table.of(table, "Reliability: estimate with its 95 % interval", decimals=3)]


def _map(fit: Any) -> list[Block]:
    caption = "Abilities of the persons (above) and locations of the items (below) on one scale."
    return [Picture.of(fit.plot.wright_map(), caption, "Histogram of abilities above the locations of each item.")]


def _scores(fit: Any) -> list[Block]:
    caption = "Sum scores of the data, and of data replicated from the posterior: mean and 95 % interval."
    alt = "Number of persons with each sum score, observed and predicted."
    return [Picture.of(fit.plot.ppc(), caption, alt)]


def _odd(fit: Any) -> list[Block]:
    table = fit.person_fit()
    weights = fit.responses.weights_or_ones
    flagged = int(weights @ table["flag"])
    worst = table.sort_values("ppp" if table["lz_star"].isna().all() else "lz_star", kind="stable").iloc[:SHOWN]
    words = (
        f"{flagged:,} of {int(weights.sum()):,} persons are flagged as answering oddly at the .05 level, where one in "
        "twenty is expected to be if all follow the model."
    )
    shown = worst[[c for c in COLUMNS if c in worst and worst[c].notna().any()]].rename(columns=COLUMNS)
    return [Text(words), Table.of(shown, f"The {len(worst)} that fit worst", marked=worst["flag"].tolist())]
