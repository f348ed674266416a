"""From a study's `calibrations` and `predictors` to conditions and cells; everything checked before anything runs."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

from omegaconf import DictConfig, OmegaConf

from irtbridge.data.load import load_responses
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError, DataNotFound, IRTBridgeWarning, UnknownName
from irtbridge.model.catalogue import build_model
from irtbridge_experiments.study.cell import CORE, Cell
from irtbridge_experiments.study.conditions import Task
from irtbridge_experiments.study.starts import Start

Plain = dict[str, Any]
SIMULATED = ("vocabulary", "n_items", "n_persons", "per_person")


def calibration_tasks(config: DictConfig) -> list[Task]:
    """Data and starts of items that are calibrated from their features; data of which there is no file are skipped.

    Raises
    ------
    IRTBridgeError
        Data that cannot be read, or none at all; a start or a number of parts that cannot be.
    """
    written, tasks = _plain(config.calibrations), []
    for name, node in written.items():
        try:
            tasks += _starts(name, node)
        except DataNotFound as error:
            warnings.warn(f"{name} is skipped: {error}", IRTBridgeWarning, stacklevel=2)
    if not tasks:
        raise ConfigError(f"study {config.name!r}: there are none of its data, {', '.join(written)}.")
    return tasks[: config.caps.conditions]


def _starts(name: str, node: Plain) -> list[Task]:
    """A condition for each start of a set of data, ``yes_no-20``."""
    simulate = {each: node[each] for each in SIMULATED} if node["data"] is None else None
    if simulate is not None and None in simulate.values():
        raise ConfigError(f"calibration {name!r} needs data, or all of {', '.join(SIMULATED)}.")
    responses = None if simulate else _two_categories(node)
    tasks = []
    for start in node["starts"]:
        Start(start, node["parts"], node["rounds"])
        plain = {each: node[each] for each in ("leave_out", "formula", "parts", "rounds")}
        plain |= {"start": start} | ({"simulate": simulate} if simulate else {})
        labels = {"data": name, "start": str(start)}
        own = {"responses": responses, "calibration": plain, "most": node["replications"], "labels": labels}
        tasks.append(Task(f"{name}-{start}", build_model("2pl"), **own))
    return tasks


def calibration_cells(config: DictConfig, task: Task) -> list[Cell]:
    """A cell for each predictor of a condition.

    Raises
    ------
    UnknownName
        A predictor that there is not.
    """
    return [_cell(config, task, *pair) for pair in _plain(config.predictors).items()]


def _cell(config: DictConfig, task: Task, predictor: str, settings: dict[str, Any]) -> Cell:
    """Items calibrated by a predictor, which is a method of no backend's."""
    from irtbridge_experiments.study.predictors import PREDICTORS  # here, for scikit-learn takes a while to import

    own = {"by": predictor} | settings
    if own["by"] not in PREDICTORS:
        raise UnknownName("predictor", own["by"], PREDICTORS)
    return Cell(
        backend=CORE,
        backend_options={},
        method=predictor,
        settings=own,
        spec=task.spec.to_dict(),
        seed=int(config.seed),
        data=task.responses,
        condition=task.name,
        calibration=task.calibration,
        most=task.most,
    )


def _two_categories(node: Plain) -> Responses:
    """Real responses with features of the items; those of several categories as right and wrong."""
    read = load_responses(node["data"], item_data=node["item_data"], allow_constant=True)
    if node["at_least"] is None:
        return read
    frame = read.to_frame()
    right = load_responses((frame >= node["at_least"]).where(frame.notna()).astype(float), allow_constant=True)
    return replace(right, item_data=read.item_data, name=read.name)


def _plain(node: DictConfig) -> dict[str, Plain]:
    container: dict[str, Plain] = OmegaConf.to_container(node, resolve=True)  # type: ignore[assignment]
    return container
