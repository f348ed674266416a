"""Many data sets of one shape with one compilation: together, one after another or in processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from irtbridge.data.responses import Responses, load_responses
from irtbridge.errors import ConfigError, DataError, IRTBridgeError, NumericalError, Unsupported, rebuild
from irtbridge.fitting import Fit, Fitter, check_seed, warn_of
from irtbridge.inference import METHODS
from irtbridge.lockstep import Join, Lockstep
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.backend import check_device, check_dtype
from irtbridge.plugin.entry_points import backends_with
from irtbridge.plugin.processes import in_processes
from irtbridge.plugin.program import Program, Progress, silent

Options = Mapping[str, Any]
Call = tuple[int, Any, Options, int]
# By device: persons times nodes, or items, of all data sets in a stack; data sets in it.
SIZES = {"cpu": (2**19, 16), "cuda": (2**24, 32)}


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
    with that seed, to rounding. Chains magnify rounding, so that long ones of data sets computed together are other
    draws of the same posterior (and native NUTS shares its random numbers); where `laplace` falls back to chains, each
    data set's are those of a fit alone. The first
    fit's timings have the compilation; the others' have 0 there, and the attribute ``compile_shared`` of their
    posterior is true. Where data sets are computed together, the seconds are each one's share, and the attribute
    ``together`` is their number.

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
        Compute so many data sets together, with a leading axis for them; over processes, in each of them. 0 chooses:
        one after another where that is as fast or the backend cannot, and where there are several processes.
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
    calls = ((i, data, dict(data_options or {}), seed) for i, data in enumerate(data_sets))
    total = len(data_sets) if isinstance(data_sets, Sized) else 0
    if processes > 1:
        fits = _spread(fitter, list(calls), processes, max(stack, 1))
    else:
        lockstep = Lockstep[Fit](lambda program: stack or _chosen(fitter, program, total))
        fits = lockstep.run(partial(_fit, fitter, *call) for call in calls)
    return _reported(fits, progress, total)


def seed_of(seed: int, index: int) -> int:
    """Seed of data set number `index`, counted from 0, among those that are fitted with `seed`."""
    return int(np.random.SeedSequence([int(seed), index]).generate_state(1)[0])


def _check_whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{name}={value!r} must be an integer, {least} or greater.")


def _chosen(fitter: Fitter, program: Program, total: int) -> int:
    """How many data sets to compute together: what suits the device, in stacks of one size."""
    if not METHODS[fitter.method].stacks or _not_stacked(fitter):
        return 1
    collapse, sizes = program.layout.collapse, program.layout.sizes
    columns = sizes["item"] if collapse is None else collapse.size(sizes["trait"])
    cells, most = SIZES.get(program.device, SIZES["cpu"])
    most = min(most, max(1, cells // (sizes["person"] * columns)))
    return -(-total // -(-total // most)) if total else most


def _not_stacked(fitter: Fitter) -> str:
    """What a fit needs that the backend cannot do for several data sets at once; empty where there is nothing."""
    needs = ("gradients", fitter.method) if METHODS[fitter.method].native else ("gradients",)
    return next((need for need in needs if need not in fitter.engine.stacks), "")


def _check_stacks(fitter: Fitter) -> None:
    """Raise `Unsupported`, naming who does, unless the backend computes several data sets together."""
    if lacking := _not_stacked(fitter):
        backend = fitter.engine.name
        raise Unsupported(backend, f"{lacking} of several data sets at once", backends_with("stacks", lacking))


def _fit(fitter: Fitter, number: int, data: Any, options: Options, seed: int, join: Join) -> Fit:
    """One fit; what its data bring about says which data set it was."""
    try:
        return fitter.fit(load_responses(data, **options), seed_of(seed, number), silent, join)
    except (DataError, NumericalError) as error:
        raise rebuild(type(error), f"data set number {number}, counted from 0: {error}") from error


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
        for fit in Lockstep[Fit](lambda program: len(calls)).run(partial(_fit, fitter, *call) for call in calls):
            done.append(fit)
    except IRTBridgeError as error:
        return done, error
    return done, None


def _reported(fits: Iterator[Fit], progress: Progress, total: int) -> Iterator[Fit]:
    for done, fit in enumerate(fits, start=1):
        progress("data sets", done, total)
        warn_of(fit)
        yield fit
