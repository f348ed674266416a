"""One climb of a joint density: from where, within which bounds, on which scale of the abilities."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.inference.binary_responses import Cells
from irtbridge.inference.block_units import BlockUnits
from irtbridge.inference.joint_blocks import has_blocks
from irtbridge.inference.joint_rise import risen
from irtbridge.inference.observed_entries import EntriesProgram
from irtbridge.inference.optimisers import OPTIMISERS, Ascent, Climb, lbfgs
from irtbridge.inference.recentring import Convention
from irtbridge.inference.spectral_start import spectral_start
from irtbridge.model.density import log_prior
from irtbridge.plugin.program import Program
from irtbridge.plugin.starts import starting_point

Array = NDArray[np.float64]
FLATTEST = 0.01  # slopes have no maximum below it either: their item tells nobody apart
FIRST = 10  # iterations after which the blocks of the information tell the units of all further ones
FEWEST = 2**16  # responses: of fewer a short test may have several modes, and every program is to find the same one
PRECISE = 1e-5  # standard errors that a coordinate may end from the mode, by the units of the climb
START = 0.1  # how far from the convention a climb begins, in coordinates
TOLERANCE = {"float64": 1e-7, "float32": 1e-4}  # gradient for one response


@dataclass(frozen=True, eq=False)
class Bounds:
    """Bounds of coordinates, each of shape (dim,)."""

    low: Array
    high: Array

    @classmethod
    def none(cls, program: Program) -> Bounds:
        """No bounds."""
        return cls(np.full(program.dim, -np.inf), np.full(program.dim, np.inf))

    @classmethod
    def of_slopes(cls, program: Program, steepest: float) -> Bounds:
        """Slopes between `FLATTEST` and `steepest`, or between plus and minus that; of the others none."""
        bounds, name = cls.none(program), program.spec.family.discrimination
        if name is None:
            return bounds
        places, params = program.layout.places[name], program.constrain(np.zeros(program.dim))
        least = FLATTEST if program.spec[name].prior.bounds()[0] >= 0 else -steepest
        for bound, value in ((bounds.low, least), (bounds.high, steepest)):
            bound[places] = program.unconstrain({**params, name: np.full_like(params[name], value)})[places]
        return bounds

    def hold(self, z: Array) -> NDArray[np.bool_]:
        """Which coordinates stand at one."""
        return np.asarray((z <= self.low) | (z >= self.high))


def climb(
    program: Program,
    optimiser: str,
    iterations: int,
    rate: float,
    start: Array,
    bounds: Bounds,
    convention: Convention,
    constant: float = 0.0,
) -> Climb:
    """Climb from a point.

    Parameters
    ----------
    program : Program
        With abilities; the density is that of the parameters themselves.
    optimiser : str
        One of `OPTIMISERS`.
    iterations, rate
        Of the optimiser.
    start : ndarray, shape (dim,)
        See `start_of`.
    bounds : Bounds
        Of coordinates.
    convention : Convention
        Which scale of the abilities bounds are meant on.
    constant : float
        To be taken off the density: what flat priors add.
    """

    def density(z: Array) -> tuple[Any, Array]:
        value, gradient = program.value_and_grad(convention.held(z), jacobian=False)
        return value - constant, convention.pulled_back(z, gradient)

    low, high, tolerance = bounds.low, bounds.high, TOLERANCE[program.dtype]
    ascent = Ascent(density, responses_of(program), low, high, convention.held, tolerance)
    free = not (np.isfinite(low).any() or np.isfinite(high).any()) and convention.places is None
    if optimiser == "lbfgs" and free and iterations > FIRST and has_blocks(program):
        if isinstance(program, EntriesProgram) and _is_large(program):
            near = risen(program, start)
            return _climb_in(BlockUnits.expected_at(program, near), ascent, near, iterations, PRECISE)
        return _climb_in_blocks(program, ascent, start, iterations)
    return OPTIMISERS[optimiser](ascent, start, iterations, rate)


def _is_large(program: EntriesProgram) -> bool:
    """Whether its responses are a matrix, and so many that steps of scoring pay; of one trait, that none can rotate."""
    persons = program.responses.n_persons
    one = len(program.layout.places[program.spec.family.ability]) == persons
    return one and isinstance(program.entries, Cells) and program.entries.codes.size >= FEWEST


def _climb_in_blocks(program: Program, ascent: Ascent, start: Array, iterations: int) -> Climb:
    """L-BFGS, after some steps in units in which each person's and each item's information is 1."""
    first = lbfgs(ascent, start, FIRST, 0.0)
    try:
        units = BlockUnits.at(program, first.z)
    except np.linalg.LinAlgError:
        return lbfgs(ascent, first.z, iterations, 0.0)
    then = _climb_in(units, ascent, first.z, iterations - FIRST, 0.0)
    return replace(then, trace=np.append(first.trace[:-1], then.trace))


def _climb_in(units: BlockUnits, ascent: Ascent, z: Array, iterations: int, precise: float) -> Climb:
    """L-BFGS in units in which a step to the mode is about as long as the gradient, until that is so small.

    SciPy's first step is no longer than 1: lengths are meant in that of the first gradient.
    """
    size = max(float(np.linalg.norm(units.pull(ascent.density(z)[1]))), PRECISE)

    def white(w: Array) -> tuple[Any, Array]:
        value, gradient = ascent.density(z + size * units.spread(w))
        return value / size**2, units.pull(gradient) / size

    then = lbfgs(replace(ascent, density=white), np.zeros_like(z), iterations, 0.0, precise / size)
    return Climb(z + size * units.spread(then.z), size**2 * then.trace, then.arrived)


def start_of(program: Program, seed: int) -> Array:
    """Near the convention of the model; of factors near those of the responses' correlations."""
    return spectral_start(program, starting_point(program, np.random.default_rng(seed), START))


def log_priors(program: Program, z: Array) -> float:
    """Log prior density of all parameters at a point."""
    params = program.constrain(z)
    return sum(log_prior(program.layout, name, params) for name in program.layout.slots)


def responses_of(program: Program) -> Array:
    """How many responses each coordinate rests on, at least 1, shape (dim,)."""
    by = {dim: counts.astype(float) for dim, counts in program.responses.answered.items()}
    layout, counts = program.layout, np.full(program.dim, by["item"].sum())
    for name, slot in layout.slots.items():
        dim = next((dim for dim in slot.variable.dims if dim in by), None)
        if dim is not None:
            axis = slot.variable.dims.index(dim)
            full = np.broadcast_to(by[dim].reshape(-1, *(1,) * (len(slot.shape) - 1 - axis)), slot.shape)
            counts[layout.places[name]] = slot.to_site(full).ravel()
    return np.asarray(np.maximum(counts, 1.0))
