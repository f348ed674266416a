"""What a backend's author runs: the conformance suite, its cases, calibration, and reference posteriors by quadrature.

>>> from irtbridge.testing import BackendConformance
>>> class TestMine(BackendConformance):
...     backend = "mine"
"""

from typing import Any

__all__ = ["CALIBRATED", "BackendConformance", "Reference", "calibrate", "maximise_marginal", "reference_posterior"]


def __getattr__(name: str) -> Any:
    # pytest is imported with the suite only, so that the references serve without it.
    if name == "BackendConformance":
        from irtbridge.testing.conformance import BackendConformance

        return BackendConformance
    if name in ("CALIBRATED", "calibrate"):
        from irtbridge.testing import calibration

        return getattr(calibration, name)
    if name in __all__:
        from irtbridge.testing import marginal

        return getattr(marginal, name)
    raise AttributeError(f"module 'irtbridge.testing' has no attribute {name!r}")
