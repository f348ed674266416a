"""``irtbridge score``: abilities of new persons, or of those fitted, from the fits in a folder."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from irtbridge.assess.scoring.scores import ITEMS, METHODS
from irtbridge.data.files import write_text
from irtbridge.errors import ConfigError, IRTBridgeWarning, ResultsError, UnknownName
from irtbridge.fitting.fitted import Fit
from irtbridge.fitting.loading import fit_files, load_fit
from irtbridge_experiments.commands.help_text import entry
from irtbridge_experiments.display import make_console
from irtbridge_experiments.tables.render import print_table

SHOWN = 10  # rows of the table that are printed
LISTS = ("missing", "drop")
NUMBERS = ("plausible", "draws", "seed")
READING = ("missing", "drop", "key", "person_data", "person", "header")
KEYS = ("data", "method", "items", *NUMBERS, *READING, "backend", "fit", "out")
HELP = f"""\
usage: irtbridge score DIR [data=new.csv] [method=eap] [KEY=VALUE ...]

Abilities and their standard errors, from a folder of `irtbridge fit` or a file of Fit.save.

{entry("data=new.csv", "new persons, items with the labels and codes of the fit; by default those that were fitted")}
  missing=99,-9          codes that mean missing; key=ABCDA scores answers; drop=age leaves columns out
  person_data=p.csv      covariates or groups in a file of their own; person=ID the column with the persons' labels
{entry("method=eap", f"one of {', '.join(METHODS)}")}
{entry("items=mean", "item parameters held at their mean, or items=draws: with their uncertainty, over draws=50")}
  plausible=10           so many plausible values besides; seed=1
  backend=pyro           of a folder with several fits those of one backend; fit=laplace those by one method;
                         else the scores of all stand side by side
  out=scores.csv         by default scores.csv in DIR

Prints the first rows and writes all of them."""


def main(words: Sequence[str]) -> int:
    """Score; 0 if all went well."""
    place, given = _read(words)
    fits = _chosen(fit_files(place), given)
    options = {name: int(given[name]) for name in NUMBERS if name in given}
    reading = {name: _several(name, given[name]) for name in READING if name in given}
    console = make_console()
    with warnings.catch_warnings(record=True) as doubts:
        warnings.simplefilter("always", IRTBridgeWarning)
        tables = {
            name: fit.scores(
                given.get("data"),
                given.get("method", "eap"),
                items=given.get("items", "mean"),
                data_options=reading or None,
                **options,
            )
            for name, fit in fits.items()
        }
    notes = [note for table in tables.values() for note in table.attrs["notes"]]
    for note in dict.fromkeys([*notes, *(str(d.message) for d in doubts if issubclass(d.category, IRTBridgeWarning))]):
        console.print(note, style="dim")
    table = _beside(tables)
    out = Path(given["out"]) if "out" in given else (place if place.is_dir() else place.parent) / "scores.csv"
    write_text(out, table.to_csv(index=False, float_format="%.6g"))
    print_table(
        table.head(SHOWN).astype({"person": str, "responses": str}), console, f"scores of {_persons(table)}", decimals=3
    )
    console.print(f"written: {out}")
    return 0


def _read(words: Sequence[str]) -> tuple[Path, dict[str, str]]:
    """The folder or file, and what is said with KEY=VALUE."""
    places = [word for word in words if "=" not in word]
    if len(places) != 1:
        raise ConfigError("`irtbridge score` takes one folder of `irtbridge fit`; see `irtbridge score --help`.")
    given = dict(word.split("=", 1) for word in words if "=" in word)
    for key in given:
        if key not in KEYS:
            raise UnknownName("setting of `irtbridge score`", key, KEYS)
    for key in NUMBERS:
        if key in given and not given[key].isdecimal():
            raise ConfigError(f"{key}={given[key]!r} must be a whole number, 0 or greater.")
    if "items" in given and given["items"] not in ITEMS:
        raise UnknownName("way to treat items", given["items"], ITEMS)
    place = Path(places[0])
    if not place.exists():
        raise ResultsError(f"no such folder: {place}; fit a model first: irtbridge fit data=FILE model=NAME.")
    return place, given


def _several(name: str, text: str) -> object:
    if name == "header":
        return text.lower() != "false"
    return text.split(",") if name in LISTS else text


def _chosen(files: Sequence[Path], given: Mapping[str, str]) -> dict[str, Fit]:
    """Fits by backend and method: all, or those picked."""
    fits = {}
    for file in files:
        fit = load_fit(file)
        names = {"backend": fit.provenance["backend"], "fit": fit.provenance["method"]}
        if all(given.get(key, name) == name for key, name in names.items()):
            label = " ".join(names.values())
            fits[label if label not in fits else f"{label} {file.stem}"] = fit
    if not fits:
        there = sorted(f"backend={f.provenance['backend']} fit={f.provenance['method']}" for f in map(load_fit, files))
        raise ResultsError(f"no such fit; there are: {'; '.join(there)}.")
    return fits


def _beside(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One table; of several fits, columns have the fit's name in front, and the persons' own stand first."""
    if len(tables) == 1:
        return next(iter(tables.values())).reset_index()
    own = next(iter(tables.values()))[["responses"]]
    named = [table.drop(columns="responses").add_prefix(f"{name} ") for name, table in tables.items()]
    return pd.concat([own, *named], axis=1).reset_index()


def _persons(table: pd.DataFrame) -> str:
    number = table["person"].nunique()
    return f"{number} persons" + (f", the first {SHOWN} rows" if len(table) > SHOWN else "")
