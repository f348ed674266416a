"""What a backend says of itself, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, is_dataclass
from typing import ClassVar

import pytest

from irtbridge.errors import DeviceError, UnknownName, Unsupported
from irtbridge.inference import METHODS
from irtbridge.model import catalogue as models
from irtbridge.model.families import Binary
from irtbridge.model.priors import Normal
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.entry_points import backend_names
from irtbridge.plugin.loading import load_backend
from irtbridge.testing.cases import CASES
from irtbridge.testing.conformance.base import OneBackend


@dataclass(frozen=True)
class UnheardOf(Normal):
    """A prior that no backend knows."""


@dataclass(frozen=True)
class UnheardOfFamily(Binary):
    """A response family that no backend knows."""

    name: ClassVar[str] = "unheard_of"


class Contract(OneBackend):
    """What a backend says of itself, and what it refuses."""

    def test_is_announced_with_what_a_plugin_needs(self) -> None:
        assert self.backend in backend_names()
        backend = self.load()
        assert backend.name == self.backend
        assert backend.description
        assert "\n" not in backend.description
        assert set(backend.methods) <= {name for name, method in METHODS.items() if method.native}
        assert is_dataclass(backend.options_class)
        assert "cpu" in backend.devices()
        json.dumps({f.name: getattr(backend.options, f.name) for f in fields(backend.options_class)})

    def test_unknown_option_lists_the_valid_ones(self) -> None:
        valid = [f.name for f in fields(self.load().options_class)]
        with pytest.raises(UnknownName) as caught:
            load_backend(self.backend, no_such_option=1)
        assert all(name in str(caught.value) for name in ["no_such_option", *valid])

    def test_unknown_prior_and_family_are_unsupported(self) -> None:
        prior = models.two_pl(difficulty=UnheardOf(0, 1))
        family = ModelSpec("odd", models.two_pl().variables, UnheardOfFamily())
        responses = CASES[2].responses()
        for spec, word in ((prior, "UnheardOf"), (family, "unheard_of")):
            with pytest.raises(Unsupported, match=word) as caught:
                self.load().compile(spec, responses)
            assert self.backend in str(caught.value)

    def test_undeclared_methods_are_unsupported(self) -> None:
        program = self.prepare(CASES[2]).program
        undeclared = {name for name, method in METHODS.items() if method.native} - set(self.load().methods)
        for method in undeclared:
            with pytest.raises(Unsupported, match=method):
                getattr(program, method)(None, 0)

    def test_wrong_device_and_dtype_name_the_valid_ones(self) -> None:
        responses = CASES[2].responses()
        with pytest.raises(DeviceError, match="cpu"):
            self.load().compile(models.two_pl(), responses, device="abacus")
        with pytest.raises(UnknownName, match="float64"):
            self.load().compile(models.two_pl(), responses, dtype="float16")
        if "cuda" not in self.load().devices():
            with pytest.raises(DeviceError, match="device=auto"):
                self.load().compile(models.two_pl(), responses, device="cuda")
