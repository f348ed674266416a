"""YAML files that users write: read before Hydra does, so that a mistake is named by file and line."""

from __future__ import annotations

import io
import re
from pathlib import Path

import yaml
from omegaconf import DictConfig, OmegaConf

from irtbridge.errors import ConfigError

PACKAGE = re.compile(r"^#\s*@package\s+_global_\s*$", re.MULTILINE)


def check_file(path: Path) -> None:
    """Raise `ConfigError` unless a file is YAML that Hydra can read: settings by name, in UTF-8, each once.

    Parameters
    ----------
    path : Path
        A study or a preset of one's own.
    """
    text = _text(path)
    try:
        content = OmegaConf.load(io.StringIO(text))
    except (yaml.YAMLError, OSError) as error:
        raise explained(error, str(path)) from error
    if not content or not isinstance(content, DictConfig):
        raise ConfigError(f"{path}: settings are expected, as 'name: mine', but the file holds {content or 'nothing'}.")
    if not PACKAGE.search(text):
        raise ConfigError(f"{path}: the first line must be '# @package _global_', without the quotes.")


def explained(error: Exception, place: str = "a file of the configuration") -> ConfigError:
    """A complaint of the reader of YAML with file, line and column, as far as it tells.

    Parameters
    ----------
    error : Exception
        What was raised.
    place : str
        The file.
    """
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return ConfigError(f"{place} cannot be read: {' '.join(str(error).split())}")
    here, begun = error.problem_mark, error.context_mark
    since = f", begun in line {begun.line + 1}" if begun is not None and begun.line != here.line else ""
    return ConfigError(
        f"{place}, line {here.line + 1}, column {here.column + 1}{since}: not YAML: {error.problem}. Indent with "
        "spaces, close brackets and quotes, and give each key once."
    )


def _text(path: Path) -> str:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}, line {line}: not UTF-8; save the file as UTF-8.") from error
    if text.startswith("\ufeff"):
        raise ConfigError(f"{path}: begins with a byte order mark; save the file as UTF-8 without it.")
    return text
