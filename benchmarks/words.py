"""The command line of the studies here: KEY=VALUE words over defaults, and a table on standard output."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from irtbridge.errors import ConfigError, IRTBridgeError, UnknownName


def with_defaults(words: Sequence[str], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """KEY=VALUE words over defaults, of which each is to have the type."""
    settings = dict(defaults)
    for key, _, value in (word.partition("=") for word in words):
        if key not in defaults:
            raise UnknownName("setting", key, defaults)
        try:
            settings[key] = type(defaults[key])(value)
        except ValueError:
            raise ConfigError(f"{key}={value!r} must be a number.") from None
    return settings


def print_study(
    study: Callable[[dict[str, Any]], pd.DataFrame], words: Sequence[str], defaults: Mapping[str, Any]
) -> int:
    """Run a study of these settings and print its table; 1 where the words are wrong or it fails."""
    try:
        print(study(with_defaults(words, defaults)).to_string(float_format="%.4f"))
    except IRTBridgeError as error:
        print(f"benchmarks: error: {error}", file=sys.stderr)
        return 1
    return 0
