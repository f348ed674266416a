"""Fits side by side: what they ask is answered together, in whatever order they finish."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from irtbridge.clock import seconds
from irtbridge.inference.vi import ViSettings
from irtbridge.lockstep import Join, Lockstep
from irtbridge.plugin.stack import Stack
from irtbridge.results.draws import Draws, Timings

Array = NDArray[np.float64]


class Bowl(SimpleNamespace):
    """A program whose log density is highest at `top`."""

    dim, compile_seconds = 2, 0.25
    spec = responses = native = device = dtype = None
    layout = SimpleNamespace(dim=2)

    def value_and_grad(self, z: Array, *, jacobian: bool = True) -> tuple[Array, Array]:
        self.calls.append((1, len(z)))
        return -np.sum((z - self.top) ** 2, axis=-1) + jacobian, -2 * (z - self.top)

    def stack(self, programs: Sequence[Bowl]) -> Bowls:
        return Bowls(programs)


class Bowls(Stack):
    """Several of them."""

    compile_seconds = 0.5

    def __init__(self, programs: Sequence[Bowl]) -> None:
        self.calls, self.top = programs[0].calls, np.array([[program.top] for program in programs])

    def value_and_grad(self, z: Array, jacobian: NDArray[np.bool_]) -> tuple[Array, Array]:
        self.calls.append((len(z), 1))
        return -np.sum((z - self.top) ** 2, axis=-1) + jacobian, -2 * (z - self.top)

    def vi(self, settings: ViSettings, seeds: Sequence[int]) -> list[Draws]:
        self.calls.append(("vi", len(seeds)))
        pairs = zip(self.top, seeds, strict=True)
        return [Draws(np.full((1, 1, 2), top + seed), Timings(1, 4, 8)) for top, seed in pairs]


def climb(top: float, steps: int, calls: list[Any]) -> Callable[[Join], float]:
    """A task that goes up from 0 and says where it arrived."""

    def task(join: Join) -> float:
        program, z = join(Bowl(top=top, calls=calls)), np.zeros(2)
        for _ in range(steps):
            value, gradient = program.value_and_grad(z, jacobian=False)
            assert value == -2 * (z[0] - top) ** 2
            z = z + gradient / 2
        return float(z[0])

    return task


def test_what_is_asked_is_answered_together_and_in_order() -> None:
    """The second of four tasks is done first; the fourth takes its place, and the last one is left alone."""
    calls: list[Any] = []
    tasks = [climb(top, steps, calls) for top, steps in ((1, 3), (2, 1), (3, 3), (4, 5))]
    assert list(Lockstep[float](lambda program: 3).run(tasks)) == [1, 2, 3, 4]
    assert calls == [(3, 1)] * 3 + [(1, 1)] * 3


def test_rows_of_a_batch_are_answered_one_by_one() -> None:
    calls: list[Any] = []

    def batch(join: Join) -> Array:
        return join(Bowl(top=1.0, calls=calls)).value_and_grad(np.arange(6.0).reshape(3, 2))[1]

    results = list(Lockstep[Any](lambda program: 2).run([batch, climb(2, 3, calls)]))
    np.testing.assert_array_equal(results[0], -2 * (np.arange(6.0).reshape(3, 2) - 1))
    assert results[1] == 2
    assert calls == [(2, 1)] * 3


def test_an_error_comes_in_its_turn_and_stops_nobody() -> None:
    def broken(join: Join) -> float:
        raise ArithmeticError("broken")

    tasks = [climb(1, 2, []), broken, climb(3, 2, [])]
    for size in (1, 2, 3):
        results = Lockstep[float](lambda program, size=size: size).run(tasks)
        assert next(results) == 1
        with pytest.raises(ArithmeticError, match="broken"):
            next(results)


def test_alone_a_program_stays_what_it_is() -> None:
    for size, count in ((1, 3), (5, 1)):
        programs = [Bowl(top=1.0, calls=[]) for _ in range(count)]
        joined = list(Lockstep[Any](lambda program, size=size: size).run([lambda join, p=p: join(p) for p in programs]))
        assert all(one is other for one, other in zip(joined, programs, strict=True))


def test_native_methods_wait_for_each_other_and_share_their_seconds() -> None:
    calls: list[Any] = []

    def vi(join: Join) -> tuple[float, Timings, float]:
        program = join(Bowl(top=1.0, calls=calls))
        program.value_and_grad(np.zeros((1, 2)))
        draws = program.vi(ViSettings(), 3)
        return float(draws.z[0, 0, 0]), draws.timings, program.compile_seconds

    results = list(Lockstep[Any](lambda program: 2).run([vi] * 4))
    assert [one[0] for one in results] == [4, 4, 4, 4]
    assert [one[1] for one in results] == [Timings(1, 2, 4), Timings(0, 2, 4)] * 2
    assert results[0][2] == 0.25 + 0.5
    assert calls == [(2, 1), ("vi", 2)] * 2


def test_seconds_leave_out_what_others_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that only work moves: each task works for its own number of seconds, and asks twice."""
    now = [0.0]
    monkeypatch.setattr(Bowls, "compile_seconds", 0.0)
    for module in ("irtbridge.clock", "irtbridge.lockstep"):
        monkeypatch.setattr(f"{module}.time.perf_counter", lambda: now[0])

    def work(amount: float) -> Callable[[Join], float]:
        def task(join: Join) -> float:
            begin, program = seconds(), join(Bowl(top=1.0, calls=[]))
            for _ in range(2):
                now[0] += amount
                program.value_and_grad(np.zeros((1, 2)))
            return seconds() - begin

        return task

    assert list(Lockstep[float](lambda program: 2).run([work(1), work(10)])) == [2, 20]
