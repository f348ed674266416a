"""Several fits side by side: each runs as it would alone, and what they ask of their programs is computed together.

Fits take turns. One that asks for a gradient waits until all have asked, and a single call on a leading axis answers
them; so a method knows nothing of the others. Where a fit is done, the next takes its place.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
from greenlet import getcurrent, greenlet
from numpy.typing import NDArray

from irtbridge.clock import leave_out
from irtbridge.data.responses import Responses
from irtbridge.inference.nuts import NutsSettings
from irtbridge.inference.vi import ViSettings
from irtbridge.plugin.program import Program, Progress, silent
from irtbridge.plugin.stack import Stack, Stackable
from irtbridge.results.draws import Draws, Timings

R = TypeVar("R")
Array = NDArray[np.float64]
Join = Callable[[Program], Program]
Task = Callable[[Join], R]


@dataclass
class Gradients:
    """Points (batch, dim) where a fit wants value and gradient; how many it has, and the seconds they took."""

    z: Array
    jacobian: bool
    done: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.values, self.gradients = np.empty(len(self.z)), np.empty(self.z.shape)

    def take(self, values: Array, gradients: Array, seconds: float) -> None:
        """The next few."""
        rows = slice(self.done, self.done + np.size(values))
        self.values[rows], self.gradients[rows] = values, gradients
        self.done, self.seconds = rows.stop, self.seconds + seconds


@dataclass
class Native:
    """A run of the library's own method."""

    method: str
    settings: NutsSettings | ViSettings
    seed: int


class Member:
    """A fit under way.

    Attributes
    ----------
    place : int
        In the stack; -1 until it has joined.
    program : Program
        Its own.
    request : Gradients, Native or None
        What it waits for; None: to join.
    """

    def __init__(self, work: Callable[[Join], None]) -> None:
        self.place = -1
        self.program: Program
        self.request: Gradients | Native | None = None
        self._run = greenlet(lambda: work(self._join))

    def go_on(self, *answer: Any) -> bool:
        """Run until the next request; whether there is one. An answer comes with the seconds that it took."""
        self._run.parent = getcurrent()
        self._run.switch(*answer)
        return not self._run.dead

    def ask(self, request: Gradients | Native | None) -> Any:
        """Let the others run until the request is answered; what else they do meanwhile is left out of `seconds`."""
        self.request, left = request, time.perf_counter()
        assert self._run.parent is not None
        answer, spent = self._run.parent.switch()
        leave_out(time.perf_counter() - left - spent)
        return answer

    def _join(self, program: Program) -> Program:
        self.program = program
        joined: Program = self.ask(None)
        return joined


class Together(Program):
    """A program whose gradients and native methods are computed together with those of other data sets.

    Parameters
    ----------
    member : Member
        Whose program it is.
    size : int
        Data sets that are computed together.
    compile_seconds : float
        Of the program and the stack.
    """

    def __init__(self, member: Member, size: int, compile_seconds: float) -> None:
        self.member, self.together, self.compile_seconds = member, size, compile_seconds
        self.program = program = member.program
        self.spec, self.layout, self.responses = program.spec, program.layout, program.responses
        self.native, self.device, self.dtype = program.native, program.device, program.dtype

    def value_and_grad(self, z: Array, *, jacobian: bool = True) -> tuple[Array, Array]:
        z = np.asarray(z, dtype=float)
        wanted = Gradients(z.reshape(-1, self.dim), jacobian)
        self.member.ask(wanted)
        return wanted.values.reshape(z.shape[:-1]), wanted.gradients.reshape(z.shape)

    def nuts(self, settings: NutsSettings, seed: int, progress: Progress = silent) -> Draws:
        draws: Draws = self.member.ask(Native("nuts", settings, seed))
        return draws

    def vi(self, settings: ViSettings, seed: int, progress: Progress = silent) -> Draws:
        draws: Draws = self.member.ask(Native("vi", settings, seed))
        return draws

    def log_density(self, params: Mapping[str, Array]) -> Array:
        return self.program.log_density(params)

    def value(self, z: Array) -> Array:
        return self.program.value(z)

    def constrain(self, z: Array) -> dict[str, Array]:
        return self.program.constrain(z)

    def unconstrain(self, params: Mapping[str, Array]) -> Array:
        return self.program.unconstrain(params)

    def with_data(self, responses: Responses) -> Program:
        return self.program.bind(responses)


class Lockstep(Generic[R]):
    """Runs tasks side by side.

    Parameters
    ----------
    size : callable
        How many at once, given the first one's program.
    """

    def __init__(self, size: Callable[[Program], int]) -> None:
        self._choose_size, self._size = size, 0
        self._members: list[Member] = []
        self._programs: list[Program] = []  # by place; of a place that is free now, the last one
        self._stack: Stack | None = None
        self._outcomes: dict[int, R | Exception] = {}

    def run(self, tasks: Iterable[Task[R]]) -> Iterator[R]:
        """Results in the order of the tasks.

        Parameters
        ----------
        tasks : iterable of callable
            Each takes a function that it calls with its compiled program to get the program to work with. A task is
            asked for when there is a place.

        Raises
        ------
        Exception
            What a task raised, when its turn comes: the results before it have been given by then.
        """
        waiting = enumerate(_with_their_end(tasks))
        for turn in itertools.count():
            while turn not in self._outcomes:
                while len(self._members) < max(self._size, 1) and (task := next(waiting, None)) is not None:
                    self._start(*task)
                if self._members:
                    self._answer()
                elif turn not in self._outcomes:
                    return
            outcome = self._outcomes.pop(turn)
            if isinstance(outcome, Exception):
                raise outcome
            yield outcome

    def _start(self, number: int, task: Task[R]) -> None:
        def work(join: Join) -> None:
            try:
                self._outcomes[number] = task(join)
            except Exception as error:
                self._outcomes[number] = error

        self._members.append(Member(work))
        self._go_on(self._members[-1])

    def _go_on(self, member: Member, *answer: Any) -> None:
        if not member.go_on(*answer):
            self._members.remove(member)

    def _answer(self) -> None:
        """Answer all requests of one kind, those first that others may be waiting for."""
        joining = [member for member in self._members if member.request is None]
        asking = [(m, m.request) for m in self._members if isinstance(m.request, Gradients)]
        if not self._size:
            self._size = self._choose_size(joining[0].program)
        elif joining:
            self._join(joining)
        elif asking:
            self._differentiate(asking)
        else:
            self._run_native([(m, m.request) for m in self._members if isinstance(m.request, Native)])

    def _join(self, joining: Sequence[Member]) -> None:
        """Give newcomers the free places, and build the stack anew."""
        start = time.perf_counter()
        for member in joining:
            taken = {other.place for other in self._members}
            member.place = next(place for place in itertools.count() if place not in taken)
            self._programs[member.place : member.place + 1] = [member.program]
        size, compiling = len(self._programs), 0.0
        if size > 1:
            first = self._programs[0]
            assert isinstance(first, Stackable)
            self._stack = first.stack(self._programs)
            compiling = self._stack.compile_seconds
        share = (time.perf_counter() - start - compiling) / len(joining)
        for member in joining:
            program = member.program
            joined = program if size == 1 else Together(member, size, program.compile_seconds + compiling)
            self._go_on(member, (joined, share + compiling))
            compiling = 0.0

    def _differentiate(self, asking: Sequence[tuple[Member, Gradients]]) -> None:
        """One point of each member, in one call; what half of the stack or less asks for is sooner done one by one."""
        if 2 * len(asking) > len(self._programs):
            self._one_point_each(asking)
        else:
            for member, wanted in asking:
                start = time.perf_counter()
                rest = member.program.value_and_grad(wanted.z[wanted.done :], jacobian=wanted.jacobian)
                wanted.take(*rest, time.perf_counter() - start)
        for member, wanted in asking:
            if wanted.done == len(wanted.z):
                self._go_on(member, (None, wanted.seconds))

    def _one_point_each(self, asking: Sequence[tuple[Member, Gradients]]) -> None:
        assert self._stack is not None
        start = time.perf_counter()
        z = np.zeros((len(self._programs), self._programs[0].dim))
        jacobian = np.zeros(len(z), dtype=bool)
        for member, wanted in asking:
            z[member.place], jacobian[member.place] = wanted.z[wanted.done], wanted.jacobian
        values, gradients = self._stack.value_and_grad(z, jacobian)
        share = (time.perf_counter() - start) / len(asking)
        for member, wanted in asking:
            wanted.take(values[member.place], gradients[member.place], share)

    def _run_native(self, asking: Sequence[tuple[Member, Native]]) -> None:
        """The library's own method on the whole stack, what stands in free places included."""
        assert self._stack is not None
        start, seeds = time.perf_counter(), [0] * len(self._programs)
        for member, wanted in asking:
            seeds[member.place] = wanted.seed
        method, settings = asking[0][1].method, asking[0][1].settings
        draws = getattr(self._stack, method)(settings, seeds)
        compiling = draws[0].timings.compile
        share = (time.perf_counter() - start - compiling) / len(asking)
        for member, _ in asking:
            timings = draws[member.place].timings
            spent = Timings(compiling, timings.warmup / len(asking), timings.sampling / len(asking))
            self._go_on(member, (replace(draws[member.place], timings=spent), share + compiling))
            compiling = 0.0


def _with_their_end(tasks: Iterable[Task[R]]) -> Iterator[Task[R]]:
    """The tasks and, where whoever makes them fails, one more that fails so."""
    try:
        yield from tasks
    except Exception as error:
        failure = error

        def fail(join: Join) -> R:
            raise failure

        yield fail
