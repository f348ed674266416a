"""Joint maximum likelihood of abilities and items, and the joint posterior mode."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.kinds import CATEGORIES
from irtbridge.errors import ConfigError, SpecError, UnknownName
from irtbridge.inference.alignment import Symmetry
from irtbridge.inference.extreme_scores import abilities_given_items, extreme_persons, without_extremes
from irtbridge.inference.joint_information import joint_information
from irtbridge.inference.method import Method
from irtbridge.inference.optimisers import OPTIMISERS, Ascent, Climb
from irtbridge.inference.recentring import Convention, check_recentrable, recentred
from irtbridge.inference.spectral_start import spectral_start
from irtbridge.model.density import log_joint, log_likelihood
from irtbridge.model.families import Binary
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.options import check_positive
from irtbridge.plugin.program import Program, Progress
from irtbridge.plugin.starts import starting_point
from irtbridge.results.draws import Draws, Optimum, Timings
from irtbridge.results.inference_data import reported

Array = NDArray[np.float64]
FLATTEST = 0.01  # slopes have no maximum below it either: their item tells nobody apart
START = 0.1  # how far from the convention a climb begins, in coordinates
TOLERANCE = {"float64": 1e-7, "float32": 1e-4}  # gradient for one response


@dataclass(frozen=True)
class JmleSettings:
    """Settings of joint maximum likelihood, and of the joint posterior mode.

    Abilities are parameters like any other. Without priors they are centred at 0 and, where slopes are free, scaled to
    SD 1, after each step and at the end, the items moved along. The estimates of a test of J items do not get right
    with the number of persons (Neyman & Scott 1948; Andersen 1970): the difficulties of a Rasch model are too far apart
    by about J / (J - 1).

    Parameters
    ----------
    priors : bool
        Count the model's priors: the joint posterior mode, or penalised maximum likelihood. Else the likelihood alone,
        of one trait and categories.
    optimiser : str
        ``lbfgs``, ``adam`` or ``gradient_descent``.
    learning_rate : float
        Of the latter two; 0 chooses.
    max_iterations : int
        Of the optimiser.
    extreme : float
        By how many points the score of a person who has all right, or none, is moved; without priors.
    steepest : float
        The most that a slope may be where abilities have SD 1: a joint likelihood often has no finite maximum in it.
        Without priors.
    correction : bool
        Multiply the difficulties' distances from their mean by (J - 1) / J, and estimate abilities at these (Wright &
        Douglas 1977); of the Rasch model without priors.
    standard_errors : bool
        From the observed information on persons and items together, which takes two gradients for each item parameter;
        else NaN. They say nothing of the bias, and are NaN where the information is singular, as it is where traits can
        be rotated, and of slopes at a bound.
    """

    priors: bool = False
    optimiser: str = "lbfgs"
    learning_rate: float = 0.0
    max_iterations: int = 2000
    extreme: float = 0.3
    steepest: float = 5.0
    correction: bool = False
    standard_errors: bool = True

    def __post_init__(self) -> None:
        check_positive(
            self, "max_iterations", "extreme", "steepest", *(["learning_rate"] if self.learning_rate else [])
        )
        if self.optimiser not in OPTIMISERS:
            raise UnknownName("optimiser", self.optimiser, OPTIMISERS)
        if self.correction and self.priors:
            raise ConfigError(
                "correction=true is that of a likelihood alone; with priors=true the priors pull instead."
            )


def run_jmle(program: Program, settings: JmleSettings, seed: int, progress: Progress) -> Draws:
    """The joint estimate as a single draw, with the value after each iteration in its statistics."""
    progress("optimisation", 0, 0)
    begin = time.perf_counter()
    found = (_penalised if settings.priors else _unpenalised)(program, settings, seed)
    errors = found.standard_errors(settings.standard_errors)
    value = log_joint if settings.priors else _log_likelihood
    stats = {"lp": np.array([[value(program.layout, found.params, program.responses)]])}
    optimum = Optimum(found.climb.arrived, float("nan"), 1, 1, float("inf"), int(found.held.sum()))
    z, timings = program.unconstrain(found.params), Timings(warmup=time.perf_counter() - begin)
    return Draws(
        z[None, None], timings, stats, "point", standard_errors=errors, optimum=optimum, objective=found.climb.trace
    )


@dataclass(frozen=True, eq=False)
class _Found:
    """A joint estimate.

    Attributes
    ----------
    program : Program
        Over the persons who inform the items.
    params : dict of str to ndarray
        Full arrays.
    climb : Climb
        How it was found.
    informing : ndarray of bool, shape (person,)
        Who informs the items.
    held : ndarray of bool, shape (dim,)
        Coordinates at a bound.
    conventions : ndarray, shape (person, trait, direction)
        Gradients of what the convention fixes.
    """

    program: Program
    params: dict[str, Array]
    climb: Climb
    informing: NDArray[np.bool_]
    held: NDArray[np.bool_]
    conventions: Array

    def standard_errors(self, wanted: bool) -> dict[str, Array]:
        """Full arrays of what users read; NaN where they are not wanted, or not to be had."""
        layout, ability = self.program.layout, self.program.spec.family.ability
        shapes = {name: value.shape for name, (_, value) in reported(layout, self.params).items()}
        errors = {name: np.full(shape, np.nan) for name, shape in shapes.items()}
        if not wanted:
            return errors
        places, persons = layout.places, np.flatnonzero(self.informing)
        own = places.get(ability, np.zeros(0, dtype=np.intp)).reshape(len(self.informing), -1)
        others = np.setdiff1d(np.arange(self.program.dim), np.append(own.ravel(), np.flatnonzero(self.held)))
        z = self.program.unconstrain(self.params)
        information = joint_information(self.program, z, persons, own, others, self.conventions)
        try:
            covariance, variances = information.covariances()
        except np.linalg.LinAlgError:
            return errors
        errors |= _by_delta(self.program, z, others, covariance)
        if own.size:
            errors[ability][persons] = np.sqrt(variances).reshape(-1, *shapes[ability][1:])
        return errors


def _penalised(program: Program, settings: JmleSettings, seed: int) -> _Found:
    """The mode of the joint posterior of the parameters themselves."""
    for variable in program.spec.variables:
        if scales := {"scale", "scale_tril"} & variable.prior.references().keys():
            raise SpecError(
                f"{variable}: its {min(scales)} is to be estimated, and the joint posterior is highest where that is "
                "0; use a number, or a method that integrates the abilities out, as map."
            )
    wide = np.full(program.dim, np.inf)
    climb = _climb(program, settings, seed, _Bounds(-wide, wide), Convention())
    z, symmetry = climb.z, Symmetry.of(program.layout)
    if symmetry is not None:
        z = symmetry.aligned(program, z[None, None])[0, 0]
    everybody = np.ones(program.responses.n_persons, dtype=bool)
    traits = program.spec.traits if program.spec.family.ability in program.layout.slots else ()
    free, none = np.zeros(program.dim, dtype=bool), np.zeros((len(everybody), len(traits), 0))
    return _Found(program, program.constrain(z), climb, everybody, free, none)


def _unpenalised(program: Program, settings: JmleSettings, seed: int) -> _Found:
    """The maximum of the joint likelihood; who has an extreme score is placed after it."""
    layout, responses = program.layout, program.responses
    if program.spec.family.kind != CATEGORIES:
        raise SpecError(f"model {program.spec.name!r} is not of categories; use priors=true.")
    check_recentrable(layout)
    if settings.correction:
        _check_correctable(program.spec)
    informing = ~extreme_persons(responses)
    core = program.bind(without_extremes(responses, ~informing))
    bounds = _bounds_of_slopes(program, settings.steepest)
    climb = _climb(core, settings, seed, bounds, Convention.of(layout, informing))
    params = _placed(program, program.constrain(climb.z), settings, np.flatnonzero(~informing))
    if settings.correction:
        params = _placed(program, _corrected(program, params), settings, np.arange(responses.n_persons))
    params = recentred(layout, params)
    ability = params[program.spec.family.ability]
    directions = [np.ones_like(ability), *([] if program.spec.family.discrimination is None else [ability])]
    held = (climb.z <= bounds.low) | (climb.z >= bounds.high)
    return _Found(core, params, climb, informing, held, np.stack(directions, axis=-1)[:, None])


@dataclass(frozen=True, eq=False)
class _Bounds:
    low: Array
    high: Array


def _climb(program: Program, settings: JmleSettings, seed: int, bounds: _Bounds, convention: Convention) -> Climb:
    start = spectral_start(program, starting_point(program, np.random.default_rng(seed), START))
    constant = 0.0 if settings.priors else _log_prior(program, start)

    def density(z: Array) -> tuple[Any, Array]:
        value, gradient = program.value_and_grad(convention.held(z), jacobian=False)
        return value - constant, convention.pulled_back(z, gradient)

    ascent = Ascent(density, _responses_of(program), bounds.low, bounds.high, convention.held, TOLERANCE[program.dtype])
    return OPTIMISERS[settings.optimiser](ascent, start, settings.max_iterations, settings.learning_rate)


def _log_prior(program: Program, z: Array) -> float:
    """What a flat prior adds to the log likelihood, the same everywhere."""
    params = program.constrain(z)
    layout, responses = program.layout, program.responses
    return log_joint(layout, params, responses) - _log_likelihood(layout, params, responses)


def _log_likelihood(layout: Any, params: Mapping[str, Array], responses: Any) -> float:
    return float(log_likelihood(layout, params, responses).sum())


def _bounds_of_slopes(program: Program, steepest: float) -> _Bounds:
    """Bounds of the coordinates: of positive slopes `FLATTEST` and `steepest`, of the others none."""
    bounds = _Bounds(np.full(program.dim, -np.inf), np.full(program.dim, np.inf))
    name = program.spec.family.discrimination
    if name is None:
        return bounds
    places, params = program.layout.places[name], program.constrain(np.zeros(program.dim))
    least = FLATTEST if program.spec[name].prior.bounds()[0] >= 0 else -steepest
    for bound, value in ((bounds.low, least), (bounds.high, steepest)):
        bound[places] = program.unconstrain({**params, name: np.full_like(params[name], value)})[places]
    return bounds


def _placed(
    program: Program, params: dict[str, Array], settings: JmleSettings, persons: NDArray[np.intp]
) -> dict[str, Array]:
    """Parameters with the abilities of some persons estimated given the items."""
    ability = params[program.spec.family.ability].copy()
    ability[persons] = abilities_given_items(program.layout, params, program.responses, persons, settings.extreme)
    return {**params, program.spec.family.ability: ability}


def _check_correctable(spec: ModelSpec) -> None:
    """Raise `ConfigError` unless the bias is known."""
    family = spec.family
    if not isinstance(family, Binary) or family.discrimination is not None or not family.linear:
        raise ConfigError(f"model {spec.name!r}: correction=true is known for the Rasch model, 1pl, only.")


def _corrected(program: Program, params: dict[str, Array]) -> dict[str, Array]:
    """Difficulties nearer their mean by (J - 1) / J, J being the number of items that a person answers on average."""
    (name,) = program.spec.family.location
    answered = program.responses.observed.sum(axis=1).mean()
    centre = params[name].mean()
    return {**params, name: centre + (answered - 1) / answered * (params[name] - centre)}


def _responses_of(program: Program) -> Array:
    """How many responses each coordinate rests on, at least 1, shape (dim,)."""
    observed, layout = program.responses.observed, program.layout
    by = {"person": observed.sum(axis=1), "item": observed.sum(axis=0)}
    counts = np.full(program.dim, float(observed.sum()))
    for name, slot in layout.slots.items():
        dim = next((dim for dim in slot.variable.dims if dim in by), None)
        if dim is not None:
            axis = slot.variable.dims.index(dim)
            full = np.broadcast_to(by[dim].reshape(-1, *(1,) * (len(slot.shape) - 1 - axis)), slot.shape)
            counts[layout.places[name]] = slot.to_site(full).ravel()
    return np.asarray(np.maximum(counts, 1.0))


def _by_delta(program: Program, z: Array, places: NDArray[np.intp], covariance: Array) -> dict[str, Array]:
    """Standard errors of what users read, abilities apart (full arrays), by the delta method."""
    factor, step = np.linalg.cholesky(covariance), 1e-3 if program.dtype == "float32" else 1e-6
    moves = np.zeros((len(places), program.dim))
    moves[:, places] = step * factor.T
    upper, lower = (reported(program.layout, program.constrain(z + sign * moves)) for sign in (1, -1))
    ability = program.spec.family.ability
    slopes = {name: (upper[name][1] - lower[name][1]) / (2 * step) for name in upper if name != ability}
    errors = {name: np.sqrt(np.sum(slope**2, axis=0)) for name, slope in slopes.items()}
    return {name: np.where(error > 0, error, np.nan) for name, error in errors.items()}


METHOD = Method(
    "jmle",
    JmleSettings,
    run_jmle,
    summary="abilities and items together: joint maximum likelihood, or with priors=true the joint posterior mode",
    colour="#999999",
)
