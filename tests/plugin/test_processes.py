"""Work over processes: in order, by all of them, and nothing finished is lost."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import joblib
import pytest

from irtbridge.errors import DataError, ResultsError
from irtbridge.plugin.processes import in_processes


def double(worker: dict[str, int], number: int) -> tuple[int, int, int]:
    """Twice a number, the process that did it, and how many calls its own copy of the worker has seen."""
    time.sleep(0.1)
    worker["calls"] = worker.get("calls", 0) + 1
    return 2 * number, os.getpid(), worker["calls"]


def refuse_three(worker: None, number: int) -> int:
    if number == 3:
        raise DataError("three")
    return number


def die_elsewhere(parent: int, number: int) -> int:
    if os.getpid() != parent:
        os._exit(1)
    time.sleep(0.2)
    return number


def test_results_come_in_order_from_this_process_and_another() -> None:
    """A hundred calls of a tenth of a second outlast the start of a process."""
    worker: dict[str, int] = {}
    results = list(in_processes(double, worker, [(i,) for i in range(100)], 2))
    assert [result[0] for result in results] == list(range(0, 200, 2))
    by_process = {pid: [calls for _, p, calls in results if p == pid] for pid in {pid for _, pid, _ in results}}
    assert os.getpid() in by_process
    assert len(by_process) == 2
    assert all(calls == list(range(1, len(calls) + 1)) for calls in by_process.values())


def test_an_error_comes_in_its_turn() -> None:
    results = in_processes(refuse_three, None, [(i,) for i in range(6)], 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(DataError, match="three"):
        next(results)


def test_processes_of_other_libraries_are_their_own() -> None:
    """scikit-learn's parallel work is joblib's, which keeps one pool for the whole process."""
    results = in_processes(refuse_three, None, [(i,) for i in range(3)], 2)
    assert next(results) == 0
    assert joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(-i) for i in range(4)) == [0, 1, 2, 3]
    assert list(results) == [1, 2]


def test_nothing_to_do() -> None:
    assert list(in_processes(double, {}, [], 2)) == []


def test_no_call_begins_after_the_results_are_closed() -> None:
    taken = []

    def calls() -> Iterator[tuple[int]]:
        for number in range(1000):
            taken.append(number)
            yield (number,)

    results = in_processes(double, {}, calls(), 2)
    assert next(results)[0] == 0
    results.close()  # type: ignore[attr-defined]
    at_the_end = len(taken)
    time.sleep(0.5)
    assert len(taken) == at_the_end < 1000


def test_a_process_that_dies_is_named() -> None:
    with pytest.raises(ResultsError, match="fewer processes"):
        list(in_processes(die_elsewhere, os.getpid(), [(i,) for i in range(100)], 2))
    assert list(in_processes(refuse_three, None, [(i,) for i in range(3)], 2)) == [0, 1, 2]
