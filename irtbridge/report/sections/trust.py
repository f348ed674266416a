"""Whether the numbers of the page are to be believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from irtbridge.report.parts import Section, Text


def section(fit: Any, told: Mapping[str, Any]) -> Section:
    """The verdict in words, what could not be read, and the diagnostics."""
    verdict = fit.verdict
    lacking = [Text(f"Missing from this report: {words}", strong=True) for words in told["lacking"]]
    return Section("Can the fit be believed?", (*lacking, Text(f"The fit {_is(verdict)}", strong=True)))


def _is(verdict: Any) -> str:
    return f"{verdict}." if verdict.trusted else f"is {verdict}"
