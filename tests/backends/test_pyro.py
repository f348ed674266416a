"""The conformance suite on the pyro backend, as any plugin would run it; where there is a GPU, on that too."""

from irtbridge.plugin.loading import load_backend
from irtbridge.testing import BackendConformance


class TestPyro(BackendConformance):
    backend = "pyro"


if "cuda" in load_backend("pyro").devices():

    class TestPyroOnCuda(TestPyro):
        device = "cuda"
