"""What a person sees while cells run: one live view in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from irtbridge.errors import IRTBridgeWarning

CONSOLE_WIDTH = 160
SECONDS_BETWEEN_LINES = 10.0
LONG = 60.0  # seconds that a fit in flight has left before that is told


def make_console() -> Console:
    """A console as wide as the terminal, or wide enough for a table where there is none; it prints text as it is."""
    as_it_is: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}
    console = Console(**as_it_is)
    return console if console.is_terminal else Console(width=CONSOLE_WIDTH, **as_it_is)


@contextmanager
def plain_warnings(console: Console) -> Iterator[None]:
    """Our own warnings as lines of the console, without the place in the code that Python puts before them."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", IRTBridgeWarning)
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, IRTBridgeWarning):
                console.print(f"warning: {message}")
            else:
                others(message, category, *place, **more)

        warnings.showwarning = show
        yield


class Display:
    """Shows cells one after another, and how many fits of all are done.

    Parameters
    ----------
    console : Console
    bars : Progress, optional
        The live view; without it, plain lines.
    """

    def __init__(self, console: Console, bars: Progress | None) -> None:
        self.console, self.bars = console, bars
        self.total = self.done = self.kept = 0
        self.started = self.last_line = time.perf_counter()
        self.all = None if bars is None else bars.add_task("all fits", stage="", eta="", total=None)

    def expect(self, total: int, *, kept: int = 0) -> None:
        """Say how many fits there are, done or not, and how many are on disk already."""
        self.total += total
        self.kept += kept
        self.count(kept)

    def count(self, fits: int) -> None:
        """Count fits that are on disk."""
        self.done += fits
        if self.bars is not None and self.all is not None:
            self.bars.update(self.all, completed=self.done, total=self.total, eta=self.eta)

    @property
    def eta(self) -> str:
        """Time left, if the fits to come take as long as those of this run on average."""
        fitted = self.done - self.kept
        if fitted == 0 or self.done == self.total:
            return ""
        return f"about {duration((time.perf_counter() - self.started) / fitted * (self.total - self.done))} left"

    def say(self) -> None:
        """How far it all is, now and then, where lines are all there is."""
        if self.bars is None and time.perf_counter() - self.last_line > SECONDS_BETWEEN_LINES:
            self.last_line = time.perf_counter()
            self.console.print(f"{self.done} of {self.total} fits, {self.eta}".rstrip(", "))

    @contextmanager
    def cell(self, title: str, *, kept: int, total: int) -> Iterator[CellView]:
        """Show one cell while it runs."""
        if kept:
            count = "" if total == 1 else f"{kept} of {total} "
            self.console.print(f"{title}: {count}on disk already (overwrite=true fits again)")
        view = CellView(self, title, kept, total)
        try:
            yield view
        except BaseException:
            view.close("stopped")
            raise
        view.close("done")


class CellView:
    """The progress of one cell."""

    def __init__(self, show: Display, title: str, done: int, total: int) -> None:
        self.show, self.title, self.done, self.total = show, title, done, total
        self.started = time.perf_counter()
        self.failures, self.idle = 0, done == total
        self.task, self.began, self.steps = None, (0, self.started), 0
        if self.idle:
            return
        if show.bars is not None:
            self.task = show.bars.add_task(title, stage="start", eta="", completed=done, total=total)
        else:
            self._line("started")

    def step(self, stage: str, done: int, total: int) -> None:
        """Show where the fit in flight is, and how long it will take if that is long."""
        share = f" {100 * done // total} %{self._left(done, total)}" if total else ""
        if self.show.bars is not None and self.task is not None:
            self.show.bars.update(self.task, stage=f"{stage}{share}")
        elif self.show.bars is None and time.perf_counter() - self.show.last_line > SECONDS_BETWEEN_LINES:
            self._line(f"{stage}{share}")

    def _left(self, done: int, total: int) -> str:
        """By the pace since the fit, or its stage, began to count; empty below a minute."""
        now = time.perf_counter()
        if done <= self.steps:
            self.began = done, now
        self.steps, (first, began) = done, self.began
        seconds = (now - began) / max(done - first, 1) * (total - done)
        return f", about {duration(seconds)} left" if seconds >= LONG else ""

    def finished(self, record: dict[str, Any]) -> None:
        """Count a record; say so if it is a failure, and now and then where lines are all there is."""
        self.done += 1
        self.show.count(1)
        if "error" in record:
            self.failures += 1
            show_failures([record], self.show.console)
        if self.show.bars is not None and self.task is not None:
            self.show.bars.update(self.task, completed=self.done)
        elif self.done < self.total and time.perf_counter() - self.show.last_line > SECONDS_BETWEEN_LINES:
            self._line(f"{self.done} of {self.total} ({self.show.done} of {self.show.total} in all, {self.show.eta})")

    def close(self, word: str) -> None:
        """Print how many fits were done and how many failed, and stop the display."""
        if self.idle:
            return
        word = f"{self.failures} failed" if self.failures else word
        if self.show.bars is not None and self.task is not None:
            self.show.bars.remove_task(self.task)
        self._line(f"{word} after {duration(time.perf_counter() - self.started)}")

    def _line(self, text: str) -> None:
        self.show.last_line = time.perf_counter()
        self.show.console.print(f"{self.title}: {text}")


def show_failures(records: Sequence[dict[str, Any]], console: Console) -> None:
    """Say which fits failed, and why."""
    for record in records:
        if "error" in record:
            name = f"{record['condition']} {record['backend']}-{record['method']} {record['replication']}".strip()
            error = f"{record['error']['type']}: {record['error']['message']}"
            console.print(f"{name}: {error}", style="red")


@contextmanager
def display(console: Console) -> Iterator[Display]:
    """A live view, where the console is a terminal."""
    if not console.is_terminal:
        yield Display(console, None)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[stage]}{task.fields[eta]}", markup=False),
    )
    with Progress(*columns, console=console) as bars:
        yield Display(console, bars)


def duration(seconds: float) -> str:
    """As people say it: 4.2 s, 40 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
