"""The conformance suite on the tfp backend, as any plugin would run it."""

from irtbridge.testing import BackendConformance


class TestTfp(BackendConformance):
    backend = "tfp"
