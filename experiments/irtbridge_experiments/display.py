"""What a person sees while cells run: one live view in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

CONSOLE_WIDTH = 140


def make_console() -> Console:
    """A console as wide as the terminal, or wide enough for a table where there is none."""
    console = Console()
    return console if console.is_terminal else Console(width=CONSOLE_WIDTH)


class CellView:
    """The progress of one cell."""

    def __init__(self, name: str, console: Console, bars: Progress | None, task: TaskID | None) -> None:
        self.name, self.console, self.bars, self.task = name, console, bars, task
        self.started = time.perf_counter()
        if bars is None:
            console.print(f"{name}: started")

    def __call__(self, stage: str, done: int, total: int) -> None:
        if self.bars is not None and self.task is not None:
            self.bars.update(self.task, stage=stage, completed=done, total=total or None)

    def close(self, word: str) -> None:
        """Say how it ended."""
        if self.bars is None:
            self.console.print(f"{self.name}: {word} after {time.perf_counter() - self.started:.1f} s")
        elif self.task is not None:
            self.bars.update(self.task, stage=word, completed=1, total=1)
            self.bars.stop_task(self.task)


class Display:
    """Shows cells one after another."""

    def __init__(self, console: Console, bars: Progress | None) -> None:
        self.console, self.bars = console, bars

    @contextmanager
    def cell(self, name: str) -> Iterator[CellView]:
        """Show one cell while it runs."""
        task = self.bars.add_task(name, stage="start", total=None) if self.bars is not None else None
        view = CellView(name, self.console, self.bars, task)
        try:
            yield view
        except BaseException:
            view.close("failed")
            raise
        view.close("done")


@contextmanager
def display(console: Console) -> Iterator[Display]:
    """A live view, where the console is a terminal."""
    if not console.is_terminal:
        yield Display(console, None)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[stage]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        yield Display(console, bars)
