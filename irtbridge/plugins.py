"""Finds backends through the entry-point group ``irtbridge.backends``; the built-in ones take the same path."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from irtbridge.backend import Backend
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
                f"two plugins claim the backend {point.name!r}: {_origin(other)} and {_origin(point)}; uninstall one."
            )
    return dict(sorted(found.items()))


def backend_names() -> tuple[str, ...]:
    """Names of the backends that are announced, installed libraries or not."""
    return tuple(backend_entry_points())


def backend_class(name: str) -> type[Backend]:
    """Import a backend's class (its light front; not its library).

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
        loaded = points[name].load()
    except Exception as error:
        raise BackendUnavailable(f"backend {name!r} ({_origin(points[name])}) cannot be imported: {error!r}") from error
    if not (isinstance(loaded, type) and issubclass(loaded, Backend)):
        raise BackendUnavailable(f"backend {name!r}: {_origin(points[name])} is not a subclass of irtbridge.Backend.")
    return loaded


def load_backend(name: str, **options: Any) -> Backend:
    """A backend ready to compile.

    Parameters
    ----------
    name : str
        As `backend_names` lists it.
    **options
        Fields of the backend's options dataclass.

    Raises
    ------
    UnknownName
        No such backend or option.
    BackendUnavailable
        Its library is not installed; the message has the pip command.
    """
    backend = backend_class(name)
    backend.check_installed()
    return backend(**options)


def backends_with(capability: str, name: str) -> tuple[str, ...]:
    """Names of the backends that declare `name` among their ``methods``, ``stacks``, ``priors`` or ``families``."""
    return _backends_where(lambda backend: name in getattr(backend, capability))


def backends_that(flag: str) -> tuple[str, ...]:
    """Names of the backends with a capability: ``collapses`` or ``noncentres``."""
    return _backends_where(lambda backend: getattr(backend, flag))


def _backends_where(condition: Callable[[type[Backend]], bool]) -> tuple[str, ...]:
    names = []
    for candidate in backend_names():
        try:
            if condition(backend_class(candidate)):
                names.append(candidate)
        except BackendUnavailable:
            continue
    return tuple(names)


def _origin(point: EntryPoint) -> str:
    distribution = point.dist.name if point.dist else "unknown distribution"
    return f"{point.value} from {distribution}"
