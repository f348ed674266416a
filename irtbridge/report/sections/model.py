"""What was fitted: in words, as a formula, and with its priors."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from irtbridge.model.catalogue import MODELS
from irtbridge.report.parts import Listing, Section, Text


def section(fit: Any, told: Mapping[str, Any]) -> Section:
    """The family in words with its source, then the model as it is printed: every variable with its prior."""
    words = [_family(fit), _scale(fit)]
    return Section("The model", (*(Text(w) for w in words if w), Listing(str(fit.spec))))


def _family(fit: Any) -> str:
    function = MODELS.get(fit.spec.name)
    if function is None:
        return _first_line(type(fit.spec.family))
    return _first_line(function)


def _first_line(described: Any) -> str:
    return (inspect.getdoc(described) or "").partition("\n")[0].replace("`", "")


def _scale(fit: Any) -> str:
    scaling = fit.spec.family.scaling
    metric = "D = 1 (logistic metric)" if scaling == 1 else f"D = {scaling:g}"
    traits = f" Traits: {', '.join(fit.spec.traits)}." if len(fit.spec.traits) > 1 else ""
    return f"{metric}; theta is a person's ability.{traits}"
