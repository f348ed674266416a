"""The program ``jags``: scripts in, coda out, one process for each chain."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from irtbridge.errors import NumericalError

NOT_ADAPTED = "Adaptation incomplete"  # what JAGS says where `adapt` iterations were too few
PIECES = 20  # of a stage, each of which tells how far it is
STAGES = ("adapt", "burn-in", "sampling")


@dataclass(frozen=True)
class Schedule:
    """Iterations of a chain: that adapt its samplers, that are left out, and that are kept, each `thin`-th of them."""

    adapt: int
    burn_in: int
    keep: int
    thin: int

    @property
    def total(self) -> int:
        """All iterations."""
        return self.adapt + self.burn_in + self.keep


class Ran(NamedTuple):
    """How one chain ran.

    Attributes
    ----------
    seconds : tuple of float
        Of compiling, of adapting and burn-in, of sampling.
    adapted : bool
        Whether its samplers had adapted.
    """

    seconds: tuple[float, float, float]
    adapted: bool


def script(schedule: Schedule, modules: Iterable[str], monitored: Iterable[str], stem: str) -> str:
    """What ``jags`` is told to do for one chain.

    Parameters
    ----------
    schedule : Schedule
    modules : iterable of str
        Modules to load besides ``basemod`` and ``bugs``.
    monitored : iterable of str
        Nodes whose draws are kept.
    stem : str
        Of the names of the files: ``<stem>.inits.R`` is read, ``<stem>index.txt`` and ``<stem>chain1.txt`` are written.
    """
    lines = [
        *(f"load {module}" for module in modules),
        'model in "model.bug"',
        'data in "data.R"',
        "compile, nchains(1)",
        f'parameters in "{stem}.inits.R", chain(1)',
        "initialize",
        f"adapt {schedule.adapt}",
        *_updates(schedule.burn_in),
        *(f"monitor {node}, thin({schedule.thin})" for node in monitored),
        *_updates(schedule.keep),
        f'coda *, stem("{stem}")',
    ]
    return "\n".join([*lines, ""])


def _updates(iterations: int) -> list[str]:
    """An update in pieces."""
    sizes = [iterations * (n + 1) // PIECES - iterations * n // PIECES for n in range(PIECES)]
    return [f"update {size}" for size in sizes if size]


def run(folder: Path, stem: str, schedule: Schedule, report: Callable[[int], None]) -> Ran:
    """Run one chain's script ``<stem>.cmd``.

    Parameters
    ----------
    folder : Path
        Of the files.
    stem : str
        Of the names of the chain's own.
    schedule : Schedule
        What the script does.
    report : callable
        Of the number of iterations that are done.

    Returns
    -------
    Ran

    Raises
    ------
    NumericalError
        JAGS cannot run the program; with what it says.
    """
    begin, done, said = time.perf_counter(), 0, list[str]()
    starts = {0: begin}
    how: dict[str, Any] = {"cwd": folder, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(["jags", f"{stem}.cmd"], **how) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                said.append(line.strip())
                word, _, number = line.strip().partition(" ")
                if word in ("Adapting", "Updating") and number.isdecimal():
                    report(done)
                    starts.setdefault(done + 1, time.perf_counter())
                    done += int(number)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise NumericalError(f"jags stopped: {' '.join(said[-4:])}. Use tighter priors, or another seed.")
    end = time.perf_counter()
    report(done)
    sampling = starts.get(schedule.adapt + schedule.burn_in + 1, end)
    adapted = not any(NOT_ADAPTED in line for line in said)
    return Ran((starts[1] - begin, sampling - starts[1], end - sampling), adapted)


def run_chains(
    folder: Path, stems: list[str], schedule: Schedule, processes: int, report: Callable[[str, int], None]
) -> list[Ran]:
    """Run several chains side by side."""
    workers = min(processes or os.cpu_count() or 1, len(stems))
    with ThreadPoolExecutor(max_workers=workers) as pool:
        each = [pool.submit(run, folder, stem, schedule, partial(report, stem)) for stem in stems]
        return [one.result() for one in each]


@cache
def version() -> str:
    """Version of ``jags``, as it says itself."""
    said = subprocess.run(["jags"], input="exit\n", capture_output=True, text=True, check=False).stdout
    words = said.split()
    return words[words.index("JAGS") + 1] if "JAGS" in words else "unknown"


def written(folder: Path, files: Mapping[str, str]) -> None:
    """Write text files into a folder."""
    for name, text in files.items():
        (folder / name).write_text(text)
