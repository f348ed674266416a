"""Joint maximum likelihood of abilities and items, and the joint posterior mode."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.kinds import CATEGORIES
from irtbridge.data.responses import Responses
from irtbridge.data.sparse_responses import SparseResponses
from irtbridge.errors import ConfigError, SpecError, UnknownName
from irtbridge.inference.alignment import Symmetry
from irtbridge.inference.extreme_scores import abilities_given_items, extreme_persons, without_extremes
from irtbridge.inference.joint_blocks import serves
from irtbridge.inference.joint_climb import Bounds, climb, log_priors, start_of
from irtbridge.inference.joint_information import standard_errors, without_errors
from irtbridge.inference.method import Method
from irtbridge.inference.optimisers import OPTIMISERS, Climb
from irtbridge.inference.recentring import Convention, check_recentrable, recentred
from irtbridge.model.families import Binary
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.options import check_positive
from irtbridge.plugin.program import Program, Progress
from irtbridge.results.draws import Draws, Optimum, Timings

Array = NDArray[np.float64]


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
    observed_only : bool
        Compute in NumPy over the observed responses alone, whatever the backend: for large matrices, of which beside
        the responses no more than some MiB are held. Of two categories and log odds that are linear in abilities, with
        normal priors or lognormal slopes (1pl, lfm; with `priors` 2pl). Sparse responses are always taken so.
    standard_errors : bool
        From the observed information on persons and items together: of two categories without asymptotes by blocks,
        in the square of the shorter side times the longer one or, of large matrices and with priors, by the leading
        directions of what persons and items have in common, to some 1e-4 of themselves; else by two gradients for each
        item parameter. They say nothing of the bias, and are NaN where the information is singular, as it is where
        traits can be rotated, of slopes at a bound, and where responses are sparse (`SparseResponses`) and the blocks
        too many: a shorter side of more than 8,192 coordinates, or its square times the longer one more than 2^40.
    """

    priors: bool = False
    optimiser: str = "lbfgs"
    learning_rate: float = 0.0
    max_iterations: int = 2000
    extreme: float = 0.3
    steepest: float = 5.0
    correction: bool = False
    observed_only: bool = False
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
    begin, start = time.perf_counter(), start_of(program, seed)
    found = (_penalised if settings.priors else _unpenalised)(program, settings, start)
    constant = 0.0 if settings.priors else log_priors(program, start)
    stats = {"lp": np.array([[program.log_density(found.params) - constant]])}
    measured = settings.standard_errors and (serves(program) or not isinstance(program.responses, SparseResponses))
    errors = found.standard_errors() if measured else without_errors(found.program, found.params)
    optimum = Optimum(found.climb.arrived, float("nan"), 1, 1, float("inf"), int(found.held.sum()))
    z, timings = program.unconstrain(found.params), Timings(warmup=time.perf_counter() - begin)
    return Draws(
        z[None, None], timings, stats, "point", standard_errors=errors, optimum=optimum, objective=found.climb.trace
    )


@dataclass(frozen=True, eq=False)
class _Found:
    """A joint estimate: full arrays, how it was found, and what its standard errors rest on."""

    program: Program
    params: dict[str, Array]
    climb: Climb
    informing: NDArray[np.bool_]
    held: NDArray[np.bool_]
    conventions: Array
    corrected: float = 1.0

    def standard_errors(self) -> dict[str, Array]:
        errors = standard_errors(self.program, self.params, self.informing, self.held, self.conventions)
        locations = self.program.spec.family.location
        return errors | {name: self.corrected * errors[name] for name in locations}


def _penalised(program: Program, settings: JmleSettings, start: Array) -> _Found:
    """The mode of the joint posterior of the parameters themselves."""
    for variable in program.spec.variables:
        if scales := {"scale", "scale_tril"} & variable.prior.references().keys():
            raise SpecError(
                f"{variable}: its {min(scales)} is to be estimated, and the joint posterior is highest where that is "
                "0; use a number, or a method that integrates the abilities out, as map."
            )
    end = climb(program, *_how(settings), start, Bounds.none(program), Convention())
    z, symmetry = end.z, Symmetry.of(program.layout)
    if symmetry is not None:
        z = symmetry.aligned(program, z[None, None])[0, 0]
    everybody, free = np.ones(program.responses.n_persons, dtype=bool), np.zeros(program.dim, dtype=bool)
    traits = len(program.spec.traits) if program.spec.family.ability in program.layout.slots else 0
    return _Found(program, program.constrain(z), end, everybody, free, np.zeros((len(everybody), traits, 0)))


def _unpenalised(program: Program, settings: JmleSettings, start: Array) -> _Found:
    """The maximum of the joint likelihood; who has an extreme score is placed after it."""
    layout, responses, family = program.layout, program.responses, program.spec.family
    if family.kind != CATEGORIES:
        raise SpecError(f"model {program.spec.name!r} is not of categories; use priors=true.")
    check_recentrable(layout)
    if settings.correction:
        _check_correctable(program.spec)
    informing = ~extreme_persons(responses)
    core = program.bind(without_extremes(responses, ~informing))
    bounds, convention = Bounds.of_slopes(program, settings.steepest), Convention.of(layout, informing)
    end = climb(core, *_how(settings), start, bounds, convention, log_priors(program, start))
    params = _placed(program, program.constrain(end.z), settings, np.flatnonzero(~informing))
    corrected = _correction(responses) if settings.correction else 1.0
    if settings.correction:
        params = _placed(program, _corrected(program, params), settings, np.arange(responses.n_persons))
    params = recentred(layout, params)
    ability = params[family.ability]
    directions = [np.ones_like(ability), *([] if family.discrimination is None else [ability])]
    return _Found(core, params, end, informing, bounds.hold(end.z), np.stack(directions, axis=-1)[:, None], corrected)


def _how(settings: JmleSettings) -> tuple[str, int, float]:
    return settings.optimiser, settings.max_iterations, settings.learning_rate


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


def _correction(responses: Responses) -> float:
    """(J - 1) / J, J being the number of items that a person answers on average."""
    answered = float(responses.observed.sum(axis=1).mean())
    return (answered - 1) / answered


def _corrected(program: Program, params: dict[str, Array]) -> dict[str, Array]:
    """Difficulties nearer their mean."""
    (name,) = program.spec.family.location
    centre = params[name].mean()
    return {**params, name: centre + _correction(program.responses) * (params[name] - centre)}


METHOD = Method(
    "jmle",
    JmleSettings,
    run_jmle,
    summary="abilities and items together: joint maximum likelihood, or with priors=true the joint posterior mode",
    colour="#999999",
    distribution=False,
)
