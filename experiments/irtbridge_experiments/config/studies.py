"""The studies that come with the package."""

from __future__ import annotations

import re
from importlib.resources import files

STUDIES = (
    "quickstart", "basic", "prior_sensitivity", "large_scale", "m2pl7", "bfi", "verbagg", "bfi5", "estimators"
)  # fmt: skip
"""The first look, then in the order of the paper's sections, then what the paper does not have."""
SIMULATED = re.compile(r"^ +simulate:", re.MULTILINE)


def is_simulation(study: str) -> bool:
    """Whether a study simulates its data."""
    text = (files("irtbridge_configs") / "study" / f"{study}.yaml").read_text(encoding="utf-8")
    return SIMULATED.search(text) is not None
