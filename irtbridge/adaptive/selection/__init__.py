"""Rules that choose the next item, one file each; `SELECTIONS` has them by name."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from irtbridge.adaptive.selection.base import Selection
from irtbridge.adaptive.selection.max_info import MaxInfo
from irtbridge.adaptive.selection.random import Random
from irtbridge.errors import ConfigError, UnknownName

__all__ = ["SELECTIONS", "MaxInfo", "Random", "Selection", "build_selection"]

SELECTIONS: dict[str, type[Selection]] = {rule.name: rule for rule in (MaxInfo, Random)}


def build_selection(selection: str | Selection, **settings: Any) -> Selection:
    """A rule by its name and settings; a finished rule is returned as it is.

    Raises
    ------
    UnknownName
        No such rule, or no such setting of it.
    ConfigError
        Settings for a finished rule.
    """
    if isinstance(selection, Selection):
        if settings:
            raise ConfigError(f"{selection} is a finished rule; settings {sorted(settings)} cannot change it.")
        return selection
    if selection not in SELECTIONS:
        raise UnknownName("selection", selection, SELECTIONS)
    rule = SELECTIONS[selection]
    valid = [field.name for field in fields(rule)]
    for name in settings:
        if name not in valid:
            raise UnknownName(f"setting of selection {selection!r}", name, valid)
    return rule(**settings)
