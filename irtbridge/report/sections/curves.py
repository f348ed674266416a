"""How the items work, and where the test measures well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from irtbridge.assess.items.misfit import misfit
from irtbridge.data.kinds import CATEGORIES
from irtbridge.report.parts import Block, Picture, Section, Text, reported
from irtbridge.report.sections.items import fit_of

MOST_PANELS = 12


def section(fit: Any, told: Mapping[str, Any]) -> Section:
    """Panels of item curves (of a long test, those that fit worst), then information with its standard error."""
    return Section("How the items work", (*reported(_items, fit), *reported(_information, fit)))


def _items(fit: Any) -> list[Block]:
    labels, few = list(fit.responses.items), list[Block]()
    if len(labels) > MOST_PANELS:
        worst = set(misfit(fit_of(fit)).index[:MOST_PANELS])
        labels = [item for item in labels if item in worst]
        few = [Text(f"Of {fit.responses.n_items} items the {MOST_PANELS} that fit worst are drawn.")]
    several = fit.responses.kind == CATEGORIES and fit.responses.max_categories > 2
    if several:
        axes, what = fit.plot.categories(labels), "Probability of each category over ability"
    else:
        axes, what = fit.plot.items(labels), "Expected score of each item over ability"
    caption = f"{what}, with 95 % posterior bands."
    return [*few, Picture.of(axes, caption, f"{what}, a panel for each of {len(labels)} items.")]


def _information(fit: Any) -> list[Block]:
    caption = "Information of the test over ability, and the standard error that goes with it."
    return [Picture.of(fit.plot.information(), caption, "Curves of test information and standard error over ability.")]
