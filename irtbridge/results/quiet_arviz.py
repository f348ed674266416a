"""ArviZ, without its announcement of a coming refactor, which is no concern of irtbridge's users.

It is imported when it is first used, as the command line has no use for it until something is fitted; a fit imports it
before anything is timed.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import arviz as az
else:

    class _ArviZ:
        def __getattr__(self, name: str) -> Any:
            return getattr(load(), name)

    az = _ArviZ()

__all__ = ["az", "load"]


def load() -> Any:
    """Import it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return import_module("arviz")
