"""The posterior mode by the EM algorithm of Bock & Aitkin (1981)."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from irtbridge.errors import NumericalError, UnknownName
from irtbridge.inference.acceleration import ACCELERATIONS, Ascent, ascend
from irtbridge.inference.climbing import ARRIVED, Climber, Summit
from irtbridge.inference.expectation import Data
from irtbridge.inference.map import MapSettings, has_errors, with_errors, without_errors
from irtbridge.inference.maximisation import Maximisation
from irtbridge.inference.method import Method
from irtbridge.inference.modes import NEAR
from irtbridge.model.density import log_prior_by_item
from irtbridge.plugin.program import Program, Progress
from irtbridge.plugin.starts import starting_point
from irtbridge.results.draws import Draws, Optimum, Timings

Array = NDArray[np.float64]
TOLERANCE = 3e-8  # of the log density, and its rounding error where this is larger


@dataclass(frozen=True)
class EmSettings(MapSettings):
    """Settings of the EM algorithm (Bock & Aitkin 1981), abilities integrated out.

    It climbs to the mode of `MapSettings` from one start: with flat priors to marginal maximum likelihood.

    Parameters
    ----------
    acceleration : {"squarem", "ramsay", "none"}
        A leap after every two steps: squared extrapolation (Varadhan & Roland 2008), that of Ramsay (1975), or none. A
        leap that would lower the log density is not taken.
    standard_errors : bool
        As in `MapSettings`; the last digits of the mode then come by Newton's method.
    max_iterations : int
        E-steps at most.
    n_nodes : int
        As in `CollapsedSettings`.
    """

    acceleration: str = "squarem"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.acceleration not in ACCELERATIONS:
            raise UnknownName("acceleration", self.acceleration, ACCELERATIONS)

    @property
    def gradients(self) -> bool:
        """Whether the program's are needed: for the curvature, from which standard errors come."""
        return self.standard_errors


def run_em(program: Program, settings: EmSettings, seed: int, progress: Progress) -> Draws:
    """Posterior mode as a single draw; `Draws.objective` has the log density at every E-step.

    Raises
    ------
    ConfigError
        Items share very many parameters.
    NumericalError
        The log density is not finite, or its curvature at the end not positive.
    """
    progress("optimisation", 0, 0)
    start = time.perf_counter()
    ascent = _climb(program, settings, seed, progress)
    climber = Climber(program, jacobian=False, max_iterations=settings.max_iterations)
    z, value = climber.aligned(ascent.z), float(ascent.trace[-1])
    optimum = Optimum(ascent.complete, float("nan"), starts=1, agreeing=1, gap=float("inf"))
    if has_errors(program, settings):
        mode = climber.measured(Summit(z, value, len(ascent.trace), ascent.complete, ""), progress)
        distance = climber.distance(mode)
        optimum = replace(optimum, converged=ascent.complete and distance <= ARRIVED, distance=distance)
        drawn = with_errors(program, replace(mode, optimum=optimum))
    else:
        drawn = without_errors(program, z, value, optimum)
    return replace(drawn, timings=Timings(warmup=time.perf_counter() - start), objective=ascent.trace)


def _climb(program: Program, settings: EmSettings, seed: int, progress: Progress) -> Ascent:
    maximisation, data = Maximisation.of(program), Data.of(program.layout, program.responses)

    def step(z: Array) -> tuple[float, Array]:
        params = program.constrain(z)
        expected = data.expected(params)
        value = expected.log_likelihood + float(log_prior_by_item(program.layout, params).sum())
        return value, maximisation.step(z, expected)

    first = starting_point(program, np.random.default_rng(seed), NEAR)
    leap = ACCELERATIONS[settings.acceleration]
    ascent = ascend(step, first, leap, settings.max_iterations, TOLERANCE)
    if not np.isfinite(ascent.trace[-1]):
        raise NumericalError("EM: the log density is not finite; use a tighter prior, or method=nuts.")
    return ascent


METHOD = Method(
    "em",
    EmSettings,
    run_em,
    summary="abilities integrated out; the mode of `map` by the EM algorithm (Bock & Aitkin 1981), accelerated, with "
    "standard errors",
    colour="#332288",
)
