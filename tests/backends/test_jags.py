"""The conformance suite on the jags backend, and its BUGS programs held to the reference, likelihood and prior."""

from __future__ import annotations

import shutil

import pytest
from irtbridge_jags import JagsBackend

from irtbridge.plugin.entry_points import backend_names
from irtbridge.testing import BackendConformance

pytestmark = [
    pytest.mark.skipif(shutil.which("jags") is None, reason=f"jags is not installed: {JagsBackend.install}"),
    pytest.mark.skipif("jags" not in backend_names(), reason="the distribution irtbridge-jags is not installed"),
]


class TestJags(BackendConformance):
    backend = "jags"
