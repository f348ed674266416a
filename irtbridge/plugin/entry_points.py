"""Finds backends through the entry-point group ``irtbridge.backends``; the built-in ones take the same path."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import Any

from irtbridge.errors import BackendUnavailable, PluginConflict, UnknownName, Unsupported

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


def check_declared(backend: Any, capability: str, what: str, name: str = "") -> None:
    """Raise `Unsupported`, naming the backends that can, unless a backend declares a capability.

    Parameters
    ----------
    backend : Backend
        The backend.
    capability : str
        A flag, as ``gradients`` or ``collapses``; with `name` a list, as ``methods``, ``priors`` or ``families``.
    what : str
        The capability in a user's words.
    name : str
        What must stand in the list.
    """
    if not _declares(backend, capability, name):
        able = (other for other in backend_names() if _declares(_class_or_none(other), capability, name))
        raise Unsupported(backend.name, what, tuple(able))


def _declares(backend: Any, capability: str, name: str) -> bool:
    declared = getattr(backend, capability, ())
    return name in declared if name else bool(declared)


def _class_or_none(name: str) -> Any:
    try:
        return load_plugin(name)
    except BackendUnavailable:
        return None


def origin(point: EntryPoint) -> str:
    """Module, class and distribution of a plugin."""
    distribution = point.dist.name if point.dist else "unknown distribution"
    return f"{point.value} from {distribution}"


def installed_version(distribution: str) -> str | None:
    """Version of a distribution; None where it is not installed."""
    try:
        return _installed_version(distribution)
    except PackageNotFoundError:
        return None


@cache  # which keeps no exception: what is installed later is found
def _installed_version(distribution: str) -> str:
    return version(distribution)
