"""``irtbridge backends``: which backends there are; no library is imported."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from irtbridge.errors import BackendUnavailable
from irtbridge.plugin.backend import Backend
from irtbridge.plugin.entry_points import backend_entry_points
from irtbridge.plugin.loading import backend_class
from irtbridge_experiments.display import make_console

HELP = """\
usage: irtbridge backends

Lists the backends that are installed, built in or not: their methods, and the versions of their libraries or how to get
them."""


def main(words: Sequence[str]) -> int:
    """List the announced backends."""
    table = Table(header_style="bold")
    for column in ("backend", "methods", "library", "from", "description"):
        table.add_column(column)
    for name, point in backend_entry_points().items():
        origin = point.dist.name if point.dist else "?"
        try:
            backend = backend_class(name)
        except BackendUnavailable as error:
            table.add_row(name, "-", f"broken: {error}", origin, "")
            continue
        table.add_row(name, ", ".join(backend.methods), library(backend), origin, backend.description)
    make_console().print(table)
    return 0


def library(backend: type[Backend]) -> str:
    """The versions of what a backend needs, or what is missing and how to get it."""
    versions = backend.versions()
    missing = [name for name, version in versions.items() if version is None]
    if missing:
        return f"missing {', '.join(missing)}: {backend.install}"
    return ", ".join(f"{name} {version}" for name, version in versions.items()) or "nothing required"
