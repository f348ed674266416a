"""The conformance suite on the tfp backend, as any plugin would run it; where there is a GPU, on that too."""

from irtbridge.plugin.loading import load_backend
from irtbridge.testing import BackendConformance


class TestTfp(BackendConformance):
    backend = "tfp"


if "cuda" in load_backend("tfp").devices():

    class TestTfpOnCuda(TestTfp):
        device = "cuda"
