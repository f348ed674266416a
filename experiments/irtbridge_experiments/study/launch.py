"""The cells of a study as jobs of a Hydra launcher: ``irtbridge run -m ... hydra/launcher=joblib``, ray, submitit.

A job is a part of a cell's replications. It writes the same records as a serial run, wherever it runs; this process
watches them arrive.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console

from irtbridge.data.files import read_json
from irtbridge.errors import ConfigError
from irtbridge_experiments.config.compose import CONFIG_MODULE, given_keys, prepare, split_config_dir
from irtbridge_experiments.config.presets import settle
from irtbridge_experiments.display import Display, display, show_failures
from irtbridge_experiments.records import Record
from irtbridge_experiments.records.fits import FITS, packed_fits
from irtbridge_experiments.study.cell import Cell, record_path
from irtbridge_experiments.study.hints import hints
from irtbridge_experiments.study.locks import claimed
from irtbridge_experiments.study.run import Plan, done_before, make_plan, run_plan, write_study_file

SECONDS_BETWEEN_LOOKS = 1.0
QUIET = {
    "hydra/launcher=ray": [
        "++hydra.launcher.ray.init.logging_level=error",
        "++hydra.launcher.ray.init.log_to_driver=false",
    ]
}


def launch_study(config: DictConfig, words: Sequence[str], console: Console) -> list[Record]:
    """Run a study's cells as jobs of the launcher that `words` name, and return the records.

    Parameters
    ----------
    config : DictConfig
        A composed ``run`` configuration.
    words : sequence of str
        What it was composed from; ``hydra/launcher=NAME`` and ``hydra.launcher.KEY=VALUE`` are among them.
    console : Console
        Where progress is shown.
    """
    plan = make_plan(config)
    with claimed(plan.folder, plan.cells), display(console) as show:
        write_study_file(config, plan)
        packed = packed_fits(plan.folder / FITS)
        jobs = [name for cell in plan.cells for name in _jobs(cell, plan, config, packed)]
        for hint in hints(plan.cells) if jobs else ():
            console.print(hint)
        with _watched(plan, show):
            if jobs:
                _launch(words, jobs, plan.folder)
        records = [record for cell in plan.cells for r in plan.wanted(cell) if (record := _record(plan, cell, r))]
    show_failures(records, console)
    return records


def job(config: DictConfig) -> None:
    """What a launcher runs, here or on another machine."""
    os.chdir(HydraConfig.get().runtime.cwd)
    settle(config, given_keys(HydraConfig.get().overrides.task))
    name, _, numbers = str(config.job).rpartition("/")
    first, _, step = numbers.partition("of")
    plan = make_plan(config)
    cells = [cell for cell in plan.cells if f"{cell.condition}/{cell.key}" == name]
    part = replace(plan, cells=cells, replications=plan.replications[int(first) :: int(step)])
    run_plan(config, part, Display(Console(quiet=True), None))


def _jobs(cell: Cell, plan: Plan, config: DictConfig, packed: Collection[tuple[object, ...]]) -> list[str]:
    """Names of a cell's jobs that have something to do: ``CONDITION/BACKEND-METHOD/0of2``."""
    wanted = plan.wanted(cell)
    parts = min(config.parts, len(wanted))
    todo = {r for r in wanted if config.overwrite or done_before(plan.folder, cell, r, packed) is None}
    return [f"{cell.condition}/{cell.key}/{k}of{parts}" for k in range(parts) if todo & set(wanted[k::parts])]


def _launch(words: Sequence[str], jobs: Sequence[str], folder: Path) -> None:
    """Hand the jobs to Hydra, as if it had been called from the shell."""
    overrides, search = split_config_dir(words)
    own = [] if search is None else [f"hydra.searchpath=['file://{search}']"]
    sweep = [f"job={','.join(jobs)}", f"hydra.sweep.dir='{(folder / 'jobs').resolve()}'"]
    quiet = [word for launcher, words in QUIET.items() if launcher in overrides for word in words]
    command = ["irtbridge", "-m", *quiet, *prepare(overrides), *own, *sweep]
    main = hydra.main(version_base="1.3", config_path=f"pkg://{CONFIG_MODULE}", config_name="run")(job)
    with _called_as(command):
        main()
    (folder / "jobs" / "multirun.yaml").unlink(missing_ok=True)


@contextmanager
def _called_as(command: list[str]) -> Iterator[None]:
    """Hydra's main function reads the words of the command line from `sys.argv` alone."""
    before, sys.argv = sys.argv, command
    try:
        yield
    finally:
        sys.argv = before


def check_only_cells_are_swept(words: Sequence[str]) -> None:
    """Raise `ConfigError` where a setting has several values: they would be records of one name."""
    for word in prepare(split_config_dir(words)[0]):
        key, _, value = word.partition("=")
        plain = value[:1] in ("'", '"', "[", "{")
        if ("," in value and not plain) or value.startswith(("range(", "choice(", "glob(", "interval(")):
            raise ConfigError(f"{key}={value}: -m spreads a study's own cells; give one value, or write conditions.")


@contextmanager
def _watched(plan: Plan, show: Display) -> Iterator[None]:
    """Show the records as they arrive from the jobs."""
    paths = [record_path(plan.folder, cell, r) for cell in plan.cells for r in plan.wanted(cell)]
    before = {path: _stamp(path) for path in paths}
    show.expect(len(paths), kept=sum(stamp is not None for stamp in before.values()))
    stop = threading.Event()

    def watch() -> None:
        stopped = False
        while not stopped:
            stopped = stop.wait(SECONDS_BETWEEN_LOOKS)
            new = [path for path in before if before[path] != (stamp := _stamp(path)) and stamp is not None]
            show.count(sum(before.pop(path) is None for path in new))
            show.say()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _stamp(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.exists() else None


def _record(plan: Plan, cell: Cell, replication: int) -> Record | None:
    """The record of a fit, also of one that failed."""
    path = record_path(plan.folder, cell, replication)
    record = read_json(path) if path.exists() else None
    return record if record is not None and record["cell_hash"] == cell.hash else None
