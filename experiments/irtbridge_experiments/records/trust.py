"""What tables say of whether fits are to be trusted: `irtbridge.verdict` decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from irtbridge.results.verdict import verdict_of_record

NO_FLAG, UNJUDGED = "none", "not judged"
SEE = "what each check sees, and what none does: docs/trust.md."
FLAGGED_CAPTION = (
    "Flagged: fits that do not pass every check of their method (R-hat, ESS, divergences, k-hat, optimiser, starts, "
    f"quadrature); they are in the means. For {SEE}"
)
TRUST_CAPTION = f"Trust: yes, or the checks that a fit does not pass; {SEE}"


def flags_of(record: Mapping[str, Any]) -> str:
    """The checks that a fit does not pass, by their short names; ``none`` if it passes all.

    ``not judged`` of what is no fit of a method, as a calibration.
    """
    if "verdict" not in record and record.get("chain_method") is None:
        return UNJUDGED
    return ", ".join(verdict_of_record(record).flags) or NO_FLAG


def trust_of(record: Mapping[str, Any]) -> str:
    """``yes``, or the checks that a fit does not pass."""
    verdict = verdict_of_record(record)
    return "yes" if verdict.trusted else ", ".join(verdict.flags)
