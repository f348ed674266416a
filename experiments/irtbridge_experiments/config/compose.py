"""From the command line to a checked configuration.

`prepare` makes Hydra overrides of the words, `read_config` composes and settles them; everything below explains what
is wrong with a word or a file in the user's own terms.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path

import yaml
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from irtbridge.errors import ConfigError, IRTBridgeError, UnknownName, nearest_first
from irtbridge.model.catalogue import ALIASES
from irtbridge.plugin.devices import check_device, check_dtype
from irtbridge.plugin.entry_points import backend_entry_points
from irtbridge_experiments.config.own_files import check_file, explained
from irtbridge_experiments.config.presets import settle
from irtbridge_experiments.config.schema import register

CONFIG_MODULE = "irtbridge_configs"
CALL = re.compile(r"\s*[A-Za-z]\w*\(.*\)\s*")
LAUNCHER = "hydra/launcher"
GROUPS = ("backend", "method", "mask", "selection", "model", "study", "preset", LAUNCHER)
SEVERAL = ("backend", "method", "mask", "selection", "exposure")
LITERAL_KEYS = ("data", "results", "q_matrix", "title", "history", "abilities")
# Settings of what stands in the data: any text, and lists of any texts.
TEXT_KEYS = ("person", "item", "response", "key", "group", "weights", "person_data", "item_data", "bank", "stop")
LIST_KEYS = ("items", "drop", "missing", "covariates")
# An element of a list: quoted, where it has a comma, or as it stands.
ELEMENT = re.compile(r"""(?:^|,)\s*("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^,]*?)\s*(?=,|$)""")
ABSENT_BACKEND = re.compile(r"Could not (?:find|load) 'backend/(\w+)'")
QUOTED = re.compile(r"""(["']).*\1""", re.DOTALL)
# Below these, keys are free: what they may be is checked by those who use them.
OPEN = re.compile(r"conditions\.[^.]+\.(model|simulate\.priors|grid)\..+|settings\..+|predictors\..+|caps\.method\..+")


def read_config(name: str, words: Sequence[str]) -> DictConfig:
    """Compose a configuration from overrides.

    Parameters
    ----------
    name : str
        ``fit``, ``run``, ``sbc`` or ``simulate_cat``.
    words : sequence of str
        Hydra overrides, ``key=value``; ``backend=a,b``, ``method=a,b`` and ``mask=a,b`` mean both.
        ``--config-dir DIR`` adds a folder with a Hydra tree of one's own: ``DIR/study/NAME.yaml``.

    Raises
    ------
    ConfigError
        A word that is no override, an unknown key or choice (the valid ones are listed, nearest first), a value of
        the wrong type.
    DeviceError
        No such device.
    """
    register()
    words, folder = split_config_dir(words)
    prepared = prepare(words)
    overrides = _parse(prepared)
    search = [] if folder is None else [f"hydra.searchpath=['file://{folder}']"]
    with initialize_config_module(CONFIG_MODULE, version_base="1.3"):
        for override in overrides:
            _check_choice(override, folder)
        try:
            config = compose(name, overrides=[*search, *prepared])
            if name == "run":
                settle(config, given_keys(prepared))
        except (HydraException, OmegaConfBaseException) as error:
            raise _explained(name, search, overrides, error) from error
        except (yaml.YAMLError, ValueError) as error:
            raise _of_file(error) from error
    for key, check in (("device", check_device), ("dtype", check_dtype)):
        if key in config:
            check(str(config[key]))
    return config


def split_config_dir(words: Sequence[str]) -> tuple[list[str], Path | None]:
    """The overrides, and the folder that ``--config-dir`` names.

    Raises
    ------
    ConfigError
        There is no such folder.
    """
    flags = [i for i, word in enumerate(words) if word.split("=")[0] in ("--config-dir", "-cd")]
    if not flags:
        return list(words), None
    _, equals, text = words[flags[0]].partition("=")
    rest = [*words[: flags[0]], *words[flags[0] + (1 if equals else 2) :]]
    text = text if equals else next(iter(words[flags[0] + 1 :]), "")
    if not Path(text).is_dir() or not text:
        raise ConfigError(f"--config-dir {text!r}: no such folder; give the one that holds study/NAME.yaml.")
    return rest, Path(text).resolve()


def prepare(words: Sequence[str]) -> list[str]:
    """Overrides as Hydra wants them: several backends or methods as a list, paths and priors quoted."""
    return [_prepare(word) for word in words]


def given_keys(prepared: Sequence[str]) -> set[str]:
    """The keys that overrides set."""
    return {override.key_or_group for override in _parse(prepared)}


def _parse(prepared: Sequence[str]) -> list[Override]:
    parser = OverridesParser.create()
    try:
        return [parser.parse_override(word) for word in prepared]
    except HydraException as error:
        raise ConfigError(
            f"cannot read {' '.join(prepared)!r}: write settings as key=value. {_first_line(error)}"
        ) from error


def _prepare(word: str) -> str:
    key, equals, value = word.partition("=")
    if not equals:
        return word
    if key in SEVERAL and "," in value and not value.startswith("["):
        return f"{key}=[{value}]"
    if key == "model":
        return f"model={ALIASES.get(value.lower(), value.lower())}"
    if key in TEXT_KEYS and value != "null":
        return f"{key}={_quoted(_unquoted(value))}"
    if key in LIST_KEYS and value != "null":
        return f"{key}=[{','.join(map(_quoted, _elements(value)))}]"
    literal = key.split(".")[-1] in LITERAL_KEYS or CALL.fullmatch(value)
    if literal and value[:1] not in ("'", '"', "["):
        value = _quoted(value)
    return f"{'++' if OPEN.fullmatch(key) else ''}{key}={value}"


def _elements(value: str) -> list[str]:
    """The texts of a list, written with brackets or without."""
    inner = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    return [_unquoted(text) for text in ELEMENT.findall(inner)] if inner.strip() else []


def _unquoted(text: str) -> str:
    return re.sub(r"\\(['\"\\])", r"\1", text[1:-1]) if QUOTED.fullmatch(text) and len(text) > 1 else text


def _quoted(text: str) -> str:
    """Text that Hydra takes as it is: it reads a backslash as such unless a quotation mark follows."""
    escaped = re.sub(r"(\\*)('|$)", lambda match: 2 * match[1] + (match[2] and "\\'"), text)
    return "'" + escaped.replace("${", "\\${") + "'"


def _choices(group: str, folder: Path | None) -> list[str]:
    if group == "backend":
        return list(backend_entry_points())
    own = [] if folder is None else [path.stem for path in (folder / group).glob("*.yaml")]
    return [*map(str, GlobalHydra.instance().config_loader().get_group_options(group)), *own]


def _check_choice(override: Override, folder: Path | None) -> None:
    group = override.key_or_group
    if not _is_group(override) or override.is_delete():
        return
    if override.is_sweep_override():
        raise ConfigError(f"{override.input_line}: one {group} at a time.")
    valid = _choices(group, folder)
    value = override.value()
    for choice in value if isinstance(value, list) else [value]:
        if str(choice) not in valid:
            hint = 'Others come with pip install "irtbridge[launchers]".' if group == LAUNCHER else ""
            raise UnknownName(group, choice, valid, hint)
        if folder is not None and (own := folder / group / f"{choice}.yaml").is_file():
            check_file(own)


def _explained(name: str, search: list[str], overrides: Sequence[Override], error: Exception) -> ConfigError:
    """Hydra's complaint in our words: which key, and the valid ones."""
    groups = [o.input_line for o in overrides if _is_group(o) and o.input_line]
    try:
        keys = _leaf_keys(compose(name, overrides=[*search, *groups]))
    except (HydraException, OmegaConfBaseException) as in_file:
        return ConfigError(_absent_backend(in_file) or _unknown_in_file(in_file) or _message(in_file))
    for override in overrides:
        key = override.key_or_group
        if not _is_group(override) and not any(leaf == key or leaf.startswith(f"{key}.") for leaf in keys):
            near = nearest_first(key, keys)[:8]
            return ConfigError(f"no setting called {key!r}; nearest: {', '.join(near)}.")
    return ConfigError(_message(error))


def _of_file(error: Exception) -> Exception:
    """Of a file that one of one's own names in its `defaults`: neither YAML, nor text, nor a list of defaults."""
    mark = getattr(error, "problem_mark", None)
    return error if isinstance(error, IRTBridgeError) else explained(error, *([] if mark is None else [mark.name]))


def _absent_backend(error: Exception) -> str:
    """A backend that a YAML file names and that is not installed, with those that are; empty if it is another error."""
    found = ABSENT_BACKEND.search(str(error))
    if found is None:
        return ""
    installed = ",".join(backend_entry_points())
    return f"it runs on the backend {found[1]!r}, which is not installed; install it, or choose backend={installed}."


def _unknown_in_file(error: BaseException | None) -> str:
    """A key that a YAML file has and the schema has not, with those that stand there; empty if it is another error."""
    while error is not None and not isinstance(error, ConfigKeyError):
        error = error.__cause__ or error.__context__
    if error is None or not is_dataclass(error.object_type):
        return ""
    valid = nearest_first(str(error.key), [f.name for f in fields(error.object_type)])
    return f"no setting called {error.full_key!r}; valid there: {', '.join(valid)}."


def _is_group(override: Override) -> bool:
    return override.key_or_group in GROUPS


def _leaf_keys(config: DictConfig, prefix: str = "") -> list[str]:
    keys: list[str] = []
    for key in map(str, config):
        path = f"{prefix}{key}"
        missing = OmegaConf.is_missing(config, key)
        node = None if missing else config[key]
        keys += _leaf_keys(node, f"{path}.") if isinstance(node, DictConfig) and len(node) else [path]
    return keys


def _message(error: Exception) -> str:
    """The most telling lines of a Hydra error: the cause's first line and the last of its own."""
    cause = error.__cause__ or error
    lines = [line.strip() for line in str(cause).splitlines()]
    return " ".join(line for line in lines if line and not line.startswith(("object_type=", "reference_type=")))[:500]


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
