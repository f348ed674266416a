"""Which cases of the conformance suite the short tests have: one of each family, pattern and kind of prior."""

from __future__ import annotations

from pathlib import Path

import pytest

from irtbridge.testing.cases import CASES

# The others vary these: other numbers of categories, of traits, a common slope, intercepts; they are among the long.
SHORT = {
    "1pl", "2pl", "4pl", "m2pl-correlated", "grm", "grm-correlated", "pcm", "gpcm", "rsm", "2pl-intercept",
    "grm-intercept", "nominal", "sequential", "poisson", "beta", "ordered-beta", "bifactor", "bifactor-grm",
    "2pl-hierarchical", "1pl-hierarchical-abilities", "grm-hierarchical", "m2pl-truncated", "2pl-groups",
    "grm-groups-free", "2pl-regression", "1pl-lltm", "2pl-anchored", "1pl-scoring",
}  # fmt: skip
LONG = {case.name for case in CASES} - SHORT
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        called = getattr(item, "callspec", None)
        if item.path.parent == HERE and called is not None and set(called.id.split("/")) & LONG:
            item.add_marker(pytest.mark.long)
