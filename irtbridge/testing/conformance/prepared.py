"""Cases and small data that are compiled, drawn from and integrated once for all tests of the suite."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.inference.nuts import NutsSettings
from irtbridge.model import catalogue as models
from irtbridge.model.simulate import draw_from_prior, simulate_parameters, simulate_responses
from irtbridge.plugin.loading import load_backend
from irtbridge.plugin.program import Program
from irtbridge.results.draws import Draws
from irtbridge.testing.cases import CASES, Case
from irtbridge.testing.marginal import Reference, reference_posterior

Array = NDArray[np.float64]
POINTS = 20
SHORT = NutsSettings(chains=2, warmup=150, draws=250)  # above 100 effective draws of each item parameter
every_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@dataclass(frozen=True, eq=False)
class Point:
    """A program with parameters drawn from the prior, batch first."""

    program: Program
    responses: Responses
    params: dict[str, Array]
    z: Array = field(repr=False)


@cache
def prepared(backend: str, device: str, case: Case) -> Point:
    """Compile a case once for all tests of the suite."""
    responses = case.responses()
    program = load_backend(backend).compile(case.spec, responses, device=device, dtype="float64")
    rng = np.random.default_rng(11)
    draws = [draw_from_prior(program.layout, rng) for _ in range(POINTS)]
    params = {name: np.stack([d[name] for d in draws]) for name in draws[0]}
    return Point(program, responses, params, program.unconstrain(params))


@cache
def short_run(backend: str, device: str, seed: int = 3) -> tuple[Program, Draws]:
    """A NUTS run on a small 2PL data set."""
    program = load_backend(backend).compile(models.two_pl(), small_responses(), device=device)
    return program, program.nuts(SHORT, seed)


@cache
def small_responses() -> Responses:
    """60 persons x 4 items from a 2PL."""
    params = simulate_parameters(models.two_pl(), 60, [2] * 4, seed=5)
    return simulate_responses(models.two_pl(), params, [2] * 4, seed=6, missing=0.05)


@cache
def small_reference() -> Reference:
    """The posterior of the small data set by quadrature and importance sampling."""
    return reference_posterior(models.two_pl(), small_responses(), draws=8000)
