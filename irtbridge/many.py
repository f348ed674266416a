"""Many data sets of one shape with one compilation: one after another, in stacks or in processes.

`fit_many` checks its arguments and makes a call of each data set, which is read when its turn comes (`_load`). In this
process (`_fits`) a `Fitter` fits one data set after another, or a stack of them in one run of a native method; other
processes (`_spread`) each do the same with a part of the calls, and send home all but the compiled programs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from irtbridge.data.load import load_responses
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError, DataError, IRTBridgeError, NumericalError, rebuild
from irtbridge.fitting import warn_of
from irtbridge.fitting.fitted import Fit
from irtbridge.fitting.fitter import Bound, Fitter
from irtbridge.inference.methods import METHODS, check_start
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.devices import check_device, check_dtype, resolve_device
from irtbridge.plugin.entry_points import check_declared
from irtbridge.plugin.options import check_seed
from irtbridge.plugin.processes import in_processes
from irtbridge.plugin.program import Progress, silent

Options = Mapping[str, Any]
Call = tuple[int, Any, Options, int]
T = TypeVar("T")
# By device: persons times items of all data sets in a stack (4 MiB of doubles on a processor), and data sets in it.
# Chosen; docs/many.md and docs/fast.md have what they gain.
SIZES = {"cpu": (2**19, 16), "cuda": (2**24, 32)}


@dataclass(frozen=True)
class DataSet:
    """Responses to be fitted, their number in the order of the data sets, and the seed of their fit."""

    number: int
    responses: Responses
    seed: int


def fit_many(
    data_sets: Iterable[Any],
    model: str | ModelSpec = "2pl",
    *,
    backend: str = "pyro",
    method: str = "nuts",
    seed: int = 0,
    processes: int = 1,
    stack: int = 0,
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
    with that seed, to rounding (but native NUTS of data sets computed together shares its random numbers); where
    `laplace` falls back to chains, each data set's are those of a fit alone. The first fit's timings have the
    compilation; the others' have 0 there, and the attribute ``compile_shared`` of their posterior is true. Where data
    sets are computed together, the seconds are each one's share, and the attribute ``together`` is their number.

    Parameters
    ----------
    data_sets : iterable
        Each as in `fit`; all with the same number of persons and the same categories of the items. They are asked for
        when they are needed: as many ahead as are computed together.
    seed : int
        Of all; see `seed_of`.
    processes : int
        Spread the data sets over so many processes, this one among them, each of which compiles once.
    stack : int
        Compute so many data sets together, in one run of a native method with a leading axis for them; over processes,
        in each of them. 0 chooses: small data sets together with ``vi`` where the backend can, otherwise and where
        there are several processes one after another.
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
        As `fit`; `DataError` also where the shape of a data set differs from the first one's, `Unsupported` where the
        backend or the method cannot compute data sets together.
    """
    check_seed(seed)
    check_device(device)
    check_dtype(dtype)
    if isinstance(data_sets, (str, Path, pd.DataFrame, Responses)):
        raise DataError("data_sets is a single data set; give a list of them, or use irtbridge.fit.")
    _check_whole("processes", processes, 1)
    _check_whole("stack", stack, 0)
    fitter = Fitter.of(model, backend, method, settings, model_options, backend_options, device=device, dtype=dtype)
    if stack > 1:
        _check_stacks(fitter)
    options = {**fitter.data_options, **dict(data_options or {})}
    calls = ((i, data, options, seed) for i, data in enumerate(data_sets))
    total = len(data_sets) if isinstance(data_sets, Sized) else 0
    if processes > 1:
        fits = _spread(fitter, list(calls), processes, max(stack, 1))
    else:
        fits = _fits(fitter, calls, stack, total)
    return _reported(fits, progress, total)


def seed_of(seed: int, index: int) -> int:
    """Seed of data set number `index`, counted from 0, among those that are fitted with `seed`."""
    return int(np.random.SeedSequence([int(seed), index]).generate_state(1)[0])


def _check_whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{name}={value!r} must be an integer, {least} or greater.")


def _check_stacks(fitter: Fitter) -> None:
    """Raise `Unsupported`, naming what can, unless the method runs on several data sets at once."""
    method, stacks = fitter.method, fitter.engine.stacks
    able = f"it can do {' and '.join(stacks)}, and any" if stacks else "it can do any"
    what = f"{method} of several data sets at once ({able} method one by one, with stack=1)"
    check_declared(fitter.engine, "stacks", what, method)


def _chosen(fitter: Fitter, responses: Responses, total: int) -> int:
    """How many data sets to compute together: what suits the device, in stacks of one size."""
    engine = fitter.engine
    cells, most = SIZES.get(resolve_device(fitter.device, engine.devices(), engine.name), SIZES["cpu"])
    most = min(most, max(1, cells // (responses.n_persons * responses.n_items)))
    return -(-total // -(-total // most)) if total else most


def _load(number: int, data: Any, options: Options, seed: int) -> DataSet:
    with _naming(number):
        return DataSet(number, load_responses(data, **options), seed_of(seed, number))


@contextmanager
def _naming(number: int) -> Iterator[None]:
    """Have what a data set brings about say which one it was."""
    try:
        yield
    except (DataError, NumericalError) as error:
        raise rebuild(type(error), f"data set number {number}, counted from 0: {error}") from error


def _fits(fitter: Fitter, calls: Iterable[Call], stack: int, total: int = 0) -> Iterator[Fit]:
    """Fits in this process, one by one or in stacks of so many; 0 chooses."""
    data_sets: Iterator[DataSet] = (_load(*call) for call in calls)
    if not stack and not (METHODS[fitter.method].stacks and fitter.method in fitter.engine.stacks):
        stack = 1
    if not stack and (first := next(data_sets, None)) is not None:
        stack, data_sets = _chosen(fitter, first.responses, total), chain([first], data_sets)
    yield from _in_stacks(fitter, data_sets, stack) if stack > 1 else _one_by_one(fitter, data_sets)


def _one_by_one(fitter: Fitter, data_sets: Iterable[DataSet]) -> Iterator[Fit]:
    for one in data_sets:
        with _naming(one.number):
            fit = fitter.fit(one.responses, one.seed)
        yield fit


def _in_stacks(fitter: Fitter, data_sets: Iterable[DataSet], size: int) -> Iterator[Fit]:
    """Fits of so many data sets at a time; where one cannot be begun, those before it come first."""
    bound, places = (_bind(fitter, one) for one in data_sets), 0
    while True:
        ready, error = _next_few(bound, size)
        places = places or len(ready)
        if ready:
            yield from fitter.fit_stack(ready, places)
        if error is not None:
            raise error
        if len(ready) < size:
            return


def _bind(fitter: Fitter, one: DataSet) -> Bound:
    with _naming(one.number):
        bound = fitter.bind(one.responses, one.seed)
        check_start(bound.program, one.seed)
        return bound


def _next_few(iterator: Iterator[T], count: int) -> tuple[list[T], Exception | None]:
    """What comes next, and what stopped it short."""
    few: list[T] = []
    try:
        for one in islice(iterator, count):
            few.append(one)
    except Exception as error:
        return few, error
    return few, None


def _spread(fitter: Fitter, calls: Sequence[Call], processes: int, stack: int) -> Iterator[Fit]:
    stacks = ((calls[i : i + stack],) for i in range(0, len(calls), stack))
    for done, error in in_processes(_fit_here, fitter, stacks, processes):
        yield from done
        if error is not None:
            raise error


def _fit_here(fitter: Fitter, calls: Sequence[Call]) -> tuple[list[Fit], IRTBridgeError | None]:
    """What a process sends home: fits done together, and what stopped it."""
    done: list[Fit] = []
    try:
        for fit in _fits(fitter, calls, len(calls)):
            done.append(fit)
    except IRTBridgeError as error:
        return done, error
    return done, None


def _reported(fits: Iterator[Fit], progress: Progress, total: int) -> Iterator[Fit]:
    for done, fit in enumerate(fits, start=1):
        progress("data sets", done, total)
        warn_of(fit)
        yield fit
