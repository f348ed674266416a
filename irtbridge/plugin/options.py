"""Checks of arguments, of the settings of methods and of the options of backends."""

from __future__ import annotations

from dataclasses import fields
from numbers import Integral
from typing import Any

from irtbridge.errors import ConfigError

FEWEST_DRAWS = 4  # ArviZ has no ESS and no R-hat of fewer


def check_positive(settings: Any, *names: str) -> None:
    """Raise `ConfigError` unless the named fields are positive, and integers where their type says so."""
    for name in names:
        value = getattr(settings, name)
        integer = {f.name: f.type for f in fields(settings)}[name] == "int"
        if isinstance(value, bool) or not isinstance(value, int if integer else (int, float)) or not value > 0:
            raise ConfigError(f"{name}={value!r} must be a positive {'integer' if integer else 'number'}.")
        if name == "draws" and value < FEWEST_DRAWS:
            raise ConfigError(f"draws={value} are too few for any diagnostic; at least {FEWEST_DRAWS}.")


def check_number(name: str, value: object, least: int = 1) -> None:
    """Raise `ConfigError` unless an argument is a whole number, and not too small."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ConfigError(f"{name}={value!r} must be a whole number, {least} or greater.")


def check_probability(settings: Any, name: str) -> None:
    """Raise `ConfigError` unless the named field lies between 0 and 1."""
    check_share(name, getattr(settings, name))


def check_share(name: str, value: object) -> None:
    """Raise `ConfigError` unless an argument lies between 0 and 1."""
    if not isinstance(value, (int, float)) or not 0 < value < 1:
        raise ConfigError(f"{name}={value!r} must lie between 0 and 1.")


def check_seed(seed: object) -> None:
    """Raise `ConfigError` unless a seed is an integer, 0 or greater."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise ConfigError(f"seed={seed!r} must be an integer, 0 or greater.")
