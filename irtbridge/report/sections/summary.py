"""The page in a few sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from irtbridge.assess.items.misfit import misfit
from irtbridge.errors import IRTBridgeError
from irtbridge.report.parts import Section, Text
from irtbridge.report.sections.items import fit_of


def section(fit: Any, told: Mapping[str, Any]) -> Section:
    """Who answered what, whether the fit is to be believed, how well the model fits, how well persons are measured."""
    said = (_said(make, fit) for make in (_whole, _items, _reliability))
    verdict = "The fit passes every check of its method." if fit.verdict.trusted else f"The fit is {fit.verdict}"
    lacking = [Text(f"Missing from this report: {words}", strong=True) for words in told["lacking"]]
    return Section("In short", (*lacking, Text(verdict, strong=True), *(Text(words) for words in said if words)))


def _said(make: Callable[[Any], str], fit: Any) -> str:
    """A sentence; none where the model or the data do not admit it: its section says why."""
    try:
        return make(fit)
    except IRTBridgeError:
        return ""


def _whole(fit: Any) -> str:
    row = fit.overall_fit().iloc[0]
    return (
        f"Overall fit: RMSEA {row['rmsea']:.3f} (90 % interval {row['rmsea_lower']:.3f} to {row['rmsea_upper']:.3f}), "
        f"SRMSR {row['srmsr']:.3f}."
    )


def _items(fit: Any) -> str:
    table = misfit(fit_of(fit))
    statistic, flagged = table["statistic"].iloc[0], table.index[table["flag"]]
    worst = ", ".join(map(str, table.index[:3]))
    if not len(flagged):
        return f"No item fails {statistic} at .05 for all items at once; the three that fit worst are {worst}."
    word = "item fails" if len(flagged) == 1 else "items fail"
    return f"{len(flagged)} of {len(table)} {word} {statistic} at .05 for all items at once; worst: {worst}."


def _reliability(fit: Any) -> str:
    table = fit.reliability()
    row, label = table.iloc[0], " ".join(map(str, np.atleast_1d(table.index[0])))
    interval = "" if np.isnan(row["lower"]) else f" (95 % interval {row['lower']:.2f} to {row['upper']:.2f})"
    return f"Reliability ({label}) {row['estimate']:.2f}{interval}."
