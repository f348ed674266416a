"""The studies that come with the package."""

from __future__ import annotations

import re
from importlib.resources import files

STUDIES = (
    "quickstart",
    "basic",
    "prior_sensitivity",
    "large_scale",
    "m2pl7",
    "bfi",
    "verbagg",
    "bfi5",
    "generalization",
    "estimators",
    "calibration",
    "adaptive",
    "engines",
)
"""In the order of the paper's sections, after the one that is a first look; then those of other questions."""
SIMULATED = re.compile(r"^ +(simulate|vocabulary):", re.MULTILINE)
OTHER = re.compile(r"^  - (\w+)$", re.MULTILINE)
"""A study that another one begins with."""


def is_simulation(study: str) -> bool:
    """Whether a study simulates its data."""
    text = (files("irtbridge_configs") / "study" / f"{study}.yaml").read_text(encoding="utf-8")
    return SIMULATED.search(text) is not None or any(map(is_simulation, OTHER.findall(text)))
