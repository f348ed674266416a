"""From the command line to a checked configuration."""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Sequence
from dataclasses import MISSING, field, fields, make_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose, initialize_config_module
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from irtbridge.errors import BackendUnavailable, ConfigError, SpecError, UnknownName, nearest_first
from irtbridge.inference import METHODS
from irtbridge.models import ALIASES, MODELS, build_model
from irtbridge.plugins import backend_class, backend_entry_points, backend_names
from irtbridge.priors import Prior
from irtbridge.spec import ModelSpec

CONFIG_MODULE = "irtbridge_configs"
CALL = re.compile(r"\s*[A-Za-z]\w*\(.*\)\s*")
LITERAL_KEYS = ("data", "results", "model.q_matrix")


def register_groups() -> None:
    """Fill the groups `backend`, `method` and `model` from the plugins, the settings and the catalogue."""
    store = ConfigStore.instance()
    for name in backend_names():
        try:
            options = backend_class(name).options_class
        except BackendUnavailable:
            options = make_dataclass("NoOptions", [])
        store.store(group="backend", name=name, node=_node(options), package=f"backend.{name}")
    for name, method in METHODS.items():
        store.store(group="method", name=name, node=_node(method.settings), package=f"method.{name}")
    for name, function in MODELS.items():
        store.store(group="model", name=name, node=_model_node(name, function))


def read_config(name: str, words: Sequence[str]) -> DictConfig:
    """Compose a configuration from overrides.

    Parameters
    ----------
    name : str
        ``fit`` or ``run``.
    words : sequence of str
        Hydra overrides, ``key=value``; ``backend=a,b`` and ``method=a,b`` mean both.

    Raises
    ------
    ConfigError
        A word that is no override, an unknown key or choice (the valid ones are listed, nearest first), a value of
        the wrong type.
    """
    register_groups()
    overrides = [*_parse(words)]
    with initialize_config_module(CONFIG_MODULE, version_base="1.3"):
        for override in overrides:
            _check_choice(override)
        try:
            return compose(name, overrides=list(prepare(words)))
        except (HydraException, OmegaConfBaseException) as error:
            raise _explained(name, overrides, error) from error


def prepare(words: Sequence[str]) -> list[str]:
    """Overrides as Hydra wants them: several backends or methods as a list, paths and priors quoted."""
    return [_prepare(word) for word in words]


def spec_from(model: DictConfig) -> ModelSpec:
    """Build the spec that a `model` node describes; a Q-matrix may be the path of a csv file.

    Raises
    ------
    SpecError
        The Q-matrix's file cannot be read, or the spec is impossible.
    """
    options = {str(k): v for k, v in OmegaConf.to_container(model, resolve=True).items() if k != "name"}  # type: ignore[union-attr]
    if isinstance(options.get("q_matrix"), str):
        options["q_matrix"] = _read_q_matrix(options["q_matrix"])
    return build_model(model.name, **options)


def _read_q_matrix(path: str) -> Any:
    """A csv of 0 and 1, one row per item; the header names the traits, a column that is not numeric names the items."""
    import pandas as pd

    if not Path(path).is_file():
        raise SpecError(f"model.q_matrix={path!r}: no such file.")
    try:
        frame = pd.read_csv(path)
    except ValueError as error:
        raise SpecError(f"model.q_matrix={path!r} is not a csv file: {error}") from error
    return frame.select_dtypes(include=[np.number])


def _node(settings: type) -> type:
    """The same fields, not frozen: OmegaConf would refuse to override those of a frozen dataclass."""
    hints = typing.get_type_hints(settings)
    columns = [(f.name, hints[f.name], field(default=f.default)) for f in fields(settings) if f.default is not MISSING]
    return make_dataclass(f"{settings.__name__}Node", columns)


def _model_node(name: str, function: Callable[..., ModelSpec]) -> type:
    columns: list[tuple[str, Any, Any]] = [("name", str, field(default=name))]
    for option, default in (function.__kwdefaults__ or {}).items():
        value = str(default) if isinstance(default, Prior) else default
        kind = type(value) if isinstance(value, (str, bool, float)) else Any
        columns.append((option, kind, field(default=value)))
    return make_dataclass(f"Model_{name}", columns)


def _parse(words: Sequence[str]) -> list[Override]:
    parser = OverridesParser.create()
    try:
        return [parser.parse_override(word) for word in prepare(words)]
    except HydraException as error:
        raise ConfigError(
            f"cannot read {' '.join(words)!r}: write settings as key=value. {_first_line(error)}"
        ) from error


def _prepare(word: str) -> str:
    key, equals, value = word.partition("=")
    if not equals:
        return word
    if key in ("backend", "method") and "," in value and not value.startswith("["):
        return f"{key}=[{value}]"
    if key == "model":
        return f"model={ALIASES.get(value.lower(), value.lower())}"
    literal = key in LITERAL_KEYS or CALL.fullmatch(value)
    if literal and value[:1] not in ("'", '"', "["):
        quoted = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"{key}='{quoted}'"
    return word


def _choices(group: str) -> list[str]:
    from hydra.core.global_hydra import GlobalHydra

    loader = GlobalHydra.instance().config_loader()
    return [str(choice) for choice in loader.get_group_options(group)]


def _check_choice(override: Override) -> None:
    group = override.key_or_group
    if group not in ("backend", "method", "model", "study") or override.is_delete():
        return
    valid = _choices(group) if group != "backend" else list(backend_entry_points())
    value = override.value()
    for choice in value if isinstance(value, list) else [value]:
        if str(choice) not in valid:
            raise UnknownName(group, choice, valid)


def _explained(name: str, overrides: Sequence[Override], error: Exception) -> ConfigError:
    """Hydra's complaint in our words: which key, and the valid ones."""
    try:
        base = compose(name, overrides=[o.input_line for o in overrides if _is_group(o) and o.input_line])
    except (HydraException, OmegaConfBaseException):
        return ConfigError(_message(error))
    keys = _leaf_keys(base)
    for override in overrides:
        key = override.key_or_group
        if not _is_group(override) and key not in keys:
            near = nearest_first(key, keys)[:8]
            return ConfigError(f"no setting called {key!r}; nearest: {', '.join(near)}.")
    return ConfigError(_message(error))


def _is_group(override: Override) -> bool:
    return override.key_or_group in ("backend", "method", "model", "study")


def _leaf_keys(config: DictConfig, prefix: str = "") -> list[str]:
    keys: list[str] = []
    for key in map(str, config):
        path = f"{prefix}{key}"
        missing = OmegaConf.is_missing(config, key)
        node = None if missing else config[key]
        keys += _leaf_keys(node, f"{path}.") if isinstance(node, DictConfig) else [path]
    return keys


def _message(error: Exception) -> str:
    """The most telling lines of a Hydra error: the cause's first line and the last of its own."""
    cause = error.__cause__ or error
    return " ".join(line.strip() for line in str(cause).splitlines() if line.strip())[:500]


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
