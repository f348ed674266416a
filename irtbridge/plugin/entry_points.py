"""Finds backends through the entry-point group ``irtbridge.backends``; the built-in ones take the same path."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from irtbridge.errors import BackendUnavailable, PluginConflict, UnknownName

GROUP = "irtbridge.backends"


def backend_entry_points() -> dict[str, EntryPoint]:
    """Entry points by backend name; nothing is imported.

    Raises
    ------
    PluginConflict
        Two distributions claim one name.
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise PluginConflict(
                f"two plugins claim the backend {point.name!r}: {origin(other)} and {origin(point)}; uninstall one."
            )
    return dict(sorted(found.items()))


def backend_names() -> tuple[str, ...]:
    """Names of the backends that are announced, installed libraries or not."""
    return tuple(backend_entry_points())


def load_plugin(name: str) -> Any:
    """What a backend's entry point names: by contract its class.

    Raises
    ------
    UnknownName
        No plugin of that name.
    BackendUnavailable
        The plugin cannot be imported.
    """
    points = backend_entry_points()
    if not isinstance(name, str) or name not in points:
        raise UnknownName("backend", name, points, hint="`irtbridge backends` lists what is installed.")
    try:
        return points[name].load()
    except Exception as error:
        raise BackendUnavailable(f"backend {name!r} ({origin(points[name])}) cannot be imported: {error!r}") from error


def backends_with(capability: str, name: str) -> tuple[str, ...]:
    """Names of the backends that declare `name` among their ``methods``, ``stacks``, ``priors`` or ``families``."""
    return _backends_where(lambda backend: name in getattr(backend, capability, ()))


def backends_that(flag: str) -> tuple[str, ...]:
    """Names of the backends with a capability: ``collapses`` or ``noncentres``."""
    return _backends_where(lambda backend: bool(getattr(backend, flag, False)))


def _backends_where(condition: Callable[[Any], bool]) -> tuple[str, ...]:
    names = []
    for candidate in backend_names():
        try:
            if condition(load_plugin(candidate)):
                names.append(candidate)
        except BackendUnavailable:
            continue
    return tuple(names)


def origin(point: EntryPoint) -> str:
    """Module, class and distribution of a plugin."""
    distribution = point.dist.name if point.dist else "unknown distribution"
    return f"{point.value} from {distribution}"
