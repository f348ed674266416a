"""Work spread over processes, in order, where each process prepares itself once."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from irtbridge.errors import IRTBridgeError
from irtbridge.memory import keep_freed_memory

W = TypeVar("W")
R = TypeVar("R")
_KEPT: dict[str, Any] = {}


def in_processes(run: Callable[..., R], worker: W, calls: Iterable[tuple[Any, ...]], processes: int) -> Iterator[R]:
    """Results of ``run(worker, *call)`` for each call, in the order of the calls.

    Parameters
    ----------
    run : callable
        A function of a module.
    worker : object
        What every call needs. A process keeps the copy that it gets first, with all that calls leave in it, as a
        compiled program; so `worker` must not hold one yet.
    calls : iterable of tuple
        Arguments.
    processes : int
        How many processes.

    Raises
    ------
    IRTBridgeError
        What a call raised, when its turn comes: the results before it have been given by then.
    """
    from joblib import Parallel, delayed

    token = uuid.uuid4().hex
    pool = Parallel(processes, backend="loky", return_as="generator", batch_size=1, max_nbytes=None)
    outcomes = pool(delayed(_call)(token, run, worker, call) for call in calls)
    try:
        for outcome in outcomes:
            if isinstance(outcome, IRTBridgeError):
                raise outcome
            yield outcome
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib counts the results that nobody will ask for
            outcomes.close()


def _call(token: str, run: Callable[..., Any], worker: Any, call: tuple[Any, ...]) -> Any:
    if token not in _KEPT:
        keep_freed_memory()
        _KEPT.clear()
        _KEPT[token] = worker
    try:
        return run(_KEPT[token], *call)
    except IRTBridgeError as error:
        return error
