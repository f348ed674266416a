"""What was tested together: Pythons as the distribution declares them, and the versions of ``constraints.txt``."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

# In a wheel beside the package's modules, in a checkout at its root.
PLACES = tuple(Path(__file__).parents[level] / "constraints.txt" for level in (1, 3))
PYTHON = "Programming Language :: Python :: "


def tested_pythons() -> list[str]:
    """Versions of Python that the distribution declares, such as ``3.11``."""
    declared = metadata.metadata("irtbridge").get_all("Classifier") or []
    return [line.removeprefix(PYTHON) for line in declared if line.startswith(PYTHON) and "." in line]


def tested_versions() -> dict[str, str]:
    """The pinned version by distribution."""
    path = next(place for place in PLACES if place.is_file())
    pins = (Requirement(line) for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return {pin.name: str(pin.specifier).removeprefix("==") for pin in pins}


def differences() -> dict[str, tuple[str, str]]:
    """What is installed in another version than was tested: that version, and the tested one.

    The build of a version, as ``cpu`` in ``2.13.0+cpu``, makes no difference.
    """
    python = ".".join(platform.python_version_tuple()[:2])
    found = {} if python in tested_pythons() else {"Python": (python, ", ".join(tested_pythons()))}
    for name, tested in tested_versions().items():
        try:
            here = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if Version(here).public != tested:
            found[name] = (here, tested)
    return found
