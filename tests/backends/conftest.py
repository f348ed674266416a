"""Which cases of the conformance suite the short tests have: one of each family, pattern and kind of prior."""

from __future__ import annotations

from pathlib import Path

import pytest

from irtbridge.testing.cases import CASES

# The others vary these: other numbers of categories, of traits, a common slope, intercepts; they are among the long.
SHORT = {
    "1pl", "2pl", "grm", "grm-correlated", "nominal", "sequential", "poisson", "beta", "ordered-beta",
    "bifactor", "2pl-hierarchical", "2pl-regression", "1pl-lltm", "1pl-scoring",
}  # fmt: skip
LONG = {case.name for case in CASES} - SHORT
# Each compiles programs of its own, for tens of seconds in all.
SLOW = {
    "test_stacked_vi_is_vi_of_each", "test_stacked_nuts_draws_from_each_posterior",
    "test_whitened_nuts_draws_from_the_posterior",
}  # fmt: skip
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        called = getattr(item, "callspec", None)
        of_long_case = called is not None and bool(set(called.id.split("/")) & LONG)
        if item.path.parent == HERE and (of_long_case or getattr(item, "originalname", "") in SLOW):
            item.add_marker(pytest.mark.long)
