"""The conformance suite on the numpyro backend, as any plugin would run it; where there is a GPU, on that too."""

import pytest

from irtbridge.plugin.entry_points import backend_names
from irtbridge.plugin.loading import load_backend
from irtbridge.testing import BackendConformance

if "numpyro" not in backend_names():
    pytest.skip("irtbridge-numpyro is not installed", allow_module_level=True)


class TestNumpyro(BackendConformance):
    backend = "numpyro"


if "cuda" in load_backend("numpyro").devices():

    class TestNumpyroOnCuda(TestNumpyro):
        device = "cuda"
