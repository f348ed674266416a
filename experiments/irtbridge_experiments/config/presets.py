"""Who wins: the command line over a preset's caps, these over a study's settings, these over the defaults."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf

from irtbridge.data.labels import labels_of
from irtbridge.errors import UnknownName
from irtbridge.inference import METHODS, make_settings
from irtbridge.plugin.loading import backend_class
from irtbridge_experiments.config.q_matrix import read_q_matrix

ITEMS_PER_TRAIT = 2


def settle(config: DictConfig, given: Collection[str]) -> None:
    """Apply a study's settings of methods, its options of backends and its preset's caps to a configuration.

    Parameters
    ----------
    config : DictConfig
        A composed ``run`` configuration.
    given : collection of str
        The keys that the command line has set; they are left alone.

    Raises
    ------
    UnknownName, ConfigError
        Settings of a method, or options of a backend, that does not exist, or with a wrong name or value, selected or
        not.
    """
    for name, values in config.settings.items():
        if name not in METHODS:
            raise UnknownName("method", name, METHODS, hint="It stands in the study's settings.")
        make_settings(name, **_plain(values))
        _apply(config, f"method.{name}", values, given)
    for name, values in config.options.items():
        backend_class(name)(**_plain(values))
        _apply(config, f"backend.{name}", values, given)
    _cap(config, "replications", config.caps.replications, given)
    for method, caps in config.caps.method.items():
        for setting, limit in caps.items():
            if method in config.method:
                _cap(config, f"method.{method}.{setting}", limit, given)
    for name, calibration in config.calibrations.items():
        for key in ("n_persons", "n_items") if calibration.vocabulary else ():
            _cap(config, f"calibrations.{name}.{key}", config.caps[key], given)
    for name in config.tests:
        _cap(config, f"tests.{name}.persons", config.caps.n_persons, given)
        _cap(config, f"tests.{name}.n_items", config.caps.n_bank, given)
    for name, condition in config.conditions.items():
        if condition.get("simulate") is None:
            _cap(config, f"conditions.{name}.n_persons", config.caps.n_persons, given)
        else:
            _cap(config, f"conditions.{name}.simulate.n_persons", config.caps.n_persons, given)
            _cap_items(config, name, config.caps.n_items, given)


def _apply(config: DictConfig, group: str, values: DictConfig, given: Collection[str]) -> None:
    """Set what the command line has not, where the method or backend is selected."""
    if OmegaConf.select(config, group) is None:
        return
    for name, value in _plain(values).items():
        if f"{group}.{name}" not in given:
            OmegaConf.update(config, f"{group}.{name}", value)


def _plain(values: DictConfig) -> dict[str, Any]:
    return OmegaConf.to_container(values)  # type: ignore[return-value]


def _cap(config: DictConfig, key: str, limit: int | None, given: Collection[str]) -> None:
    """Lower a number to its limit; null counts as without end."""
    value = None if OmegaConf.is_missing(*_parent(config, key)) else OmegaConf.select(config, key)
    if limit is not None and key not in given and (value is None or value > limit):
        OmegaConf.update(config, key, limit)


def _parent(config: DictConfig, key: str) -> tuple[Any, str]:
    parent, _, leaf = key.rpartition(".")
    return (OmegaConf.select(config, parent) if parent else config), leaf


def _cap_items(config: DictConfig, name: str, limit: int | None, given: Collection[str]) -> None:
    """Keep items spread evenly over the test, so that each trait keeps some."""
    condition, key = config.conditions[name], f"conditions.{name}.simulate.n_items"
    simulate, q_matrix = condition.simulate, condition.model.get("q_matrix")
    if limit is None or key in given or OmegaConf.is_missing(simulate, "n_items"):
        return
    rows = read_q_matrix(OmegaConf.to_container(q_matrix) if OmegaConf.is_config(q_matrix) else q_matrix)
    traits = 1 if rows is None else np.shape(rows)[1]
    kept = np.unique(np.linspace(0, simulate.n_items - 1, max(limit, ITEMS_PER_TRAIT * traits)).round().astype(int))
    if len(kept) >= simulate.n_items:
        return
    simulate.n_items = len(kept)
    if rows is not None:
        condition.model.q_matrix = _rows_of(rows, kept)
    if OmegaConf.is_list(simulate.n_categories):
        simulate.n_categories = [simulate.n_categories[i] for i in kept]


def _rows_of(q_matrix: Any, kept: NDArray[np.intp]) -> Any:
    """Some rows of a Q-matrix as plain data, with the labels it has."""
    if not isinstance(q_matrix, pd.DataFrame):
        return np.asarray(q_matrix)[kept].tolist()
    plain = q_matrix.iloc[kept].to_dict("split")
    return plain if labels_of(q_matrix) else plain | {"index": None}
