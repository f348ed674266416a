"""The sections of the page, a file each, in their order: functions of a fit and of what is told beside it.

``told`` has ``fits``, all fits by name, the reported one first; ``lacking``, what could not be read; ``command``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from irtbridge.report.parts import Section
from irtbridge.report.sections import (
    comparison,
    curves,
    data,
    dimension,
    fairness,
    items,
    model,
    persons,
    rerun,
    settings,
    summary,
    trust,
)

Make = Callable[[Any, Mapping[str, Any]], Section | None]

SECTIONS: Mapping[str, Make] = {
    "In short": summary.section,
    "The data": data.section,
    "The model": model.section,
    "Can the fit be believed?": trust.section,
    "The items": items.section,
    "How the items work": curves.section,
    "Dimension and local dependence": dimension.section,
    "The persons": persons.section,
    "Fairness": fairness.section,
    "Backends and methods side by side": comparison.section,
    "Settings, versions, machine": settings.section,
    "How to cite and run again": rerun.section,
}
