"""How to cite the fit, and how to make it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from irtbridge.report.parts import Listing, Section, Text


def section(fit: Any, told: Mapping[str, Any]) -> Section:
    """A sentence for a methods section, the command, and the hashes by which the same fit is known."""
    of = fit.provenance
    libraries = ", ".join(f"{name} {version}" for name, version in of["versions"].items() if version)
    sentence = (
        f"The model ({of['model']}) was fitted with irtbridge {of['irtbridge_version']} (backend {of['backend']}, "
        f"method {of['method']}, seed {of['seed']}; {libraries})."
    )
    hashes = f"model {of['spec_hash']}, data {of['data_fingerprint']}"
    command = (Listing(told["command"]),) if told["command"] else ()
    return Section("How to cite and run again", (Text(sentence), *command, Text(f"Hashes of the content: {hashes}.")))
