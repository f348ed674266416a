"""``irtbridge report``: one page about a folder of `irtbridge fit`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from irtbridge.data.files import read_json
from irtbridge.errors import ConfigError, ResultsError, UnknownName
from irtbridge.fitting.fitted import Fit
from irtbridge.fitting.loading import fit_files, load_fit
from irtbridge.inference import METHODS
from irtbridge.model.catalogue import MODELS, build_model
from irtbridge.model.groups import with_groups
from irtbridge.report.page import write_report

HELP = """\
usage: irtbridge report DIR [KEY=VALUE ...]
       irtbridge report FILE.nc

Write one self-contained HTML page about a folder of `irtbridge fit`: data, model, verdict, items, curves, local
dependence, persons, fairness where there are groups, the backends side by side, and how to run it again. It needs no
network and no script to be read, and prints well.

  fit=pyro-laplace       which fit the page is about; by default the first by name that passes its checks
  out=DIR/report.html    where the page is written"""
KEYS = ("fit", "out")


def main(words: Sequence[str]) -> int:
    """Write the page; 1 where nothing can be reported or a fit is missing."""
    if not words:
        print(HELP)
        return 1
    place, chosen = Path(words[0]), _options(words[1:])
    fits, lacking = _read(place)
    if not fits:
        raise ResultsError(f"nothing to report in {place}: {'; '.join(lacking)}.")
    first = _first(fits, chosen.get("fit"))
    ordered = {first: fits[first]} | fits
    folder = place if place.is_dir() else place.parent
    path = write_report(
        ordered, Path(chosen.get("out", folder / "report.html")), lacking=lacking, command=_command(fits[first])
    )
    for words_of in lacking:
        print(f"missing: {words_of}")
    print(f"written: {path}")
    return int(bool(lacking))


def _options(words: Sequence[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    for key, sign, _ in pairs:
        if not sign:
            raise ConfigError(f"`irtbridge report` takes one folder, fit=NAME and out=FILE; not {key!r}.")
        if key not in KEYS:
            raise UnknownName("option of `irtbridge report`", key, KEYS)
    return {key: value for key, _, value in pairs}


def _read(place: Path) -> tuple[dict[str, Fit], list[str]]:
    """The fits by name, and in words what is missing."""
    fits, lacking = dict[str, Fit](), list(_failed(place))
    try:
        files = fit_files(place)
    except ResultsError as error:
        return fits, [*lacking, str(error)]
    for file in files:
        try:
            fits[file.stem] = load_fit(file)
        except ResultsError as error:
            lacking.append(f"{file.stem}: {error}")
    return fits, lacking


def _failed(place: Path) -> Iterator[str]:
    """Fits that failed, by their records."""
    for file in sorted((place / "records").rglob("*.json")) if place.is_dir() else ():
        try:
            record = read_json(file)
        except (ResultsError, ValueError):
            yield f"{file.stem}: its record {file} cannot be read"
            continue
        if "error" in record:
            yield f"{file.stem} failed: {record['error']['message']}"


def _first(fits: dict[str, Fit], name: str | None) -> str:
    if name is None:
        return next((name for name, fit in fits.items() if fit.verdict.trusted), next(iter(fits)))
    if name not in fits:
        raise UnknownName("fit", name, fits)
    return name


def _command(fit: Fit) -> str:
    """What to type for the same fit; the data's name stands for their file.

    A fit does not keep the options that its model was made with, so that they are pointed at where there are some.
    """
    of, default = fit.provenance, METHODS[fit.provenance["method"]].settings()
    words = [f"data={of['data']}", f"model={of['model']}", f"backend={of['backend']}", f"method={of['method']}"]
    words += [
        f"method.{of['method']}.{f.name}={of['settings'][f.name]}"
        for f in fields(default)
        if f.name in of["settings"] and of["settings"][f.name] != asdict(default)[f.name]
    ]
    words += [f"group={fit.responses.group}"] if _has_groups(fit) else []
    words += [f"dtype={of['dtype']}"] if of["dtype"] != "float64" else []
    line = " ".join(["irtbridge fit", *map(shlex.quote, words), f"seed={of['seed']}"])
    return line if _by_default(fit) else f"{line}  # and model.NAME=... for each option of the model above"


def _has_groups(fit: Fit) -> bool:
    """Whether the model has groups; the data may have some without it."""
    return any("group" in dims for dims in fit.spec.dims.values())


def _by_default(fit: Fit) -> bool:
    """Whether the model is that of the catalogue, no option changed."""
    if fit.spec.name not in MODELS:
        return False
    spec = build_model(fit.spec.name)
    spec = with_groups(spec) if _has_groups(fit) else spec
    return spec.for_items(fit.responses.items, fit.responses.origins).hash == fit.spec.hash
