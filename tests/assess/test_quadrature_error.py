"""The error of a quadrature beside what it is where slopes are steep: the Abortion items of R's ltm."""

from __future__ import annotations

import pytest
from agreement.rows import REFERENCE

import irtbridge as irt

FLAT = {"discrimination": "HalfNormal(100)", "difficulty": "Normal(0, 100)"}
NODES = (41, 121)  # the default, and as many as change no digit
pytestmark = pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"the reference data are not at hand: {REFERENCE}")


def test_abortion_is_off_by_what_it_says() -> None:
    spec, data = irt.two_pl(**FLAT), irt.load_responses(REFERENCE / "data" / "abortion.csv")
    default, exact = (irt.fit(data, spec, method="map", seed=1, n_nodes=n) for n in NODES)
    off = max(
        (abs(default.items()[name, "mean"] - exact.items()[name, "mean"]) / exact.items()[name, "sd"]).max()
        for name in FLAT
    )
    assert abs(default.items() - exact.items())["discrimination", "mean"].max() == pytest.approx(2e-3, rel=0.2)
    assert default.quadrature_error == pytest.approx(off, rel=0.05)
    assert exact.quadrature_error < 1e-6
