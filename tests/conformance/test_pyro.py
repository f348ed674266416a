"""The conformance suite on the pyro backend, as any plugin would run it."""

from irtbridge.testing import BackendConformance


class TestPyro(BackendConformance):
    backend = "pyro"
