"""What a backend declares, and what is left out where it does not."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from irtbridge.inference import compile_for, make_settings, run_method
from irtbridge.model import catalogue as models
from irtbridge.model.priors import Exactly
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.backend import Backend
from irtbridge.plugin.loading import load_backend
from irtbridge.plugin.program import Program
from irtbridge.results.draws import Draws
from irtbridge.testing.cases import Case
from irtbridge.testing.conformance.prepared import Point, prepared, short_run, small_responses


class OneBackend:
    """The backend under test, and what it declares."""

    backend: ClassVar[str]
    device: ClassVar[str] = "cpu"

    def load(self) -> Backend:
        """The backend under test."""
        return load_backend(self.backend)

    def need(self, method: str) -> None:
        """Leave a test out where the backend does not declare `method`."""
        if method not in self.load().methods:
            pytest.skip(f"{self.backend} does not declare {method}")

    def need_gradients(self) -> None:
        """Leave a test out where the backend has none."""
        if not self.load().gradients:
            pytest.skip(f"{self.backend} does not declare gradients")

    def need_model(self, spec: ModelSpec) -> None:
        """Leave a test out where the backend does not declare a model's priors and family."""
        stated = [variable.prior for variable in spec.variables if not isinstance(variable.prior, Exactly)]
        backend, priors = self.load(), {type(prior).__name__ for prior in stated}
        if lacking := [*(priors - set(backend.priors)), *({spec.family.name} - set(backend.families))]:
            pytest.skip(f"{self.backend} does not declare {', '.join(lacking)}")

    def prepare(self, case: Case) -> Point:
        """The program of a case, with parameters."""
        self.need_model(case.spec)
        return prepared(self.backend, self.device, case)

    def run_nuts(self) -> tuple[Program, Draws]:
        """The library's NUTS on the small data set."""
        return short_run(self.backend, self.device)

    def run_small(self, method: str, **settings: Any) -> tuple[Program, Draws]:
        """A method of irtbridge's own on the small data set."""
        backend, made, how = self.load(), make_settings(method, **settings), {"device": self.device, "dtype": "float64"}
        program = compile_for(backend, models.two_pl(), small_responses(), made, **how)
        return program, run_method(backend, program, method, made, 5)
