"""The contract between irtbridge and a backend, and what irtbridge lends to one: an author imports all from here.

Read `Backend`, then `Program`; the rest is optional. See docs/backends.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from irtbridge.data.responses import Responses
    from irtbridge.model.layout import Layout
    from irtbridge.model.observations import held_arrays, stacked_arrays
    from irtbridge.plugin.arrays import Arrays, DeviceArrays
    from irtbridge.plugin.backend import Backend
    from irtbridge.plugin.options import check_positive, check_probability
    from irtbridge.plugin.processes import in_processes
    from irtbridge.plugin.program import Program, Progress, silent
    from irtbridge.plugin.sampler import SamplerProgram
    from irtbridge.plugin.scripts.data import DataSection
    from irtbridge.plugin.scripts.frame import Frame
    from irtbridge.plugin.scripts.recipe import Recipe
    from irtbridge.plugin.stack import Stack, Stackable
    from irtbridge.plugin.starts import in_convention, starting_point
    from irtbridge.results.draws import Draws, Timings

__all__ = [
    "Arrays",
    "Backend",
    "DataSection",
    "DeviceArrays",
    "Draws",
    "Frame",
    "Layout",
    "Program",
    "Progress",
    "Recipe",
    "Responses",
    "SamplerProgram",
    "Stack",
    "Stackable",
    "Timings",
    "check_positive",
    "check_probability",
    "held_arrays",
    "in_convention",
    "in_processes",
    "silent",
    "stacked_arrays",
    "starting_point",
]

_HOME = {
    "data.responses": ("Responses",),
    "model.layout": ("Layout",),
    "model.observations": ("held_arrays", "stacked_arrays"),
    "plugin.arrays": ("Arrays", "DeviceArrays"),
    "plugin.backend": ("Backend",),
    "plugin.options": ("check_positive", "check_probability"),
    "plugin.processes": ("in_processes",),
    "plugin.program": ("Program", "Progress", "silent"),
    "plugin.sampler": ("SamplerProgram",),
    "plugin.scripts.data": ("DataSection",),
    "plugin.scripts.frame": ("Frame",),
    "plugin.scripts.recipe": ("Recipe",),
    "plugin.stack": ("Stack", "Stackable"),
    "plugin.starts": ("in_convention", "starting_point"),
    "results.draws": ("Draws", "Timings"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    # Loaded on first use: whoever only asks which plugins there are must not wait for pandas.
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'irtbridge.plugin' has no attribute {name!r}")
    return getattr(import_module(f"irtbridge.{_MODULE_OF[name]}"), name)
