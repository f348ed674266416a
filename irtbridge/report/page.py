"""The page: sections about one fit, and about others of the same data beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from irtbridge.data.files import write_text
from irtbridge.errors import IRTBridgeError
from irtbridge.report.parts import Section, Text
from irtbridge.report.sections import SECTIONS


def write_report(fits: Mapping[str, Any], path: Path, *, lacking: Sequence[str] = (), command: str = "") -> Path:
    """Write one self-contained HTML page about a fit.

    Parameters
    ----------
    fits : mapping of str to Fit
        Fits of one model to the same data by name; the page is about the first, and compares it with the others.
    path : Path
        The page.
    lacking : sequence of str
        What could not be read, in words.
    command : str
        What to type to fit again.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    ResultsError
        The page cannot be written.
    """
    fit = next(iter(fits.values()))
    told = {"fits": fits, "lacking": lacking, "command": command}
    sections = [section for name, make in SECTIONS.items() if (section := _made(name, make, fit, told)) is not None]
    environment = Environment(
        loader=PackageLoader("irtbridge.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("page.html.j2").render(
        title=f"{fit.responses.name}: {fit.spec.name}",
        subtitle=f"{fit.provenance['backend']} {fit.provenance['method']}, seed {fit.provenance['seed']}",
        version=fit.provenance["irtbridge_version"],
        sections=sections,
    )
    write_text(path, text)
    return path


def _made(name: str, make: Callable[..., Section | None], fit: Any, told: Mapping[str, Any]) -> Section | None:
    """A section; where a model or data do not admit it, the reason in its place."""
    try:
        return make(fit, told)
    except IRTBridgeError as error:
        return Section(name, (Text(f"Not reported: {error}"),))
