"""Work spread over processes, this one among them, in order; each process prepares itself once.

The processes are joblib's (loky). Its own generator, ``Parallel(return_as="generator")``, would leave this one idle,
and where a call fails or a process dies it drops the results before it that are not yet given.
"""

from __future__ import annotations

import copy
import functools
import itertools
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from queue import SimpleQueue
from threading import Lock
from typing import Any, TypeVar

from irtbridge.errors import IRTBridgeError, ResultsError

W = TypeVar("W")
R = TypeVar("R")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
IDLE_SECONDS = 10.0  # loky's default for processes that are kept
_KEPT: dict[str, Any] = {}


def in_processes(run: Callable[..., R], worker: W, calls: Iterable[tuple[Any, ...]], processes: int) -> Iterator[R]:
    """Results of ``run(worker, *call)`` for each call, in the order of the calls.

    This process takes calls too while it waits for the next result: the others are slow to start.

    Parameters
    ----------
    run : callable
        A function of a module.
    worker : object
        What every call needs. A process keeps its own copy, with all that calls leave in it, as a compiled program; so
        `worker` must not hold one yet.
    calls : iterable of tuple
        Arguments.
    processes : int
        How many processes, 2 or more.

    Raises
    ------
    IRTBridgeError
        What a call raised, when its turn comes: the results before it have been given by then. `ResultsError` where
        another process died.
    """
    here, helpers = copy.copy(worker), _Helpers(run, worker, calls, processes - 1)
    results: dict[int, R | IRTBridgeError] = {}
    try:
        # The first call stays here, so that its result, or its error, does not wait for a process to start.
        if (first := helpers.take()) is not None:
            helpers.start()
            results[0] = _outcome(run, here, first[1])
        for turn in itertools.count():
            while turn not in results:
                if helpers.done.empty() and (mine := helpers.take()) is not None:
                    number, call = mine
                    results[number] = _outcome(run, here, call)
                elif helpers.busy:
                    results.update([helpers.next_outcome()])
                else:
                    return
            outcome = results.pop(turn)
            if isinstance(outcome, IRTBridgeError):
                raise outcome
            yield outcome
    finally:
        helpers.dismiss()


class _Helpers:
    """Other processes, each of which takes the next call as soon as it is done with one."""

    def __init__(self, run: Callable[..., Any], worker: Any, calls: Iterable[tuple[Any, ...]], number: int) -> None:
        self._executor = _executor(number)
        self._task = uuid.uuid4().hex, run, worker
        self._calls, self._lock = enumerate(calls), Lock()
        self._number, self.busy, self.done = number, 0, SimpleQueue[Any]()

    def start(self) -> None:
        """Give each helper process its first call."""
        for _ in range(self._number):
            self._send()

    def take(self) -> tuple[int, tuple[Any, ...]] | None:
        """The next call that nobody has taken, and its number; None when there is none."""
        with self._lock:
            return next(self._calls, None)

    def next_outcome(self) -> tuple[int, Any]:
        """Number and outcome of a call, waiting until there is one."""
        try:
            outcome: tuple[int, Any] = self.done.get().result()
        except BrokenProcessPool as error:
            _executor.cache_clear()
            raise ResultsError("another process died, perhaps for want of memory; use fewer processes.") from error
        with self._lock:
            self.busy -= 1
        return outcome

    def dismiss(self) -> None:
        """Withdraw the calls that no process has taken."""
        with self._lock:
            self._calls = enumerate(())

    def _send(self, _: Any = None) -> None:
        with self._lock:
            call = next(self._calls, None)
            self.busy += call is not None
        if call is not None:
            future = self._executor.submit(_call, *self._task, *call)
            future.add_done_callback(self.done.put)
            future.add_done_callback(self._send)


@functools.cache
def _executor(number: int) -> Any:
    """Processes that stay between uses; not joblib's one executor, which libraries that work in parallel exchange."""
    from joblib.externals.loky import ProcessPoolExecutor

    threads = {name: str(max((os.cpu_count() or 1) // (number + 1), 1)) for name in THREADS}
    return ProcessPoolExecutor(max_workers=number, timeout=IDLE_SECONDS, env=threads)


def _call(token: str, run: Callable[..., Any], worker: Any, number: int, call: tuple[Any, ...]) -> tuple[int, Any]:
    if token not in _KEPT:
        _KEPT.clear()
        _KEPT[token] = worker
    return number, _outcome(run, _KEPT[token], call)


def _outcome(run: Callable[..., R], worker: Any, call: tuple[Any, ...]) -> R | IRTBridgeError:
    try:
        return run(worker, *call)
    except IRTBridgeError as error:
        return error
