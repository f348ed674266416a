"""Conditional maximum likelihood: item parameters given the sum scores, then the distribution of the abilities."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize, special

from irtbridge.data.labels import listed
from irtbridge.errors import IRTBridgeWarning, NumericalError, SpecError
from irtbridge.inference.conditional import (
    CategoryWeights,
    Conditional,
    full_arrays,
    maximise,
)
from irtbridge.inference.method import Method
from irtbridge.inference.settings import CollapsedSettings
from irtbridge.model.elementary_symmetric import ScoreTable, informative, score_table
from irtbridge.model.families import Binary, PartialCredit
from irtbridge.model.groups import ANCHORED_MEAN, ANCHORED_SD, MEAN, SD, with_ability
from irtbridge.model.layout import Layout
from irtbridge.model.priors import Exactly, Normal
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.program import Program, Progress
from irtbridge.results.draws import Draws, Timings
from irtbridge.results.inference_data import reported

Array = NDArray[np.float64]
SUFFICIENT = "1pl, pcm and rsm"
LEAST_SD = 1e-3  # of abilities, logits: below it there is no spread
STEP = 1e-4  # of differences


@dataclass(frozen=True)
class CmleSettings(CollapsedSettings):
    """Settings of conditional maximum likelihood.

    Parameters
    ----------
    n_nodes : int
        Of the quadrature for the mean and standard deviation of the abilities, and for the abilities themselves.
    max_iterations : int
        Of Newton's method on the item parameters.
    block : int
        As in `CollapsedSettings`.
    """


def conditioned(spec: ModelSpec) -> ModelSpec:
    """The model as conditional maximum likelihood fits it: slopes of 1, abilities of any mean and standard deviation.

    Raises
    ------
    SpecError
        Its scores are not sufficient for the abilities, or the abilities depend on groups or covariates.
    """
    family, ability = spec.family, spec[spec.family.ability]
    plain = isinstance(family, PartialCredit) or (isinstance(family, Binary) and family.linear)
    if plain and family.discrimination is not None and spec[family.discrimination].dims == ():
        raise SpecError(
            "the conditional likelihood has slopes of 1, and any standard deviation of the abilities where "
            f"{spec.name!r} has one slope for all items, which is the same model: leave out common_discrimination."
        )
    if not plain or family.discrimination is not None or len(spec.traits) > 1:
        raise SpecError(
            f"the conditional likelihood is given the sum score, which model {spec.name!r} does not make sufficient "
            f"for the ability; the models that do are {SUFFICIENT}. Use one of them, or method=map."
        )
    if extra := sorted(set(spec.names) - _told(spec)):
        raise SpecError(
            f"the conditional likelihood knows no priors, and without them nothing tells of {listed(extra)} in model "
            f"{spec.name!r}; use method=map."
        )
    if set(ability.prior.references().items()) == {("loc", MEAN), ("scale", SD)} and spec[MEAN].dims == ():
        return spec
    if not isinstance(ability.prior, Normal) or ability.prior.references():
        raise SpecError(
            f"beside the conditional likelihood stands one normal distribution of abilities, not {ability}: leave out "
            "groups and covariates of persons, or use method=map."
        )
    return with_ability(spec, mean=ANCHORED_MEAN, sd=ANCHORED_SD)


def _told(spec: ModelSpec) -> set[str]:
    """Variables that there is something to estimate from: locations or what they are made of, and of the abilities."""
    exactly = [v for v in spec.variables if isinstance(v.prior, Exactly)]
    references = {name for v in (*exactly, spec[spec.family.ability]) for name in v.prior.references().values()}
    return {spec.family.ability, *spec.family.location, *references}


def run_cmle(program: Program, settings: CmleSettings, seed: int, progress: Progress) -> Draws:
    """The estimate as a single draw, with standard errors from the observed information."""
    progress("optimisation", 0, 0)
    start, layout, responses = time.perf_counter(), program.layout, program.responses
    values, weights = np.asarray(responses.values, dtype=np.int64), CategoryWeights.of(layout)
    _check_finite(weights, values, responses.items)
    items = maximise(weights, values, responses.weights_or_ones, settings.max_iterations)
    everybody = score_table(values, responses.weights_or_ones)
    people = population(everybody, weights.at(items.parameters), layout)
    params, errors = _reported(layout, items, *people)
    z = program.unconstrain(params)
    if not np.isfinite(z).all():
        raise NumericalError("conditional estimates lie outside what the priors allow; use the default priors.")
    timings, stats = Timings(warmup=time.perf_counter() - start), {"lp": np.array([[items.log_likelihood]])}
    return Draws(z[None, None], timings, stats, "point", standard_errors=errors, optimum=items.optimum)


def _check_finite(weights: CategoryWeights, values: NDArray[np.int64], labels: tuple[str, ...]) -> None:
    """Raise `NumericalError` where estimates are not finite, naming the items; warn of persons who tell nothing."""
    if not informative(values, weights.n_categories).any():
        raise NumericalError(
            "nobody's responses tell of the items given their sum: everybody has no points, all of them, or a single "
            "answer. Use method=map, or other data."
        )
    single = np.count_nonzero((values >= 0).sum(axis=1) == 1)
    if single:
        warnings.warn(
            f"{single} of {len(values)} persons answered one item only: given the sum their answer is certain, so that "
            "method 'cmle' learns nothing of the items from them.",
            IRTBridgeWarning,
            stacklevel=2,
        )
    apart, empty = weights.infinite(values)
    if names := _named(labels, apart):
        raise NumericalError(
            f"conditional estimates of {listed(names)} are not finite beside the others': among the persons who have "
            "answered them and have neither no points nor all, everybody has points there, or nobody, or nobody links "
            f"them with the other items. Leave them out with drop={names}, or use method=map, whose priors hold them."
        )
    if names := _named(labels, empty):
        raise NumericalError(
            f"conditional estimates of {listed(names)} are not finite: a category is used only by persons with no "
            f"points, all of them, or a single answer. Leave them out with drop={names}, join categories with key=, or "
            "use method=map, whose priors hold them."
        )


def _named(labels: tuple[str, ...], which: NDArray[np.bool_]) -> list[str]:
    return [label for label, here in zip(labels, which.tolist(), strict=True) if here]


def population(table: ScoreTable, log_weights: Array, layout: Layout) -> tuple[Array, Array]:
    """Mean and standard deviation of normal abilities, given the items, at the maximum of the marginal likelihood.

    The likelihood of a person's responses is that of the sum score times a factor without abilities (Andersen & Madsen
    1977).

    Parameters
    ----------
    table : ScoreTable
        All persons.
    log_weights : ndarray, shape (item, category)
        Of the categories above the lowest.
    layout : Layout
        With the quadrature.

    Returns
    -------
    estimate : ndarray, shape (2,)
        Mean and standard deviation.
    factor : ndarray, shape (2, 2)
        Factor of their covariance; the items' uncertainty is left out.
    """
    standard = layout.standard_nodes[:, 0]
    log_prior = special.log_softmax(-0.5 * standard**2)
    scaling, scores = layout.spec.family.scaling, np.arange(log_weights.shape[1] + 1)
    full = np.pad(log_weights, ((0, 0), (1, 0)))[None]
    persons = float(table.persons.sum())

    def misfit(at: Array) -> float:
        nodes = scaling * (at[0] + at[1] * standard)
        norm = special.logsumexp(full + nodes[:, None, None] * scores, axis=-1)
        by_node = np.outer(table.score, nodes) - table.observed @ norm.T + log_prior
        return -float(table.persons @ special.logsumexp(by_node, axis=1) / persons)

    bounds: Any = [(None, None), (LEAST_SD, None)]
    options: Any = {"ftol": 1e-15, "gtol": 1e-8}
    found = optimize.minimize(
        misfit, np.array([0.0, 1.0]), jac="3-point", method="L-BFGS-B", bounds=bounds, options=options
    )
    estimate = np.asarray(found.x)
    information = persons * _hessian(misfit, np.maximum(estimate, [-np.inf, LEAST_SD + STEP]))
    return estimate, _root_of_inverse(information)


def _hessian(function: Callable[[Array], float], at: Array) -> Array:
    """Second derivatives of two arguments by central differences."""
    shift = STEP * np.eye(2)
    return np.array(
        [
            [
                (function(at + a + b) - function(at + a - b) - function(at - a + b) + function(at - a - b))
                / (4 * STEP**2)
                for b in shift
            ]
            for a in shift
        ]
    )


def _root_of_inverse(information: Array) -> Array:
    """Factor of the covariance; NaN where the maximum lies at an edge."""
    values, vectors = np.linalg.eigh(information)
    return np.asarray(vectors / np.sqrt(np.where(values > 0, values, np.nan)))


def _reported(
    layout: Layout, items: Conditional, people: Array, factor: Array
) -> tuple[dict[str, Array], dict[str, Array]]:
    """All parameters, and the standard errors of what users read, by the delta method (full arrays)."""

    def params(at: Array) -> dict[str, Array]:
        own = full_arrays(layout, at[..., 2:])
        return layout.complete({MEAN: at[..., 0], SD: at[..., 1]} | own)

    at = np.concatenate([people, items.parameters])
    root = linalg.block_diag(factor, items.factor)
    upper, lower = (reported(layout, params(at + sign * STEP * root.T)) for sign in (1, -1))
    slopes = {name: (upper[name][1] - lower[name][1]) / (2 * STEP) for name in upper}
    return params(at), {name: np.sqrt(np.sum(slope**2, axis=0)) for name, slope in slopes.items()}


METHOD = Method(
    "cmle",
    CmleSettings,
    run_cmle,
    summary="Rasch, partial credit and rating scale: items by the likelihood given the sum scores, with standard "
    "errors; then mean and SD of normal abilities",
    colour="#B5651D",
    priors=False,
    gradients=False,
    adapt=conditioned,
    scale=f"the locations sum to 0, and {MEAN} is estimated: less {MEAN} they are on the scale of abilities of mean 0",
)
