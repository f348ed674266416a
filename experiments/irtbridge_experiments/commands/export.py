"""``irtbridge export``: a model and how it is fitted as a script in a library's own words."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from irtbridge.data.load import load_responses
from irtbridge.errors import ConfigError, IRTBridgeWarning
from irtbridge.fitting import read_known
from irtbridge.fitting.export import write_script
from irtbridge.inference import make_settings
from irtbridge.model.design import split_for
from irtbridge.model.known import with_known
from irtbridge.plugin.entry_points import check_declared
from irtbridge.plugin.loading import backend_class
from irtbridge.plugin.scripts.recipe import Recipe
from irtbridge_experiments.commands.fit import model_of
from irtbridge_experiments.config.compose import read_config
from irtbridge_experiments.study.conditions import data_options

HELP = """\
usage: irtbridge export data=FILE model=NAME [backend=pyro] [method=nuts] [KEY=VALUE ...]

Write a script that fits the model in the backend's library alone, as its users would have written it: it needs no
irtbridge, and the library need not be installed here. It reads the same csv; where the data are from elsewhere, or
reading them takes more than a line, a plain csv is written beside it.

  output=my_model.py     the script; by default MODEL_BACKEND_METHOD.py
  backend=pyro           one
  method=nuts            one that the library has itself: nuts, vi, gibbs

All other words are those of `irtbridge fit`."""
OUTPUT = "output="


def main(words: Sequence[str]) -> int:
    """Write the script, and print where it is."""
    given = {word.partition("=")[0] for word in words}
    for key in ("data", "model"):
        if key not in given:
            raise ConfigError(f"`irtbridge export` needs {key}=...; see `irtbridge export --help`.")
    config = read_config("fit", [word for word in words if not word.startswith(OUTPUT)])
    spec = model_of(config)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IRTBridgeWarning)
        responses = load_responses(str(config.data), kind=spec.family.kind, **data_options(config))
    if config.fixed is not None:
        spec = with_known(spec, read_known(config.fixed), split_for(spec, responses))
    name, options = _one(config, "backend")
    backend = backend_class(name)(**options)
    method, settings = _method(config, backend)
    command = f"irtbridge export {' '.join(words)}"
    recipe = Recipe(method, make_settings(method, **settings), config.seed, config.dtype, command)
    chosen = next((word.removeprefix(OUTPUT) for word in reversed(words) if word.startswith(OUTPUT)), "")
    output = Path(chosen or f"{spec.name}_{name}_{method}.py".replace(" ", "_"))
    source = str(config.data) if Path(str(config.data)).suffix == ".csv" else ""
    print(write_script(backend, spec, responses, recipe, source, output))
    return 0


def _one(config: DictConfig, group: str) -> tuple[str, dict[str, Any]]:
    """The one choice of a group and its values."""
    chosen: dict[str, dict[str, Any]] = OmegaConf.to_container(config[group], resolve=True)  # type: ignore[assignment]
    if len(chosen) != 1:
        raise ConfigError(f"`irtbridge export` writes one script: {group}={','.join(chosen)} names {len(chosen)}.")
    return next(iter(chosen.items()))


def _method(config: DictConfig, backend: Any) -> tuple[str, dict[str, Any]]:
    """The method and its settings: of those that are there by default the first that the backend exports."""
    if (able := [method for method in config.method if method in backend.exports]) and len(config.method) > 1:
        settings: dict[str, Any] = OmegaConf.to_container(config.method[able[0]], resolve=True)  # type: ignore[assignment]
        return str(able[0]), settings
    check_declared(backend, "exports", "export")
    return _one(config, "method")
