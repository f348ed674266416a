"""The compiled program."""

from __future__ import annotations

from irtbridge.plugin import Program


class NumpyroProgram(Program):
    """An IRT model over one shape of data, in NumPyro."""
