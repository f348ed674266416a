"""From a study's `conditions` to models and data: grids expanded, everything checked before anything runs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from omegaconf import DictConfig, OmegaConf

from irtbridge.data.hold_out import hold_out
from irtbridge.data.load import load_responses
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError, SpecError
from irtbridge.inference import of_constant_items
from irtbridge.model.catalogue import build_model
from irtbridge.model.design import split_for
from irtbridge.model.layout import Layout
from irtbridge.model.spec import ModelSpec
from irtbridge_experiments.config.q_matrix import read_q_matrix
from irtbridge_experiments.study.design import Design, factor_name

# All but the kind of responses, which the model says.
DATA_OPTIONS = tuple(name for name in load_responses.__kwdefaults__ or () if name != "kind")
NAME = re.compile(r"[A-Za-z][\w.-]*")

Plain = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """A condition: what is fitted to what.

    Attributes
    ----------
    name : str
    spec : ModelSpec
        The model that is fitted.
    design : Design, optional
        How its data are simulated, or
    responses : Responses, optional
        the real ones.
    grid : dict
        The values that it has of its study's grid.
    mask : dict, optional
        Arguments of `hold_out`.
    calibration : dict, optional
        Of items that are calibrated from features; see `Cell`.
    most : int, optional
        Replications that it has at most.
    labels : dict
        Where something is held out: what tables call its data, its model and its mask, or its data and start.
    """

    name: str
    spec: ModelSpec
    design: Design | None = None
    responses: Responses | None = None
    grid: Plain = field(default_factory=dict)
    mask: Plain | None = None
    calibration: Plain | None = None
    most: int | None = None
    labels: Plain = field(default_factory=dict)


def read_tasks(config: DictConfig) -> list[Task]:
    """All conditions of a ``run`` configuration, grids expanded, within its caps.

    Raises
    ------
    IRTBridgeError
        A condition that cannot be: no model, neither or both of simulate and data, a wrong option, Q-matrix or prior.
    """
    written: Mapping[str, Plain] = OmegaConf.to_container(config.conditions, resolve=True)  # type: ignore[assignment]
    options = data_options(config)
    if not written:
        raise ConfigError(f"study {config.name!r} has no conditions; give each a name, a model, and simulate or data.")
    conditions = [pair for name, node in written.items() for pair in expand(name, node)][: config.caps.conditions]
    tasks = [make_task(name, node, options) for name, node in conditions]
    masks: Mapping[str, Plain] = OmegaConf.to_container(config.mask, resolve=True)  # type: ignore[assignment]
    return [masked(task, {"mask": name, **how}, config.seed) for task in tasks for name, how in masks.items()] or tasks


def masked(task: Task, mask: Plain, seed: int) -> Task:
    """A condition of which something is held out, named by its data and its mask: ``two_pl-wins-rows``.

    Raises
    ------
    IRTBridgeError
        Of its real data this cannot be held out.
    """
    data = "simulated" if task.responses is None else task.responses.name
    if task.responses is not None:
        hold_out(task.responses, seed=seed, **mask)
    model = " ".join(map(str, task.grid.values())) or task.name
    labels = {"data": data, "model": model, "mask": mask["mask"]}
    name = "-".join([task.name, re.sub(r"[^\w.]", "_", data), mask["mask"]])
    return replace(task, name=name, mask=mask, labels=labels)


def data_options(config: DictConfig) -> Plain:
    """How a file of responses is read."""
    plain: Plain = OmegaConf.to_container(OmegaConf.masked_copy(config, list(DATA_OPTIONS)), resolve=True)  # type: ignore[assignment]
    if plain["allow_constant"] is None:
        plain["allow_constant"] = of_constant_items({str(name): node for name, node in config.method.items()})
    return plain


def expand(name: str, condition: Plain) -> list[tuple[str, Plain]]:
    """One condition for each combination of its grid, named by it: ``prior-a0.5-b1``."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"condition name {name!r}: use a letter, then letters, digits and any of _ - .")
    grid = condition.get("grid") or {}
    pairs = []
    for values in itertools.product(*grid.values()):
        chosen = dict(zip(grid, values, strict=True))
        suffix = "".join(f"-{key}{value}" for key, value in chosen.items())
        pairs.append((name + suffix, condition | {"model": _filled(condition.get("model"), chosen), "grid": chosen}))
    return pairs


def make_task(name: str, condition: Plain, options: Plain) -> Task:
    """Check a condition and build its model and its data."""
    try:
        return _task(name, condition, options)
    except SpecError as error:
        raise SpecError(f"condition {name!r}: {error}") from error


def spec_of(model: Mapping[str, Any]) -> ModelSpec:
    """The spec that a `model` node describes; its Q-matrix may be all that `read_q_matrix` reads.

    Raises
    ------
    SpecError
        The Q-matrix cannot be read, or the spec is impossible.
    """
    options = {str(k): v for k, v in model.items() if k != "name"}
    if "q_matrix" in options:
        options["q_matrix"] = read_q_matrix(options["q_matrix"])
    return build_model(model["name"], **options)


def _task(name: str, condition: Plain, options: Plain) -> Task:
    model, simulate, data = (condition.get(key) for key in ("model", "simulate", "data"))
    grid = condition.get("grid") or {}
    if not isinstance(model, dict) or "name" not in model:
        raise ConfigError(f"condition {name!r} has no model; write model: {{name: 2pl}}.")
    if (simulate is None) == (data is None):
        raise ConfigError(f"condition {name!r} needs one of simulate (how data are generated) and data (real ones).")
    if data is not None:
        spec = spec_of(model)
        responses = _first(load_responses(data, kind=spec.family.kind, **options), condition.get("n_persons"))
        responses = split_for(spec, responses)
        Layout.of(spec, responses)
        return Task(name, spec, responses=responses, grid=grid)
    assert simulate is not None
    spec, design = spec_of(model), make_design(name, model, simulate)
    return Task(name, spec, design=design, grid=grid)


def make_design(name: str, model: Plain, simulate: Plain) -> Design:
    """How a condition's data are generated: its model, with the generating distributions for priors."""
    for key in ("n_persons", "n_items"):
        if not isinstance(simulate.get(key), int):
            raise ConfigError(f"condition {name!r}: simulate needs {key}, a number.")
    counts = simulate["n_categories"]
    n_categories = tuple(counts) if isinstance(counts, list) else (counts,) * simulate["n_items"]
    ends = simulate["correlation"]
    design = Design(
        spec=spec_of(model | simulate["priors"]),
        n_persons=simulate["n_persons"],
        n_categories=n_categories,
        missing=simulate["missing"],
        correlation=None if ends is None else _ends(name, ends),
    )
    if ends is not None:
        factor_name(design.spec)
    if not 0 <= design.missing < 1:
        raise ConfigError(f"condition {name!r}: missing={design.missing} must be a probability, from 0 to below 1.")
    design.layout  # noqa: B018 (checks that Q-matrix and categories fit)
    return design


def _ends(name: str, ends: list[float]) -> tuple[float, float]:
    if len(ends) != 2 or not -1 < ends[0] <= ends[1] < 1:
        raise ConfigError(f"condition {name!r}: simulate.correlation={ends} must be [lowest, highest] within (-1, 1).")
    return float(ends[0]), float(ends[1])


def _first(responses: Responses, n_persons: int | None) -> Responses:
    """The first persons as data of their own; categories that none of them gave are kept."""
    if n_persons is None or n_persons >= responses.n_persons:
        return responses
    return replace(responses.select(slice(n_persons)))


def _filled(node: Any, chosen: Mapping[str, Any]) -> Any:
    """A model node with ``<key>`` replaced in its texts."""
    if isinstance(node, dict):
        return {key: _filled(value, chosen) for key, value in node.items()}
    if isinstance(node, str):
        for key, value in chosen.items():
            node = node.replace(f"<{key}>", str(value))
    return node
