"""Penalised maximum likelihood along a path of penalties, the best of them chosen by responses that were held out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.data.load import load_responses
from irtbridge.data.masks import Observed
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError, DataError, IRTBridgeWarning
from irtbridge.inference.joint_climb import Bounds, climb, start_of
from irtbridge.inference.observed_entries import EntriesProgram
from irtbridge.inference.recentring import Convention
from irtbridge.model.catalogue import build_model, with_option
from irtbridge.model.layout import Layout
from irtbridge.plugin.options import check_number, check_seed

Array = NDArray[np.float64]
ASLEEP = 0.01  # root mean square of a factor's slopes


@dataclass(frozen=True, eq=False)
class RegularisationPath:
    """What each penalty gives.

    Attributes
    ----------
    table : DataFrame
        Index ``penalty``, the strongest first; columns ``log_loss`` of a held-out response, the mean over the folds,
        ``se`` of that mean, and on all the data ``log_likelihood``, the root mean squares of ``abilities``, ``slopes``
        and ``intercepts``, and ``iterations``.
    best : float
        The penalty with the smallest log loss.
    """

    table: pd.DataFrame
    best: float


def regularisation_path(
    data: Any,
    model: str = "lfm",
    *,
    penalty: Sequence[float],
    folds: int = 5,
    seed: int = 0,
    max_iterations: int = 1000,
    **options: Any,
) -> RegularisationPath:
    """Fit a model at each penalty, each from the estimate at the one before, the strongest first.

    It takes the observed responses alone, in NumPy; at one penalty it is ``fit(method="jmle", priors=True)``.

    Parameters
    ----------
    data : Responses, DataFrame, path or name of a data set
        As of `irtbridge.fit`.
    model : str
        One with the option ``penalty``.
    penalty : sequence of float
        1 / variance of the normal priors.
    folds : int
        The observed responses are dealt to so many at random; each is predicted from the others.
    seed : int
        Of the folds, and of where the first climb begins.
    max_iterations : int
        Of L-BFGS, at each penalty.
    **options
        Of the model, as ``traits``.

    Raises
    ------
    ConfigError
        A model without penalty, no penalty, or fewer than two folds.
    DataError
        So many folds that one of them has no response.
    """
    able = with_option("penalty")
    if model not in able:
        raise ConfigError(f"model {model!r} has no penalty; models with one: {', '.join(able)}.")
    check_seed(seed)
    check_number("folds", folds, 2)
    strongest_first = sorted(_penalties(penalty), reverse=True)
    specs = {value: build_model(model, **options, penalty=value) for value in strongest_first}
    responses = load_responses(data, allow_constant=True).expanded()
    losses = [_losses(fit, held) for fit, held in _each_fold(responses, specs, folds, seed, max_iterations)]
    table = pd.DataFrame([_row(*fit) for fit in _path(responses, specs, seed, max_iterations)])
    table.insert(0, "log_loss", np.mean(losses, axis=0))
    table.insert(1, "se", np.std(losses, axis=0, ddof=1) / np.sqrt(folds))
    table.index = pd.Index(strongest_first, name="penalty")
    place = int(table["log_loss"].to_numpy().argmin())
    best = strongest_first[place]
    if len(table) > 2 and place in (0, len(table) - 1):
        end = "stronger" if place == 0 else "weaker"
        warnings.warn(f"the best penalty, {best:g}, is the last of the path; try {end} ones.", IRTBridgeWarning, 2)
    return RegularisationPath(table, best)


def _penalties(penalty: Any) -> list[float]:
    """Penalties as numbers, at least one."""
    try:
        found = [float(each) for each in penalty]
    except (TypeError, ValueError):
        found = []
    if not found:
        raise ConfigError(f"penalty={penalty!r}: give a list of numbers, one at least, as [0.1, 1, 10].")
    return found


Estimate = tuple[EntriesProgram, dict[str, Array], int]


def _path(responses: Responses, specs: Mapping[float, Any], seed: int, iterations: int) -> list[Estimate]:
    """Program, full arrays and iterations at each penalty."""
    program: EntriesProgram | None = None
    estimates: list[Estimate] = []
    for spec in specs.values():
        program = _program(spec, responses) if program is None else program.with_spec(spec)
        fresh = start_of(program, seed)
        start = _awake(program, estimates[-1][1], fresh) if estimates else fresh
        end = climb(program, "lbfgs", iterations, 0.0, start, Bounds.none(program), Convention())
        estimates.append((program, program.constrain(end.z), len(end.trace) - 1))
    return estimates


def _awake(program: EntriesProgram, params: Mapping[str, Array], fresh: Array) -> Array:
    """Coordinates of an estimate; factors that a strong penalty has brought to 0, a saddle, begin anew."""
    family = program.spec.family
    name = family.discrimination
    if name is None:
        return program.unconstrain(params)
    asleep = np.sqrt(np.mean(params[name] ** 2, axis=0)) < ASLEEP  # each factor, or the only one
    new = program.constrain(fresh)
    return program.unconstrain(
        {**params, **{each: np.where(asleep, new[each], params[each]) for each in (family.ability, name)}}
    )


def _program(spec: Any, responses: Responses) -> EntriesProgram:
    return EntriesProgram(Layout.of(spec, responses), responses)


def _each_fold(
    responses: Responses, specs: Mapping[float, Any], folds: int, seed: int, iterations: int
) -> Iterator[tuple[list[Estimate], Responses]]:
    """The path without each fold, and the fold."""
    rng = np.random.default_rng(seed)
    fold = Observed.of(responses.entries).drawn(lambda shape: rng.integers(folds, size=shape))
    for number in range(folds):
        if not (fold == number).any():
            raise DataError(f"folds={folds}: fold {number + 1} has none of the responses; take fewer folds.")
        yield _path(responses.only(fold != number), specs, seed, iterations), responses.only(fold == number)


def _losses(estimates: Sequence[Estimate], held: Responses) -> list[float]:
    """Minus the mean log likelihood of a held-out response at each penalty."""
    count = held.entries.nnz
    first = _program(estimates[0][0].spec, held)
    return [-first.log_likelihood(params) / count for _, params, _ in estimates]


def _row(program: EntriesProgram, params: Mapping[str, Array], iterations: int) -> dict[str, float]:
    family = program.spec.family
    named = {"abilities": family.ability, "slopes": family.discrimination, "intercepts": family.location[0]}
    sizes = {
        word: float(np.sqrt(np.mean(params[name] ** 2))) for word, name in named.items() if name and name in params
    }
    return {"log_likelihood": program.log_likelihood(params), **sizes, "iterations": iterations}
