"""From a backend's name to its class."""

from __future__ import annotations

from typing import Any

from irtbridge.errors import BackendUnavailable
from irtbridge.plugin.backend import Backend
from irtbridge.plugin.entry_points import backend_entry_points, load_plugin, origin


def backend_class(name: str) -> type[Backend]:
    """Import a backend's class (its light front; not its library).

    Raises
    ------
    UnknownName
        No plugin of that name.
    BackendUnavailable
        The plugin cannot be imported.
    """
    loaded = load_plugin(name)
    if not (isinstance(loaded, type) and issubclass(loaded, Backend)):
        where = origin(backend_entry_points()[name])
        raise BackendUnavailable(f"backend {name!r}: {where} is not a subclass of irtbridge.Backend.")
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
