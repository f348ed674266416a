"""Libraries that are imported where they are first needed."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from irtbridge.errors import BackendUnavailable


def library(what: str, names: tuple[str, ...], instead: str) -> Any:
    """The first of some libraries, imported.

    Raises
    ------
    BackendUnavailable
        One is not installed; says how to get it, and what to do instead.
    """
    if lacking := [name for name in names if find_spec(name) is None]:
        raise BackendUnavailable(
            f"{what} needs {', '.join(lacking)}: pip install 'irtbridge[calibrate]'; or {instead}."
        )
    return import_module(names[0])
