"""Run a study: its cells one after another, each in a process of its own, each replication a record on disk.

`make_plan` checks everything before anything runs, `run_plan` fits what is not on disk yet, and `write_study_file` says
in study.json which definition of each cell the tables are to show.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from irtbridge.data.files import read_json, write_json
from irtbridge.errors import ConfigError, Unsupported
from irtbridge.inference import check_runs, make_settings
from irtbridge.plugin.loading import backend_class
from irtbridge_experiments.display import Display, display
from irtbridge_experiments.records import Record
from irtbridge_experiments.records.fits import FITS, packed_fits
from irtbridge_experiments.study.calibrations import calibration_cells, calibration_tasks
from irtbridge_experiments.study.cell import Cell, finished, identity
from irtbridge_experiments.study.conditions import Task, read_tasks
from irtbridge_experiments.study.design import Design
from irtbridge_experiments.study.hints import hints
from irtbridge_experiments.study.locks import claimed, writing
from irtbridge_experiments.study.process import prepared, run_cell


def make_cells(config: DictConfig, task: Task) -> list[Cell]:
    """Each of the configuration's backends with those of its methods that the backend runs, for one condition.

    Raises
    ------
    IRTBridgeError
        A setting is wrong, a backend's library is missing or it runs none of the methods: before anything runs.
    """
    if config.seed < 0:
        raise ConfigError(f"seed={config.seed} must be an integer, 0 or greater.")
    cells = []
    for backend, options in _plain(config.backend).items():
        backend_class(backend).check_installed()
        methods = _plain(config.method)
        for method in methods_of(backend, methods):
            settings = methods[method]
            make_settings(method, **settings)
            cells.append(
                Cell(
                    backend=backend,
                    method=method,
                    backend_options=options,
                    settings=settings,
                    spec=task.spec.to_dict(),
                    seed=int(config.seed),
                    data=task.responses,
                    design=None if task.design is None else task.design.to_dict(),
                    device=str(config.device),
                    dtype=str(config.dtype),
                    condition=task.name,
                    mask=task.mask,
                )
            )
    return cells


def methods_of(backend: str, methods: Iterable[str]) -> list[str]:
    """Those of some methods that a backend runs.

    Raises
    ------
    Unsupported
        It runs none; names who runs the first.
    """
    able, refused = [], list[Unsupported]()
    for method in methods:
        try:
            check_runs(backend_class(backend), method)
            able.append(method)
        except Unsupported as error:
            refused.append(error)
    if refused and not able:
        raise refused[0]
    return able


def left_out(config: DictConfig) -> list[str]:
    """A line for each backend that runs only some of the configuration's methods."""
    methods = list(_plain(config.method))
    lacking = {b: [m for m in methods if m not in methods_of(b, methods)] for b in _plain(config.backend)}
    return [f"{backend} does not run {', '.join(names)}" for backend, names in lacking.items() if names]


@dataclass(frozen=True)
class Plan:
    """What a study has to do.

    Attributes
    ----------
    folder : Path
        Where its records, tables and figures go.
    tasks : list of Task
        Its conditions.
    cells : list of Cell
        Condition x backend x method.
    replications : sequence of int
        Of each cell with simulated data.
    """

    folder: Path
    tasks: list[Task]
    cells: list[Cell]
    replications: Sequence[int]

    def wanted(self, cell: Cell) -> Sequence[int]:
        """Replications of a cell; all of real data are fitted once."""
        return wanted_of(cell, self.replications)


def make_plan(config: DictConfig) -> Plan:
    """Read and check everything that a ``run`` configuration says, before anything runs."""
    for key in ("replications", "parts"):
        if config[key] < 1:
            raise ConfigError(f"{key}={config[key]} must be an integer, 1 or greater.")
    if config.folder != Path(config.folder).name or config.folder in ("", ".."):
        raise ConfigError(f"{config.folder!r} cannot be a study's name: it names a folder below {config.results}.")
    read, make = (calibration_tasks, calibration_cells) if config.calibrations else (read_tasks, make_cells)
    tasks = read(config)
    cells = [cell for task in tasks for cell in make(config, task)]
    return Plan(Path(config.results) / config.folder, tasks, cells, range(config.replications))


def run_study(config: DictConfig, console: Console) -> list[Record]:
    """Run a study's cells one after another and return their records.

    Parameters
    ----------
    config : DictConfig
        A composed ``run`` configuration.
    console : Console
        Where progress is shown.
    """
    plan = make_plan(config)
    for line in left_out(config):
        console.print(line, style="dim")
    with claimed(plan.folder, plan.cells), display(console) as show:
        write_study_file(config, plan)
        return run_plan(config, plan, show)


def run_plan(config: DictConfig, plan: Plan, show: Display) -> list[Record]:
    """Run what a plan has, or a part of it."""
    how = {"save_draws": config.save_draws, "overwrite": config.overwrite}
    return run_cells(plan.cells, plan.folder, show, plan.replications, **how)


def run_cells(
    cells: Sequence[Cell],
    folder: Path,
    show: Display,
    replications: Sequence[int] = (0,),
    *,
    save_draws: bool = True,
    overwrite: bool = False,
) -> list[Record]:
    """Run what is not on disk yet; a fit that fails is recorded, and the others go on.

    Parameters
    ----------
    cells : sequence of Cell
        What to fit.
    folder : Path
        Of the study.
    show : Display
        Where progress is shown.
    replications : sequence of int
        Of each cell with simulated data.
    save_draws, overwrite : bool
        Keep the draws; fit again what is on disk.
    """
    records: list[Record] = []
    packed = packed_fits(folder / FITS)
    wanted = [wanted_of(cell, replications) for cell in cells]
    kept = [
        [] if overwrite else [record for r in numbers if (record := done_before(folder, cell, r, packed))]
        for cell, numbers in zip(cells, wanted, strict=True)
    ]
    todo = [cell for cell, numbers, before in zip(cells, wanted, kept, strict=True) if len(before) < len(numbers)]
    for hint in hints(todo):
        show.console.print(hint)
    show.expect(sum(map(len, wanted)), kept=sum(map(len, kept)))
    done = [{record["replication"] for record in before} for before in kept]
    left = [[r for r in numbers if r not in known] for numbers, known in zip(wanted, done, strict=True)]
    jobs = [(cell, numbers) for cell, numbers in zip(cells, left, strict=True) if numbers]
    with closing(prepared(jobs, folder, save_draws=save_draws)) as workers:
        for cell, numbers, before in zip(cells, left, kept, strict=True):
            records += before
            with show.cell(cell.title, kept=len(before), total=len(before) + len(numbers)) as view:
                worker = next(workers) if numbers else None
                fits = run_cell(cell, folder, numbers, save_draws=save_draws, worker=worker, progress=view.step)
                for record in fits:
                    view.finished(record)
                    records.append(record)
    return records


def done_before(folder: Path, cell: Cell, replication: int, packed: Collection[tuple[object, ...]]) -> Record | None:
    """The record of this very fit, or its identity where only its row in the study's csv is at hand."""
    record = finished(folder, cell, replication)
    if record is None and (cell.condition, cell.backend, cell.method, replication, cell.hash) in packed:
        return identity(cell, replication)
    return record


def wanted_of(cell: Cell, replications: Sequence[int]) -> Sequence[int]:
    """Replications of a cell; all of real data are fitted once."""
    if not cell.replicated:
        return (0,)
    return [r for r in replications if cell.most is None or r < cell.most]


def write_study_file(config: DictConfig, plan: Plan) -> None:
    """Write what the study is, and the true parameters of each condition that is simulated.

    Conditions that an earlier run had, and this one leaves out, stay, as do the cells of a condition that is the same.
    """
    whole = config.folder == config.name
    described = {
        "name": config.name,
        "title": config.title if whole else f"{config.folder}: {config.title}",
        "reference": config.reference if whole else None,
        "seed": config.seed,
    }
    path = plan.folder / "study.json"
    with writing(plan.folder):
        conditions: dict[str, Any] = read_json(path)["conditions"] if path.exists() else {}
        for task in plan.tasks:
            cells = {cell.key: cell.hash for cell in plan.cells if cell.condition == task.name}
            conditions[task.name] = _described(task, config.seed, cells, conditions.get(task.name, {}))
            if task.design is not None:
                write_truth(plan.folder / "truth" / f"{task.name}.json", task.design, config.seed)
        write_json(path, described | {"conditions": conditions})


def _described(task: Task, seed: int, cells: dict[str, str], before: dict[str, Any]) -> dict[str, Any]:
    """A condition as study.json has it, with the hash of each of its cells: the definition whose fits are shown."""
    data = {} if task.responses is None else {"data": task.responses.fingerprint}
    design = {} if task.design is None else {"design": task.design.to_dict()}
    grid = {"grid": task.grid} if task.grid else {}
    held = {name: value for name in ("mask", "calibration") if (value := getattr(task, name)) is not None}
    labels = {"labels": task.labels} if held else {}
    definition = {"spec": task.spec.to_dict()} | grid | design | data | held | labels | {"seed": seed}
    same = {name: value for name, value in before.items() if name != "cells"} == json.loads(json.dumps(definition))
    return definition | {"cells": (before.get("cells", {}) if same else {}) | cells}


def write_truth(path: Path, design: Design, seed: int) -> None:
    """Write the true values of what is estimated."""
    values = design.truth(design.true_parameters(seed))
    parameters = {name: value.tolist() for name, value in values.items()}
    write_json(path, {"design_hash": design.hash, "seed": seed, "parameters": parameters})


def _plain(node: DictConfig) -> dict[str, dict[str, Any]]:
    container: dict[str, dict[str, Any]] = OmegaConf.to_container(node, resolve=True)  # type: ignore[assignment]
    return container
