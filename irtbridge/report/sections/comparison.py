"""The same model to the same data by other backends and methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from irtbridge.report.parts import Section, Table, Text


def section(fit: Any, told: Mapping[str, Any]) -> Section | None:
    """A row for each fit: how far its item parameters are from the reported ones, diagnostics and seconds."""
    fits = told["fits"]
    if len(fits) < 2:
        return None
    rows = {name: _row(other, fit) for name, other in fits.items()}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("fit")
    words = (
        "Everything after the draws is computed alike, so that rows differ in backend and method alone. The largest "
        "difference is that between posterior means of an item parameter, in posterior standard deviations."
    )
    marked = [not other.verdict.trusted for other in fits.values()]
    return Section(
        "Backends and methods side by side", (Text(words), Table.of(table, "Fits of this folder", marked=marked))
    )


def _row(other: Any, fit: Any) -> dict[str, Any]:
    mine, theirs = fit.items(tidy=True), other.items(tidy=True)
    keys = ["item", "parameter"]
    both = mine.merge(theirs, on=keys, suffixes=("", " other"))
    with np.errstate(invalid="ignore", divide="ignore"):
        away = np.abs(both["mean"] - both["mean other"]) / both["sd"]
    return {
        "largest difference": float(away.max()),
        "min ESS": other.min_ess,
        "max R-hat": other.max_r_hat,
        "k-hat": other.pareto_k,
        "trusted": "yes" if other.verdict.trusted else ", ".join(other.verdict.flags),
        "seconds": other.timings.total,
    }
