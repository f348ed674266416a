"""Many data sets of one shape, one after another or in processes, with one compilation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from irtbridge.backend import Draws, Progress, silent
from irtbridge.data import Responses, load_responses
from irtbridge.errors import ConfigError, DataError, NumericalError, rebuild
from irtbridge.fitting import Fit, Fitter, check_seed
from irtbridge.processes import in_processes
from irtbridge.quiet_arviz import az
from irtbridge.spec import ModelSpec

Options = Mapping[str, Any]
Call = tuple[int, Any, Options, int]


def fit_many(
    data_sets: Iterable[Any],
    model: str | ModelSpec = "2pl",
    *,
    backend: str = "pyro",
    method: str = "nuts",
    seed: int = 0,
    processes: int = 1,
    device: str = "auto",
    dtype: str = "float64",
    model_options: Options | None = None,
    backend_options: Options | None = None,
    data_options: Options | None = None,
    progress: Progress = silent,
    **settings: Any,
) -> Iterator[Fit]:
    """Fit one model to many data sets of one shape, compiling it once.

    Data set number i, counted from 0, is fitted with ``seed=seed_of(seed, i)``: alone, `fit` gives it the same draws
    with that seed. The first fit's timings have the compilation; the others' have 0 there, and the attribute
    ``compile_shared`` of their posterior is true.

    Parameters
    ----------
    data_sets : iterable
        Each as in `fit`; all with the same number of persons and the same categories of the items.
    seed : int
        Of all; see `seed_of`.
    processes : int
        Spread the data sets over so many processes, this one among them, each of which compiles once.
    progress : callable
        Called with ("data sets", fits done, fits in all; 0 where unknown).
    model, backend, method, device, dtype, model_options, backend_options, data_options, **settings
        As in `fit`.

    Yields
    ------
    Fit
        In order, each when it is finished: what has come is not lost when a later one fails.

    Raises
    ------
    IRTBridgeError
        As `fit`; `DataError` also where the shape of a data set differs from the first one's.
    """
    check_seed(seed)
    if isinstance(data_sets, (str, Path, pd.DataFrame, Responses)):
        raise DataError("data_sets is a single data set; give a list of them, or use irtbridge.fit.")
    if isinstance(processes, bool) or not isinstance(processes, int) or processes < 1:
        raise ConfigError(f"processes={processes!r} must be an integer, 1 or greater.")
    fitter = Fitter.of(model, backend, method, settings, model_options, backend_options, device=device, dtype=dtype)
    calls = ((i, data, dict(data_options or {}), seed) for i, data in enumerate(data_sets))
    fits = _one_by_one(fitter, calls) if processes == 1 else _spread(fitter, list(calls), processes)
    return _reported(fits, progress, len(data_sets) if isinstance(data_sets, Sized) else 0)


def seed_of(seed: int, index: int) -> int:
    """Seed of data set number `index`, counted from 0, among those that are fitted with `seed`."""
    return int(np.random.SeedSequence([int(seed), index]).generate_state(1)[0])


def _one_by_one(fitter: Fitter, calls: Iterable[Call]) -> Iterator[Fit]:
    for call in calls:
        yield _fit(fitter, *call)


def _fit(fitter: Fitter, number: int, data: Any, options: Options, seed: int) -> Fit:
    """One fit; what its data bring about says which data set it was."""
    try:
        return fitter.fit(load_responses(data, **options), seed_of(seed, number))
    except (DataError, NumericalError) as error:
        raise rebuild(type(error), f"data set number {number}, counted from 0: {error}") from error


def _spread(fitter: Fitter, calls: Iterable[Call], processes: int) -> Iterator[Fit]:
    for idata, responses, draws in in_processes(_fit_here, fitter, calls, processes):
        yield Fit(idata, fitter.spec, responses, partial(fitter.compile, responses), draws)


def _fit_here(fitter: Fitter, *call: Any) -> tuple[az.InferenceData, Responses, Draws]:
    """What a fit in another process sends home: everything but the compiled program."""
    done = _fit(fitter, *call)
    return done.idata, done.responses, done.draws


def _reported(fits: Iterator[Fit], progress: Progress, total: int) -> Iterator[Fit]:
    for done, fit in enumerate(fits, start=1):
        progress("data sets", done, total)
        yield fit
